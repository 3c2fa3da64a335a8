//! RFC 3339 times.

use jiff::civil::DateTime;

/// Digits of a second's fraction that are read; more are cut off.
const FRACTION_DIGITS: usize = 9;

/// Milliseconds since the Unix epoch; negative before it. A leap second counts as the second before it.
///
/// The form is checked here: jiff also reads times that RFC 3339 does not know.
pub fn parse_time(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let (date_time, rest) = (bytes.get(..19)?, &bytes[19..]);
    if !fits(date_time, b"dddd-dd-ddTdd:dd:dd") {
        return None;
    }
    let digits = rest.strip_prefix(b".").map_or(0, |rest| rest.iter().take_while(|byte| byte.is_ascii_digit()).count());
    let zone = match rest.first() {
        Some(b'.') if digits == 0 => return None,
        Some(b'.') => &text[19 + 1 + digits..],
        _ => &text[19..],
    };
    if !zone.eq_ignore_ascii_case("z") && !fits(zone.as_bytes(), b"sdd:dd") {
        return None;
    }
    let fraction = if digits == 0 { "" } else { &text[19..19 + 1 + digits.min(FRACTION_DIGITS)] };
    // Not as one timestamp: jiff's end a day before the last one that RFC 3339 can write.
    let local: DateTime = format!("{}T{}{fraction}", &text[..10], &text[11..19]).parse().ok()?;
    let since = local.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0)).as_nanos();
    // Rounded down, as a fraction of a millisecond is cut off everywhere else.
    let local_ms = i64::try_from(since.div_euclid(1_000_000)).ok()?;
    Some(local_ms - offset_minutes(zone)? * 60_000)
}

/// Of `Z` or a zone of the form `+hh:mm`.
fn offset_minutes(zone: &str) -> Option<i64> {
    let [sign, hour @ .., b':', tens, ones] = zone.as_bytes() else { return Some(0) };
    let hours: i64 = std::str::from_utf8(hour).ok()?.parse().ok()?;
    let minutes = i64::from(10 * (tens - b'0') + ones - b'0');
    let offset = if *sign == b'-' { -(60 * hours + minutes) } else { 60 * hours + minutes };
    (hours < 24 && minutes < 60).then_some(offset)
}

/// Does a text have this form? `d` is a digit, `s` a sign, `T` also its lower case.
fn fits(text: &[u8], form: &[u8]) -> bool {
    text.len() == form.len()
        && text.iter().zip(form).all(|(byte, form)| match form {
            b'd' => byte.is_ascii_digit(),
            b's' => matches!(byte, b'+' | b'-'),
            b'T' => matches!(byte, b'T' | b't'),
            other => byte == other,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_is_read() {
        let cases = [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00.0015Z", 1),
            ("1970-01-01t00:00:01.5z", 1_500),
            ("1970-01-01T01:00:00+01:00", 0),
            ("1969-12-31T23:30:00-00:30", 0),
            ("1969-12-31T23:59:59.9999Z", -1),
            ("2016-12-31T23:59:60Z", 1_483_228_799_000),
            ("2026-02-28T12:00:00.123456789012+00:00", 1_772_280_000_123),
            ("2024-02-29T00:00:00-00:00", 1_709_164_800_000),
            ("9999-12-31T23:59:59Z", 253_402_300_799_000),
            ("0000-01-01T00:00:00+23:59", -62_167_305_540_000),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_time(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_it_is_refused() {
        let cases = [
            "",
            "yesterday",
            "2026-01-01",
            "2026-01-01 00:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+01",
            "2026-01-01T00:00:00+0100",
            "2026-01-01T00:00:00Z[Europe/Paris]",
            "2026-13-01T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00+00:60",
            "+2026-01-01T00:00:00Z",
            "２026-01-01T00:00:00Z",
            "2026-01-01T00:00:00é",
            "2026-01-01T00:00:00.1é",
            "1767225600000",
        ];
        for text in cases {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
