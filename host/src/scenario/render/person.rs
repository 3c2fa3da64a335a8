//! What a person's app shows, and what waits for the person.

use super::short;
use crate::model::outreach::{Action, Waiting, WaitingState};
use crate::model::ports::PersonView;
use crate::scenario::parse::format_time;

pub fn stream(now: u64, user: &str, sequence: u64, action: &Action, attempt: u32) -> String {
    format!("{} stream {user} {}", format_time(now), shown(sequence, action, attempt))
}

pub fn stream_closed(now: u64, user: &str) -> String {
    format!("{} stream {user} closed", format_time(now))
}

pub fn slot(now: u64, user: &str, slot: &str, found: Option<(&Action, u64, u32)>) -> String {
    let found = found.map(|(action, sequence, attempt)| shown(sequence, action, attempt));
    format!("{} slot {user} {slot} {}", format_time(now), found.unwrap_or_else(|| "empty".to_owned()))
}

fn shown(sequence: u64, action: &Action, attempt: u32) -> String {
    let (id, policy, found) = (short(action.id), &action.policy, &action.origin.match_name);
    format!("#{sequence} {id} policy={policy} match={found} attempt={attempt} {}", action.content)
}

/// What has a number first, by it; then what has none.
pub fn inbox(user: &str, person: &PersonView) -> Vec<String> {
    let mut lines: Vec<(u64, String)> = person.waiting.iter().map(waiting).collect();
    lines.sort();
    if lines.is_empty() {
        return vec![format!("inbox {user} empty")];
    }
    lines.into_iter().map(|(_, line)| format!("inbox {user} {line}")).collect()
}

fn waiting(waiting: &Waiting) -> (u64, String) {
    let action = &waiting.action;
    let line = format!("{} policy={} match={}", short(action.id), action.policy, action.origin.match_name);
    match &waiting.state {
        WaitingState::Inbox { sequence, channel, attempted } => {
            let attempted = if *attempted { "attempted" } else { "not_attempted" };
            (*sequence, format!("#{sequence} {line} channel={channel} {attempted}"))
        }
        WaitingState::Held { until } => (u64::MAX, format!("{line} held until={}", format_time(*until))),
        WaitingState::Outbox { channel, retry, tries } => {
            (u64::MAX, format!("{line} channel={channel} tries={tries} retry={}", format_time(*retry)))
        }
    }
}

pub fn tags(user: &str, person: &PersonView) -> Vec<String> {
    if person.tags.is_empty() {
        return vec![format!("tags {user} none")];
    }
    let line = |tag: &crate::model::outreach::Tag| {
        let until = tag.expires.map(|expires| format!(" until={}", format_time(expires)));
        format!("tags {user} {}={} policy={}{}", tag.name, tag.value, tag.policy, until.unwrap_or_default())
    };
    person.tags.iter().map(line).collect()
}
