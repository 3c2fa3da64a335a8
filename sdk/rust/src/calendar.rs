//! Why: quiet hours and daily quotas follow clocks on walls, and a module has no time-zone data: the host has. Pure
//! functions, so `Rule::configure` may ask as well (to refuse a zone that does not exist).
//!
//! Natively they are answered from a bundled copy of the IANA time-zone database.

/// What a clock on a wall shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// Of the Gregorian calendar.
    pub year: i32,
    /// From 1.
    pub month: u8,
    /// From 1.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 1 is Monday, 7 is Sunday.
    pub weekday: u8,
    /// East of UTC.
    pub offset_minutes: i32,
}

impl LocalTime {
    /// 0 to 1439: what [`next`] takes.
    pub fn minute_of_day(&self) -> u32 {
        u32::from(self.hour) * 60 + u32::from(self.minute)
    }
}

/// What a clock in the zone (an IANA name: `Europe/Berlin`) shows at a time, milliseconds since the Unix epoch. None: no
/// such zone, or a time beyond the years that a calendar has.
pub fn local(time: u64, zone: &str) -> Option<LocalTime> {
    crate::calls::calendar::local(time, zone)
}

/// The first instant after `time` at which a clock in the zone shows this minute of the day (0 to 1439); where the clock
/// skips it, the end of the gap; where it shows it twice, both count. Milliseconds since the Unix epoch. None: as
/// [`local`], or no such minute.
pub fn next(time: u64, zone: &str, minute_of_day: u32) -> Option<u64> {
    crate::calls::calendar::next(time, zone, minute_of_day)
}
