//! Why: a deployment of one rule in memory: events in, matches and refusals out.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};

use serde_json::{Value, json};

use super::document::Document;
use super::event::TestEvent;
use super::memory::{Found, Memory};
use super::route::route;
use crate::lifecycle::configure;
use crate::{Context, Diagnostic, Event, Plan, Queries, Query, QueryContext, Refusal, Reply, Rule};

/// A deployment of the rule `R`.
pub struct Host<R> {
    rule: R,
    plan: Plan,
    documents: BTreeMap<String, Document>,
    matches: Vec<Found>,
    refusals: Vec<Refused>,
    log: Vec<String>,
    events: u64,
}

// Not derived: that would ask every rule to be `Debug`.
impl<R> Debug for Host<R> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("plan", &self.plan).field("matches", &self.matches).finish_non_exhaustive()
    }
}

/// An event that the rule refused: nothing of it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Id of the event.
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
        let (documents, matches, refusals, log) = Default::default();
        Ok(Self { rule, plan, documents, matches, refusals, log, events: 0 })
    }

    /// Sends an event through the plan's subscriptions; those that want it call the rule. Its id, unless it has one,
    /// is the number of the event, from 1.
    pub fn event(&mut self, event: TestEvent) -> &mut Self {
        self.events += 1;
        let id = event.id.clone().unwrap_or_else(|| self.events.to_string());
        let seen: Vec<Event> =
            self.plan.subscriptions().iter().filter_map(|subscription| route(&event, &id, subscription)).collect();
        for one in seen {
            self.handle(&one, &event, &id);
        }
        self
    }

    /// Matches so far, in order.
    pub fn matches(&self) -> &[Found] {
        &self.matches
    }

    /// Refused events so far, in order.
    pub fn refusals(&self) -> &[Refused] {
        &self.refusals
    }

    /// Lines written by kept events so far: `level: message`.
    pub fn log(&self) -> &[String] {
        &self.log
    }

    /// The plan as the host would read it.
    pub fn plan(&self) -> Value {
        serde_json::to_value(&self.plan).expect("a plan is JSON")
    }

    fn handle(&mut self, event: &Event, original: &TestEvent, id: &str) {
        let mut memory = self.memory(&event.key, event.time, Some((original.clone(), id.to_owned())));
        match self.rule.on_event(event, &mut Context::new(0, event.time, &mut memory)) {
            Ok(()) => {
                memory.document.time = memory.document.time.max(event.time);
                self.documents.insert(event.key.clone(), memory.document);
                self.matches.extend(memory.found);
                self.log.extend(memory.logged);
            }
            Err(refusal) => self.refusals.push(Refused { event: id.to_owned(), refusal }),
        }
    }

    fn memory(&self, key: &str, time: u64, event: Option<(TestEvent, String)>) -> Memory {
        Memory {
            document: self.documents.get(key).cloned().unwrap_or_default(),
            lengths_ms: self.plan.window_lengths_ms(),
            time,
            event,
            observed: Vec::new(),
            found: Vec::new(),
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
        let mut memory = self.memory(key, time, None);
        let answer = self.rule.on_query(&query, &mut QueryContext::new(0, &mut memory));
        let reply = answer.unwrap_or_else(Reply::from);
        (reply.status, serde_json::from_str(&reply.body).expect("a reply is JSON"))
    }
}
