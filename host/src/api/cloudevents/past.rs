//! Past events in a file: read as strictly as those of a request, but received when they say that they happened.

use std::sync::Arc;

use super::{Intake, Unreadable, read_event};
use crate::model::{Event, Limits};

/// The event of a line. `clock`: the greatest receipt so far, milliseconds, 0 for the first line. It is received at its own time,
/// or at `clock` if that is later; so its time is replaced only where it is too far behind.
///
/// # Errors
/// What is wrong and where; also an event without a time before any that has one.
pub fn read_past(json: &[u8], business: &Arc<str>, clock: u64, limits: &Arc<Limits>) -> Result<Event, String> {
    let intake = Intake { business: business.clone(), received: clock, limits: limits.clone(), name: "".into() };
    let mut event = match read_event(json, &intake) {
        Ok(Ok(event)) => event,
        Ok(Err(refusal)) if refusal.path.is_empty() => return Err(format!("{} ({})", refusal.reason, refusal.code)),
        Ok(Err(refusal)) => return Err(format!("{}: {} ({})", refusal.path, refusal.reason, refusal.code)),
        Err(Unreadable::Json { column, message, .. }) => return Err(format!("no JSON at column {column}: {message}")),
        Err(Unreadable::TooMany { limit }) => return Err(format!("more than {limit} events (`batch_events`)")),
    };
    match if event.time_replaced { event.claimed } else { Some(event.time) } {
        Some(time) => event.receive(Some(time), clock.max(time), limits),
        None if clock == 0 => return Err("the first event has no `time`: when does the clock begin?".to_owned()),
        None => {}
    }
    Ok(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3_600_000;

    fn read(time: &str, clock: u64) -> Result<Event, String> {
        let json = format!(r#"{{"specversion":"1.0","id":"1","source":"/app","type":"t"{time}}}"#);
        read_past(json.as_bytes(), &"b".into(), clock, &Arc::default())
    }

    #[test]
    fn a_past_event_is_received_at_its_time_or_with_a_later_one_before_it() {
        let of = |time: &str, clock| read(time, clock).map(|event| (event.time, event.received, event.time_replaced));
        let time = r#","time":"1970-01-21T00:00:00Z""#;
        assert_eq!(of(time, 0), Ok((20 * DAY, 20 * DAY, false)));
        assert_eq!(of(time, 19 * DAY), Ok((20 * DAY, 20 * DAY, false)));
        assert_eq!(of(time, 21 * DAY), Ok((20 * DAY, 21 * DAY, false)));
        // As a live intake bounds it.
        assert_eq!(of(time, 28 * DAY), Ok((28 * DAY, 28 * DAY, true)));
        assert_eq!(of("", 21 * DAY), Ok((21 * DAY, 21 * DAY, true)));
        assert!(of("", 0).is_err_and(|reason| reason.contains("no `time`")));
    }

    #[test]
    fn what_is_wrong_with_a_line_is_told_with_its_place() {
        let wrong = |json: &str| read_past(json.as_bytes(), &"b".into(), 0, &Arc::default()).expect_err("it is wrong");
        assert!(wrong("{\"id\":").starts_with("no JSON at column 6"), "{}", wrong("{\"id\":"));
        let bad = wrong(r#"{"specversion":"1.0","id":"1","source":"/app","type":"t","time":"yesterday"}"#);
        assert!(bad.starts_with("/time: ") && bad.contains("bad_"), "{bad}");
        let none = wrong(r#"{"specversion":"1.0","id":"1","source":"/app"}"#);
        assert!(none.contains("type"), "{none}");
    }
}
