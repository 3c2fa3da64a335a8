//! Why: the contract's imports as the port of `calls`, call by call.

use super::host;
use crate::calls::{Calls, Emit, Entry, Publish, Totals};

/// The imports of the contract.
#[derive(Debug)]
pub struct Imports;

impl Calls for Imports {
    fn attribute(&mut self, at: u32, name: &str) -> Option<String> {
        host::inputs::attribute(at, name)
    }

    fn get(&mut self, at: u32, name: &str) -> Option<Vec<u8>> {
        host::state::get(at, name)
    }

    fn set(&mut self, at: u32, name: &str, value: &[u8], expires: Option<u64>) {
        host::state::set(at, name, value, expires);
    }

    fn remove(&mut self, at: u32, name: &str) {
        host::state::remove(at, name);
    }

    fn observe(&mut self, at: u32, window: u32, member: &str, amount: i64) -> Totals {
        host::windows::observe(at, window, member, amount).into()
    }

    fn current(&mut self, at: u32, window: u32) -> Totals {
        host::windows::current(at, window).into()
    }

    fn entries(&mut self, at: u32, window: u32, limit: u32) -> Vec<Entry> {
        host::windows::entries(at, window, limit).into_iter().map(Entry::from).collect()
    }

    fn remove_member(&mut self, at: u32, window: u32, member: &str) {
        host::windows::remove(at, window, member);
    }

    fn clear(&mut self, at: u32, window: u32) {
        host::windows::clear(at, window);
    }

    fn emit(&mut self, at: u32, emit: &Emit<'_>) {
        host::matches::emit(at, emit.name, emit.person, emit.fields, emit.windows, emit.also, emit.once);
    }

    fn publish(&mut self, at: u32, event: &Publish<'_>) {
        host::publishing::publish(at, event.event_type, event.subject, event.actor, event.data);
    }

    fn set_timer(&mut self, at: u32, name: &str, time: u64, context: &str) {
        host::timing::set_timer(at, name, time, context);
    }

    fn cancel_timer(&mut self, at: u32, name: &str) {
        host::timing::cancel_timer(at, name);
    }

    fn send(&mut self, at: u32, key: &str, name: &str, payload: &str) {
        host::signalling::send(at, key, name, payload);
    }

    fn log(&mut self, at: u32, level: &str, message: &str) {
        host::logging::write(at, level, message);
    }
}

impl From<host::windows::Totals> for Totals {
    fn from(totals: host::windows::Totals) -> Self {
        Self { count: totals.count, distinct: totals.distinct, sum: totals.sum }
    }
}

impl From<host::windows::Entry> for Entry {
    fn from(entry: host::windows::Entry) -> Self {
        Self { time: entry.time, member: entry.member, amount: entry.amount }
    }
}

pub mod calendar {
    //! Why: the calendar has no `at`, so it is no method of a context.

    use super::host;
    use crate::calendar::LocalTime;

    pub fn local(time: u64, zone: &str) -> Option<LocalTime> {
        host::calendar::local(time, zone).map(|shown| LocalTime {
            year: shown.year,
            month: shown.month,
            day: shown.day,
            hour: shown.hour,
            minute: shown.minute,
            second: shown.second,
            weekday: shown.weekday,
            offset_minutes: shown.offset_minutes,
        })
    }

    pub fn next(time: u64, zone: &str, minute_of_day: u32) -> Option<u64> {
        host::calendar::next(time, zone, minute_of_day)
    }
}
