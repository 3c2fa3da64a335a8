//! Why: the contract's calendar over a bundled time-zone database, so that a test means the same on every machine.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::calendar::LocalTime;

/// Minutes of a day without a change of the clock.
const MINUTES: u32 = 24 * 60;
/// Days around the one in hand that may hold the next showing: a fold across midnight brings yesterday back.
const DAYS: [i64; 3] = [-1, 0, 1];

pub(crate) fn local(time: u64, zone: &str) -> Option<LocalTime> {
    let shown = timestamp(time)?.to_zoned(TimeZone::get(zone).ok()?);
    Some(LocalTime {
        year: i32::from(shown.year()),
        month: small(shown.month()),
        day: small(shown.day()),
        hour: small(shown.hour()),
        minute: small(shown.minute()),
        second: small(shown.second()),
        weekday: small(shown.weekday().to_monday_one_offset()),
        offset_minutes: shown.offset().seconds() / 60,
    })
}

pub(crate) fn next(time: u64, zone: &str, minute_of_day: u32) -> Option<u64> {
    if minute_of_day >= MINUTES {
        return None;
    }
    let after = timestamp(time)?;
    let zone = TimeZone::get(zone).ok()?;
    let today = zone.to_datetime(after).date();
    let days = DAYS.into_iter().filter_map(|days| today.checked_add(jiff::Span::new().days(days)).ok());
    let instants = days.flat_map(|day| showings(&zone, at_minute(day, minute_of_day)));
    let first = instants.filter(|instant| *instant > after).min()?;
    u64::try_from(first.as_millisecond()).ok()
}

fn timestamp(time: u64) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(time).ok()?).ok()
}

fn at_minute(day: Date, minute_of_day: u32) -> DateTime {
    let small = |number: u32| i8::try_from(number).expect("a minute of the day is below 1440");
    day.at(small(minute_of_day / 60), small(minute_of_day % 60), 0, 0)
}

/// When the zone's clocks show this: once, twice, or never, which the end of the gap stands for.
fn showings(zone: &TimeZone, shown: DateTime) -> Vec<Timestamp> {
    let instants = match zone.to_ambiguous_timestamp(shown).offset() {
        AmbiguousOffset::Unambiguous { offset } => vec![offset.to_timestamp(shown).ok()],
        AmbiguousOffset::Fold { before, after } => {
            vec![before.to_timestamp(shown).ok(), after.to_timestamp(shown).ok()]
        }
        AmbiguousOffset::Gap { after, .. } => {
            // Read with the later offset, it lies before the change.
            let before_change = after.to_timestamp(shown).ok();
            vec![before_change.and_then(|instant| zone.following(instant).next()).map(|change| change.timestamp())]
        }
    };
    instants.into_iter().flatten().collect()
}

fn small(number: i8) -> u8 {
    u8::try_from(number).expect("months, days, hours, minutes and seconds are not negative")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> u64 {
        text.parse::<Timestamp>().expect("a time").as_millisecond() as u64
    }

    #[track_caller]
    fn next_is(time: &str, zone: &str, minute_of_day: u32, expected: &str) {
        let found = next(ms(time), zone, minute_of_day).expect("there is one");
        assert_eq!(Timestamp::from_millisecond(found as i64).expect("a time").to_string(), expected);
    }

    #[test]
    fn a_clock_on_the_wall() {
        let shown = local(ms("2026-07-05T22:30:15Z"), "Europe/Berlin").expect("the zone exists");
        assert_eq!((shown.year, shown.month, shown.day), (2026, 7, 6));
        assert_eq!((shown.hour, shown.minute, shown.second), (0, 30, 15));
        assert_eq!((shown.weekday, shown.offset_minutes, shown.minute_of_day()), (1, 120, 30));
        let west = local(ms("2026-01-04T23:00:00Z"), "America/St_Johns").expect("the zone exists");
        assert_eq!((west.hour, west.minute, west.weekday, west.offset_minutes), (19, 30, 7, -210));
    }

    #[test]
    fn what_no_calendar_knows() {
        assert_eq!(local(0, "Europe/Atlantis"), None);
        assert_eq!(local(u64::MAX, "UTC"), None);
        assert_eq!(
            (next(0, "Europe/Atlantis", 0), next(u64::MAX, "UTC", 0), next(0, "UTC", 1_440)),
            (None, None, None)
        );
    }

    #[test]
    fn next_is_strictly_after() {
        next_is("2026-01-01T09:59:59.999Z", "UTC", 600, "2026-01-01T10:00:00Z");
        next_is("2026-01-01T10:00:00Z", "UTC", 600, "2026-01-02T10:00:00Z");
        next_is("2026-01-01T15:59:00Z", "Asia/Shanghai", 0, "2026-01-01T16:00:00Z");
    }

    #[test]
    fn a_skipped_minute_is_the_end_of_the_gap() {
        next_is("2026-03-28T12:00:00Z", "Europe/Berlin", 150, "2026-03-29T01:00:00Z");
        next_is("2026-03-29T01:00:00Z", "Europe/Berlin", 150, "2026-03-30T00:30:00Z");
        next_is("2011-12-29T22:00:00Z", "Pacific/Apia", 600, "2011-12-30T10:00:00Z");
    }

    #[test]
    fn a_minute_that_is_shown_twice_counts_twice() {
        next_is("2026-10-24T12:00:00Z", "Europe/Berlin", 150, "2026-10-25T00:30:00Z");
        next_is("2026-10-25T00:30:00Z", "Europe/Berlin", 150, "2026-10-25T01:30:00Z");
        next_is("2026-10-25T01:30:00Z", "Europe/Berlin", 150, "2026-10-26T01:30:00Z");
        // A minute after midnight, this clock went back into the day before.
        next_is("2006-10-29T02:30:30Z", "America/St_Johns", 1_410, "2006-10-29T03:00:00Z");
    }
}
