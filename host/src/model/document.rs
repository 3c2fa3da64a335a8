//! The state of one (deployment, key): loaded whole before a call, changed by operations, stored as one row.
//!
//! Live calls and recovery change documents through the same [`Document::apply`], so redo cannot differ from what ran.

use std::sync::Arc;

use super::{Entry, Lsn, TimerClock, Window};

/// A named value with an optional expiry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Value {
    pub bytes: Box<[u8]>,
    /// Milliseconds; gone for inputs at or after it.
    pub expires: Option<u64>,
}

/// A timer of a document, by its name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Timer {
    pub clock: TimerClock,
    /// Milliseconds on that clock.
    pub due: u64,
    pub context: Box<str>,
    /// Position of the input that set it: a tick below fires it not.
    pub at: Lsn,
    /// How many timers this document had set before: with name and time its identity.
    pub number: u32,
    /// Of the module that set it.
    pub state_version: u32,
    /// Of the input that set it: what the timer leads to counts on.
    pub hops: u8,
}

/// One change of a document. Carries all it needs, so that redo wants no plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Op {
    Set {
        name: Box<str>,
        value: Value,
    },
    Remove {
        name: Box<str>,
    },
    /// Removes the values that expired up to a time.
    Expire {
        until: u64,
    },
    Observe {
        window: Arc<str>,
        length_ms: u64,
        received: u64,
        entry: Entry,
    },
    /// Removes the entries of one member (None = all) up to a time.
    Forget {
        window: Arc<str>,
        member: Option<Box<str>>,
        until: u64,
    },
    SetTimer {
        name: Box<str>,
        timer: Timer,
    },
    /// Also when it has fired.
    CancelTimer {
        name: Box<str>,
    },
}

impl Op {
    /// Upper bound of the encoded size, bytes.
    pub fn bytes(&self) -> usize {
        ITEM_BYTES
            + match self {
                Op::Set { name, value } => value_bytes(name, value),
                Op::Remove { name } => name.len(),
                Op::Expire { .. } => 0,
                Op::Observe { window, entry, .. } => window.len() + entry_bytes(entry),
                Op::Forget { window, member, .. } => window.len() + member.as_ref().map_or(0, |member| member.len()),
                Op::SetTimer { name, timer } => timer_bytes(name, timer),
                Op::CancelTimer { name } => name.len(),
            }
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Document {
    /// By name, as are the windows. Sorted vectors of exact size: documents are many and hold few names.
    values: Vec<(Box<str>, Value)>,
    windows: Vec<(Arc<str>, Window)>,
    timers: Vec<(Box<str>, Timer)>,
    /// Timers ever set.
    timers_set: u32,
    /// Of the module that wrote last.
    state_version: u32,
    /// Greatest event time that changed it, milliseconds: what a query's `time` is.
    clock: u64,
    /// Position of the last outcome in it.
    lsn: Lsn,
    /// Upper bound of the encoded size in bytes, kept by `apply`: encoding for every check would cost too much.
    bytes: usize,
}

/// Fixed cost of an entry, a value or a window beside its texts: lengths, times, positions as variable-length integers.
const ITEM_BYTES: usize = 48;

impl Document {
    /// Rebuilds a document from its stored parts, in any order.
    pub fn restore(mut parts: Parts) -> Document {
        parts.values.sort_by(|a, b| a.0.cmp(&b.0));
        parts.windows.sort_by(|a, b| a.0.cmp(&b.0));
        parts.timers.sort_by(|a, b| a.0.cmp(&b.0));
        let values: usize = parts.values.iter().map(|(name, value)| value_bytes(name, value)).sum();
        let windows = parts.windows.iter();
        let windows: usize = windows.map(|(name, window)| ITEM_BYTES + name.len() + entries_bytes(window.all())).sum();
        let timers: usize = parts.timers.iter().map(|(name, timer)| timer_bytes(name, timer)).sum();
        Document {
            bytes: values + windows + timers,
            values: parts.values,
            windows: parts.windows,
            timers: parts.timers,
            timers_set: parts.timers_set,
            state_version: parts.state_version,
            clock: parts.clock,
            lsn: parts.lsn,
        }
    }

    /// Applies one change.
    pub fn apply(&mut self, op: Op) {
        match op {
            Op::Set { name, value } => self.set(name, value),
            Op::Remove { name } => {
                if let Ok(place) = place(&self.values, &name) {
                    let (_, old) = self.values.remove(place);
                    self.bytes -= value_bytes(&name, &old);
                }
            }
            Op::Expire { until } => self.drop_expired(until),
            Op::Observe { window, length_ms, received, entry } => self.observe(window, length_ms, received, entry),
            Op::Forget { window, member, until } => {
                if let Ok(place) = place(&self.windows, &window) {
                    let gone = self.windows[place].1.remove(member.as_deref(), until);
                    self.bytes -= entries_bytes(&gone);
                }
            }
            Op::SetTimer { name, timer } => self.set_timer(name, timer),
            Op::CancelTimer { name } => {
                if let Ok(place) = place(&self.timers, &name) {
                    let (_, old) = self.timers.remove(place);
                    self.bytes -= timer_bytes(&name, &old);
                }
            }
        }
    }

    fn set(&mut self, name: Box<str>, value: Value) {
        self.bytes += value_bytes(&name, &value);
        match place(&self.values, &name) {
            Ok(place) => {
                let old = std::mem::replace(&mut self.values[place].1, value);
                self.bytes -= value_bytes(&name, &old);
            }
            Err(place) => insert(&mut self.values, place, (name, value)),
        }
    }

    fn drop_expired(&mut self, until: u64) {
        let mut gone = 0;
        self.values.retain(|(name, value)| {
            let goes = value.expires.is_some_and(|expires| expires <= until);
            gone += if goes { value_bytes(name, value) } else { 0 };
            !goes
        });
        self.bytes -= gone;
    }

    fn set_timer(&mut self, name: Box<str>, timer: Timer) {
        self.timers_set = self.timers_set.max(timer.number.saturating_add(1));
        self.bytes += timer_bytes(&name, &timer);
        match place(&self.timers, &name) {
            Ok(place) => {
                let old = std::mem::replace(&mut self.timers[place].1, timer);
                self.bytes -= timer_bytes(&name, &old);
            }
            Err(place) => insert(&mut self.timers, place, (name, timer)),
        }
    }

    fn observe(&mut self, name: Arc<str>, length_ms: u64, received: u64, entry: Entry) {
        self.clock = self.clock.max(entry.time);
        self.bytes += entry_bytes(&entry);
        let place = place(&self.windows, &name).unwrap_or_else(|place| {
            self.bytes += ITEM_BYTES + name.len();
            insert(&mut self.windows, place, (name, Window::default()));
            place
        });
        let dropped = self.windows[place].1.insert(entry, received, length_ms);
        self.bytes -= entries_bytes(&dropped);
    }

    /// A value that has not expired at `now`.
    pub fn value(&self, name: &str, now: u64) -> Option<&Value> {
        let place = place(&self.values, name).ok()?;
        Some(&self.values[place].1).filter(|value| value.expires.is_none_or(|expires| now < expires))
    }

    /// By name, the expired ones too.
    pub fn values(&self) -> &[(Box<str>, Value)] {
        &self.values
    }

    pub fn window(&self, name: &str) -> Option<&Window> {
        place(&self.windows, name).ok().map(|place| &self.windows[place].1)
    }

    /// By name.
    pub fn windows(&self) -> &[(Arc<str>, Window)] {
        &self.windows
    }

    pub fn timer(&self, name: &str) -> Option<&Timer> {
        place(&self.timers, name).ok().map(|place| &self.timers[place].1)
    }

    /// By name.
    pub fn timers(&self) -> &[(Box<str>, Timer)] {
        &self.timers
    }

    /// Timers ever set: the number of the next one.
    pub fn timers_set(&self) -> u32 {
        self.timers_set
    }

    /// Of the module that wrote last; zero for the host's own documents and empty ones.
    pub fn state_version(&self) -> u32 {
        self.state_version
    }

    pub fn clock(&self) -> u64 {
        self.clock
    }

    pub fn lsn(&self) -> Lsn {
        self.lsn
    }

    /// The outcome at this position, by a module of this state version, is in the document; `time` is the greatest of its
    /// inputs.
    pub fn stamp(&mut self, lsn: Lsn, time: u64, state_version: u32) {
        self.lsn = lsn;
        self.state_version = state_version;
        self.advance(time);
    }

    /// A module of this state version has written it.
    pub fn written_by(&mut self, state_version: u32) {
        self.state_version = state_version;
    }

    /// An input of this time has changed it. The greatest counts, so batches leave no trace in the clock.
    pub fn advance(&mut self, time: u64) {
        self.clock = self.clock.max(time);
    }

    /// Upper bound of the encoded size, bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// A document's stored parts.
#[derive(Clone, Default, Debug)]
pub struct Parts {
    pub values: Vec<(Box<str>, Value)>,
    pub windows: Vec<(Arc<str>, Window)>,
    pub timers: Vec<(Box<str>, Timer)>,
    pub timers_set: u32,
    pub state_version: u32,
    pub clock: u64,
    pub lsn: Lsn,
}

/// Where a name is, or where it belongs.
fn place<N: AsRef<str>, T>(items: &[(N, T)], name: &str) -> Result<usize, usize> {
    items.binary_search_by(|(other, _)| other.as_ref().cmp(name))
}

/// Grows by one: most documents never have a second value or window.
fn insert<T>(items: &mut Vec<T>, place: usize, item: T) {
    items.reserve_exact(1);
    items.insert(place, item);
}

fn value_bytes(name: &str, value: &Value) -> usize {
    ITEM_BYTES + name.len() + value.bytes.len()
}

fn timer_bytes(name: &str, timer: &Timer) -> usize {
    ITEM_BYTES + name.len() + timer.context.len()
}

fn entry_bytes(entry: &Entry) -> usize {
    ITEM_BYTES + entry.member.len() + entry.event.source.len() + entry.event.id.len()
}

fn entries_bytes(entries: &[Entry]) -> usize {
    entries.iter().map(entry_bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EventRef;

    fn observe(time: u64, member: &str) -> Op {
        let event = EventRef { lsn: Lsn(time), source: "s".into(), id: "i".into() };
        let entry = Entry { time, amount: 1, member: member.into(), event };
        Op::Observe { window: "w".into(), length_ms: 10, received: time, entry }
    }

    #[test]
    fn the_size_is_kept_through_every_change() {
        let set = |name: &str, size: usize| Op::Set {
            name: name.into(),
            value: Value { bytes: vec![0; size].into(), expires: None },
        };
        let timer = |name: &str, context: &str| Op::SetTimer {
            name: name.into(),
            timer: Timer {
                clock: TimerClock::Receive,
                due: 5,
                context: context.into(),
                at: Lsn(1),
                number: 0,
                state_version: 1,
                hops: 2,
            },
        };
        let mut document = Document::default();
        let ops = [
            set("a", 10),
            set("a", 100),
            set("b", 5),
            Op::Remove { name: "b".into() },
            Op::Remove { name: "none".into() },
            Op::Set { name: "old".into(), value: Value { bytes: Box::new([1; 9]), expires: Some(5) } },
            Op::Expire { until: 4 },
            Op::Expire { until: 5 },
            observe(100, "x"),
            observe(101, "longer"),
            observe(900, "drops the others"),
            Op::Forget { window: "w".into(), member: Some("x".into()), until: 1_000 },
            observe(905, "y"),
            Op::Forget { window: "w".into(), member: None, until: 900 },
            timer("t", "context"),
            timer("t", "another"),
            timer("u", ""),
            Op::CancelTimer { name: "t".into() },
            Op::CancelTimer { name: "none".into() },
        ];
        for op in ops {
            document.apply(op);
            let parts = Parts {
                values: document.values.clone(),
                windows: document.windows.clone(),
                timers: document.timers.clone(),
                ..Parts::default()
            };
            assert_eq!(document.bytes(), Document::restore(parts).bytes());
        }
    }

    #[test]
    fn a_value_is_gone_at_its_expiry() {
        let mut document = Document::default();
        document.apply(Op::Set { name: "a".into(), value: Value { bytes: Box::new([1]), expires: Some(10) } });
        assert!(document.value("a", 9).is_some());
        assert!(document.value("a", 10).is_none());
    }
}
