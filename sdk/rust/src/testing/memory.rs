//! Why: the contract's imports over one key's document in memory.

use serde_json::Value;

use super::document::{self, Document, Timer};
use super::input::Input;
use super::windows::{Observed, Span, ending_at};
use crate::calls::{Calls, Emit, Entry, Publish, Totals};

/// A match as the host records it.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its name in the plan.
    pub name: String,
    /// Who it is about.
    pub person: String,
    /// Its fields.
    pub fields: Value,
    /// Ids of the events that made it: the windows' entries, the input's own, and what the rule added; sorted.
    pub events: Vec<String>,
    /// Repeats with the same key are one fact.
    pub once: Option<String>,
}

/// An event that the rule has published.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// CloudEvents `type`.
    pub event_type: String,
    /// The object acted on; may be empty.
    pub subject: String,
    /// Who acted; may be empty.
    pub actor: String,
    /// Its data.
    pub data: Value,
    /// Milliseconds since the Unix epoch: the input's time.
    pub time: u64,
}

/// A signal that the rule has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Its name in the plan.
    pub name: String,
    /// Who sent it.
    pub sender: String,
    /// Who it is for.
    pub key: String,
    /// What was given along.
    pub payload: String,
    /// Milliseconds since the Unix epoch: the time of the input that sent it.
    pub time: u64,
    /// Signals between it and an event, itself included.
    pub hops: u8,
}

/// What answers a rule's calls during one input.
#[derive(Debug)]
pub struct Memory {
    pub(crate) key: String,
    pub(crate) document: Document,
    pub(crate) lengths_ms: Vec<u64>,
    pub(crate) time: u64,
    pub(crate) input: Input,
    pub(crate) observed: Vec<(u32, Span)>,
    pub(crate) found: Vec<Found>,
    pub(crate) published: Vec<Published>,
    pub(crate) sent: Vec<Sent>,
    pub(crate) logged: Vec<String>,
}

impl Memory {
    fn length_ms(&self, window: u32) -> u64 {
        self.lengths_ms[window as usize]
    }

    /// The window that this input's `observe` answered, else the one that ends at its time.
    fn span(&self, window: u32) -> Span {
        let observed = self.observed.iter().rev().find(|(number, _)| *number == window);
        observed.map_or_else(|| ending_at(self.time, self.length_ms(window)), |(_, span)| *span)
    }
}

impl Calls for Memory {
    fn attribute(&mut self, _at: u32, name: &str) -> Option<String> {
        self.input.attribute(name)
    }

    fn get(&mut self, _at: u32, name: &str) -> Option<Vec<u8>> {
        let value = self.document.values.get(name)?;
        value.is_seen_at(self.time).then(|| value.bytes.clone())
    }

    fn set(&mut self, _at: u32, name: &str, value: &[u8], expires: Option<u64>) {
        let value = document::Value { bytes: value.to_vec(), expires };
        self.document.values.insert(name.to_owned(), value);
    }

    fn remove(&mut self, _at: u32, name: &str) {
        self.document.values.remove(name);
    }

    fn observe(&mut self, _at: u32, window: u32, member: &str, amount: i64) -> Totals {
        let length_ms = self.length_ms(window);
        let entry = Entry { time: self.time, member: member.to_owned(), amount };
        let observed = Observed { entry, event: self.input.id().to_owned() };
        let entries = self.document.windows.entry(window).or_default();
        let span = entries.observe(observed, length_ms);
        self.observed.push((window, span));
        entries.totals(span)
    }

    fn current(&mut self, _at: u32, window: u32) -> Totals {
        let span = ending_at(self.time, self.length_ms(window));
        self.document.windows.get(&window).map(|entries| entries.totals(span)).unwrap_or_default()
    }

    fn entries(&mut self, _at: u32, window: u32, limit: u32) -> Vec<Entry> {
        let span = self.span(window);
        let Some(entries) = self.document.windows.get(&window) else { return Vec::new() };
        entries.within(span).take(limit as usize).map(|observed| observed.entry.clone()).collect()
    }

    fn remove_member(&mut self, _at: u32, window: u32, member: &str) {
        self.document.windows.entry(window).or_default().remove(member, self.time);
    }

    fn clear(&mut self, _at: u32, window: u32) {
        self.document.windows.entry(window).or_default().clear(self.time);
    }

    fn emit(&mut self, _at: u32, emit: &Emit<'_>) {
        let mut events = vec![self.input.id().to_owned()];
        for window in emit.windows {
            let span = self.span(*window);
            let entries = self.document.windows.get(window);
            events.extend(entries.into_iter().flat_map(|entries| entries.within(span)).map(|one| one.event.clone()));
        }
        events.extend_from_slice(emit.also);
        events.sort();
        events.dedup();
        self.found.push(Found {
            name: emit.name.to_owned(),
            person: emit.person.to_owned(),
            fields: serde_json::from_str(emit.fields).expect("fields are JSON"),
            events,
            once: emit.once.map(str::to_owned),
        });
    }

    fn publish(&mut self, _at: u32, event: &Publish<'_>) {
        let own = event.event_type.starts_with("fishpond.") || event.event_type.is_empty();
        assert!(!own, "`{}` is no type for a module's event: empty, or the host's own", event.event_type);
        let data: Value = serde_json::from_str(event.data).expect("data is JSON");
        assert!(data.is_object(), "an event's data is an object, not {data}");
        self.published.push(Published {
            event_type: event.event_type.to_owned(),
            subject: event.subject.to_owned(),
            actor: event.actor.to_owned(),
            data,
            time: self.time,
        });
    }

    fn set_timer(&mut self, _at: u32, name: &str, time: u64, context: &str) {
        let timer = Timer { time, context: context.to_owned(), hops: self.input.hops() };
        self.document.timers.insert(name.to_owned(), timer);
    }

    fn cancel_timer(&mut self, _at: u32, name: &str) {
        self.document.timers.remove(name);
    }

    fn send(&mut self, _at: u32, key: &str, name: &str, payload: &str) {
        assert!(!key.is_empty(), "a signal needs a key");
        self.sent.push(Sent {
            name: name.to_owned(),
            sender: self.key.clone(),
            key: key.to_owned(),
            payload: payload.to_owned(),
            time: self.time,
            hops: self.input.hops().saturating_add(1),
        });
    }

    fn log(&mut self, _at: u32, level: &str, message: &str) {
        self.logged.push(format!("{level}: {message}"));
    }
}
