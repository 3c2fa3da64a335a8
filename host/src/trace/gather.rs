//! Reads the journal for one key: first which events are its own and what was done to its documents, then what else
//! happened to those events.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::verdict::{Handled, Judge};
use super::walk::Walk;
use super::{Changed, Error, Question};
use crate::codec::{Interner, decode_document};
use crate::journal::{Log, ReadError};
use crate::model::{Control, DeploymentId, Document, Event, Frame, InputRecord, Lsn, Outcome, SHARD_COUNT, ShardId};

/// Texts that the documents of one trace share in memory.
const SHARED_TEXTS: usize = 1_024;

/// What the two readings find.
pub(super) struct Gathered {
    /// The key's events, newest kept, with the records of all deployments about them up to the horizon.
    pub own: BTreeMap<Lsn, Vec<Handled>>,
    /// Some of `own` were left out.
    pub truncated: bool,
    pub events: HashMap<Lsn, Arc<Event>>,
    pub documents: BTreeMap<DeploymentId, Document>,
    pub progress: Progress,
    /// Newest kept.
    pub changes: VecDeque<Changed>,
    /// What is recorded only behind the horizon.
    pub later: HashSet<(DeploymentId, Lsn)>,
    limit: usize,
    interner: Interner,
}

/// How far each deployment has read in each shard, as its frames say.
#[derive(Default)]
pub(super) struct Progress(HashMap<DeploymentId, [Lsn; SHARD_COUNT as usize]>);

impl Progress {
    fn note(&mut self, outcome: &Outcome) {
        let shards = self.0.entry(outcome.deployment).or_insert([Lsn::ZERO; SHARD_COUNT as usize]);
        outcome.shards.iter().for_each(|shard| shards[usize::from(shard.0)] = outcome.position);
    }

    pub fn of(&self, id: DeploymentId, shard: ShardId) -> Lsn {
        self.0.get(&id).map_or(Lsn::ZERO, |shards| shards[usize::from(shard.0)])
    }
}

/// The first reading, from the journal's beginning to the horizon.
pub(super) fn gather(log: &Log, judge: &Judge<'_>, question: &Question<'_>, limit: usize, horizon: Lsn) -> Result<Gathered, Error> {
    let mut gathered = Gathered {
        own: BTreeMap::new(),
        truncated: false,
        events: HashMap::new(),
        documents: BTreeMap::new(),
        progress: Progress::default(),
        changes: VecDeque::new(),
        later: HashSet::new(),
        limit,
        interner: Interner::new(SHARED_TEXTS),
    };
    for item in Walk::new(log, Lsn::ZERO, horizon, question.deadline) {
        match item? {
            (lsn, Frame::Input(event)) if judge.is_own(&event) => gathered.own(lsn, None),
            (lsn, Frame::Outcome(outcome)) if judge.knows(outcome.deployment) => gathered.outcome(lsn, &outcome, judge)?,
            (lsn, Frame::Control(control)) => gathered.control(lsn, &control, judge),
            _ => {}
        }
    }
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
        self.progress.note(outcome);
        for record in outcome.inputs.iter().filter(|record| *record.key == *judge.key()) {
            let windows = {
                let document = self.documents.entry(outcome.deployment).or_default();
                record.outcome.ops.iter().for_each(|op| document.apply(op.clone()));
                judge.windows(outcome, record, document)
            };
            self.own(record.lsn, Some(judge.handled(lsn, outcome, record, windows)));
        }
        // What the frame itself says is right even where the journal does not reach back to the key's first change.
        for whole in outcome.wholes.iter().filter(|whole| *whole.key == *judge.key()) {
            let document = decode_document(&whole.bytes, &mut self.interner).map_err(|error| ReadError::Codec { lsn, error })?;
            self.documents.insert(outcome.deployment, document);
        }
        Ok(())
    }

    fn control(&mut self, lsn: Lsn, control: &Control, judge: &Judge<'_>) {
        self.changes.extend(judge.changed(lsn, control));
        if self.changes.len() > self.limit {
            self.changes.pop_front();
        }
    }

    /// The second reading, from the first of the events that are kept: the events themselves, what was made of them
    /// under other keys, and what is recorded only behind the horizon.
    pub fn fill(&mut self, log: &Log, judge: &Judge<'_>, question: &Question<'_>, horizon: Lsn, end: Lsn) -> Result<(), Error> {
        let Some((first, _)) = self.own.first_key_value() else { return Ok(()) };
        for item in Walk::new(log, *first, end, question.deadline) {
            match item? {
                (lsn, Frame::Input(event)) if self.own.contains_key(&lsn) => {
                    self.events.insert(lsn, event);
                }
                (lsn, Frame::Outcome(outcome)) if judge.knows(outcome.deployment) => {
                    for record in &outcome.inputs {
                        self.elsewhere(lsn, &outcome, record, judge, horizon);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn elsewhere(&mut self, lsn: Lsn, outcome: &Outcome, record: &InputRecord, judge: &Judge<'_>, horizon: Lsn) {
        let Some(handled) = self.own.get_mut(&record.lsn) else { return };
        if lsn > horizon {
            self.later.insert((outcome.deployment, record.lsn));
        } else if *record.key != *judge.key() {
            handled.push(judge.handled(lsn, outcome, record, Vec::new()));
        }
    }
}
