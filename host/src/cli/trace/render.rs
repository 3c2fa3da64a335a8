//! A trace as text: first the answer, then the events, then what is kept.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::api::body::{
    ChangeView, DocumentBody, EventShown, EventView, ExpiredView, MatchView, TraceAnswer, TracedEventView,
    TracedInputView, UsedEventView, ValueView, VerdictView,
};
use crate::cli::output::{count, short, visible};

/// Characters of data, a value or fields that are shown; `--json` has all.
const SHOWN: usize = 200;
/// Entries of one window that are shown, the newest.
const ENTRIES_SHOWN: usize = 20;

/// The whole answer.
pub(super) fn render(trace: &TraceAnswer) -> String {
    let mut text = String::new();
    let out = &mut Lines { text: &mut text, depth: 0 };
    let at = trace.at.as_ref().map_or_else(String::new, |at| format!(" at {at}"));
    out.line(&format!("{} in {}{at}, position {}", trace.key, trace.business, trace.position));
    if trace.truncated {
        out.line("Older events were left out: `--limit` asks for more, up to the host's `trace_items`.");
    }
    if let Some(ExpiredView { first, since }) = &trace.expired {
        let since = since.as_ref().map_or_else(String::new, |since| format!(", {since}"));
        out.line(&format!("What is older than position {first}{since}, has expired."));
    }
    summary(out, trace);
    section(out, "Events", &trace.events, event);
    section(out, "Besides", &trace.inputs, input);
    section(out, "Changes meanwhile", &trace.changes, changed);
    section(out, if trace.at.is_some() { "Kept then" } else { "Kept now" }, &trace.documents, document);
    text
}

/// An event, and what each deployment made of it.
pub(super) fn event_shown(shown: &EventShown) -> String {
    let mut text = String::new();
    let out = &mut Lines { text: &mut text, depth: 0 };
    let EventShown { source, id, business, position, .. } = shown;
    out.line(&format!("{source}/{id} in {business}, position {position}"));
    if shown.events.len() > 1 {
        out.line("It came more than once: in between, its identity was no longer remembered (`dedup_ids`, `dedup_horizon_ms`).");
    }
    section(out, "Events", &shown.events, event);
    section(out, "Changes meanwhile", &shown.changes, changed);
    text
}

fn changed(out: &mut Lines<'_>, change: &ChangeView) {
    out.line(&format!("{}  position {}, by {}: {}", change.at, change.position, change.by, change.change));
}

/// Indented lines.
struct Lines<'a> {
    text: &'a mut String,
    depth: usize,
}

impl Lines<'_> {
    fn line(&mut self, line: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{:indent$}{}", "", visible(line), indent = 2 * self.depth);
    }

    fn deeper(&mut self, below: impl FnOnce(&mut Lines<'_>)) {
        below(&mut Lines { text: self.text, depth: self.depth + 1 });
    }
}

fn section<T>(out: &mut Lines<'_>, title: &str, items: &[T], show: impl Fn(&mut Lines<'_>, &T)) {
    if items.is_empty() {
        return;
    }
    out.line("");
    out.line(title);
    out.deeper(|out| items.iter().for_each(|item| show(out, item)));
}

/// For each deployment one line: what it found, or why nothing.
fn summary(out: &mut Lines<'_>, trace: &TraceAnswer) {
    if trace.events.is_empty() && trace.inputs.is_empty() {
        out.line("No event is known for this key: is it written as the events carry it, and is --business right?");
        return;
    }
    let mut verdicts: BTreeMap<&str, Vec<(&EventView, &VerdictView)>> = BTreeMap::new();
    for TracedEventView { event, deployments } in &trace.events {
        for verdict in deployments {
            verdicts.entry(&verdict.deployment).or_default().push((event, verdict));
        }
    }
    let mut besides: BTreeMap<&str, Vec<&VerdictView>> = BTreeMap::new();
    for TracedInputView { verdict, .. } in &trace.inputs {
        verdicts.entry(&verdict.deployment).or_default();
        besides.entry(&verdict.deployment).or_default().push(verdict);
    }
    if verdicts.is_empty() {
        out.line("No deployment was there to see these events: `fishpond deployment apply` makes one.");
    }
    for (deployment, verdicts) in verdicts {
        let besides = besides.remove(deployment).unwrap_or_default();
        out.line(&conclusion(deployment, &verdicts, &besides));
    }
}

fn conclusion(deployment: &str, verdicts: &[(&EventView, &VerdictView)], besides: &[&VerdictView]) -> String {
    let all = verdicts.iter().map(|(_, verdict)| verdict).chain(besides);
    let matches: Vec<&MatchView> = all.flat_map(|verdict| &verdict.matches).collect();
    if let Some(last) = matches.iter().max_by_key(|found| found.position) {
        let number = count(matches.len() as u64, "time").replace("1 time", "once");
        return format!("{deployment}: matched {number}, last {} at {}", last.name, last.time);
    }
    let seen = |(_, verdict): &&&(&EventView, &VerdictView)| verdict.answer != "not_subscribed";
    match verdicts.iter().rfind(|verdict| seen(&verdict)) {
        Some((event, verdict)) => {
            let number = count(verdicts.len() as u64, "event");
            format!("{deployment}: why not? In {number} no match; the last at {}: {}", event.time, verdict.why)
        }
        None if verdicts.is_empty() => {
            let (number, last) = (count(besides.len() as u64, "input"), besides.last());
            let why = last.map_or("", |verdict| &verdict.why);
            format!("{deployment}: why not? In {number} no match; the last: {why}")
        }
        None => format!("{deployment}: why not? It subscribes to no event of these types"),
    }
}

fn event(out: &mut Lines<'_>, traced: &TracedEventView) {
    let event = &traced.event;
    let EventView { time, kind, source, id, position, .. } = event;
    out.line(&format!("{time}  {kind}  {source}/{id}  [position {position}]"));
    out.deeper(|out| {
        attributes(out, event);
        let (others, concerned): (Vec<&VerdictView>, Vec<&VerdictView>) =
            traced.deployments.iter().partition(|verdict| verdict.answer == "not_subscribed");
        concerned.into_iter().for_each(|verdict| self::verdict(out, verdict));
        if !others.is_empty() {
            let names: Vec<&str> = others.iter().map(|verdict| &*verdict.deployment).collect();
            out.line(&format!("not subscribed: {}", names.join(", ")));
        }
    });
}

fn input(out: &mut Lines<'_>, traced: &TracedInputView) {
    let TracedInputView { position, time, input, hops, verdict } = traced;
    let hops = if *hops == 0 { String::new() } else { format!(", {hops} hops from an event") };
    out.line(&format!("{time}  {input}  [position {position}{hops}]"));
    out.deeper(|out| self::verdict(out, verdict));
}

fn attributes(out: &mut Lines<'_>, event: &EventView) {
    let named = [("actor", &event.actor), ("subject", &event.subject), ("scene", &event.scene)];
    let mut parts: Vec<String> =
        named.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name} {value}")).collect();
    parts.extend(event.extensions.iter().map(|(name, value)| format!("{name} {value}")));
    if let Some(data) = &event.data {
        parts.push(format!("data {}", cut(data.get())));
    }
    if !parts.is_empty() {
        out.line(&parts.join("  "));
    }
    if event.time_replaced {
        out.line(&format!("its own time was absent or too far off; received {}", event.received));
    }
    if event.undeduplicated {
        out.line("undeduplicated: it came beyond the dedup horizon, and may have been accepted before");
    }
}

fn verdict(out: &mut Lines<'_>, verdict: &VerdictView) {
    let answer = verdict.answer.replace('_', " ");
    // A sentence that begins with the word says it already.
    let answer = if verdict.why.starts_with(&answer) { String::new() } else { format!("{answer}: ") };
    out.line(&format!("{}: {answer}{}", verdict.deployment, verdict.why));
    out.deeper(|out| {
        if let Some(by) = maker(verdict) {
            out.line(&by);
        }
        if verdict.late {
            out.line("late: older than its window accepts");
        }
        verdict.operations.iter().for_each(|operation| out.line(operation));
        for window in &verdict.windows {
            let entries = count(window.count, "event");
            out.line(&format!("window {}: {entries}, {} distinct, sum {}", window.name, window.distinct, window.sum));
        }
        verdict.matches.iter().for_each(|found| matched(out, found));
    });
}

/// `c2c-blacklist@0.1.0 (0123456789ab) revision 1, subscription views, key u:1, position 7`
fn maker(verdict: &VerdictView) -> Option<String> {
    let digest = verdict.digest.as_deref().map(short);
    let module = match (&verdict.module, digest) {
        (Some(module), Some(digest)) => format!("{module} ({digest})"),
        (Some(module), None) => module.clone(),
        (None, digest) => digest?.to_owned(),
    };
    let revision = verdict.revision.map(|revision| format!(" revision {revision}")).unwrap_or_default();
    let rest = [
        verdict.subscription.as_ref().map(|subscription| format!(", subscription {subscription}")),
        verdict.key.as_ref().map(|key| format!(", key {key}")),
        verdict.position.map(|position| format!(", position {position}")),
    ];
    Some(format!("{module}{revision}{}", rest.into_iter().flatten().collect::<String>()))
}

fn matched(out: &mut Lines<'_>, found: &MatchView) {
    out.line(&format!("match {} for {}  {}", found.name, found.person, cut(found.fields.get())));
    out.deeper(|out| {
        found.events.iter().for_each(|event| out.line(&used(event)));
        if !found.also.is_empty() {
            out.line(&format!("also {}", found.also.join(", ")));
        }
        if let Some(once) = &found.once {
            out.line(&format!("once for {once}"));
        }
    });
}

fn used(event: &UsedEventView) -> String {
    let UsedEventView { source, id, position, kind, time, .. } = event;
    match (kind, time) {
        (Some(kind), Some(time)) => format!("from {time}  {kind}  {source}/{id}  [position {position}]"),
        _ => format!("from {source}/{id}  [position {position}, no longer kept]"),
    }
}

fn document(out: &mut Lines<'_>, document: &DocumentBody) {
    let lag = document.lag.filter(|lag| *lag > 0).map(|lag| format!(", {lag} behind")).unwrap_or_default();
    out.line(&format!("{}: read up to position {}{lag}", document.deployment, document.position));
    out.deeper(|out| {
        if document.windows.is_empty() && document.values.is_empty() && document.timers.is_empty() {
            out.line("nothing");
        }
        for window in &document.windows {
            out.line(&format!("window {}: {} kept", window.name, count(window.entries.len() as u64, "event")));
            out.deeper(|out| {
                let skipped = window.entries.len().saturating_sub(ENTRIES_SHOWN);
                if skipped > 0 {
                    out.line(&format!("({skipped} older ones)"));
                }
                for entry in &window.entries[skipped..] {
                    let amount = if entry.amount == 1 { String::new() } else { format!("  amount {}", entry.amount) };
                    let place = format!("{}/{}  [position {}]", entry.source, entry.id, entry.position);
                    out.line(&format!("{}  {}{amount}  {place}", entry.time, entry.member));
                }
            });
        }
        document.values.iter().for_each(|value| out.line(&self::value(value)));
        for timer in &document.timers {
            out.line(&format!("timer {}: due {} ({})", timer.name, timer.due, timer.clock));
        }
    });
}

fn value(value: &ValueView) -> String {
    let shown = match (&value.text, &value.hex) {
        (Some(text), _) if !text.is_empty() => cut(text),
        (_, Some(hex)) => format!("0x{}", cut(hex)),
        _ => "(empty)".to_owned(),
    };
    let expires = value.expires.as_ref().map(|expires| format!("  (until {expires})")).unwrap_or_default();
    format!("value {}: {shown}{expires}", value.name)
}

/// Cut where it gets too long for a line.
fn cut(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN).collect();
    if text.chars().nth(SHOWN).is_some() { format!("{shown} ...") } else { shown }
}

#[cfg(test)]
mod tests;
