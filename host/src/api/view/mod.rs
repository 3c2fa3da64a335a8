//! From the model to the bodies of answers.

mod decision;
mod deployment;
mod failed;
mod person;
mod policy;
mod record;
mod trace;

pub use decision::{decision, end, match_counts, reached};
pub use deployment::{Known, activated_at, deployment, module};
pub use failed::{failures, resent};
pub use person::{action, tag};
use policy::policy_body;
pub use policy::{chain_entry, chain_step, policy};
pub use record::{expired, failed, found};
pub use trace::{event_shown, trace};

use jiff::Timestamp;
use serde_json::value::RawValue;

/// A policy as `PUT` takes it, on one line.
pub fn policy_json(policy: &crate::model::outreach::Policy) -> String {
    serde_json::to_string(&policy_body(policy)).unwrap_or_default()
}

/// RFC 3339, UTC, to the millisecond.
pub fn time(ms: u64) -> String {
    let timestamp = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    // A clock beyond the year 9999 is still told, as what it is.
    timestamp.map_or_else(|| format!("{ms} ms"), |timestamp| format!("{timestamp:.3}"))
}

/// JSON that was checked when it was stored, as it was given but on one line: lines are what `--json`, logs and streams of
/// JSON are read by. Its line breaks lie between its parts, where a space means the same, so no number and no order of
/// members changes. That is done here and not when it is stored, because what modules write and what older hosts have
/// stored is shown here as well. Should it be broken all the same, it is shown as a string.
pub fn json(text: &str) -> Box<RawValue> {
    let raw = RawValue::from_string(one_line(text));
    raw.or_else(|_| serde_json::value::to_raw_value(text)).unwrap_or_default()
}

/// JSON without its line breaks.
pub fn one_line(json: &str) -> String {
    json.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_to_the_millisecond() {
        assert_eq!(time(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(time(1_772_280_000_123), "2026-02-28T12:00:00.123Z");
        assert_eq!(time(u64::MAX), "18446744073709551615 ms");
    }

    #[test]
    fn json_is_shown_as_it_was_given_on_one_line() {
        let given = "{ \"b\" : 1.00,\r\n\t\"a\": \"x\\ny\",\n\"n\": 123456789012345678901234567890 }";
        let shown = json(given);
        assert_eq!(shown.get(), "{ \"b\" : 1.00,  \t\"a\": \"x\\ny\", \"n\": 123456789012345678901234567890 }");
    }

    #[test]
    fn broken_json_is_shown_as_text() {
        assert_eq!(json("{ \"a\" : 1 }").get(), "{ \"a\" : 1 }");
        assert_eq!(json("{").get(), "\"{\"");
    }
}
