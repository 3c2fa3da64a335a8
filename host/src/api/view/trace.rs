//! A trace in words.

use super::record::{event, expired, input, matched};
use super::time;
use crate::api::body::{
    ChangeView, DocumentBody, EntryView, EventShown, MatchView, TimerView, TraceAnswer, TracedEventView,
    TracedInputView, ValueView, VerdictView, WindowTotalsView, WindowView,
};
use crate::model::outcome::LATE;
use crate::model::ports::DocumentView;
use crate::model::{Document, End, Entry, Match, Op, TimerClock, Totals, Value, Via};
use crate::trace::{
    Answer, Changed, FoundMatch, Handled, Question, Trace, TracedEvent, TracedInput, Verdict, What, WindowTotals,
};

/// Text of a state value that is shown in an operation, characters.
const SHOWN_CHARACTERS: usize = 64;

/// `documents` are the live ones; without them those that the trace has rebuilt are shown.
pub fn trace(question: &Question<'_>, trace: Trace, documents: Option<Vec<DocumentView>>) -> TraceAnswer {
    let documents = match documents {
        Some(live) => live
            .iter()
            .map(|view| document(&view.deployment, view.position.0, Some(view.lag), &view.document))
            .collect(),
        None => trace
            .documents
            .iter()
            .map(|kept| document(&kept.deployment, kept.position.0, None, &kept.document))
            .collect(),
    };
    TraceAnswer {
        business: question.business.to_owned(),
        key: question.key.to_owned(),
        at: question.at.map(time),
        position: trace.horizon.0,
        truncated: trace.truncated,
        expired: trace.expired.map(expired),
        events: trace.events.iter().map(|traced| traced_event(traced, &trace)).collect(),
        inputs: trace.inputs.iter().map(|traced| traced_input(traced, &trace)).collect(),
        changes: trace.changes.iter().map(change).collect(),
        documents,
    }
}

/// What became of the events of one identity.
pub fn event_shown(business: &str, source: &str, id: &str, trace: &Trace) -> EventShown {
    EventShown {
        business: business.to_owned(),
        source: source.to_owned(),
        id: id.to_owned(),
        position: trace.horizon.0,
        expired: trace.expired.map(expired),
        events: trace.events.iter().map(|traced| traced_event(traced, trace)).collect(),
        changes: trace.changes.iter().map(change).collect(),
    }
}

fn traced_event(traced: &TracedEvent, trace: &Trace) -> TracedEventView {
    let verdicts = traced.verdicts.iter().map(|verdict| verdict_view(verdict, &traced.event.kind, trace));
    TracedEventView { event: event(traced.lsn, &traced.event), deployments: verdicts.collect() }
}

fn traced_input(traced: &TracedInput, trace: &Trace) -> TracedInputView {
    let TracedInput { deployment, handled } = traced;
    let record = &handled.record;
    let verdict = Verdict { deployment: deployment.clone(), answer: handled.answer(), handled: Some(handled.clone()) };
    TracedInputView {
        position: record.lsn.0,
        time: time(record.time),
        input: input(&record.via, false),
        hops: record.hops,
        verdict: verdict_view(&verdict, "", trace),
    }
}

fn verdict_view(verdict: &Verdict, kind: &str, trace: &Trace) -> VerdictView {
    let handled = verdict.handled.as_ref();
    let text = |text: fn(&Handled) -> String| handled.map(text);
    VerdictView {
        deployment: verdict.deployment.to_string(),
        answer: code(verdict).to_owned(),
        why: why(verdict, kind),
        key: text(|handled| handled.record.key.to_string()),
        position: handled.map(|handled| handled.lsn.0),
        revision: handled.map(|handled| handled.revision),
        digest: text(|handled| handled.digest.to_string()),
        module: handled.and_then(|handled| handled.module.as_ref()).map(|module| module.to_string()),
        subscription: text(|handled| handled.subscription.to_string()),
        late: handled.is_some_and(|handled| handled.record.outcome.late),
        operations: handled.map_or(Vec::new(), |handled| handled.record.outcome.ops.iter().map(operation).collect()),
        windows: handled.map_or(Vec::new(), |handled| handled.windows.iter().map(window_totals).collect()),
        matches: handled.map_or(Vec::new(), |handled| matches(verdict, handled, trace)),
    }
}

fn matches(verdict: &Verdict, handled: &Handled, trace: &Trace) -> Vec<MatchView> {
    let view = |found: &Match| {
        let found = FoundMatch {
            lsn: handled.lsn,
            input: handled.record.origin(),
            deployment: verdict.deployment.clone(),
            revision: handled.revision,
            digest: handled.digest,
            time: handled.record.time,
            undeduplicated: handled.record.outcome.undeduplicated,
            found: found.clone(),
        };
        matched(&found, &trace.used, trace.expired)
    };
    handled.record.outcome.matches.iter().map(view).collect()
}

fn code(verdict: &Verdict) -> &'static str {
    match &verdict.answer {
        Answer::Matched => "matched",
        Answer::NoMatch => "no_match",
        Answer::Failed => match verdict.handled.as_ref().map(|handled| &handled.record.outcome.end) {
            Some(End::Trapped { .. }) => "trap",
            Some(End::OutOfFuel { .. }) => "fuel",
            Some(End::Refused { .. } | End::Done) | None => "refused",
        },
        Answer::Waiting => "waiting",
        Answer::NotSubscribed { .. } => "not_subscribed",
        Answer::Filtered => "filtered",
        Answer::DeployedLater { .. } => "deployed_later",
        Answer::Lagging { .. } => "lagging",
        Answer::Paused { .. } => "paused",
    }
}

fn why(verdict: &Verdict, kind: &str) -> String {
    match &verdict.answer {
        Answer::Matched | Answer::NoMatch | Answer::Failed => verdict.handled.as_ref().map(handled).unwrap_or_default(),
        Answer::Waiting => "it waits in its document until the watermark has passed its time".to_owned(),
        Answer::NotSubscribed { types } if types.is_empty() => "it subscribes to no events".to_owned(),
        Answer::NotSubscribed { types } => format!("it does not subscribe to `{kind}`, only to: {}", types.join(", ")),
        Answer::Filtered => {
            format!("it subscribes to `{kind}`, but a predicate of the subscription (`where`) does not hold")
        }
        Answer::DeployedLater { start } => format!("it begins to read at position {start}, behind this event"),
        Answer::Lagging { key, position } => {
            format!(
                "it has not got to this event: in the shard of key `{key}` it is recorded up to position {position}"
            )
        }
        Answer::Paused { key, position, reason, since } => format!(
            "it has stood still since {} ({reason}): in the shard of key `{key}` it is recorded up to position {position}",
            time(*since)
        ),
    }
}

fn handled(handled: &Handled) -> String {
    let outcome = &handled.record.outcome;
    let mut text = match &outcome.end {
        End::Done if outcome.matches.is_empty() => "handled without a match".to_owned(),
        End::Done => {
            let names: Vec<&str> = outcome.matches.iter().map(|found| &*found.name).collect();
            format!("matched {}", names.join(", "))
        }
        End::Refused { code, message } => format!("refused as `{code}`: {message}"),
        End::Trapped { message } => format!("the module failed on it: {message}"),
        end @ End::OutOfFuel { .. } => end.message(),
    };
    if let Via::HandedOver { from, .. } = handled.record.via {
        text.push_str(&format!("; it waited from position {from} to the tick at {}", handled.record.lsn));
    }
    // One that is late for its order has said so.
    if outcome.late && outcome.end.code() != LATE {
        text.push_str("; it came later than its window accepts and was not added");
    }
    for WindowTotals { name, totals } in &handled.windows {
        let Totals { count, distinct, sum } = totals;
        text.push_str(&format!("; window `{name}`: count {count}, distinct {distinct}, sum {sum}"));
    }
    text
}

fn window_totals(window: &WindowTotals) -> WindowTotalsView {
    let totals = &window.totals;
    WindowTotalsView { name: window.name.to_string(), count: totals.count, distinct: totals.distinct, sum: totals.sum }
}

fn operation(op: &Op) -> String {
    match op {
        Op::Set { name, value } => {
            let expires = value.expires.map_or(String::new(), |expires| format!(" until {}", time(expires)));
            format!("set {name} = {}{expires}", shown(value))
        }
        Op::Remove { name } => format!("remove {name}"),
        Op::Expire { until } => format!("drop what expired up to {}", time(*until)),
        Op::Observe { window, entry, .. } => {
            let member = if entry.member.is_empty() { String::new() } else { format!(" member={}", entry.member) };
            let amount = if entry.amount == 1 { String::new() } else { format!(" amount={}", entry.amount) };
            format!("observe {window}{member}{amount}")
        }
        Op::Forget { window, member, until } => {
            let member = member.as_ref().map_or("all".to_owned(), |member| format!("member={member}"));
            format!("forget {window} {member} up to {}", time(*until))
        }
        Op::SetTimer { name, timer } => format!("set timer {name} for {} ({})", time(timer.due), clock(timer.clock)),
        Op::CancelTimer { name } => format!("end timer {name}"),
    }
}

fn clock(clock: TimerClock) -> &'static str {
    match clock {
        TimerClock::Receive => "receive clock",
        TimerClock::Event => "event time",
    }
}

fn shown(value: &Value) -> String {
    match std::str::from_utf8(&value.bytes) {
        Ok(text) if text.chars().count() <= SHOWN_CHARACTERS && !text.chars().any(char::is_control) => {
            format!("`{text}`")
        }
        _ => format!("{} bytes", value.bytes.len()),
    }
}

fn change(changed: &Changed) -> ChangeView {
    let change = match &changed.what {
        What::Uploaded { module, digest } => format!("module {module} uploaded (digest {})", digest.short()),
        What::Revised { deployment, revision, digest } => {
            format!("deployment {deployment}: revision {revision} activated (digest {})", digest.short())
        }
        What::Paused { deployment, shards, reason } => {
            format!("deployment {deployment}: {shards} shards paused: {reason}")
        }
        What::Resumed { deployment, shards } => format!("deployment {deployment}: {shards} shards resumed"),
        What::Retired { deployment } => format!("deployment {deployment} retired"),
        What::Resent { deployment, position, key } => {
            format!("deployment {deployment}: the failed input {position} of key `{key}` resent")
        }
        What::Policy { id, removed: true, .. } => format!("policy {id} removed"),
        What::Policy { id, revision, .. } => format!("policy {id}: revision {revision}"),
        What::Chain { part, revision, filters } => {
            format!("chain of {part}: revision {revision}: {}", filters.join(", "))
        }
    };
    ChangeView { position: changed.lsn.0, at: time(changed.at), by: changed.by.to_string(), change }
}

fn document(deployment: &str, position: u64, lag: Option<u64>, document: &Document) -> DocumentBody {
    let windows = document
        .windows()
        .iter()
        .map(|(name, window)| WindowView { name: name.to_string(), entries: window.all().iter().map(entry).collect() });
    let values = document.values().iter().map(|(name, stored)| value(name, stored));
    DocumentBody {
        deployment: deployment.to_owned(),
        position,
        lag,
        windows: windows.collect(),
        values: values.collect(),
        timers: document
            .timers()
            .iter()
            .map(|(name, timer)| TimerView {
                name: name.to_string(),
                due: time(timer.due),
                clock: clock(timer.clock).to_owned(),
            })
            .collect(),
    }
}

fn entry(entry: &Entry) -> EntryView {
    EntryView {
        time: time(entry.time),
        member: entry.member.to_string(),
        amount: entry.amount,
        source: entry.event.source.to_string(),
        id: entry.event.id.to_string(),
        position: entry.event.lsn.0,
    }
}

fn value(name: &str, value: &Value) -> ValueView {
    let text = std::str::from_utf8(&value.bytes).ok().map(str::to_owned);
    let hex = || value.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    ValueView {
        name: name.to_owned(),
        hex: if text.is_none() { Some(hex()) } else { None },
        text,
        expires: value.expires.map(time),
    }
}
