//! Clocks on walls, in `describe` and `configure` too: then there is no call that pays, and fuel alone bounds it.

use super::{Answer, HostState};
use crate::engine::bindings::imports::fishpond::plugin::calendar;
use crate::engine::calendar as zones;
use crate::engine::call::work_of_bytes;

/// Units of work to read a clock.
const LOCAL_WORK: usize = 8;
/// Units of work to look through the days around a time.
const NEXT_WORK: usize = 32;

impl calendar::Host for HostState {
    fn local(&mut self, time: u64, zone: String) -> Answer<Option<calendar::LocalTime>> {
        self.pay(LOCAL_WORK, &zone)?;
        Ok(zones::local(time, &zone))
    }

    fn next(&mut self, time: u64, zone: String, minute_of_day: u32) -> Answer<Option<u64>> {
        self.pay(NEXT_WORK, &zone)?;
        Ok(zones::next(time, &zone, minute_of_day))
    }
}

impl HostState {
    fn pay(&mut self, units: usize, zone: &str) -> Answer<()> {
        if self.call.is_none() {
            return Ok(());
        }
        self.charge(units + work_of_bytes(zone.len()))
    }
}
