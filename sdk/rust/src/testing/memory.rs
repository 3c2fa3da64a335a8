//! Why: the contract's imports over one key's document in memory.

use serde_json::Value;

use super::document::{self, Document};
use super::event::TestEvent;
use super::route;
use super::windows::{Observed, Span, ending_at};
use crate::calls::{Calls, Emit, Entry, Totals};

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

/// What answers a rule's calls during one event or query.
#[derive(Debug)]
pub struct Memory {
    pub(crate) document: Document,
    pub(crate) lengths_ms: Vec<u64>,
    pub(crate) time: u64,
    pub(crate) event: Option<(TestEvent, String)>,
    pub(crate) observed: Vec<(u32, Span)>,
    pub(crate) found: Vec<Found>,
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

    fn event_id(&self) -> String {
        self.event.as_ref().expect("a query has no effects").1.clone()
    }
}

impl Calls for Memory {
    fn attribute(&mut self, _at: u32, name: &str) -> Option<String> {
        let (event, id) = self.event.as_ref()?;
        route::attribute(event, id, name)
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
        let observed = Observed { entry, event: self.event_id() };
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
        let mut events = vec![self.event_id()];
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

    fn log(&mut self, _at: u32, level: &str, message: &str) {
        self.logged.push(format!("{level}: {message}"));
    }
}
