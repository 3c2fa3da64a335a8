//! Why: what one deployment of a rule reads, keeps and emits, built by `Rule::configure` and written as
//! `schema/plan.schema.json`. Problems are collected, so an operator sees all of them at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use crate::channel::is_channel;
use crate::timer::Clock;
use crate::{Diagnostic, Match, Path, Publisher, Signal, StateVersions, Subscription, Timer, VerdictKind};

/// Subscriptions of one plan.
pub(crate) const SUBSCRIPTIONS_MAX: usize = 32;
/// Event types of one subscription.
pub(crate) const TYPES_MAX: usize = 64;
/// Windows of one plan.
pub(crate) const WINDOWS_MAX: usize = 16;
/// Milliseconds: 31 days, the longest window.
pub(crate) const WINDOW_LENGTH_MAX_MS: u64 = 31 * 86_400_000;
/// Matches of one plan.
pub(crate) const MATCHES_MAX: usize = 64;
/// Timers of one plan.
pub(crate) const TIMERS_MAX: usize = 16;
/// Signals of one plan.
pub(crate) const SIGNALS_MAX: usize = 16;
/// Queries of one plan.
pub(crate) const QUERIES_MAX: usize = 32;

/// What a deployment needs. Handles that it answers belong into the rule.
#[derive(Debug, Serialize)]
pub struct Plan {
    subscriptions: Vec<Subscription>,
    windows: Vec<WindowPlan>,
    attributes: BTreeSet<String>,
    permissions: BTreeSet<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    timers: BTreeMap<String, Clock>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    signals: BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<FilterPlan>,
    state: StatePlan,
    matches: BTreeMap<String, Schema>,
    queries: BTreeMap<String, QueryPlan>,
    #[serde(skip)]
    problems: Vec<Diagnostic>,
}

/// A window of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window(u32);

/// An attribute that the rule may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute(String);

#[derive(Debug, Serialize)]
struct WindowPlan {
    name: String,
    kind: &'static str,
    length_ms: u64,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct StatePlan {
    writes: u32,
    reads: &'static [u32],
}

#[derive(Debug, Serialize)]
struct FilterPlan {
    verdicts: BTreeSet<VerdictKind>,
}

#[derive(Debug, Serialize)]
struct QueryPlan {
    parameters: Schema,
    reply: Schema,
}

impl Plan {
    pub(crate) fn new(state: StateVersions) -> Self {
        let mut plan = Self {
            subscriptions: Vec::new(),
            windows: Vec::new(),
            attributes: BTreeSet::new(),
            permissions: BTreeSet::new(),
            timers: BTreeMap::new(),
            signals: BTreeSet::new(),
            filter: None,
            state: state.into(),
            matches: BTreeMap::new(),
            queries: BTreeMap::new(),
            problems: Vec::new(),
        };
        if !state.reads.contains(&state.writes) {
            let message = format!("the module writes state version {} and cannot read it", state.writes);
            plan.refuse(Diagnostic::new("", message, "list it in `STATE.reads` of the rule"));
        }
        plan
    }

    /// Wants events of these types (at most 64), keyed by what `key` says. The name (lower-case words joined by `_`)
    /// is part of the identity of what the rule decides: keep it across versions. At most 32.
    pub fn subscribe<T: Into<String>>(
        &mut self,
        name: &str,
        types: impl IntoIterator<Item = T>,
        key: Path,
    ) -> &mut Subscription {
        let types: Vec<String> = types.into_iter().map(Into::into).collect();
        let taken = self.subscriptions.iter().any(|other| other.name == name);
        self.named("subscription", name, taken, self.subscriptions.len(), SUBSCRIPTIONS_MAX);
        if types.is_empty() || types.len() > TYPES_MAX {
            self.limit(format!("subscription `{name}` has {} event types", types.len()), 1, TYPES_MAX);
        }
        let number = self.subscriptions.len() as u32;
        self.subscriptions.push(Subscription::new(number, name.into(), types, key));
        self.subscriptions.last_mut().expect("one was just pushed")
    }

    /// An exact sliding window over event time, both edges inclusive: 1 ms to 31 days. Documents keep it by its name:
    /// keep that across versions. At most 16.
    pub fn sliding(&mut self, name: &str, length: Duration) -> Window {
        let length_ms = milliseconds(length);
        let taken = self.windows.iter().any(|other| other.name == name);
        self.named("window", name, taken, self.windows.len(), WINDOWS_MAX);
        if length_ms == 0 || length_ms > WINDOW_LENGTH_MAX_MS {
            self.limit(format!("window `{name}` is {length_ms} ms long"), 1, WINDOW_LENGTH_MAX_MS);
        }
        self.windows.push(WindowPlan { name: name.into(), kind: "sliding", length_ms });
        Window(self.windows.len() as u32 - 1)
    }

    /// A match that the rule may emit, with the schema of its fields; asks for the permission `matches`. At most 64.
    pub fn emits<T: Serialize + JsonSchema>(&mut self, name: &str) -> Match<T> {
        self.named("match", name, self.matches.contains_key(name), self.matches.len(), MATCHES_MAX);
        self.permissions.insert("matches");
        self.matches.insert(name.into(), schema::<T>());
        Match::new(name.into())
    }

    /// Asks for the permission `publish`; what is answered belongs to `cx.publish`.
    pub fn publishes(&mut self) -> Publisher {
        self.permissions.insert("publish");
        Publisher::new()
    }

    /// A timer on the host's clock, as ticks in the journal tell it; it comes back through `Timers::on_timer`.
    /// Documents keep it by its name: keep that across versions. At most 16, with those of `timer_event`.
    pub fn timer_receive(&mut self, name: &str) -> Timer {
        self.timer(name, Clock::Receive)
    }

    /// A timer on the watermark, which says that events up to a time have come; otherwise as `timer_receive`.
    pub fn timer_event(&mut self, name: &str) -> Timer {
        self.timer(name, Clock::Event)
    }

    /// A signal that keys of the deployment send to each other (`cx.signal`); it comes back through `Signals::on_signal`.
    /// Asks for the permission `signals`. At most 16.
    pub fn signal(&mut self, name: &str) -> Signal {
        self.named("signal", name, self.signals.contains(name), self.signals.len(), SIGNALS_MAX);
        self.permissions.insert("signals");
        self.signals.insert(name.into());
        Signal::new(name.into())
    }

    /// Makes the deployment a filter (`Filter::judge`) that may reach these verdicts and no others.
    pub fn judges(&mut self, verdicts: impl IntoIterator<Item = VerdictKind>) {
        let verdicts: BTreeSet<VerdictKind> = verdicts.into_iter().collect();
        if verdicts.is_empty() {
            let hint = "name the verdicts in `plan.judges([..])`";
            self.refuse(Diagnostic::new("", "the filter reaches no verdict", hint));
        }
        self.filter = Some(FilterPlan { verdicts });
    }

    /// A question that the rule answers (`Queries::on_query`), with the types of its parameters and its body. At most 32.
    pub fn answers<P: JsonSchema, R: JsonSchema>(&mut self, name: &str) {
        self.named("query", name, self.queries.contains_key(name), self.queries.len(), QUERIES_MAX);
        self.queries.insert(name.into(), QueryPlan { parameters: schema::<P>(), reply: schema::<R>() });
    }

    /// An attribute that no field of an input carries: `scene`, `receivedat`, `late`, `now`, `hops`, or a CloudEvents
    /// extension.
    pub fn attribute(&mut self, name: &str) -> Attribute {
        self.attributes.insert(name.into());
        Attribute(name.into())
    }

    /// Refuses the configuration unless the value lies in the range; `unit` is for the message.
    pub fn check<T: PartialOrd + Display>(&mut self, place: &str, value: T, range: RangeInclusive<T>, unit: &str) {
        if !range.contains(&value) {
            let (least, most) = (range.start(), range.end());
            let message = format!("{value} {unit} is outside {least} to {most} {unit}");
            self.refuse(Diagnostic::new(place, message, format!("choose a value from {least} to {most}")));
        }
    }

    /// Refuses the configuration unless the host has this channel: one that it has not is a trap in `Verdict::downgrade`.
    pub fn check_channel(&mut self, place: &str, channel: &str) {
        if !is_channel(channel) {
            let shown: String = channel.chars().take(80).collect();
            let hint =
                "there are `app`, `log`, and `slot:` with a name of 1 to 63 of a-z, 0-9 and, behind the first, -";
            self.refuse(Diagnostic::new(place, format!("there is no channel `{shown}`"), hint));
        }
    }

    /// Refuses the configuration, and goes on looking for further problems.
    pub fn refuse(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    pub(crate) fn take_problems(&mut self) -> Vec<Diagnostic> {
        std::mem::take(&mut self.problems)
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn subscriptions(&self) -> &[Subscription] {
        &self.subscriptions
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn window_lengths_ms(&self) -> Vec<u64> {
        self.windows.iter().map(|window| window.length_ms).collect()
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn has_query(&self, name: &str) -> bool {
        self.queries.contains_key(name)
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn clock(&self, timer: &str) -> Option<Clock> {
        self.timers.get(timer).copied()
    }

    /// None: it is no filter.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn verdicts(&self) -> Option<&BTreeSet<VerdictKind>> {
        self.filter.as_ref().map(|filter| &filter.verdicts)
    }

    fn timer(&mut self, name: &str, clock: Clock) -> Timer {
        self.named("timer", name, self.timers.contains_key(name), self.timers.len(), TIMERS_MAX);
        self.timers.insert(name.into(), clock);
        Timer::new(name.into())
    }

    fn named(&mut self, what: &str, name: &str, taken: bool, count: usize, most: usize) {
        if taken {
            let hint = "give each its own name";
            self.refuse(Diagnostic::new("", format!("there are two {what} entries named `{name}`"), hint));
        }
        if !is_name(name) {
            let hint = "use lower-case words joined by `_`, at most 64 bytes";
            self.refuse(Diagnostic::new("", format!("`{name}` is no name for a {what}"), hint));
        }
        if count >= most {
            self.limit(format!("there are more than {most} {what} entries"), 0, most);
        }
    }

    fn limit(&mut self, message: String, least: impl Display, most: impl Display) {
        self.refuse(Diagnostic::new("", message, format!("stay within {least} to {most}")));
    }
}

impl Window {
    pub(crate) fn number(self) -> u32 {
        self.0
    }
}

impl Attribute {
    pub(crate) fn name(&self) -> &str {
        &self.0
    }
}

impl From<StateVersions> for StatePlan {
    fn from(versions: StateVersions) -> Self {
        Self { writes: versions.writes, reads: versions.reads }
    }
}

/// JSON Schema 2020-12 of a type.
pub(crate) fn schema<T: JsonSchema>() -> Schema {
    SchemaGenerator::default().into_root_schema_for::<T>()
}

/// Whole milliseconds, saturating.
pub(crate) fn milliseconds(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

/// Lower-case words joined by `_`, 1 to 64 bytes, the first beginning with a letter.
pub(crate) fn is_name(name: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    name.len() <= 64 && name.starts_with(|first: char| first.is_ascii_lowercase()) && name.split('_').all(word)
}
