//! Why: a document is small and read for every action, so a reach is 10 to 14 bytes and not 40 of JSON. State
//! version 1:
//!
//! ```text
//! counters = counter*
//! counter  = text(cap) byte(1: business, 2: scene) text(business)? text(scene)? number(since) number(n) reach{n}
//! reach    = number(milliseconds since the one before, the first since 0) id as 8 bytes, little endian
//! text     = number(bytes) UTF-8      number = LEB128
//! ```

use crate::counters::{Counter, Counters, Reach, Scope};

const BUSINESS: u8 = 1;
const SCENE: u8 = 2;

/// [`decode`] reads it.
pub fn encode(counters: &Counters) -> Vec<u8> {
    let mut out = Vec::new();
    for counter in &counters.0 {
        text(&mut out, &counter.cap);
        let Scope { business, scene } = &counter.scope;
        out.push(business.as_ref().map_or(0, |_| BUSINESS) | scene.as_ref().map_or(0, |_| SCENE));
        for value in [business, scene].into_iter().flatten() {
            text(&mut out, value);
        }
        number(&mut out, counter.since);
        number(&mut out, counter.reaches.len() as u64);
        let mut before = 0;
        for reach in &counter.reaches {
            number(&mut out, reach.time - before);
            out.extend_from_slice(&reach.id.to_le_bytes());
            before = reach.time;
        }
    }
    out
}

/// None: this is not what [`encode`] makes.
pub fn decode(mut bytes: &[u8]) -> Option<Counters> {
    let mut counters = Counters::default();
    while !bytes.is_empty() {
        counters.0.push(counter(&mut bytes)?);
    }
    Some(counters)
}

fn counter(bytes: &mut &[u8]) -> Option<Counter> {
    let cap = read_text(bytes)?;
    let dimensions = take(bytes, 1)?[0];
    let business = if dimensions & BUSINESS != 0 { Some(read_text(bytes)?) } else { None };
    let scene = if dimensions & SCENE != 0 { Some(read_text(bytes)?) } else { None };
    let since = read_number(bytes)?;
    let mut reaches = Vec::new();
    let mut time = 0_u64;
    for _ in 0..read_number(bytes)? {
        time = time.checked_add(read_number(bytes)?)?;
        let id = u64::from_le_bytes(take(bytes, 8)?.try_into().ok()?);
        reaches.push(Reach { time, id });
    }
    Some(Counter { cap, scope: Scope { business, scene }, since, reaches })
}

fn text(out: &mut Vec<u8>, text: &str) {
    number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn read_text(bytes: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(read_number(bytes)?).ok()?;
    String::from_utf8(take(bytes, length)?.to_vec()).ok()
}

fn number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..u64::BITS).step_by(7) {
        let byte = take(bytes, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters() -> Counters {
        let scope = |business, scene| Scope { business, scene };
        let mut all = vec![
            Counter::new("daily", scope(None, None)),
            Counter::new("per_scene", scope(Some("rental"), Some(""))),
            Counter::new("hourly", scope(None, Some("home"))),
        ];
        all[1].since = 1_767_225_600_000;
        all[1].reaches = [(1_767_225_600_000, 7), (1_767_225_600_000, u64::MAX), (u64::MAX, 0)]
            .map(|(time, id)| Reach { time, id })
            .to_vec();
        Counters(all)
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(decode(&encode(&counters())), Some(counters()));
        assert_eq!(decode(&[]), Some(Counters::default()));
    }

    #[test]
    fn what_was_cut_is_refused() {
        let bytes = encode(&Counters(counters().0.split_off(1)));
        let whole = encode(&Counters(counters().0.drain(1..2).collect())).len();
        for length in (1..bytes.len()).filter(|length| *length != whole) {
            assert_eq!(decode(&bytes[..length]), None, "{length} bytes");
        }
        assert_eq!(decode(&[0x80; 11]), None, "a number that never ends");
    }

    #[test]
    fn a_reach_takes_few_bytes() {
        let mut counter = Counter::new("daily", Scope { business: None, scene: None });
        counter.reaches = (0..100).map(|n| Reach { time: 1_767_225_600_000 + n * 3_600_000, id: n }).collect();
        assert!(encode(&Counters(vec![counter])).len() < 1_250);
    }
}
