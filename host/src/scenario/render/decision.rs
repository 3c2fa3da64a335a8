//! What the desk did, and what a chain says: one line for each deed.

use super::{named, numbers, short};
use crate::model::outreach::{
    Answered, CandidateFate, ChainPart, ChainRevisions, Decision, Deed, Ended, Outreach, Reached, Status, Tag, Verdict,
    VerdictKind,
};
use crate::model::ports::AskError;
use crate::scenario::parse::format_time;

pub fn outreach(outreach: &Outreach) -> Vec<String> {
    outreach.deeds.iter().filter_map(deed).collect()
}

fn deed(deed: &Deed) -> Option<String> {
    match deed {
        Deed::Decided(decision) => Some(decided(decision)),
        Deed::Tagged { person, tag, .. } => Some(tagged(person, tag)),
        Deed::Published { policy, event, .. } => {
            let (time, kind) = (format_time(event.time), &event.event_type);
            Some(format!("{time} published {kind} person={} policy={policy} {}", event.actor, event.data))
        }
        Deed::Ended(ended) => Some(delivered(ended)),
        // Seen when the filter has handled it.
        Deed::Settled(_) => None,
    }
}

fn tagged(person: &str, tag: &Tag) -> String {
    let (time, origin) = (format_time(tag.since), &tag.origin);
    let mut line = format!(
        "{time} tag {}={} person={person} policy={} by={}@{}",
        tag.name, tag.value, tag.policy, origin.deployment, origin.revision
    );
    line.extend(tag.expires.map(|expires| format!(" until={}", format_time(expires))));
    line
}

fn delivered(ended: &Ended) -> String {
    let (time, action) = (format_time(ended.time), short(ended.action));
    let (person, found, end) = (&ended.person, &ended.match_name, ended.end.name());
    let mut line = format!("{time} delivery {action} person={person} match={found} -> {end}");
    if !ended.reason.is_empty() {
        line.push_str(&format!(" ({})", ended.reason));
    }
    line
}

fn decided(decision: &Decision) -> String {
    let action = &decision.action;
    let mut words = vec![
        format_time(decision.time),
        "decision".to_owned(),
        short(action.id),
        action.origin.match_name.to_string(),
        format!("person={}", action.person),
    ];
    if !action.policy.is_empty() {
        words.push(format!("policy={} rev={}", action.policy, action.policy_revision));
    }
    if decision.attempt > 1 {
        words.push(format!("attempt={} cause={}", decision.attempt, decision.cause.name()));
    }
    words.push(format!("-> {}", status(&decision.status)));
    words.extend(candidates(decision));
    words.extend(chain(decision.chain));
    if !decision.verdicts.is_empty() {
        words.push(verdicts(&decision.verdicts));
    }
    words.join(" ")
}

fn status(status: &Status) -> String {
    let more = match status {
        Status::Sent { sequence: 0, channel, .. } => format!(" channel={channel}"),
        Status::Sent { sequence, channel, .. } => format!(" channel={channel} #{sequence}"),
        Status::Held { until } => format!(" until={}", format_time(*until)),
        Status::Cancelled { reason } => format!(" reason={reason}"),
        _ => String::new(),
    };
    format!("{}{more}", status.name())
}

/// One that was chosen without another is no news.
fn candidates(decision: &Decision) -> Option<String> {
    let all = &decision.candidates;
    let news = all.len() > 1 || all.iter().any(|candidate| candidate.fate != CandidateFate::Chosen);
    let shown: Vec<String> =
        all.iter().map(|candidate| format!("{}:{}", candidate.policy, candidate.fate.name())).collect();
    news.then(|| format!("candidates=[{}]", shown.join(" ")))
}

/// None if no chain was looked up, or there is none.
fn chain(revisions: ChainRevisions) -> Option<String> {
    let ChainRevisions { platform, business, policy } = revisions;
    let any = revisions != ChainRevisions::default();
    any.then(|| format!("chain=platform@{platform},business@{business},policy@{policy}"))
}

fn verdicts(reached: &[Reached]) -> String {
    let shown: Vec<String> = reached.iter().map(verdict).collect();
    format!("[{}]", shown.join("; "))
}

fn verdict(reached: &Reached) -> String {
    let filter = match reached.part {
        ChainPart::Platform => format!("platform/{}", reached.filter),
        _ => reached.filter.to_string(),
    };
    let filter = if reached.revision > 0 { format!("{filter}@{}", reached.revision) } else { filter };
    let said = match &reached.answer {
        Answered::Verdict(verdict) => said(verdict),
        Answered::Error { code, fail, .. } => format!("error {code} ({})", fail.name()),
        Answered::NotReached => "not_reached".to_owned(),
        Answered::OtherClass => "other_class".to_owned(),
    };
    format!("{filter}: {said}")
}

fn said(verdict: &Verdict) -> String {
    let kind = verdict.kind.name();
    let said = match &verdict.kind {
        VerdictKind::Allow => kind.to_owned(),
        VerdictKind::Deny => format!("{kind} {}", verdict.reason),
        VerdictKind::Hold(until) => format!("{kind} until={} {}", format_time(*until), verdict.reason),
        VerdictKind::Downgrade(channel) => format!("{kind} channel={channel} {}", verdict.reason),
    };
    named(said, &numbers(&verdict.numbers))
}

pub fn what_if(user: &str, match_name: &str, answer: &Result<Vec<Reached>, AskError>) -> String {
    match answer {
        Ok(reached) => format!("what-if {user} {match_name} {}", verdicts(reached)),
        Err(error) => format!("what-if {user} {match_name} -> error: {error}"),
    }
}
