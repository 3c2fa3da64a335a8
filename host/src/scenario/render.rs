//! What a scenario prints: one line for each match, refusal and answer, in the order of the journal.

use std::collections::BTreeMap;

use super::parse::format_time;
use crate::engine::ConfigureError;
use crate::model::ports::{Answer, AskError};
use crate::model::{End, EventRef, InputRecord, Lsn, Match, Outcome};
use crate::registry::Error;

pub fn outcome(outcome: &Outcome, deployment: &str, ids: &BTreeMap<Lsn, String>) -> Vec<String> {
    let by = format!("{deployment}@{}", outcome.revision);
    outcome.inputs.iter().flat_map(|record| lines(record, &by, ids)).collect()
}

fn lines(record: &InputRecord, by: &str, ids: &BTreeMap<Lsn, String>) -> Vec<String> {
    let time = format_time(record.time);
    let event = ids.get(&record.lsn).cloned().unwrap_or_else(|| record.lsn.to_string());
    let mut lines = Vec::new();
    if record.outcome.late {
        lines.push(format!("{time} {by} late event={event} key={}", record.key));
    }
    match &record.outcome.end {
        End::Done => {}
        End::Refused { code, message } => {
            lines.push(format!("{time} {by} refused {code} event={event} key={}: {message}", record.key));
        }
        fault => lines.push(format!(
            "{time} {by} failed {} event={event} key={}: {}",
            fault.code(),
            record.key,
            fault.message()
        )),
    }
    lines.extend(record.outcome.matches.iter().map(|found| format!("{time} {by} {}", match_line(found))));
    lines
}

fn match_line(found: &Match) -> String {
    let events: Vec<String> = found.events.iter().map(event_id).collect();
    let mut line =
        format!("match {} person={} {} events=[{}]", found.name, found.person, found.fields, events.join(" "));
    if !found.also.is_empty() {
        line.push_str(&format!(" also=[{}]", found.also.join(" ")));
    }
    if let Some(once) = &found.once {
        line.push_str(&format!(" once={once}"));
    }
    line
}

/// The id alone for the scenario's own source.
fn event_id(event: &EventRef) -> String {
    if &*event.source == "scenario" { event.id.to_string() } else { format!("{}:{}", event.source, event.id) }
}

pub fn deploy_refused(name: &str, error: &Error) -> Vec<String> {
    let mut lines = vec![format!("deploy {name} refused: {error}")];
    if let Error::Configure(ConfigureError::Refused(diagnostics)) = error {
        lines.extend(diagnostics.iter().map(|found| format!("  {}: {} ({})", found.place, found.message, found.hint)));
    }
    lines
}

pub fn answer(deployment: &str, query: &str, key: &str, answer: &Result<Answer, AskError>) -> String {
    match answer {
        Ok(answer) => format!("query {deployment} {query} {key} -> {} {}", answer.reply.status, answer.reply.body),
        Err(error) => format!("query {deployment} {query} {key} -> error: {error}"),
    }
}
