//! The desk: what is done about matches. It reads the journal like a deployment does, in rounds of jobs about different
//! persons, one each `turn`: `round` collects them, `work` says what each leads to, `chain` asks the filters, `conclude` decides, `commit`
//! appends. `person` reads and writes a person's own document, `ask` answers questions about it.
//!
//! No filter reads beyond the frame that the desk is at, and no chain runs before its filters have read everything below
//! that frame. So an opt-out before a match is always obeyed, and one behind it is not seen, however fast anybody is.

mod ask;
mod chain;
mod commit;
mod conclude;
mod look;
mod person;
mod round;
mod turn;
mod work;

use std::collections::HashSet;
use std::sync::Arc;

use super::facts::{self, Wants};
use super::reader::Reader;
use super::recovery::{PerShard, Reached, RecoveredDesk};
use super::shelf::Persons;
use super::ticks::Timekeeper;
use crate::journal::Log;
use crate::model::outreach::Deed;
use crate::model::{Change, DeploymentId, Frame, Lsn, ShardId, ShardSet, shard_of};
use crate::outreach::Rules;
pub use commit::Shelves;

use ask::Arrival;
use round::Round;
use work::Work;

pub struct Desk {
    reader: Reader,
    /// Those whose persons it serves.
    shards: ShardSet,
    /// Matches of the reader's next frame that are finished.
    done: u32,
    /// How far it is, with what is in thought left out.
    finished: Reached,
    /// What the journal or the store says of its position.
    pub(super) said: Lsn,
    /// Where each shard was at the start: some may be ahead of the reader, where another number of workers had them.
    begun: PerShard<Reached>,
    /// Policies and chains at the reader's position.
    rules: Rules,
    pub persons: Persons,
    /// A round that waits for its filters.
    pending: Option<Pending>,
    /// Receive clock of the newest job, milliseconds: it never falls.
    now: u64,
    arrivals: Vec<Arrival>,
    filters: Concerns,
    /// Filters that were waited for in vain: nobody waits for them again before they have caught up.
    late: HashSet<DeploymentId>,
}

/// A round whose jobs have been thought through, and nothing of it has happened.
struct Pending {
    round: Round,
    works: Vec<Work>,
    /// Receive clock when it was collected, milliseconds.
    since: u64,
}

impl Desk {
    pub fn new(recovered: RecoveredDesk, shards: ShardSet, log: &Log, time: &Timekeeper) -> Desk {
        let (position, done) = recovered.first(shards);
        let RecoveredDesk { persons, reached, now, rules } = recovered;
        Desk {
            reader: Reader::new(log, shards, position, 0),
            shards,
            done,
            finished: (position, done),
            said: position,
            begun: reached,
            rules,
            persons,
            pending: None,
            now: now.max(time.last().now),
            arrivals: Vec::new(),
            filters: Concerns::default(),
            late: HashSet::new(),
        }
    }

    /// Filters may take what is before it, and nothing from it on.
    pub fn gate(&self) -> Lsn {
        self.pending.as_ref().map_or(self.reader.next(), |pending| pending.round.start)
    }

    /// Everything up to here is finished.
    pub fn position(&self) -> Lsn {
        self.pending.as_ref().map_or(self.reader.position(), |pending| pending.round.start.previous())
    }

    /// How far it is in a shard, and its clock.
    pub fn reached(&self, shard: ShardId) -> (Reached, u64) {
        (self.finished.max(self.begun[usize::from(shard.0)]), self.now)
    }

    /// Is this about a person of this desk, and not finished in an earlier life?
    fn takes(&self, person: &str, lsn: Lsn, ordinal: u32) -> bool {
        let shard = shard_of(person);
        let (position, done) = self.begun[usize::from(shard.0)];
        let finished = lsn <= position || (lsn == position.next() && ordinal < done);
        self.shards.contains(shard) && !finished
    }

    /// Does a chain wait for a filter?
    pub fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }

    /// What filters read has changed.
    pub fn concerns(&mut self, filters: Concerns) {
        self.filters = filters;
    }
}

/// What the filters of a host read, so that the desk knows which frames they must have handled.
#[derive(Default)]
pub struct Concerns {
    types: HashSet<Box<str>>,
    by_business: HashSet<(Arc<str>, Box<str>)>,
    /// Filters that send signals to themselves.
    signalling: HashSet<DeploymentId>,
}

impl Concerns {
    pub fn add(&mut self, business: &Arc<str>, event_type: &str) {
        self.types.insert(event_type.into());
        self.by_business.insert((business.clone(), event_type.into()));
    }

    pub fn add_signals(&mut self, filter: DeploymentId) {
        self.signalling.insert(filter);
    }

    /// May a filter have an input in this frame? A yes too many costs a smaller round and nothing else.
    fn concern(&self, frame: &Frame) -> bool {
        match frame {
            Frame::Input(event) => {
                !self.types.is_empty()
                    && self.types.contains(&*event.kind)
                    && self.by_business.contains(&(event.business.clone(), (&*event.kind).into()))
            }
            Frame::Outcome(outcome) => {
                let matches = self.wants(facts::MATCH);
                let signals = self.signalling.contains(&outcome.deployment);
                outcome.inputs.iter().any(|record| {
                    (matches && !record.outcome.matches.is_empty())
                        || (signals && !record.outcome.signals.is_empty())
                        || record.outcome.published.iter().any(|event| self.wants(&event.event_type))
                })
            }
            Frame::Outreach(outreach) => outreach.deeds.iter().any(|deed| match deed {
                Deed::Settled(_) => true,
                Deed::Published { event, .. } => self.wants(&event.event_type),
                Deed::Decided(_) => self.wants(facts::DECISION),
                Deed::Ended(_) => self.wants(facts::DELIVERY),
                Deed::Tagged { .. } => false,
            }),
            // A filter may have timers.
            Frame::Tick(_) => true,
            Frame::Control(control) if matches!(control.change, Change::Resent(_)) => true,
            Frame::Control(_) => {
                self.types.iter().any(|kind| kind.starts_with(facts::DEPLOYMENT) || kind.starts_with(facts::ALERT))
            }
            Frame::Mark(_) | Frame::Report(_) => false,
        }
    }
}

impl Wants for Concerns {
    fn wants(&self, event_type: &str) -> bool {
        self.types.contains(event_type)
    }
}
