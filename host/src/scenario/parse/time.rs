//! Times and lengths of time as people write them. A scenario has a day of its own, so most times need no date.

use jiff::Timestamp;

/// Where times without a date lie: `00:00:00` is this instant.
pub const EPOCH: &str = "2026-01-01T00:00:00Z";

/// `HH:MM:SS[.mmm]` on the scenario's first day, or RFC 3339; as milliseconds since the Unix epoch.
pub fn parse_time(text: &str) -> Result<u64, String> {
    let full = if text.contains('T') { text.to_owned() } else { format!("2026-01-01T{text}Z") };
    let time: Timestamp =
        full.parse().map_err(|error| format!("`{text}` is no time (HH:MM:SS[.mmm] or RFC 3339): {error}"))?;
    u64::try_from(time.as_millisecond()).map_err(|_| format!("`{text}` lies before 1970"))
}

/// Milliseconds as RFC 3339 has them.
pub fn rfc3339(ms: u64) -> String {
    i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()).unwrap_or_default().to_string()
}

/// The inverse of [`parse_time`], with milliseconds.
pub fn format_time(ms: u64) -> String {
    let Ok(time) = Timestamp::from_millisecond(ms as i64) else { return ms.to_string() };
    let full = time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    match full.strip_prefix("2026-01-01T").and_then(|rest| rest.strip_suffix('Z')) {
        Some(short) => short.to_owned(),
        None => full,
    }
}

/// Units of lengths, each with its milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// `2h`, `90s`, `1h30m`: as milliseconds.
pub fn parse_length(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no length of time: write 90s, 2h or 1h30m (units: d, h, m, s, ms)");
    let mut rest = text;
    let mut total = 0u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, behind) = rest.split_at(digits);
        let letters = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(letters);
        let ms = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, ms)| *ms).ok_or_else(wrong)?;
        let number: u64 = number.parse().map_err(|_| wrong())?;
        total = number.checked_mul(ms).and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
        rest = behind;
    }
    if total == 0 { Err(wrong()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back() {
        for text in ["10:00:00.500", "2026-01-02T00:00:00.001Z"] {
            assert_eq!(format_time(parse_time(text).expect("a time")), text);
        }
        assert_eq!(format_time(parse_time("00:00:00").expect("a time")), "00:00:00.000");
    }

    #[test]
    fn lengths_add_their_units() {
        let parsed = ["90s", "1h30m", "2d", "250ms", "1m1s1ms"].map(parse_length);
        assert_eq!(parsed, [90_000, 5_400_000, 172_800_000, 250, 61_001].map(Ok));
        for text in ["", "0s", "5", "h", "2 h", "1x", "-1s", "99999999999999999999d"] {
            assert!(parse_length(text).is_err_and(|error| error.contains("units")), "{text}");
        }
    }
}
