//! Start: reads the journal once, in order, and rebuilds what lives in memory, one part for each worker.
//!
//! Redo applies an outcome to a document only if the store's row is older, so it is exact over any base: an empty
//! store, the last checkpoint, or rows newer than it. Which worker had a shard before does not matter: positions,
//! documents and timers belong to shards.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::dedup::{Dedup, Known};
use super::documents;
use super::shelf::{Persons, Shelf};
use super::times::{Ticks, Times};
use crate::journal::{Log, ReadError};
use crate::model::outreach::{Changed, Outreach, Owner};
use crate::model::{Change, Control, DeploymentId, Frame, Limits, Lsn, Op, Outcome, SHARD_COUNT, ShardSet, shard_of};
use crate::outreach::{Book, Index, Rules};
use crate::registry::{self, Registry};
use crate::store::Store;

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
}

/// Something for each shard.
pub type PerShard<T> = [T; SHARD_COUNT as usize];

/// One deployment as the journal leaves it, in the shards of one worker.
pub struct Recovered {
    /// Last finished position of each shard.
    pub positions: PerShard<Lsn>,
    pub shelf: Shelf,
}

pub struct Recovery {
    /// By worker.
    pub parts: Vec<Part>,
    /// For the intake.
    pub dedup: Dedup,
    pub times: Times,
    pub frames: u64,
    /// Outcome frames above the store's checkpoint.
    pub redone: u64,
}

/// What one worker goes on with.
pub struct Part {
    pub shards: ShardSet,
    pub deployments: BTreeMap<DeploymentId, Recovered>,
    pub desk: RecoveredDesk,
    /// Of the whole journal.
    pub ticks: Arc<Ticks>,
    /// The last checkpoint mark of its shards.
    pub mark: Lsn,
    store: Arc<Store>,
    checkpoints: PerShard<Lsn>,
}

/// How far a desk is: everything up to the position is finished, and so many matches of the frame behind it.
pub type Reached = (Lsn, u32);

/// Outreach as the journal leaves it.
pub struct RecoveredDesk {
    pub persons: Persons,
    /// Shards may be apart where another number of workers had them.
    pub reached: PerShard<Reached>,
    /// Receive clock of the newest job, milliseconds.
    pub now: u64,
    /// Policies and chains where the last of the shards is.
    pub rules: Rules,
}

/// Reads everything durable, for so many workers. `progress` is told the position now and then.
pub fn recover(
    log: &Log,
    registry: &Registry,
    book: &Book,
    decisions: &Index,
    store: &Arc<Store>,
    limits: &Limits,
    workers: usize,
    mut progress: impl FnMut(Lsn),
) -> Result<Recovery, Error> {
    let checkpoints = store.checkpoints();
    let part = |index| Part::new(ShardSet::part(index, workers), store.clone(), checkpoints);
    let mut recovery = Recovery {
        parts: (0..workers).map(part).collect(),
        dedup: Dedup::new(limits.dedup_ids, limits.dedup_horizon_ms),
        times: Times::default(),
        frames: 0,
        redone: 0,
    };
    let (mut controls, mut ticks) = (Vec::new(), Ticks::default());
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
                recovery.parts.iter_mut().for_each(|part| part.repaired(&control, registry));
                controls.push((lsn, control));
            }
            Frame::Outcome(outcome) => {
                let mut above = false;
                for part in &mut recovery.parts {
                    above |= part.outcome(lsn, &outcome, registry)?;
                }
                recovery.redone += u64::from(above);
            }
            Frame::Mark(mark) => {
                let own = recovery.parts.iter_mut().filter(|part| part.shards.intersects(mark.shards));
                own.for_each(|part| part.mark = lsn);
            }
            Frame::Tick(tick) => {
                (recovery.times.last, recovery.times.last_lsn) = (tick, lsn);
                ticks.note(lsn, tick);
            }
            Frame::Report(_) => {}
            Frame::Outreach(outreach) => {
                decisions.frame(lsn, &outreach);
                let mut above = false;
                for part in &mut recovery.parts {
                    above |= part.outreach(lsn, &outreach, registry)?;
                }
                recovery.redone += u64::from(above);
            }
        }
    }
    let ticks = Arc::new(ticks);
    for part in &mut recovery.parts {
        part.ticks = ticks.clone();
        let (position, _) = part.desk.first(part.shards);
        let behind = controls.iter().take_while(|(lsn, _)| *lsn <= position);
        behind.for_each(|(_, control)| part.desk.rules.apply(control));
    }
    Ok(recovery)
}

impl Part {
    fn new(shards: ShardSet, store: Arc<Store>, checkpoints: PerShard<Lsn>) -> Part {
        let desk = RecoveredDesk::new(store.clone());
        Part { shards, deployments: BTreeMap::new(), desk, ticks: Arc::default(), mark: Lsn::ZERO, store, checkpoints }
    }

    /// Answers whether the frame is above what the store has of any of these shards.
    fn outcome(&mut self, lsn: Lsn, outcome: &Outcome, registry: &Registry) -> Result<bool, Error> {
        let (own, checkpoints) = (self.shards, self.checkpoints);
        let shards = outcome.shards.intersection(own);
        if shards.is_empty() {
            return Ok(false);
        }
        self.deployment(outcome.deployment, registry)
            .ok_or(Error::UnknownDeployment { lsn })?
            .finish(shards, outcome.position);
        let recovered = self.deployment(outcome.deployment, registry).ok_or(Error::UnknownDeployment { lsn })?;
        recovered.finish(shards, outcome.position);
        let changed = outcome.inputs.iter().filter(|record| own.contains(shard_of(&record.key)));
        // All changes of one document in this frame go together: its row has either all of them or none.
        let mut changes: HashMap<&str, Vec<(u64, Op)>> = HashMap::new();
        for record in changed.filter(|record| !record.outcome.ops.is_empty()) {
            recovered.shelf.note(&(&*record.key).into(), &record.outcome.ops);
            if is_above(&checkpoints, lsn, &record.key) {
                let ops = record.outcome.ops.iter().map(|op| (record.clock(), op.clone()));
                changes.entry(&record.key).or_default().extend(ops);
            }
        }
        for (key, ops) in changes {
            recovered.shelf.documents.redo(&key.into(), lsn, outcome.state_version, ops)?;
        }
        for whole in &outcome.wholes {
            if own.contains(shard_of(&whole.key)) && is_above(&checkpoints, lsn, &whole.key) {
                recovered.shelf.documents.redo_whole(lsn, &whole.key, &whole.bytes)?;
            }
        }
        Ok(shards.iter().any(|shard| lsn > checkpoints[usize::from(shard.0)]))
    }

    /// Shards that went on behind a gap have finished what is gone. A repair goes on where each shard stood when it was paused, also where that was never part of an outcome: a reader
    /// that skips writes nothing.
    fn repaired(&mut self, control: &Control, registry: &Registry) {
        if let Change::GapAccepted { deployment, gap } = &control.change {
            let own = self.shards;
            if let Some(recovered) = self.deployment(*deployment, registry) {
                recovered.finish(gap.shards.intersection(own), gap.to);
            }
            return;
        }
        let Change::DeploymentRevised { business, name, backlog, .. } = &control.change else { return };
        if backlog.is_empty() {
            return;
        }
        let Some(id) = registry.deployment(business, name).map(|deployment| deployment.id) else { return };
        let own = self.shards;
        let Some(recovered) = self.deployment(id, registry) else { return };
        backlog.iter().for_each(|(shards, standing)| recovered.finish(shards.intersection(own), *standing));
    }

    /// As [`Self::outcome`].
    fn outreach(&mut self, lsn: Lsn, outreach: &Outreach, registry: &Registry) -> Result<bool, Error> {
        let (own, checkpoints) = (self.shards, self.checkpoints);
        let shards = outreach.shards.intersection(own);
        if shards.is_empty() {
            return Ok(false);
        }
        self.desk.reach(shards, (outreach.position, outreach.done));
        self.desk.now = self.desk.now.max(outreach.now);
        let mut changes: BTreeMap<(&Owner, &str), Vec<&Changed>> = BTreeMap::new();
        for changed in outreach.changes.iter().filter(|changed| own.contains(shard_of(&changed.key))) {
            changes.entry((&changed.owner, &changed.key)).or_default().push(changed);
        }
        for ((owner, key), changes) in changes {
            let above = is_above(&checkpoints, lsn, key);
            self.shelf(owner, registry).ok_or(Error::UnknownDeployment { lsn })?.redo(lsn, above, &changes)?;
        }
        for whole in &outreach.wholes {
            if own.contains(shard_of(&whole.key)) && is_above(&checkpoints, lsn, &whole.key) {
                let shelf = self.shelf(&whole.owner, registry).ok_or(Error::UnknownDeployment { lsn })?;
                shelf.documents.redo_whole(lsn, &whole.key, &whole.bytes)?;
            }
        }
        Ok(shards.iter().any(|shard| lsn > checkpoints[usize::from(shard.0)]))
    }

    fn shelf(&mut self, owner: &Owner, registry: &Registry) -> Option<&mut Shelf> {
        match owner {
            Owner::Deployment(id) => Some(&mut self.deployment(*id, registry)?.shelf),
            Owner::Person(business) => Some(self.desk.persons.shelf(business)),
        }
    }

    fn deployment(&mut self, id: DeploymentId, registry: &Registry) -> Option<&mut Recovered> {
        use std::collections::btree_map::Entry;
        match self.deployments.entry(id) {
            Entry::Occupied(found) => Some(found.into_mut()),
            Entry::Vacant(place) => {
                let deployment = registry.by_id(id)?;
                let shelf = Shelf::new(deployment.business.clone(), deployment.name.clone(), self.store.clone());
                Some(place.insert(Recovered { positions: [deployment.start; SHARD_COUNT as usize], shelf }))
            }
        }
    }
}

/// Is a frame above what the store has of a key?
fn is_above(checkpoints: &PerShard<Lsn>, lsn: Lsn, key: &str) -> bool {
    lsn > checkpoints[usize::from(shard_of(key).0)]
}

impl RecoveredDesk {
    fn new(store: Arc<Store>) -> RecoveredDesk {
        let (persons, rules) = (Persons::new(store), Rules::default());
        RecoveredDesk { persons, reached: [Reached::default(); SHARD_COUNT as usize], now: 0, rules }
    }

    fn reach(&mut self, shards: ShardSet, reached: Reached) {
        for shard in shards.iter() {
            let place = &mut self.reached[usize::from(shard.0)];
            // A desk that took over shards which were ahead says its own place until it has caught up.
            *place = (*place).max(reached);
        }
    }

    /// Where the last of these shards is.
    pub fn first(&self, shards: ShardSet) -> Reached {
        shards.iter().map(|shard| self.reached[usize::from(shard.0)]).min().unwrap_or_default()
    }
}

impl Recovered {
    fn finish(&mut self, shards: ShardSet, lsn: Lsn) {
        for shard in shards.iter() {
            let position = &mut self.positions[usize::from(shard.0)];
            *position = (*position).max(lsn);
        }
    }

    /// Some shards by their position, so that those at one place share a reader.
    pub fn by_position(&self, shards: ShardSet) -> BTreeMap<Lsn, ShardSet> {
        let mut groups: BTreeMap<Lsn, ShardSet> = BTreeMap::new();
        for shard in shards.iter() {
            let group = groups.entry(self.positions[usize::from(shard.0)]).or_default();
            *group = group.union(ShardSet::one(shard));
        }
        groups
    }
}
