//! `plugins/c2c-blacklist` written natively over the same documents: what the rule costs without a sandbox.

use crate::engine::{Input, What};
use crate::model::{Document, Entry, EventRef, Match, Op, Value};

const WINDOW: &str = "blacklisters";
const WINDOW_MS: u64 = 60_000;
const COOLDOWN_MS: u64 = 86_400_000;

/// One event: its changes and, perhaps, a match. As the guest's run does, it keeps the changes for the journal.
pub fn handle(input: &Input, document: &mut Document, ops: &mut Vec<Op>) -> Option<Match> {
    let What::Event { event, .. } = &input.what else { return None };
    let reference = EventRef { lsn: input.lsn, source: event.source.clone(), id: event.id.clone() };
    let entry = Entry { time: event.time, amount: 1, member: event.actor.clone(), event: reference };
    if document.window(WINDOW).is_some_and(|window| window.is_late(event.time, WINDOW_MS)) {
        return None;
    }
    change(document, ops, Op::Observe { window: WINDOW.into(), length_ms: WINDOW_MS, received: event.received, entry });
    let window = document.window(WINDOW)?;
    let span = window.around(event.time, WINDOW_MS);
    if window.totals(span).distinct < 2 || document.value("high_risk", event.time).is_some() {
        return None;
    }
    let entries = window.entries(span);
    let mut by: Vec<&str> = entries.iter().map(|entry| &*entry.member).collect();
    by.sort_unstable();
    by.dedup();
    let found = Match {
        id: 0,
        name: "high_risk".into(),
        person: event.subject.clone(),
        fields: serde_json::json!({ "by": by }).to_string().into(),
        events: entries.iter().map(|entry| entry.event.clone()).collect(),
        also: Vec::new(),
        once: None,
    };
    let value = Value { bytes: Box::new([]), expires: Some(event.time + COOLDOWN_MS) };
    change(document, ops, Op::Set { name: "high_risk".into(), value });
    Some(found)
}

fn change(document: &mut Document, ops: &mut Vec<Op>, op: Op) {
    document.apply(op.clone());
    ops.push(op);
}
