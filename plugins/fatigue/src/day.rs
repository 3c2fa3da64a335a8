//! Why: a day of a clock on a wall is 23 to 25 hours long, may begin at one o'clock, and may show midnight twice.

use fishpond_sdk::calendar;

/// Milliseconds: the start of the day is not further back.
const LOOK_BACK_MS: u64 = 26 * 3_600_000;

/// Milliseconds since the Unix epoch, `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    pub start: u64,
    pub end: u64,
}

/// The day that a clock in the zone shows at `time`. None: no such zone, or a time that calendars do not have.
pub fn containing(time: u64, zone: &str) -> Option<Day> {
    let today = date(time, zone)?;
    let mut start = midnight_after(time.saturating_sub(LOOK_BACK_MS), zone)?;
    while date(start, zone)? != today {
        start = midnight_after(start, zone).filter(|start| *start <= time)?;
    }
    let mut end = midnight_after(time, zone)?;
    // A clock that is set back from one o'clock to midnight begins the day only once.
    while date(end, zone)? == today {
        end = midnight_after(end, zone)?;
    }
    Some(Day { start, end })
}

fn midnight_after(time: u64, zone: &str) -> Option<u64> {
    calendar::next(time, zone, 0)
}

fn date(time: u64, zone: &str) -> Option<(i32, u8, u8)> {
    calendar::local(time, zone).map(|shown| (shown.year, shown.month, shown.day))
}
