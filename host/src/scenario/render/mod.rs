//! What a scenario prints: one line for each fact, in the order of the journal.
//!
//! - here: what deployments find and answer; `decision`: what the desk did; `person`: what people see

mod decision;
mod person;

pub use decision::{outreach, what_if};
pub use person::{inbox, slot, stream, stream_closed, tags};

use std::collections::BTreeMap;

use super::parse::format_time;
use crate::engine::ConfigureError;
use crate::model::outcome::LATE;
use crate::model::outreach::{ActionId, Published};
use crate::model::ports::{Answer, AskError};
use crate::model::{End, EventRef, InputRecord, Lsn, Match, Outcome, Signal, Via};
use crate::registry::{Error, Revision};

pub fn outcome(outcome: &Outcome, deployment: &str, ids: &BTreeMap<Lsn, String>) -> Vec<String> {
    let by = format!("{deployment}@{}", outcome.revision);
    outcome.inputs.iter().flat_map(|record| lines(record, &by, ids)).collect()
}

fn lines(record: &InputRecord, by: &str, ids: &BTreeMap<Lsn, String>) -> Vec<String> {
    let time = format_time(record.time);
    let input = format!("{} key={}", input(record, ids), record.key);
    let mut lines = Vec::new();
    if record.replay_of.is_some() {
        lines.push(format!("{time} {by} replay {input}"));
    }
    if record.outcome.late && record.outcome.end.code() != LATE {
        lines.push(format!("{time} {by} late {input}"));
    }
    match &record.outcome.end {
        End::Done => {}
        End::Refused { code, message } => {
            lines.push(format!("{time} {by} refused {code} {input}: {}", one_line(message)))
        }
        fault => {
            let message = one_line(&fault.message());
            lines.push(format!("{time} {by} failed {} {input}: {message}", fault.code()));
        }
    }
    lines.extend(record.outcome.matches.iter().map(|found| format!("{time} {by} {}", match_line(found))));
    lines.extend(record.outcome.published.iter().map(|event| format!("{time} {by} {}", published(event))));
    let sent = record.outcome.signals.iter();
    lines.extend(sent.map(|signal| format!("{time} {by} {}", signal_line(signal, &record.key))));
    lines
}

fn signal_line(signal: &Signal, sender: &str) -> String {
    let line = format!("signal {} from={sender} to={}", signal.name, signal.key);
    if signal.payload.is_empty() { line } else { format!("{line} {}", one_line(&signal.payload)) }
}

/// A panic's message has several.
fn one_line(message: &str) -> String {
    message.replace('\n', " ")
}

/// What the input was.
fn input(record: &InputRecord, ids: &BTreeMap<Lsn, String>) -> String {
    match &record.via {
        Via::Timer(name) => format!("timer={name}"),
        Via::Signal { name, sender, .. } => format!("signal={name} from={sender}"),
        Via::Settlement(action) => format!("settlement={}", short(*action)),
        // A derived event has no frame of its own, and the frame that holds it may hold several.
        Via::Subscription(_) | Via::Kept(_) | Via::HandedOver { .. } => {
            format!("event={}", ids.get(&record.origin()).map_or("derived", String::as_str))
        }
    }
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

fn published(event: &Published) -> String {
    let mut line = format!("published {}", event.event_type);
    for (name, value) in [("subject", &event.subject), ("actor", &event.actor)] {
        if !value.is_empty() {
            line.push_str(&format!(" {name}={value}"));
        }
    }
    named(line, &event.data)
}

/// The id alone for the scenario's own source; of a derived event, whose id is a hash, its first digits.
fn event_id(event: &EventRef) -> String {
    match &*event.source {
        "scenario" => event.id.to_string(),
        source if source.starts_with("fishpond/") => {
            format!("{source}:{}", event.id.get(..SHORT).unwrap_or(&event.id))
        }
        source => format!("{source}:{}", event.id),
    }
}

/// Hexadecimal digits of a hash that are shown: enough to tell those of one scenario apart.
const SHORT: usize = 8;

fn short(action: ActionId) -> String {
    let mut text = action.to_string();
    text.truncate(SHORT);
    text
}

/// A line with its JSON, unless that says nothing.
fn named(line: String, json: &str) -> String {
    if json == "{}" { line } else { format!("{line} {json}") }
}

/// Milliseconds from 2017 on have so many digits.
const TIME_DIGITS: usize = 13;

/// JSON in which milliseconds since the Unix epoch are written as the times that they are.
fn numbers(json: &str) -> String {
    let (mut text, mut rest, mut quoted) = (String::new(), json, false);
    while let Some(first) = rest.chars().next() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let fraction = text.ends_with(['.', '-']) || rest[digits..].starts_with(['.', 'e', 'E']);
        let length = match (quoted, digits) {
            (false, TIME_DIGITS) if !fraction => {
                let time = rest[..digits].parse().map(format_time).unwrap_or_default();
                text.push_str(&format!("\"{time}\""));
                rest = &rest[digits..];
                continue;
            }
            (true, _) if first == '\\' => rest.chars().take(2).map(char::len_utf8).sum(),
            _ => digits.max(first.len_utf8()),
        };
        quoted ^= first == '"';
        text.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    text
}

/// As the API and the command line warn of a revision that may not do what its module asks for.
pub fn not_granted(verb: &str, name: &str, revision: &Revision) -> Vec<String> {
    let asked: Vec<&str> = revision.not_granted().collect();
    let warning = || format!("{verb} {name} warning: not granted: {}", asked.join(", "));
    if asked.is_empty() { Vec::new() } else { vec![warning()] }
}

/// `verb`: what was refused.
pub fn deploy_refused(verb: &str, name: &str, error: &Error) -> Vec<String> {
    let mut lines = vec![format!("{verb} {name} refused: {error}")];
    if let Error::Configure(ConfigureError::Refused(diagnostics)) = error {
        lines.extend(diagnostics.iter().map(|found| format!("  {}: {} ({})", found.place, found.message, found.hint)));
    }
    lines
}

pub fn answer(deployment: &str, query: &str, key: &str, answer: &Result<Answer, AskError>) -> String {
    match answer {
        Ok(answer) => {
            let body = numbers(&answer.reply.body);
            format!("query {deployment} {query} {key} -> {} {body}", answer.reply.status)
        }
        Err(error) => format!("query {deployment} {query} {key} -> error: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn milliseconds_are_shown_as_times_and_nothing_else_is_changed() {
        let json = r#"{"at":1767261600000,"list":[1767261600001],"id":"1767261600000 \"1767261600000","n":123,"f":0.1767261600000,"m":-1767261600000,"long":17672616000000}"#;
        let shown = r#"{"at":"10:00:00.000","list":["10:00:00.001"],"id":"1767261600000 \"1767261600000","n":123,"f":0.1767261600000,"m":-1767261600000,"long":17672616000000}"#;
        assert_eq!(numbers(json), shown);
    }
}
