//! Clocks on walls, from the time-zone data that this host is built with: never the machine's, so a journal replays the
//! same on another one.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use super::bindings::imports::fishpond::plugin::calendar::LocalTime;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

const MINUTES_OF_A_DAY: u32 = 24 * 60;
/// Days around today that may hold the next showing: clocks that go back over midnight show yesterday again.
const DAYS: [i64; 3] = [-1, 0, 1];

/// What a clock in the zone shows. None: no such zone, or a time beyond what a calendar has.
pub(super) fn local(time: u64, zone: &str) -> Option<LocalTime> {
    let shown = timestamp(time)?.to_zoned(ZONES.get(zone).ok()?);
    Some(LocalTime {
        year: shown.year().into(),
        month: shown.month().unsigned_abs(),
        day: shown.day().unsigned_abs(),
        hour: shown.hour().unsigned_abs(),
        minute: shown.minute().unsigned_abs(),
        second: shown.second().unsigned_abs(),
        weekday: shown.weekday().to_monday_one_offset().unsigned_abs(),
        offset_minutes: shown.offset().seconds() / 60,
    })
}

/// The first instant after `time` at which a clock in the zone begins to show this minute of the day, or the end of the
/// gap that skips it. A minute that is shown twice counts twice.
pub(super) fn next(time: u64, zone: &str, minute_of_day: u32) -> Option<u64> {
    if minute_of_day >= MINUTES_OF_A_DAY {
        return None;
    }
    let after = timestamp(time)?;
    let zone = ZONES.get(zone).ok()?;
    let today = zone.to_datetime(after).date();
    let days = DAYS.into_iter().filter_map(|days| today.checked_add(jiff::Span::new().days(days)).ok());
    let showings = days.flat_map(|day| showings(&zone, minute_of(day, minute_of_day))).flatten();
    let next = showings.filter(|shown| *shown > after).min()?;
    u64::try_from(next.as_millisecond()).ok()
}

fn timestamp(time: u64) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(time).ok()?).ok()
}

fn minute_of(day: Date, minute_of_day: u32) -> DateTime {
    // Both fit: a day has 1,440 minutes.
    day.at((minute_of_day / 60) as i8, (minute_of_day % 60) as i8, 0, 0)
}

/// When the zone's clocks show this.
fn showings(zone: &TimeZone, shown: DateTime) -> [Option<Timestamp>; 2] {
    match zone.to_ambiguous_timestamp(shown).offset() {
        AmbiguousOffset::Unambiguous { offset } => [offset.to_timestamp(shown).ok(), None],
        AmbiguousOffset::Fold { before, after } => [before.to_timestamp(shown).ok(), after.to_timestamp(shown).ok()],
        AmbiguousOffset::Gap { after, .. } => {
            // Read with the offset behind the gap it lies before the change, which is the next one from there.
            let before_change = after.to_timestamp(shown).ok();
            let change = before_change.and_then(|instant| zone.following(instant).next());
            [change.map(|change| change.timestamp()), None]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> u64 {
        text.parse::<Timestamp>().expect("a time").as_millisecond() as u64
    }

    #[track_caller]
    fn next_is(time: &str, zone: &str, (hour, minute): (u32, u32), expected: &str) {
        let found = next(ms(time), zone, hour * 60 + minute).map(|ms| timestamp(ms).expect("a time").to_string());
        assert_eq!(found.as_deref(), Some(expected));
    }

    #[test]
    fn a_clock_shows_its_zones_time() {
        let shown = local(ms("2026-07-05T22:30:15Z"), "Europe/Berlin").expect("the zone is known");
        assert_eq!((shown.year, shown.month, shown.day, shown.weekday), (2026, 7, 6, 1));
        assert_eq!((shown.hour, shown.minute, shown.second, shown.offset_minutes), (0, 30, 15, 120));
        let west = local(ms("2026-01-04T23:00:00Z"), "America/St_Johns").expect("the zone is known");
        assert_eq!((west.hour, west.minute, west.weekday, west.offset_minutes), (19, 30, 7, -210));
    }

    #[test]
    fn a_clock_jumps_over_the_gap_and_goes_back_in_the_fold() {
        let clock = |time: &str| {
            let shown = local(ms(time), "America/New_York").expect("the zone is known");
            (shown.hour, shown.minute, shown.offset_minutes)
        };
        assert_eq!(clock("2026-03-08T06:59:59Z"), (1, 59, -300));
        assert_eq!(clock("2026-03-08T07:00:00Z"), (3, 0, -240));
        assert_eq!(clock("2026-11-01T05:30:00Z"), (1, 30, -240));
        assert_eq!(clock("2026-11-01T06:30:00Z"), (1, 30, -300));
    }

    #[test]
    fn what_no_calendar_has_is_none() {
        assert!(local(0, "Europe/Atlantis").is_none());
        assert!(local(0, "../../etc/passwd").is_none());
        assert!(local(u64::MAX, "UTC").is_none());
        assert_eq!([next(0, "Europe/Atlantis", 0), next(u64::MAX, "UTC", 0), next(0, "UTC", 1_440)], [None; 3]);
        let last = ms("9999-12-30T22:00:00Z");
        assert!(local(last, "UTC").is_some());
        assert_eq!(next(last, "UTC", 0), None);
    }

    #[test]
    fn next_is_strictly_after() {
        next_is("2026-01-01T09:59:59.999Z", "UTC", (10, 0), "2026-01-01T10:00:00Z");
        next_is("2026-01-01T10:00:00Z", "UTC", (10, 0), "2026-01-02T10:00:00Z");
        next_is("2026-01-01T15:59:00Z", "Asia/Shanghai", (0, 0), "2026-01-01T16:00:00Z");
    }

    #[test]
    fn a_skipped_minute_is_the_end_of_the_gap() {
        next_is("2026-03-28T12:00:00Z", "Europe/Berlin", (2, 30), "2026-03-29T01:00:00Z");
        next_is("2026-03-29T01:00:00Z", "Europe/Berlin", (2, 30), "2026-03-30T00:30:00Z");
        next_is("2026-03-08T06:00:00Z", "America/New_York", (2, 0), "2026-03-08T07:00:00Z");
        next_is("2026-03-08T06:00:00Z", "America/New_York", (3, 0), "2026-03-08T07:00:00Z");
        // A whole day was skipped.
        next_is("2011-12-29T22:00:00Z", "Pacific/Apia", (10, 0), "2011-12-30T10:00:00Z");
    }

    #[test]
    fn a_minute_that_is_shown_twice_counts_twice() {
        next_is("2026-10-24T12:00:00Z", "Europe/Berlin", (2, 30), "2026-10-25T00:30:00Z");
        next_is("2026-10-25T00:30:00Z", "Europe/Berlin", (2, 30), "2026-10-25T01:30:00Z");
        next_is("2026-10-25T01:30:00Z", "Europe/Berlin", (2, 30), "2026-10-26T01:30:00Z");
        next_is("2026-11-01T05:30:00Z", "America/New_York", (1, 30), "2026-11-01T06:30:00Z");
        // At one past midnight it was one past eleven of the day before.
        next_is("2010-11-07T02:30:30Z", "America/St_Johns", (23, 30), "2010-11-07T03:00:00Z");
    }
}
