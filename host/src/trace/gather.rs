//! Reads the journal for one key: first which events are its own and what was done to its documents, then those events
//! themselves and what was made of them under other keys.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::judge::Judge;
use super::verdict::Handled;
use super::walk::Walk;
use super::{Changed, Error, Question};
use crate::codec::{Interner, decode_document};
use crate::journal::{Log, ReadError};
use crate::model::{
    Change, Control, DeploymentId, Document, Event, Frame, Lsn, Outcome, SHARD_COUNT, ShardId, ShardSet,
};

/// Texts that the documents of one trace share in memory.
const SHARED_TEXTS: usize = 1_024;

/// What the two readings find.
pub(super) struct Gathered {
    /// The key's events, newest kept, with the records of all deployments about them.
    pub own: BTreeMap<Lsn, Vec<Handled>>,
    /// Some of `own` were left out.
    pub truncated: bool,
    pub events: HashMap<Lsn, Arc<Event>>,
    pub documents: BTreeMap<DeploymentId, Document>,
    /// Newest kept.
    pub changes: VecDeque<Changed>,
    pub facts: Facts,
    limit: usize,
    horizon: Lsn,
    interner: Interner,
}

/// How deployments stood at the horizon, as the frames say.
#[derive(Default)]
pub(super) struct Facts {
    positions: HashMap<DeploymentId, [Lsn; SHARD_COUNT as usize]>,
    pauses: HashMap<DeploymentId, Pause>,
}

#[derive(Default)]
pub(super) struct Pause {
    pub shards: ShardSet,
    pub reason: Box<str>,
    /// Wall clock, milliseconds.
    pub since: u64,
    quarantined: bool,
}

impl Facts {
    fn read(&mut self, outcome: &Outcome) {
        let positions = self.positions.entry(outcome.deployment).or_insert([Lsn::ZERO; SHARD_COUNT as usize]);
        outcome.shards.iter().for_each(|shard| positions[usize::from(shard.0)] = outcome.position);
    }

    fn change(&mut self, control: &Control, judge: &Judge<'_>) {
        match &control.change {
            Change::Paused { deployment, shards, reason, .. } => {
                let pause = self.pauses.entry(*deployment).or_default();
                let (shards, quarantined) = (pause.shards.union(*shards), pause.quarantined);
                *pause = Pause { shards, reason: reason.clone(), since: control.at, quarantined };
            }
            Change::Resumed { deployment, shards } => {
                let pause = self.pauses.entry(*deployment).or_default();
                pause.shards = pause.shards.without(*shards);
                pause.quarantined &= !pause.shards.is_empty();
            }
            Change::Quarantined { deployment, reason, .. } => {
                let (shards, reason, since) = (ShardSet::ALL, reason.clone(), control.at);
                self.pauses.insert(*deployment, Pause { shards, reason, since, quarantined: true });
            }
            Change::DeploymentRevised { business, name, backlog, .. } => {
                // A repair ends a pause, and any revision ends a quarantine.
                let id = judge.named(business, name);
                let pause = id.and_then(|id| self.pauses.get_mut(&id));
                if let Some(pause) = pause.filter(|pause| pause.quarantined || !backlog.is_empty()) {
                    *pause = Pause::default();
                }
            }
            Change::ModuleUploaded { .. }
            | Change::Retired { .. }
            | Change::PolicyRevised { .. }
            | Change::ChainRevised { .. }
            | Change::GapAccepted { .. }
            | Change::Alert { .. }
            | Change::Resent(_) => {}
        }
    }

    /// How far a deployment had read in a shard.
    pub fn position(&self, id: DeploymentId, shard: ShardId) -> Lsn {
        self.positions.get(&id).map_or(Lsn::ZERO, |positions| positions[usize::from(shard.0)])
    }

    pub fn pause(&self, id: DeploymentId) -> Option<&Pause> {
        self.pauses.get(&id)
    }
}

/// Reads the journal twice, up to the horizon.
pub(super) fn gather(
    log: &Log,
    judge: &Judge<'_>,
    question: &Question<'_>,
    limit: usize,
    horizon: Lsn,
) -> Result<Gathered, Error> {
    let mut gathered = Gathered {
        own: BTreeMap::new(),
        truncated: false,
        events: HashMap::new(),
        documents: BTreeMap::new(),
        changes: VecDeque::new(),
        facts: Facts::default(),
        limit,
        horizon,
        interner: Interner::new(SHARED_TEXTS),
    };
    for item in Walk::new(log, Lsn::ZERO, horizon, question.deadline) {
        match item? {
            (lsn, Frame::Input(event)) if judge.is_own(&event) => gathered.own(lsn, None),
            (lsn, Frame::Outcome(outcome)) if judge.deployment(outcome.deployment).is_some() => {
                gathered.outcome(lsn, &outcome, judge)?;
            }
            (lsn, Frame::Control(control)) => gathered.control(lsn, &control, judge),
            _ => {}
        }
    }
    gathered.complete(log, judge, question)?;
    Ok(gathered)
}

impl Gathered {
    fn own(&mut self, lsn: Lsn, handled: Option<Handled>) {
        self.own.entry(lsn).or_default().extend(handled);
        if self.own.len() > self.limit {
            self.own.pop_first();
            self.truncated = true;
        }
    }

    fn outcome(&mut self, lsn: Lsn, outcome: &Outcome, judge: &Judge<'_>) -> Result<(), Error> {
        self.facts.read(outcome);
        for record in outcome.inputs.iter().filter(|record| *record.key == *judge.key()) {
            let document = self.documents.entry(outcome.deployment).or_default();
            record.outcome.ops.iter().for_each(|op| document.apply(op.clone()));
            let windows = judge.windows(outcome, record, document);
            self.own(record.origin(), Some(judge.handled(lsn, outcome, record, windows)));
        }
        // What the frame itself says is right even where the journal does not reach back to the key's first change.
        for whole in outcome.wholes.iter().filter(|whole| *whole.key == *judge.key()) {
            let document =
                decode_document(&whole.bytes, &mut self.interner).map_err(|error| ReadError::Codec { lsn, error })?;
            self.documents.insert(outcome.deployment, document);
        }
        Ok(())
    }

    fn control(&mut self, lsn: Lsn, control: &Control, judge: &Judge<'_>) {
        self.facts.change(control, judge);
        self.changes.extend(judge.changed(lsn, control));
        if self.changes.len() > self.limit {
            self.changes.pop_front();
        }
    }

    /// Which events are the key's own is known only now: a deployment may find its key anywhere in an event.
    fn complete(&mut self, log: &Log, judge: &Judge<'_>, question: &Question<'_>) -> Result<(), Error> {
        let Some((first, _)) = self.own.first_key_value() else { return Ok(()) };
        for item in Walk::new(log, *first, self.horizon, question.deadline) {
            match item? {
                (lsn, Frame::Input(event)) if self.own.contains_key(&lsn) => {
                    self.events.insert(lsn, event);
                }
                (lsn, Frame::Outcome(outcome)) if judge.deployment(outcome.deployment).is_some() => {
                    for record in outcome.inputs.iter().filter(|record| *record.key != *judge.key()) {
                        // A tick or an outcome is the position of many inputs that are none of this key's.
                        if self.events.contains_key(&record.origin())
                            && let Some(handled) = self.own.get_mut(&record.origin())
                        {
                            handled.push(judge.handled(lsn, &outcome, record, Vec::new()));
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}
