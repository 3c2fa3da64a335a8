//! Runs batches of one deployment revision on a long-lived instance, and falls back to single runs on fresh ones.

mod batch;

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::Store;

use batch::Undo;

use super::bindings::queries;
use super::bindings::queries::exports::fishpond::plugin::queries::Query as QueryRecord;
use super::call::{Call, Violation};
use super::error::{ConfigureError, HostFailure};
use super::handlers::Handlers;
use super::host::HostState;
use super::identity::Scope;
use super::input::{Input, QueryInput, What};
use super::instance::{self, Failed};
use super::module::{Configured, Module};
use super::settings::{QueryFailure, Settings};
use crate::model::{Document, End, InputOutcome, Lsn, Reply};

/// What a batch came to. Documents are where they were put, changed or not.
#[derive(Default)]
pub struct Ran {
    /// Of all inputs, or of those before the position at which it stopped.
    pub outcomes: Vec<InputOutcome>,
    /// The fault that stopped the batch.
    pub fault: Option<Fault>,
    /// The first position that was not run, or not all of it where its inputs stand alone: there were `quarantine_faults`
    /// faults before that, and others wait.
    pub stopped: Option<Lsn>,
    /// Guest time of all calls, failed ones included.
    pub guest_time: Duration,
    pub fuel: u64,
    /// Calls into the guest: 1 when nothing failed.
    pub calls: u32,
}

/// The input that stopped a batch, and how it ended. Nothing of its journal position has taken effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub lsn: Lsn,
    pub key: Arc<str>,
    pub end: End,
}

/// One per worker and deployment revision.
pub struct Runner {
    module: Arc<Module>,
    settings: Arc<Settings>,
    envelope: Box<str>,
    instance: Option<Instance>,
    /// Instances made so far: the seed of the next one's life.
    generation: u64,
    /// Every input alone on a fresh instance: what a module that keeps no state in globals cannot tell apart.
    singly: bool,
}

struct Instance {
    store: Store<HostState>,
    handlers: Handlers,
    queries: Option<queries::ExportsQueries>,
    calls_left: u64,
    used: Instant,
}

/// How a call has ended. After a failure documents are as they were.
enum CallEnd {
    Finished(Vec<InputOutcome>),
    /// At this input, as far as the host can tell.
    Failed(usize, Failure),
}

enum Failure {
    Failed(Failed),
    Violated(Violation),
}

impl Runner {
    /// The plan is the stored one; an instance that answers another is refused. The scope is a part of all identities
    /// that are made.
    pub fn new(
        module: Arc<Module>,
        scope: &Scope,
        envelope: &str,
        configured: Configured,
        permissions: Vec<Box<str>>,
    ) -> Result<Runner, ConfigureError> {
        let settings = Settings::new(scope.clone(), configured, permissions)?;
        Ok(Runner {
            module,
            settings: Arc::new(settings),
            envelope: envelope.into(),
            instance: None,
            generation: 0,
            singly: false,
        })
    }

    /// Makes every input run alone on a fresh instance: the checker mode of the scenario runner.
    pub fn run_singly(&mut self) {
        self.singly = true;
    }

    /// Tries the module once as a worker will: instance, `configure`, equal plan.
    pub fn smoke(&mut self) -> Result<(), HostFailure> {
        self.instance = Some(self.instantiate()?);
        Ok(())
    }

    /// What it keeps between calls, if it does: linear memory in bytes, and when it was last used.
    pub fn kept(&self) -> Option<(usize, Instant)> {
        self.instance.as_ref().map(|instance| (instance.memory_used(), instance.used))
    }

    /// Keeps nothing: the next call makes another instance.
    pub fn let_go(&mut self) {
        self.instance = None;
    }

    /// Runs inputs of one kind in order. `documents` are those that the inputs index; after an error they are as they
    /// were.
    ///
    /// A timer that is handled is gone from its document, however handling it ended.
    ///
    /// An input at which a batch traps, spends its fuel or breaks a limit runs alone on a fresh instance: what fails again is
    /// its outcome. Those before it, and those behind it, have calls of their own. After `quarantine_faults` faults it stops
    /// before the next position, or the next timer of a tick, so that others have their turns. With `stop_at_fault` a trap or spent fuel ends
    /// the batch before the journal position that it belongs to.
    pub fn run(
        &mut self,
        inputs: &Arc<Vec<Input>>,
        documents: &mut Vec<Document>,
        stop_at_fault: bool,
    ) -> Result<Ran, HostFailure> {
        let started = Instant::now();
        let mut ran = Ran::default();
        let singly = self.singly || inputs.iter().any(|input| self.unanswerable(input).is_some());
        if singly {
            let patience = self.module.engine.limits.quarantine_faults;
            self.run_each(inputs, documents, &mut ran, stop_at_fault, patience)?;
        } else {
            self.run_batch(inputs, documents, &mut ran, stop_at_fault)?;
        }
        ran.guest_time = started.elapsed();
        Ok(ran)
    }

    /// How an input ends that no handler of this revision is for: it has gone in circles, or an earlier revision has set the
    /// timer, sent the signal, or given the context. A missing `events` is not of this sort, because `configure` has seen it.
    fn unanswerable(&self, input: &Input) -> Option<End> {
        let (plan, exports) = (&self.settings.configured.plan, &self.module.exports);
        // A count that can rise no further must not go on either.
        let (hops, most) = (input.hops(), self.module.engine.limits.hops.min(u64::from(u8::MAX) - 1));
        // An answer to what was let pass comes home, and no chain goes round without an event.
        let is_led_to = !matches!(input.what, What::Settlement(_) | What::Action(_));
        if is_led_to && u64::from(hops) > most {
            let message = format!(
                "{hops} derived events and signals lie between an outside event and this input, at most {most} are \
                 allowed (`hops`): look for rules that feed each other"
            );
            return Some(refused("hops", message));
        }
        match &input.what {
            What::Timer { name, .. } if !plan.timers.contains_key(name) => {
                Some(refused("unknown_timer", format!("the plan of this revision has no timer `{name}`")))
            }
            What::Signal(signal) if !plan.signals.contains(&signal.name) => {
                let name = &signal.name;
                Some(refused("unknown_signal", format!("the plan of this revision has no signal `{name}`")))
            }
            What::Event { subscription, .. } if *subscription as usize >= plan.subscriptions.len() => Some(refused(
                "no_handler",
                "the plan of this revision lacks the subscription for which an earlier one has kept the input"
                    .to_owned(),
            )),
            What::Settlement(_) if exports.settlements.is_none() => {
                Some(refused("no_handler", "the module exports no `settlements`".to_owned()))
            }
            What::Action(_) if plan.filter.is_none() => {
                Some(refused("no_handler", "this revision is no filter: its plan has no `filter`".to_owned()))
            }
            _ => None,
        }
    }

    fn watchdog(&self) -> HostFailure {
        let limit = self.module.engine.limits.watchdog_ms;
        HostFailure(format!("a call took longer than {limit} ms by the wall clock (`watchdog_ms`)"))
    }

    /// A limit that wasmtime watches for us.
    fn broken_limit(&self, error: &wasmtime::Error) -> Option<Violation> {
        instance::violation(error, &self.module.engine.limits)
    }

    /// One call into the guest. An instance survives only a call that finished.
    fn call(
        &mut self,
        inputs: &Arc<Vec<Input>>,
        documents: &mut Vec<Document>,
        ran: &mut Ran,
        undo: &mut Undo,
    ) -> Result<CallEnd, HostFailure> {
        let mut instance = self.take_instance()?;
        let fuel = self.module.engine.limits.fuel_per_input;
        instance::arm(&mut instance.store, &self.module.engine, fuel);
        instance.store.data_mut().call =
            Some(Call::new(self.settings.clone(), inputs.clone(), std::mem::take(documents)));
        let called = instance.handlers.handle(&mut instance.store, &self.settings.configured.plan, inputs);
        ran.calls += 1;
        ran.fuel += fuel - instance.store.get_fuel().unwrap_or(0);
        let Some(call) = instance.store.data_mut().call.take() else {
            return Err(HostFailure("the call was lost".to_owned()));
        };
        let called = match called {
            Ok(called) => called,
            Err(failure) => {
                *documents = call.undo();
                return Err(failure);
            }
        };
        match called {
            Ok(()) => {
                let finished = call.finish();
                *documents = finished.documents;
                undo.keep_all(finished.earlier);
                self.keep(instance);
                Ok(CallEnd::Finished(finished.outcomes))
            }
            Err(error) => {
                let violation = call.violation.clone().or_else(|| self.broken_limit(&error));
                let failed = match (instance::classify(&error), call.last_words()) {
                    // A language's panic is a bare `unreachable`; what it logged before says why.
                    (Failed::Trap(trap), Some(words)) => Failed::Trap(format!("{words} ({trap})")),
                    (failed, _) => failed,
                };
                let at = call.last_begun();
                *documents = call.undo();
                if failed == Failed::Watchdog && inputs.len() == 1 {
                    return Err(self.watchdog());
                }
                Ok(CallEnd::Failed(at, violation.map_or(Failure::Failed(failed), Failure::Violated)))
            }
        }
    }

    /// Answers a question about a document; nothing is changed and nothing is kept.
    pub fn query(&mut self, query: QueryInput, document: Document) -> Result<Reply, QueryFailure> {
        self.settings.check_query(&query.name, &query.parameters)?;
        let mut instance = self.take_instance().map_err(|failure| QueryFailure::Host(failure.0))?;
        let Some(guest) = &instance.queries else {
            return Err(QueryFailure::Host("the module exports no `queries`".to_owned()));
        };
        instance::arm(&mut instance.store, &self.module.engine, self.module.engine.limits.fuel_per_input);
        instance.store.data_mut().call = Some(Call::for_query(self.settings.clone(), query.clone(), document));
        let record = QueryRecord {
            key: &query.key,
            name: &query.name,
            user: "",
            time: query.time,
            parameters: &query.parameters,
        };
        let called = guest.fishpond_plugin_queries().call_handle(&mut instance.store, &[record]);
        let call = instance.store.data_mut().call.take();
        let violation = call.as_ref().and_then(|call| call.violation.clone());
        let effects = call.and_then(|call| call.finish().outcomes.pop());
        if let Err(error) = called {
            let (code, message) = match (violation.or_else(|| self.broken_limit(&error)), instance::classify(&error)) {
                (Some(violation), _) => (violation.code, violation.message),
                (None, Failed::Fuel) => ("fuel", "the query used up its fuel (`fuel_per_input`)".to_owned()),
                (None, Failed::Trap(message)) => ("trap", message),
                (None, Failed::Watchdog) => return Err(QueryFailure::Host(self.watchdog().0)),
            };
            return Err(QueryFailure::Refused { code: code.into(), message: message.into() });
        }
        self.keep(instance);
        let Some(outcome) = effects else { return Err(QueryFailure::Host("the call was lost".to_owned())) };
        if let End::Refused { code, message } = outcome.end {
            return Err(QueryFailure::Refused { code, message });
        }
        let no_reply = QueryFailure::Refused { code: "no_reply".into(), message: "the module did not reply".into() };
        outcome.reply.ok_or(no_reply)
    }

    fn take_instance(&mut self) -> Result<Instance, HostFailure> {
        match self.instance.take() {
            Some(instance) => Ok(instance),
            None => self.instantiate(),
        }
    }

    /// Puts an instance back, unless it is due for replacement.
    fn keep(&mut self, mut instance: Instance) {
        instance.calls_left -= 1;
        instance.used = Instant::now();
        let grown = instance.memory_used() > self.module.engine.limits.instance_memory_bytes as usize;
        if instance.calls_left > 0 && !grown {
            self.instance = Some(instance);
        }
    }

    fn instantiate(&mut self) -> Result<Instance, HostFailure> {
        let (mut store, wasm) = self.module.instantiate()?;
        let answer = self.module.call_configure(&mut store, &wasm, &self.envelope).map_err(HostFailure)?;
        match answer {
            Ok(plan) if plan == self.settings.configured.json => {}
            Ok(_) => return Err(HostFailure("`configure` answered another plan than the stored one".to_owned())),
            Err(_) => return Err(HostFailure("`configure` refuses the configuration that it had accepted".to_owned())),
        }
        let missing = |error: wasmtime::Error| HostFailure(format!("an export is gone: {error:#}"));
        let handlers = Handlers::load(&self.module.exports, &mut store, &wasm);
        let queries = self.module.exports.queries.as_ref().map(|indices| indices.load(&mut store, &wasm));
        Ok(Instance {
            handlers: handlers.map_err(missing)?,
            queries: queries.transpose().map_err(missing)?,
            calls_left: self.next_life(),
            used: Instant::now(),
            store,
        })
    }

    /// Calls until replacement: seeded by the module and the generation, so that instances of one host do not all
    /// end at once and a run can be repeated.
    fn next_life(&mut self) -> u64 {
        self.generation += 1;
        let most = self.module.engine.limits.instance_calls.max(2);
        let mut seed = self.module.digest.0.to_vec();
        seed.extend(self.generation.to_le_bytes());
        most / 2 + xxhash_rust::xxh3::xxh3_64(&seed) % (most / 2)
    }
}

fn refused(code: &str, message: String) -> End {
    End::Refused { code: code.into(), message: message.into() }
}

/// The input has ended so, and the module has done nothing.
fn without_handling(input: &Input, document: &mut Document, end: End) -> InputOutcome {
    let ops: Vec<_> = input.consumption(document).into_iter().collect();
    ops.iter().for_each(|op| document.apply(op.clone()));
    InputOutcome { ops, ..InputOutcome::without_effects(end) }
}

impl Instance {
    fn memory_used(&self) -> usize {
        self.store.data().bounds.memory_used
    }
}
