//! The state of one (deployment, key): loaded whole before a call, changed by operations, stored as one row.
//!
//! Live calls and recovery change documents through the same [`Document::apply`], so redo cannot differ from what ran.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Entry, EventRef, Lsn, Window};

/// A named value with an optional expiry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Value {
    pub bytes: Box<[u8]>,
    /// Milliseconds; gone for inputs at or after it.
    pub expires: Option<u64>,
}

/// One change of a document. Carries all it needs, so that redo wants no plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Op {
    Set { name: Box<str>, value: Value },
    Remove { name: Box<str> },
    Observe { window: Arc<str>, length_ms: u64, received: u64, entry: Entry },
    /// Removes the entries of one member (None = all) up to a time.
    Forget { window: Arc<str>, member: Option<Box<str>>, until: u64 },
}

impl Op {
    /// Upper bound of the encoded size, bytes.
    pub fn bytes(&self) -> usize {
        ITEM_BYTES
            + match self {
                Op::Set { name, value } => value_bytes(name, value),
                Op::Remove { name } => name.len(),
                Op::Observe { window, entry, .. } => window.len() + entry_bytes(entry),
                Op::Forget { window, member, .. } => window.len() + member.as_ref().map_or(0, |member| member.len()),
            }
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Document {
    values: BTreeMap<Box<str>, Value>,
    windows: BTreeMap<Arc<str>, Window>,
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
    /// Rebuilds a document from its stored parts.
    pub fn restore(values: BTreeMap<Box<str>, Value>, windows: BTreeMap<Arc<str>, Window>, clock: u64, lsn: Lsn) -> Document {
        let values_bytes: usize = values.iter().map(|(name, value)| value_bytes(name, value)).sum();
        let windows_bytes: usize = windows.iter().map(|(name, window)| ITEM_BYTES + name.len() + entries_bytes(window.all())).sum();
        Document { bytes: values_bytes + windows_bytes, values, windows, clock, lsn }
    }

    /// Applies one change.
    pub fn apply(&mut self, op: Op) {
        match op {
            Op::Set { name, value } => {
                self.bytes += value_bytes(&name, &value);
                if let Some(old) = self.values.insert(name.clone(), value) {
                    self.bytes -= value_bytes(&name, &old);
                }
            }
            Op::Remove { name } => {
                if let Some(old) = self.values.remove(&name) {
                    self.bytes -= value_bytes(&name, &old);
                }
            }
            Op::Observe { window, length_ms, received, entry } => self.observe(window, length_ms, received, entry),
            Op::Forget { window, member, until } => {
                if let Some(kept) = self.windows.get_mut(&window) {
                    let gone = kept.remove(member.as_deref(), until);
                    self.bytes -= entries_bytes(&gone);
                }
            }
        }
    }

    fn observe(&mut self, name: Arc<str>, length_ms: u64, received: u64, entry: Entry) {
        self.clock = self.clock.max(entry.time);
        self.bytes += entry_bytes(&entry);
        if !self.windows.contains_key(&name) {
            self.bytes += ITEM_BYTES + name.len();
            self.windows.insert(name.clone(), Window::default());
        }
        if let Some(window) = self.windows.get_mut(&name) {
            let dropped = window.insert(entry, received, length_ms);
            self.bytes -= entries_bytes(&dropped);
        }
    }

    /// A value that has not expired at `now`.
    pub fn value(&self, name: &str, now: u64) -> Option<&Value> {
        self.values.get(name).filter(|value| value.expires.is_none_or(|expires| now < expires))
    }

    pub fn values(&self) -> &BTreeMap<Box<str>, Value> {
        &self.values
    }

    pub fn window(&self, name: &str) -> Option<&Window> {
        self.windows.get(name)
    }

    pub fn windows(&self) -> &BTreeMap<Arc<str>, Window> {
        &self.windows
    }

    pub fn clock(&self) -> u64 {
        self.clock
    }

    pub fn lsn(&self) -> Lsn {
        self.lsn
    }

    /// The outcome at this position is in the document; `time` is the last input's.
    pub fn stamp(&mut self, lsn: Lsn, time: u64) {
        self.lsn = lsn;
        self.clock = self.clock.max(time);
    }

    /// Upper bound of the encoded size, bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// All events that the windows hold, for the record of a match.
    pub fn events_of<'a>(entries: &'a [Entry]) -> impl Iterator<Item = &'a EventRef> {
        entries.iter().map(|entry| &entry.event)
    }
}

fn value_bytes(name: &str, value: &Value) -> usize {
    ITEM_BYTES + name.len() + value.bytes.len()
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
        let mut document = Document::default();
        let ops = [
            set("a", 10),
            set("a", 100),
            set("b", 5),
            Op::Remove { name: "b".into() },
            Op::Remove { name: "none".into() },
            observe(100, "x"),
            observe(101, "longer"),
            observe(900, "drops the others"),
            Op::Forget { window: "w".into(), member: Some("x".into()), until: 1_000 },
            observe(905, "y"),
            Op::Forget { window: "w".into(), member: None, until: 900 },
        ];
        for op in ops {
            document.apply(op);
            let fresh = Document::restore(document.values.clone(), document.windows.clone(), document.clock, document.lsn);
            assert_eq!(document.bytes(), fresh.bytes());
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
