//! A document as a step of a scenario writes it: JSON with everything that a document holds.
//!
//! Positions in it are numbers of order among the captured documents, from 1: what counts is which came before which.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::codec::{decode_waiting, encode_waiting};
use crate::model::document::Parts;
use crate::model::{DeploymentId, Document, Entry, EventRef, Lsn, Timer, TimerClock, Value, Window};

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Body {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    values: BTreeMap<String, ValueBody>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    windows: BTreeMap<String, WindowBody>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    timers: BTreeMap<String, TimerBody>,
    timers_set: u32,
    state_version: u32,
    clock: u64,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct ValueBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
    /// Of what waits for a person: the filters that want to hear of its end, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    asked: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowBody {
    clock: u64,
    entries: Vec<EntryBody>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryBody {
    time: u64,
    amount: i64,
    member: String,
    source: String,
    id: String,
    position: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimerBody {
    clock: String,
    due: u64,
    context: String,
    position: u64,
    number: u32,
    state_version: u32,
    #[serde(default)]
    hops: u8,
}

/// Values of a person's document that begin so hold what waits.
const WAITING: &str = "act:";

/// All positions that a document names.
pub fn positions(document: &Document, into: &mut BTreeSet<Lsn>) {
    let entries = document.windows().iter().flat_map(|(_, window)| window.all());
    into.extend(entries.map(|entry| entry.event.lsn));
    into.extend(document.timers().iter().map(|(_, timer)| timer.at));
}

/// `order`: every position of [`positions`]. `names`: of deployments, for a person's document (else None).
pub fn write(
    document: &Document,
    order: &BTreeMap<Lsn, u64>,
    names: Option<&dyn Fn(DeploymentId) -> String>,
) -> anyhow::Result<String> {
    let position = |lsn: Lsn| order.get(&lsn).copied().unwrap_or(0);
    let mut body = Body {
        timers_set: document.timers_set(),
        state_version: document.state_version(),
        clock: document.clock(),
        ..Body::default()
    };
    for (name, value) in document.values() {
        let mut stored = match std::str::from_utf8(&value.bytes) {
            Ok(text) => ValueBody { text: Some(text.to_owned()), ..ValueBody::default() },
            Err(_) => ValueBody { hex: Some(hex(&value.bytes)), ..ValueBody::default() },
        };
        stored.expires = value.expires;
        if let Some(names) = names.filter(|_| name.starts_with(WAITING)) {
            let waiting = decode_waiting(&value.bytes)?;
            stored.asked = waiting.asked.iter().map(|asked| names(asked.deployment)).collect();
        }
        body.values.insert(name.to_string(), stored);
    }
    for (name, window) in document.windows() {
        let entry = |entry: &Entry| EntryBody {
            time: entry.time,
            amount: entry.amount,
            member: entry.member.to_string(),
            source: entry.event.source.to_string(),
            id: entry.event.id.to_string(),
            position: position(entry.event.lsn),
        };
        let entries = window.all().iter().map(entry).collect();
        body.windows.insert(name.to_string(), WindowBody { clock: window.clock(), entries });
    }
    for (name, timer) in document.timers() {
        let clock = if timer.clock == TimerClock::Event { "event" } else { "receive" };
        let timer = TimerBody {
            clock: clock.to_owned(),
            due: timer.due,
            context: timer.context.to_string(),
            position: position(timer.at),
            number: timer.number,
            state_version: timer.state_version,
            hops: timer.hops,
        };
        body.timers.insert(name.to_string(), timer);
    }
    Ok(serde_json::to_string(&body)?)
}

/// The document, and the greatest position in it. `ids`: of deployments by their names.
pub fn read(text: &str, ids: &dyn Fn(&str) -> anyhow::Result<DeploymentId>) -> anyhow::Result<(Document, u64)> {
    let body: Body = serde_json::from_str(text).context("the document")?;
    let mut most = 0;
    let mut place = |position: u64| {
        most = most.max(position);
        Lsn(position)
    };
    let mut parts =
        Parts { timers_set: body.timers_set, state_version: body.state_version, clock: body.clock, ..Parts::default() };
    for (name, stored) in body.values {
        parts.values.push((name.clone().into(), value(stored, ids).with_context(|| format!("value `{name}`"))?));
    }
    for (name, window) in body.windows {
        let entry = |entry: EntryBody| Entry {
            time: entry.time,
            amount: entry.amount,
            member: entry.member.into(),
            event: EventRef { lsn: place(entry.position), source: entry.source.into(), id: entry.id.into() },
        };
        let entries = window.entries.into_iter().map(entry).collect();
        parts.windows.push((name.into(), Window::restore(entries, window.clock)));
    }
    for (name, timer) in body.timers {
        let clock = match &*timer.clock {
            "event" => TimerClock::Event,
            "receive" => TimerClock::Receive,
            other => bail!("timer `{name}`: there is no clock `{other}`: use event or receive"),
        };
        let timer = Timer {
            clock,
            due: timer.due,
            context: timer.context.into(),
            at: place(timer.position),
            number: timer.number,
            state_version: timer.state_version,
            hops: timer.hops,
        };
        parts.timers.push((name.into(), timer));
    }
    Ok((Document::restore(parts), most))
}

fn value(stored: ValueBody, ids: &dyn Fn(&str) -> anyhow::Result<DeploymentId>) -> anyhow::Result<Value> {
    let mut bytes = match (stored.text, stored.hex) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(digits)) => unhex(&digits)?,
        _ => bail!("it has either `text` or `hex`"),
    };
    if !stored.asked.is_empty() {
        let mut waiting = decode_waiting(&bytes)?;
        anyhow::ensure!(waiting.asked.len() == stored.asked.len(), "`asked` names other filters than it holds");
        for (asked, name) in waiting.asked.iter_mut().zip(&stored.asked) {
            asked.deployment = ids(name)?;
        }
        bytes = encode_waiting(&waiting);
    }
    Ok(Value { bytes: bytes.into(), expires: stored.expires })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> anyhow::Result<Vec<u8>> {
    anyhow::ensure!(digits.is_ascii() && digits.len().is_multiple_of(2), "`hex` has two digits for each byte");
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).context("`hex` has other signs than digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Op;

    fn document() -> Document {
        let mut document = Document::default();
        let set = |name: &str, bytes: &[u8], expires| Op::Set {
            name: name.into(),
            value: Value { bytes: bytes.into(), expires },
        };
        document.apply(set("text", "grüße \"x\"".as_bytes(), Some(7)));
        document.apply(set("bytes", &[0xff, 0], None));
        for (lsn, time) in [(900, 50), (800, 50), (70, 60)] {
            let event = EventRef { lsn: Lsn(lsn), source: "app".into(), id: format!("e{lsn}").into() };
            let entry = Entry { time, amount: -3, member: "m".into(), event };
            document.apply(Op::Observe { window: "w".into(), length_ms: 100, received: 55, entry });
        }
        let timer = Timer { due: 9, at: Lsn(900), number: 4, state_version: 2, ..Timer::default() };
        document.apply(Op::SetTimer { name: "t".into(), timer });
        document.stamp(Lsn(0), 77, 2);
        document
    }

    #[test]
    fn a_document_comes_back_with_positions_in_their_order() {
        let mut all = BTreeSet::new();
        positions(&document(), &mut all);
        let order: BTreeMap<Lsn, u64> = all.into_iter().zip(1..).collect();
        let text = write(&document(), &order, None).expect("JSON");
        let (back, most) = read(&text, &|_| bail!("no filters")).expect("a document");
        assert_eq!(most, 3);
        assert_eq!(write(&back, &(0..4).map(|n| (Lsn(n), n)).collect(), None).expect("JSON"), text);
        assert_eq!((back.values(), back.clock(), back.bytes()), (document().values(), 77, document().bytes()));
        assert_eq!((back.timers_set(), back.state_version()), (5, 2));
        let window = back.window("w").expect("a window");
        assert_eq!(window.clock(), document().window("w").expect("a window").clock());
        let kept: Vec<_> = window.all().iter().map(|entry| (&*entry.event.id, entry.event.lsn.0)).collect();
        assert_eq!(kept, [("e800", 2), ("e900", 3), ("e70", 1)]);
        assert_eq!(back.timer("t").map(|timer| (timer.at, timer.number)), Some((Lsn(3), 4)));
    }

    #[test]
    fn what_is_no_document_is_refused_by_name() {
        for (text, word) in [
            (r#"{"values":{"a":{}}}"#, "either `text` or `hex`"),
            (r#"{"values":{"a":{"hex":"0"}}}"#, "two digits"),
            (
                r#"{"timers":{"t":{"clock":"moon","due":1,"context":"","position":1,"number":0,"state_version":1}}}"#,
                "moon",
            ),
            (r#"{"vaults":{}}"#, "vaults"),
        ] {
            let error = read(text, &|_| bail!("no filters")).expect_err(text);
            assert!(format!("{error:#}").contains(word), "{error:#}");
        }
    }
}
