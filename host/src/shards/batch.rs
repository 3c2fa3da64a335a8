//! A batch: the next inputs of one reader, routed, up to a size in inputs and bytes.

use std::collections::HashMap;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

use super::agenda::{Agenda, Due};
use super::facts::{self, Wants};
use super::keeping::{self, HANDED_OVER};
use super::reader::Reader;
use crate::codec::Needs;
use crate::engine::{Input, What};
use crate::journal::ReadError;
use crate::model::outreach::{Deed, Outreach};
use crate::model::{
    Change, DeploymentId, Document, End, Event, Frame, InputOutcome, InputRecord, Limits, Lsn, Outcome, Plan, ShardSet,
    Signalled, Tick, Timer, TimerClock, Via, shard_of,
};
use crate::registry::Registry;
use crate::router::{Routed, Router};

/// For whom a batch is collected.
pub struct Wanted<'a> {
    pub business: &'a str,
    pub deployment: DeploymentId,
    pub plan: &'a Plan,
    pub router: &'a Router,
    pub agenda: &'a Agenda,
    pub registry: &'a Registry,
    /// Where it must stop: the position is not taken.
    pub end: Option<Lsn>,
}

impl Wants for Wanted<'_> {
    fn wants(&self, event_type: &str) -> bool {
        self.router.subscribes(event_type)
    }
}

/// Inputs of one frame whose outcomes fit one frame together, at `effect_bytes` each.
const CROWD: usize = 32;

/// How much one batch takes at most.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub inputs: usize,
    pub bytes: usize,
    /// Frames looked at, so that a reader that skips much still gives way to others.
    pub frames: usize,
}

impl Size {
    pub fn new(inputs: usize, limits: &Limits) -> Size {
        let inputs = inputs.clamp(1, limits.batch_inputs as usize);
        Size { inputs, bytes: limits.batch_bytes as usize, frames: 4 * limits.batch_inputs as usize }
    }
}

#[derive(Default)]
pub struct Batch {
    pub inputs: Arc<Vec<Input>>,
    /// Keys of the documents that the inputs index.
    pub keys: Vec<Arc<str>>,
    index: HashMap<Arc<str>, usize, FxBuildHasher>,
    /// Inputs that no call is made for, by the number of calls before them.
    pub bad: Vec<(usize, InputRecord)>,
    /// Everything up to here is in the batch or not for this reader.
    pub position: Lsn,
    /// Documents as they were, where one frame holds so many inputs that what they come to may not fit another.
    pub before: Vec<Document>,
    pub crowded: bool,
    /// It ends with a control frame: whatever that changed must be known before anything behind it is run.
    pub control: bool,
    bytes: usize,
    /// Inputs that are timers whose documents have not been looked at.
    pub(super) timers: Vec<usize>,
}

impl Batch {
    /// Takes frames until the batch is full, nothing is left, a control frame was taken, or `end` is reached (which is
    /// not taken). A tick with more timers than fit stays where it is.
    pub fn collect(reader: &mut Reader, wanted: &Wanted<'_>, size: Size) -> Result<Batch, ReadError> {
        reader.settle();
        reader.need(Needs::Telling { matches: wanted.wants(facts::MATCH) });
        let batch = Batch { position: reader.position(), ..Batch::default() };
        let mut gather = Gather { batch, inputs: Vec::new(), watermark: 0 };
        for _ in 0..size.frames {
            let shards = reader.shards;
            gather.watermark = reader.watermark();
            let Some((lsn, frame)) = reader.peek()? else { break };
            if wanted.end.is_some_and(|end| *lsn >= end) {
                break;
            }
            let (lsn, frame) = (*lsn, frame.clone());
            gather.batch.control = matches!(frame, Frame::Control(_));
            let room = size.inputs.saturating_sub(gather.inputs.len()).max(1);
            let inputs = gather.inputs.len();
            if !gather.frame(lsn, &frame, wanted, shards, room) {
                break;
            }
            reader.take();
            gather.batch.crowded |= gather.inputs.len() - inputs > CROWD;
            gather.batch.position = lsn;
            let ticked = !gather.batch.timers.is_empty();
            if gather.batch.control || ticked || gather.is_full(size) {
                break;
            }
        }
        gather.batch.inputs = Arc::new(gather.inputs);
        Ok(gather.batch)
    }

    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty() && self.bad.is_empty()
    }

    /// Inputs that a module is called for.
    pub fn called(&self) -> usize {
        self.inputs.iter().filter(|input| !matches!(input.what, What::Keep(_))).count()
    }

    /// Number of a key's document.
    pub fn document(&self, key: &str) -> Option<usize> {
        self.index.get(key).copied()
    }

    /// The records of the inputs that were run, with those of the bad ones where they belong. `before` cuts at a
    /// position whose inputs did not all run; those of a tick stand that did.
    pub fn records(&mut self, outcomes: Vec<InputOutcome>, before: Option<Lsn>) -> Vec<InputRecord> {
        let mut bad = std::mem::take(&mut self.bad).into_iter().peekable();
        let mut records = Vec::with_capacity(outcomes.len());
        for (run, (input, outcome)) in self.inputs.iter().zip(outcomes).enumerate() {
            while let Some((_, record)) = bad.next_if(|(after, _)| *after <= run) {
                records.push(record);
            }
            records.push(InputRecord {
                lsn: input.lsn,
                replay_of: input.replay_of,
                time: input.time(),
                via: input.via().unwrap_or(Via::Subscription(0)),
                hops: input.hops(),
                key: (&*input.key).into(),
                outcome: InputOutcome { undeduplicated: input.undeduplicated(), ..outcome },
            });
        }
        records.extend(bad.map(|(_, record)| record));
        records.retain(|record| before.is_none_or(|before| record.lsn < before || record.via.is_by_tick()));
        records
    }
}

/// A batch under collection.
pub(super) struct Gather {
    pub(super) batch: Batch,
    pub(super) inputs: Vec<Input>,
    /// Of the last tick that the reader has passed, milliseconds.
    pub(super) watermark: u64,
}

impl Gather {
    fn is_empty(&self) -> bool {
        self.inputs.is_empty() && self.batch.bad.is_empty()
    }

    fn is_full(&self, size: Size) -> bool {
        self.inputs.len() + self.batch.bad.len() >= size.inputs || self.batch.bytes >= size.bytes
    }

    /// What a frame holds for the deployment. False if it holds more than `room`.
    fn frame(&mut self, lsn: Lsn, frame: &Frame, wanted: &Wanted<'_>, shards: ShardSet, room: usize) -> bool {
        let own = |business: &str| *business == *wanted.business;
        match frame {
            Frame::Input(event) if own(&event.business) => self.event(lsn, event, wanted, shards),
            Frame::Tick(tick) => return self.tick(lsn, *tick, wanted, shards, room),
            Frame::Outcome(outcome) => self.outcome(lsn, outcome, wanted, shards),
            Frame::Outreach(outreach) => {
                self.settlements(lsn, outreach, wanted.deployment, shards);
                facts::of_outreach(outreach, wanted, |business, event| {
                    if own(business) {
                        self.event(lsn, &Arc::new(event), wanted, shards);
                    }
                });
            }
            Frame::Control(control) => {
                if let Change::Resent(resend) = &control.change {
                    self.resent(lsn, resend, wanted, shards);
                }
                facts::of_control(lsn, control, wanted.registry, |business, event| {
                    if own(business) {
                        self.event(lsn, &Arc::new(event), wanted, shards);
                    }
                });
            }
            Frame::Input(_) | Frame::Report(_) | Frame::Mark(_) => {}
        }
        true
    }

    /// Derived events, and of an outcome of the deployment itself its signals: record by record, so that the order is the same
    /// however records fall into frames.
    fn outcome(&mut self, lsn: Lsn, outcome: &Outcome, wanted: &Wanted<'_>, shards: ShardSet) {
        let own = outcome.deployment == wanted.deployment;
        let parts = if own { 1 } else { outcome.inputs.len().max(1) };
        for records in outcome.inputs.chunks(parts) {
            records.iter().filter(|_| own).for_each(|record| self.signals(lsn, outcome, record, shards));
            facts::of_records(outcome, records, wanted.registry, wanted, |business, event| {
                if *business == *wanted.business {
                    self.event(lsn, &Arc::new(event), wanted, shards);
                }
            });
        }
    }

    fn signals(&mut self, lsn: Lsn, outcome: &Outcome, record: &InputRecord, shards: ShardSet) {
        for signal in record.outcome.signals.iter().filter(|signal| shards.contains(shard_of(&signal.key))) {
            let signalled = Signalled {
                id: signal.id,
                name: signal.name.clone(),
                payload: signal.payload.clone(),
                sender: record.key.clone(),
                time: record.time,
                received: outcome.now,
                state_version: outcome.state_version,
                hops: record.hops.saturating_add(1),
            };
            let bytes = signal.payload.len() + record.key.len();
            self.add(lsn, (&*signal.key).into(), What::Signal(Arc::new(signalled)), bytes);
        }
    }

    fn event(&mut self, lsn: Lsn, event: &Arc<Event>, wanted: &Wanted<'_>, shards: ShardSet) {
        wanted.router.route(wanted.plan, event, |routed| {
            if shards.contains(shard_of(routed_key(&routed, event))) {
                self.routed(lsn, event, routed, wanted.plan);
            }
        });
    }

    pub(super) fn routed(&mut self, lsn: Lsn, event: &Arc<Event>, routed: Routed, plan: &Plan) {
        match routed {
            Routed::Input { subscription, key, .. } if keeping::is_ordered(plan, subscription) => {
                if event.time < self.watermark {
                    let record = keeping::late(lsn, event, subscription, key, self.watermark);
                    self.batch.bad.push((self.inputs.len(), record));
                    return;
                }
                let same = self.inputs.iter().rev().take_while(|input| input.lsn == lsn);
                let number = same.filter(|input| *input.key == *key).count();
                let kept = keeping::keep(plan, lsn, event, subscription, number);
                let bytes = event.data.len() + event.subject.len() + event.actor.len() + event.id.len();
                self.add(lsn, key.into(), kept, bytes);
            }
            Routed::Input { subscription, key, data } => {
                let bytes = event.data.len() + event.subject.len() + event.actor.len() + event.id.len();
                self.add(lsn, key.into(), What::Event { event: event.clone(), subscription, data, from: None }, bytes);
            }
            Routed::Bad { subscription, code, message } => {
                let end = End::Refused { code: code.into(), message: message.into() };
                let outcome = InputOutcome::without_effects(end);
                let via = Via::Subscription(subscription);
                let record = InputRecord {
                    lsn,
                    replay_of: None,
                    time: event.time,
                    via,
                    hops: event.hops,
                    key: "".into(),
                    outcome,
                };
                self.batch.bad.push((self.inputs.len(), record));
            }
        }
    }

    fn tick(&mut self, lsn: Lsn, tick: Tick, wanted: &Wanted<'_>, shards: ShardSet, room: usize) -> bool {
        if !self.is_empty() && wanted.plan.sets_timers() {
            // What is before the tick may set timers that it fires: the agenda does not know of them yet.
            return false;
        }
        let mut due = wanted.agenda.due(tick, lsn, shards, room + 1);
        if !due.is_empty() && !self.is_empty() {
            // What is before the tick may still cancel or move them.
            return false;
        }
        let found = due.len();
        due.truncate(if due.iter().any(|due| keeping::is_kept(&due.name)) { room.min(HANDED_OVER) } else { room });
        let sets_timers = wanted.plan.timers.values().any(|clock| *clock == TimerClock::Event);
        take_turns(&mut due, sets_timers);
        // What is handed over may set a timer that this very tick fires before what comes later.
        let more = sets_timers && due.iter().any(|due| keeping::is_kept(&due.name));
        let all = due.len() == found && !more;
        for Due { key, name, clock, .. } in due {
            let now = if clock == TimerClock::Event { tick.watermark } else { tick.now };
            self.batch.timers.push(self.inputs.len());
            // The document has the rest: it is not at hand before the batch is run.
            self.add(lsn, key, What::Timer { name, timer: Timer::default(), now }, 0);
        }
        all
    }

    fn settlements(&mut self, lsn: Lsn, outreach: &Outreach, deployment: DeploymentId, shards: ShardSet) {
        for deed in &outreach.deeds {
            if let Deed::Settled(settled) = deed
                && settled.deployment == deployment
                && shards.contains(shard_of(&settled.key))
            {
                let bytes = settled.context.len() + settled.answer.len();
                self.add(lsn, (&*settled.key).into(), What::Settlement(Arc::new(settled.clone())), bytes);
            }
        }
    }

    pub(super) fn add(&mut self, lsn: Lsn, key: Arc<str>, what: What, bytes: usize) {
        let fresh = self.batch.keys.len();
        let document = *self.batch.index.entry(key.clone()).or_insert(fresh);
        if document == fresh {
            self.batch.keys.push(key.clone());
        }
        self.batch.bytes += bytes + key.len();
        self.inputs.push(Input { lsn, replay_of: None, key, document, what });
    }
}

/// Leaves what can be handled at once. One timer may cancel another of its key, so they take turns; of kept inputs, which
/// nothing cancels, several of a key go together in their order, unless they set timers that belong between them.
fn take_turns(due: &mut Vec<Due>, sets_timers: bool) {
    // Of each key: may more follow?
    let mut open: HashMap<Arc<str>, bool, FxBuildHasher> = HashMap::default();
    due.retain(|due| {
        let joins = keeping::is_kept(&due.name) && !sets_timers;
        match open.get_mut(&due.key) {
            None => {
                open.insert(due.key.clone(), joins);
                true
            }
            Some(open) => {
                *open &= joins;
                *open
            }
        }
    });
}

/// An input belongs to its key's shard; one without a usable key to that of its event's id.
pub(super) fn routed_key<'a>(routed: &'a Routed, event: &'a Event) -> &'a str {
    match routed {
        Routed::Input { key, .. } => key,
        Routed::Bad { .. } => &event.id,
    }
}
