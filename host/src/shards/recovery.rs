//! Start: reads the journal once, in order, and rebuilds what lives in memory.
//!
//! Redo applies an outcome to a document only if the store's row is older, so it is exact over any base: an empty
//! store, the last checkpoint, or rows newer than it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::dedup::{Dedup, Known};
use super::documents;
use super::shelf::{Persons, Shelf};
use super::ticks::Times;
use crate::journal::{Log, ReadError};
use crate::model::outreach::{Changed, Outreach, Owner};
use crate::model::{Change, Control, DeploymentId, Frame, Limits, Lsn, Op, Outcome, SHARD_COUNT, ShardId};
use crate::outreach::{Book, Index, Rules};
use crate::registry::{self, Registry};
use crate::store::{self, Store};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("control frame {lsn}: {error}")]
    Registry { lsn: Lsn, error: registry::Error },
    #[error("outcome frame {lsn} belongs to a deployment that no earlier frame created")]
    UnknownDeployment { lsn: Lsn },
    #[error(transparent)]
    Documents(#[from] documents::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// One deployment as the journal leaves it.
pub struct Recovered {
    /// Last finished position of each shard.
    pub positions: [Lsn; SHARD_COUNT as usize],
    pub shelf: Shelf,
}

pub struct Recovery {
    pub deployments: BTreeMap<DeploymentId, Recovered>,
    /// For the intake.
    pub dedup: Dedup,
    /// The last checkpoint mark.
    pub mark: Lsn,
    pub desk: RecoveredDesk,
    pub times: Times,
    pub frames: u64,
    /// Outcome frames above the store's checkpoint.
    pub redone: u64,
}

/// Outreach as the journal leaves it.
pub struct RecoveredDesk {
    pub persons: Persons,
    /// Everything up to here is finished,
    pub position: Lsn,
    /// and so many matches of the frame behind it.
    pub done: u32,
    /// Receive clock of the newest job, milliseconds.
    pub now: u64,
    /// Policies and chains at that position.
    pub rules: Rules,
    /// Control frames behind it.
    later: Vec<(Lsn, std::sync::Arc<crate::model::Control>)>,
}

/// Reads everything durable. `progress` is told the position now and then.
pub fn recover(
    log: &Log,
    registry: &Registry,
    book: &Book,
    decisions: &Index,
    store: &Arc<Store>,
    limits: &Limits,
    mut progress: impl FnMut(Lsn),
) -> Result<Recovery, Error> {
    let checkpoint = store.checkpoint()?;
    let mut recovery = Recovery {
        deployments: BTreeMap::new(),
        dedup: Dedup::new(limits.dedup_ids, limits.dedup_horizon_ms),
        mark: Lsn::ZERO,
        desk: RecoveredDesk::new(store.clone()),
        times: Times::default(),
        frames: 0,
        redone: 0,
    };
    for item in log.scan(Lsn(1)) {
        let (lsn, frame) = item?;
        recovery.frames += 1;
        if recovery.frames.is_multiple_of(65_536) {
            progress(lsn);
        }
        match frame {
            Frame::Input(event) => {
                let known = Known { lsn, content: event.content() };
                recovery.dedup.insert(&event, event.identity(), known);
                recovery.times.saw(&event);
            }
            Frame::Control(control) => {
                registry.recover(lsn, &control).map_err(|error| Error::Registry { lsn, error })?;
                book.recover(lsn, &control);
                recovery.repaired(&control, registry, store);
                recovery.desk.later.push((lsn, control));
            }
            Frame::Outcome(outcome) => recovery.outcome(lsn, &outcome, registry, store, checkpoint)?,
            Frame::Mark(_) => recovery.mark = lsn,
            Frame::Tick(tick) => (recovery.times.last, recovery.times.last_lsn) = (tick, lsn),
            Frame::Report(_) => {}
            Frame::Outreach(outreach) => {
                decisions.frame(lsn, &outreach);
                recovery.outreach(lsn, &outreach, registry, store, checkpoint)?;
            }
        }
    }
    Ok(recovery)
}

impl Recovery {
    fn outcome(
        &mut self,
        lsn: Lsn,
        outcome: &Outcome,
        registry: &Registry,
        store: &Arc<Store>,
        checkpoint: Lsn,
    ) -> Result<(), Error> {
        let recovered = self.deployment(outcome.deployment, registry, store).ok_or(Error::UnknownDeployment { lsn })?;
        for shard in outcome.shards.iter() {
            let position = &mut recovered.positions[usize::from(shard.0)];
            *position = (*position).max(outcome.position);
        }
        let above = lsn > checkpoint;
        // All changes of one document in this frame go together: its row has either all of them or none.
        let mut changes: HashMap<&str, Vec<(u64, Op)>> = HashMap::new();
        for record in &outcome.inputs {
            recovered.shelf.note(&(&*record.key).into(), &record.outcome.ops);
            let ops = record.outcome.ops.iter().map(|op| (record.time, op.clone()));
            if above && !record.outcome.ops.is_empty() {
                changes.entry(&record.key).or_default().extend(ops);
            }
        }
        if !above {
            return Ok(());
        }
        for (key, ops) in changes {
            recovered.shelf.documents.redo(&key.into(), lsn, outcome.state_version, ops)?;
        }
        for whole in &outcome.wholes {
            recovered.shelf.documents.redo_whole(lsn, &whole.key, &whole.bytes)?;
        }
        self.redone += 1;
        Ok(())
    }

    /// A repair goes on where each shard stood when it was paused, also where that was never part of an outcome: a reader
    /// that skips writes nothing.
    fn repaired(&mut self, control: &Control, registry: &Registry, store: &Arc<Store>) {
        let Change::DeploymentRevised { business, name, backlog, .. } = &control.change else { return };
        if backlog.is_empty() {
            return;
        }
        let Some(id) = registry.deployment(business, name).map(|deployment| deployment.id) else { return };
        let Some(recovered) = self.deployment(id, registry, store) else { return };
        for (shards, standing) in backlog {
            for shard in shards.iter() {
                let position = &mut recovered.positions[usize::from(shard.0)];
                *position = (*position).max(*standing);
            }
        }
    }

    fn outreach(
        &mut self,
        lsn: Lsn,
        outreach: &Outreach,
        registry: &Registry,
        store: &Arc<Store>,
        checkpoint: Lsn,
    ) -> Result<(), Error> {
        self.desk.reached(outreach.position, outreach.done);
        self.desk.now = self.desk.now.max(outreach.now);
        let above = lsn > checkpoint;
        let mut changes: BTreeMap<(&Owner, &str), Vec<&Changed>> = BTreeMap::new();
        for changed in &outreach.changes {
            changes.entry((&changed.owner, &changed.key)).or_default().push(changed);
        }
        for ((owner, _), changes) in changes {
            self.shelf(owner, registry, store).ok_or(Error::UnknownDeployment { lsn })?.redo(lsn, above, &changes)?;
        }
        for whole in outreach.wholes.iter().filter(|_| above) {
            let shelf = self.shelf(&whole.owner, registry, store).ok_or(Error::UnknownDeployment { lsn })?;
            shelf.documents.redo_whole(lsn, &whole.key, &whole.bytes)?;
        }
        self.redone += u64::from(above);
        Ok(())
    }

    fn shelf(&mut self, owner: &Owner, registry: &Registry, store: &Arc<Store>) -> Option<&mut Shelf> {
        match owner {
            Owner::Deployment(id) => Some(&mut self.deployment(*id, registry, store)?.shelf),
            Owner::Person(business) => Some(self.desk.persons.shelf(business)),
        }
    }

    fn deployment(&mut self, id: DeploymentId, registry: &Registry, store: &Arc<Store>) -> Option<&mut Recovered> {
        use std::collections::btree_map::Entry;
        match self.deployments.entry(id) {
            Entry::Occupied(found) => Some(found.into_mut()),
            Entry::Vacant(place) => {
                let deployment = registry.by_id(id)?;
                let shelf = Shelf::new(deployment.business.clone(), deployment.name.clone(), store.clone());
                Some(place.insert(Recovered { positions: [deployment.start; SHARD_COUNT as usize], shelf }))
            }
        }
    }
}

impl RecoveredDesk {
    fn new(store: Arc<Store>) -> RecoveredDesk {
        let (persons, rules) = (Persons::new(store), Rules::default());
        RecoveredDesk { persons, position: Lsn::ZERO, done: 0, now: 0, rules, later: Vec::new() }
    }

    fn reached(&mut self, position: Lsn, done: u32) {
        (self.position, self.done) = (position, done);
        let behind = self.later.partition_point(|(lsn, _)| *lsn <= position);
        self.later.drain(..behind).for_each(|(_, control)| self.rules.apply(&control));
    }
}

impl Recovered {
    /// Shards by their position, so that those at one place share a reader.
    pub fn by_position(&self) -> BTreeMap<Lsn, Vec<ShardId>> {
        let mut groups: BTreeMap<Lsn, Vec<ShardId>> = BTreeMap::new();
        for (shard, position) in self.positions.iter().enumerate() {
            groups.entry(*position).or_default().push(ShardId(shard as u16));
        }
        groups
    }
}
