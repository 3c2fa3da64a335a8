//! Why: a deployment of one rule in memory: inputs in, matches, published events and refusals out. Timers are in
//! `clock`, signals in `signals`, actions and settlements in `chain`.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};

use serde_json::{Value, json};

use super::document::Document;
use super::event::TestEvent;
use super::input::Input;
use super::memory::{Found, Memory, Published, Sent};
use super::route::route;
use crate::lifecycle::configure;
use crate::{Context, Diagnostic, Event, Plan, Queries, Query, QueryContext, Refusal, Reply, Rule};

/// A deployment of the rule `R`.
pub struct Host<R> {
    rule: R,
    pub(super) plan: Plan,
    pub(super) documents: BTreeMap<String, Document>,
    /// Kept verdicts with a context, by the action's id: the person and the context.
    pub(super) unsettled: BTreeMap<String, (String, String)>,
    matches: Vec<Found>,
    published: Vec<Published>,
    pub(super) sent: Vec<Sent>,
    pub(super) refusals: Vec<Refused>,
    log: Vec<String>,
    events: u64,
    pub(super) actions: u64,
}

// Not derived: that would ask every rule to be `Debug`.
impl<R> Debug for Host<R> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("plan", &self.plan).field("matches", &self.matches).finish_non_exhaustive()
    }
}

/// An input that the rule refused: nothing of it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Id of the event or of the action; of a timer `name@time`, of a signal `name<sender`.
    pub event: String,
    /// Why.
    pub refusal: Refusal,
}

impl<R: Rule> Host<R> {
    /// Deploys the rule with a configuration.
    ///
    /// # Errors
    /// What the rule says about the configuration.
    pub fn new(configuration: Value) -> Result<Self, Vec<Diagnostic>> {
        let envelope = json!({
            "contract": "0.1",
            "business": "test",
            "deployment": "test",
            "configuration": configuration,
            "limits": { "document_bytes": 65_536, "fuel": 50_000_000, "matches_per_input": 16 },
        });
        let (rule, plan) = configure::<R>(&envelope.to_string())?;
        let (documents, unsettled, matches, published, sent, refusals, log) = Default::default();
        Ok(Self { rule, plan, documents, unsettled, matches, published, sent, refusals, log, events: 0, actions: 0 })
    }

    /// Sends an event through the plan's subscriptions; those that want it call the rule. Its id, unless it has one,
    /// is the number of the event, from 1.
    pub fn event(&mut self, event: TestEvent) -> &mut Self {
        self.events += 1;
        let id = event.id.clone().unwrap_or_else(|| self.events.to_string());
        let seen: Vec<Event> =
            self.plan.subscriptions().iter().filter_map(|subscription| route(&event, &id, subscription)).collect();
        for one in seen {
            let input = Input::Event { event: event.clone(), id: id.clone() };
            // A refusal is kept by `run`; there is nobody to answer.
            let _ = self.run(&one.key, one.time, input, |()| true, |rule, cx| rule.on_event(&one, cx));
        }
        self
    }

    /// Matches so far, in order.
    pub fn matches(&self) -> &[Found] {
        &self.matches
    }

    /// Events published so far, in order. They are not handed to the rule: send it what it subscribes to.
    pub fn published(&self) -> &[Published] {
        &self.published
    }

    /// Signals that were sent and not delivered yet, in order: see [`Host::deliver`].
    pub fn signals(&self) -> &[Sent] {
        &self.sent
    }

    /// Refused inputs so far, in order.
    pub fn refusals(&self) -> &[Refused] {
        &self.refusals
    }

    /// Lines written by kept inputs so far: `level: message`.
    pub fn log(&self) -> &[String] {
        &self.log
    }

    /// The plan as the host would read it.
    pub fn plan(&self) -> Value {
        serde_json::to_value(&self.plan).expect("a plan is JSON")
    }

    /// Runs the rule on one input; what it did is kept if it is not refused and `keep` says so.
    pub(super) fn run<T>(
        &mut self,
        key: &str,
        time: u64,
        input: Input,
        keep: impl FnOnce(&T) -> bool,
        decide: impl FnOnce(&R, &mut Context<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut memory = self.memory(key, time, input);
        let answer = decide(&self.rule, &mut Context::new(0, time, &mut memory));
        match &answer {
            Ok(answer) if keep(answer) => self.keep(key, memory),
            Ok(_) => {}
            Err(refusal) => {
                self.refusals.push(Refused { event: memory.input.id().to_owned(), refusal: refusal.clone() });
            }
        }
        answer
    }

    fn keep(&mut self, key: &str, mut memory: Memory) {
        memory.document.time = memory.document.time.max(memory.time);
        self.documents.insert(key.to_owned(), memory.document);
        self.matches.extend(memory.found);
        self.published.extend(memory.published);
        self.sent.extend(memory.sent);
        self.log.extend(memory.logged);
    }

    fn memory(&self, key: &str, time: u64, input: Input) -> Memory {
        Memory {
            key: key.to_owned(),
            document: self.documents.get(key).cloned().unwrap_or_default(),
            lengths_ms: self.plan.window_lengths_ms(),
            time,
            input,
            observed: Vec::new(),
            found: Vec::new(),
            published: Vec::new(),
            sent: Vec::new(),
            logged: Vec::new(),
        }
    }
}

impl<R: Queries> Host<R> {
    /// Asks about a key: the status and the body of the reply.
    ///
    /// # Panics
    /// If the plan has no such query.
    pub fn query(&self, name: &str, key: &str, parameters: Value) -> (String, Value) {
        assert!(self.plan.has_query(name), "the plan has no query `{name}`");
        let time = self.documents.get(key).map_or(0, |document| document.time);
        let query = Query {
            key: key.to_owned(),
            name: name.to_owned(),
            user: String::new(),
            time,
            parameters: parameters.to_string(),
        };
        let mut memory = self.memory(key, time, Input::Query);
        let answer = self.rule.on_query(&query, &mut QueryContext::new(0, &mut memory));
        let reply = answer.unwrap_or_else(Reply::from);
        (reply.status, serde_json::from_str(&reply.body).expect("a reply is JSON"))
    }
}
