//! Why: everything that a rule may ask or decide about the input in hand. The contract's `at` stays in here.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::calls::{Calls as _, Current, Emit, Publish};
use crate::event::json_text;
use crate::matches::Once;
use crate::plan::milliseconds;
use crate::{Attribute, Emission, Entry, Publisher, Refusal, Signal, Timer, Totals, Window};

/// Entries that `windows.entries` answers at most.
pub(crate) const ENTRIES_MAX: u32 = 1_000;

/// What a rule may do about one input: an event, a timer, an action or a settlement. Windows, values and timers belong
/// to (deployment, key), which is `event.key`, `due.key`, `action.person` or `settlement.key`; the time is the input's.
#[derive(Debug)]
pub struct Context<'a> {
    at: u32,
    time: u64,
    calls: &'a mut Current,
}

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For whoever hunts a mistake.
    Debug,
    /// Worth knowing.
    Info,
    /// Unexpected and handled.
    Warn,
    /// Wrong.
    Error,
}

impl<'a> Context<'a> {
    pub(crate) fn new(at: u32, time: u64, calls: &'a mut Current) -> Self {
        Self { at, time, calls }
    }

    /// Adds a member (at most 256 bytes) to a window at the input's time; answers what the window then holds.
    pub fn observe(&mut self, window: Window, member: &str) -> Totals {
        self.observe_amount(window, member, 1)
    }

    /// Adds a member with an amount; `Totals::sum` adds them up.
    pub fn observe_amount(&mut self, window: Window, member: &str, amount: i64) -> Totals {
        self.calls.observe(self.at, window.number(), member, amount)
    }

    /// What the window that ends at the input's time holds.
    pub fn totals(&mut self, window: Window) -> Totals {
        self.calls.current(self.at, window.number())
    }

    /// Entries of the window that this input's `observe` answered, else of the one that ends at its time; oldest
    /// first, at most 1,000.
    pub fn entries(&mut self, window: Window) -> Vec<Entry> {
        self.calls.entries(self.at, window.number(), ENTRIES_MAX)
    }

    /// The different members of that window, sorted; from at most 1,000 entries.
    pub fn members(&mut self, window: Window) -> Vec<String> {
        distinct(self.entries(window))
    }

    /// Removes one member's entries that are not after the input.
    pub fn forget(&mut self, window: Window, member: &str) {
        self.calls.remove_member(self.at, window.number(), member);
    }

    /// Removes all entries that are not after the input.
    pub fn clear(&mut self, window: Window) {
        self.calls.clear(self.at, window.number());
    }

    /// A named value (names: at most 64 bytes). None if absent, or expired at the input's time.
    pub fn get(&mut self, name: &str) -> Option<Vec<u8>> {
        self.calls.get(self.at, name)
    }

    /// Sets a named value for good.
    pub fn set(&mut self, name: &str, value: &[u8]) {
        self.calls.set(self.at, name, value, None);
    }

    /// Sets a named value that is gone for inputs at or after this one's time + `length`.
    pub fn set_for(&mut self, name: &str, value: &[u8], length: Duration) {
        let expires = self.time.saturating_add(milliseconds(length));
        self.calls.set(self.at, name, value, Some(expires));
    }

    /// Removes a named value.
    pub fn remove(&mut self, name: &str) {
        self.calls.remove(self.at, name);
    }

    /// A named value that was stored with [`Context::store`].
    ///
    /// # Errors
    /// `bad_state` if what is stored does not fit the type: an older version of the module wrote it.
    pub fn load<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Refusal> {
        read(name, self.get(name))
    }

    /// Stores a value as JSON. Prefer windows and [`Context::set`] on the hot path.
    pub fn store<T: Serialize>(&mut self, name: &str, value: &T) {
        self.set(name, json_text(value).as_bytes());
    }

    /// Starts the cool-down `name` (a named value) unless it runs already; true if it was started. Ask last: it is
    /// two host calls.
    pub fn start_cooldown(&mut self, name: &str, length: Duration) -> bool {
        if self.get(name).is_some() {
            return false;
        }
        self.set_for(name, b"", length);
        true
    }

    /// An attribute that no field of the input carries.
    pub fn attribute(&mut self, attribute: &Attribute) -> Option<String> {
        self.calls.attribute(self.at, attribute.name())
    }

    /// Emits a match.
    pub fn emit(&mut self, emission: Emission<'_>) {
        let once = match emission.once {
            Once::Never => None,
            Once::Key(key) => Some(key),
            Once::Slot(length) => Some((self.time / milliseconds(length).max(1)).to_string()),
        };
        let emit = Emit {
            name: emission.name,
            person: emission.person,
            fields: &emission.fields,
            windows: &emission.windows,
            also: &emission.also,
            once: once.as_deref(),
        };
        self.calls.emit(self.at, &emit);
    }

    /// Publishes an event for other deployments of the business: `event_type` has 1 to 256 bytes and does not begin with
    /// `fishpond.`; `subject` and `actor` may be empty; `data` is an object of at most 16 KiB of JSON. At most 16 an
    /// input, with its matches. Its time is the input's.
    ///
    /// # Panics
    /// If the data cannot be written as JSON (a map whose keys are no strings): a mistake in the module.
    pub fn publish<T: Serialize>(
        &mut self,
        _permitted: &Publisher,
        event_type: &str,
        subject: &str,
        actor: &str,
        data: &T,
    ) {
        let published = Publish { event_type, subject, actor, data: &json_text(data) };
        self.calls.publish(self.at, &published);
    }

    /// Sets the key's timer to a time on its clock, milliseconds since the Unix epoch; one that is set already moves.
    /// A time that has passed is due at the next tick. `context`: at most 4 KiB, comes back as `due.context`.
    pub fn set_timer(&mut self, timer: &Timer, at_ms: u64, context: &str) {
        self.calls.set_timer(self.at, timer.name(), at_ms, context);
    }

    /// Takes the key's timer back, if it is set.
    pub fn cancel_timer(&mut self, timer: &Timer) {
        self.calls.cancel_timer(self.at, timer.name());
    }

    /// Sends word to another key of this deployment, or to its own: it comes back there through `Signals::on_signal` once
    /// this input is committed. `key`: 1 to 256 bytes; `payload`: any text, at most 4 KiB. At most 16 an input.
    pub fn signal(&mut self, signal: &Signal, key: &str, payload: &str) {
        self.calls.send(self.at, key, signal.name(), payload);
    }

    /// A line for the module's own team: at most 1 KiB, 8 of them an input.
    pub fn log(&mut self, level: Level, message: &str) {
        let level = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        self.calls.log(self.at, level, message);
    }
}

/// What a rule may ask to answer a query: reading only, so nothing here can trap.
#[derive(Debug)]
pub struct QueryContext<'a> {
    at: u32,
    calls: &'a mut Current,
}

impl<'a> QueryContext<'a> {
    pub(crate) fn new(at: u32, calls: &'a mut Current) -> Self {
        Self { at, calls }
    }

    /// What the window that ends at `query.time` holds.
    pub fn totals(&mut self, window: Window) -> Totals {
        self.calls.current(self.at, window.number())
    }

    /// Entries of that window, oldest first, at most 1,000.
    pub fn entries(&mut self, window: Window) -> Vec<Entry> {
        self.calls.entries(self.at, window.number(), ENTRIES_MAX)
    }

    /// The different members of that window, sorted; from at most 1,000 entries.
    pub fn members(&mut self, window: Window) -> Vec<String> {
        distinct(self.entries(window))
    }

    /// A named value. None if absent, or expired at `query.time`.
    pub fn get(&mut self, name: &str) -> Option<Vec<u8>> {
        self.calls.get(self.at, name)
    }

    /// A named value that was stored with [`Context::store`].
    ///
    /// # Errors
    /// As [`Context::load`].
    pub fn load<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Refusal> {
        read(name, self.get(name))
    }
}

fn read<T: DeserializeOwned>(name: &str, stored: Option<Vec<u8>>) -> Result<Option<T>, Refusal> {
    let unreadable = |error| Refusal::new("bad_state", format!("value `{name}`: {error}"));
    stored.map(|bytes| serde_json::from_slice(&bytes)).transpose().map_err(unreadable)
}

fn distinct(entries: Vec<Entry>) -> Vec<String> {
    let mut members: Vec<String> = entries.into_iter().map(|entry| entry.member).collect();
    members.sort_unstable();
    members.dedup();
    members
}
