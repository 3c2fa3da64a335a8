//! Start: takes from the store what that knows, reads the journal behind its lowest checkpoint once, in order, and
//! rebuilds what lives in memory, one part for each worker.
//!
//! Redo applies an outcome to a document only if the store's row is older, so it is exact over any base: an empty
//! store, the last checkpoint, or rows newer than it. Which worker had a shard before does not matter: positions,
//! documents and timers belong to shards.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::base::{Base, note_timers};
use super::documents;
use super::identities::Identities;
use super::shelf::{self, Persons, Shelf};
use super::standing::Settlements;
use super::times::Ticks;
use crate::codec::{CodecError, Kind, encode_frame};
use crate::journal::{Log, ReadError};
use crate::model::outreach::{Changed, Deed, Outreach, Owner};
use crate::model::progress::{ShardProgress, Times};
use crate::model::{
    Change, Control, DeploymentId, Frame, Limits, Lsn, Op, Outcome, SHARD_COUNT, ShardId, ShardSet, shard_of,
};
use crate::outreach::{Book, Index, Rules};
use crate::registry::{self, Registry};
use crate::store::{self, KeyError, Store};

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
    #[error("the store's {what} cannot be read: {error}. Run `fishpond doctor rebuild`: it rebuilds the store")]
    Stored { what: &'static str, error: CodecError },
    #[error(
        "what the store keeps as control frame {lsn} is none. Run `fishpond doctor rebuild`: it rebuilds the store"
    )]
    NoControl { lsn: Lsn },
    #[error("the store names a row that cannot be one: {error}. Run `fishpond doctor rebuild`: it rebuilds the store")]
    RowKey { error: KeyError },
    #[error("the row `{row}` belongs to a deployment that no control frame created. Run `fishpond doctor rebuild`")]
    UnknownOwner { row: String },
    /// The journal's beginning was released, and the store does not reach up to it.
    #[error(
        "the store has everything below position {next}, and the journal begins with {first}: what is between them is in neither. Put back the store that belongs to this journal, or rebuild it from the older base copy in `base/` (`fishpond doctor rebuild`)"
    )]
    Gap { next: Lsn, first: Lsn },
}

/// Something for each shard.
pub type PerShard<T> = [T; SHARD_COUNT as usize];

/// One deployment as the journal leaves it, in the shards of one worker.
pub struct Recovered {
    /// Last finished position of each shard.
    pub positions: PerShard<Lsn>,
    /// Where they were at the checkpoint, and the watermark that they had passed.
    pub stood: PerShard<(Lsn, u64)>,
    pub shelf: Shelf,
    pub settlements: Settlements,
}

pub struct Recovery {
    /// By worker.
    pub parts: Vec<Part>,
    pub times: Times,
    /// Behind the lowest checkpoint.
    pub frames: u64,
    /// Outcome frames above the store's checkpoint.
    pub redone: u64,
    /// The most that documents took in memory, bytes.
    pub most_bytes: usize,
}

/// What one worker goes on with.
pub struct Part {
    pub shards: ShardSet,
    pub deployments: BTreeMap<DeploymentId, Recovered>,
    pub desk: RecoveredDesk,
    /// Those that its readers may have passed.
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

/// Rebuilds what lives in memory, for so many workers: from the store, and from the journal behind its lowest checkpoint.
/// `progress` is told the position now and then.
pub fn recover(
    log: &Log,
    registry: &Registry,
    book: &Book,
    decisions: &Index,
    store: &Arc<Store>,
    identities: &Identities,
    limits: &Limits,
    workers: usize,
    mut progress: impl FnMut(Lsn),
) -> Result<Recovery, Error> {
    let base = Base::read(store)?;
    base.check(log)?;
    let next = base.next();
    let part = |index| Part::new(ShardSet::part(index, workers), store.clone(), base.checkpoints);
    let mut recovery = Recovery {
        parts: (0..workers).map(part).collect(),
        times: base.times.clone(),
        frames: 0,
        redone: 0,
        most_bytes: 0,
    };
    for (lsn, control) in &base.controls {
        recovery.control(*lsn, control, registry, book)?;
    }
    base.place(&mut recovery.parts, registry)?;
    note_timers(store, &mut recovery.parts, registry)?;
    identities.catch_up(next, limits)?;
    feed(log, decisions, next)?;
    let mut controls = base.controls;
    let (mut fresh, mut ticks) = (Vec::new(), Ticks::default());
    ticks.note(base.before.0, base.before.1);
    for item in log.scan(next) {
        let (lsn, frame) = item?;
        recovery.frames += 1;
        if recovery.frames.is_multiple_of(65_536) {
            progress(lsn);
        }
        if let Frame::Tick(tick) = &frame {
            ticks.note(lsn, *tick);
        }
        if let Frame::Control(control) = &frame
            && !controls.contains_key(&lsn)
        {
            recovery.control(lsn, control, registry, book)?;
            controls.insert(lsn, control.clone());
            fresh.push((lsn, encode_frame(&frame)));
        }
        if let Frame::Input(event) = &frame {
            identities.recover(lsn, event);
        }
        recovery.frame(lsn, frame, registry, decisions)?;
        recovery.make_room(limits)?;
    }
    // The log knows those that will be appended; whoever has the store needs these too.
    store.put_controls(&fresh)?;
    let ticks = Arc::new(caught_up(log, &recovery.parts, base.before.0, ticks)?);
    for part in &mut recovery.parts {
        part.ticks = ticks.clone();
        let (position, _) = part.desk.first(part.shards);
        controls.range(..=position).for_each(|(_, control)| part.desk.rules.apply(control));
    }
    Ok(recovery)
}

/// Ticks from before the checkpoint that readers have passed behind it, because they were further behind.
fn caught_up(log: &Log, parts: &[Part], known: Lsn, ticks: Ticks) -> Result<Ticks, Error> {
    let all = parts.iter().flat_map(|part| part.deployments.values());
    let moved = all.flat_map(|recovered| recovered.positions.iter().zip(&recovered.stood));
    let behind = moved.filter(|(position, (stood, _))| *stood < **position && **position < known);
    let Some(from) = behind.map(|(_, (stood, _))| stood.next()).min() else { return Ok(ticks) };
    let mut older = Ticks::default();
    for item in log.scan_only(from.max(log.first()), Kind::Tick) {
        match item? {
            (lsn, _) if lsn >= known => break,
            (lsn, Frame::Tick(tick)) => older.note(lsn, tick),
            _ => {}
        }
    }
    Ok(ticks.before(older))
}

/// Decisions from before the checkpoint, as far as the journal still has them.
fn feed(log: &Log, decisions: &Index, below: Lsn) -> Result<(), Error> {
    for item in log.scan_only(log.first(), Kind::Outreach) {
        match item? {
            (lsn, _) if lsn >= below => break,
            (lsn, Frame::Outreach(outreach)) => decisions.frame(lsn, &outreach),
            _ => {}
        }
    }
    Ok(())
}

impl Recovery {
    fn control(&mut self, lsn: Lsn, control: &Control, registry: &Registry, book: &Book) -> Result<(), Error> {
        registry.recover(lsn, control).map_err(|error| Error::Registry { lsn, error })?;
        book.recover(lsn, control);
        self.parts.iter_mut().for_each(|part| part.repaired(control, registry));
        Ok(())
    }

    fn make_room(&mut self, limits: &Limits) -> Result<(), Error> {
        let bytes = self.parts.iter_mut().map(|part| part.make_room(limits)).sum::<Result<usize, Error>>()?;
        self.most_bytes = self.most_bytes.max(bytes);
        Ok(())
    }

    /// Redo of one frame.
    fn frame(&mut self, lsn: Lsn, frame: Frame, registry: &Registry, decisions: &Index) -> Result<(), Error> {
        let mut above = false;
        match frame {
            Frame::Input(event) => self.times.saw(&event),
            Frame::Outcome(outcome) => {
                for part in &mut self.parts {
                    above |= part.outcome(lsn, &outcome, registry)?;
                }
            }
            Frame::Outreach(outreach) => {
                decisions.frame(lsn, &outreach);
                for part in &mut self.parts {
                    above |= part.outreach(lsn, &outreach, registry)?;
                }
            }
            Frame::Mark(mark) => {
                let own = self.parts.iter_mut().filter(|part| part.shards.intersects(mark.shards));
                own.for_each(|part| part.mark = part.mark.max(lsn));
            }
            Frame::Tick(tick) => self.times.ticked(lsn, tick),
            Frame::Control(_) | Frame::Report(_) => {}
        }
        self.redone += u64::from(above);
        Ok(())
    }
}

impl Part {
    fn new(shards: ShardSet, store: Arc<Store>, checkpoints: PerShard<Lsn>) -> Part {
        let desk = RecoveredDesk::new(store.clone());
        let mark = shards.iter().map(|shard| checkpoints[usize::from(shard.0)]).max().unwrap_or_default();
        Part { shards, deployments: BTreeMap::new(), desk, ticks: Arc::default(), mark, store, checkpoints }
    }

    /// Where everybody was in one shard at its checkpoint.
    pub(super) fn stood(&mut self, shard: ShardId, progress: &ShardProgress, registry: &Registry) -> Result<(), Error> {
        let own = ShardSet::one(shard);
        self.desk.reach(own, progress.desk);
        self.desk.now = self.desk.now.max(progress.desk_now);
        for (id, standing) in &progress.deployments {
            let lsn = Lsn(id.0);
            let recovered = self.deployment(*id, registry).ok_or(Error::UnknownDeployment { lsn })?;
            recovered.finish(own, standing.position);
            recovered.stood[usize::from(shard.0)] = (standing.position, standing.watermark);
            if let Some(unread) = standing.settlements {
                recovered.settlements.note(shard, unread, standing.position);
            }
        }
        Ok(())
    }

    /// Keeps documents within their memory, as a worker does: clean ones leave, and if that is not enough, rows are written
    /// first. Everything that was redone is durable. Answers the bytes that were taken before.
    fn make_room(&mut self, limits: &Limits) -> Result<usize, Error> {
        let limit = documents::share(limits.documents_memory_bytes, self.shards);
        shelf::pack(self.shelves(), limit);
        let used: usize = self.shelves().map(|shelf| shelf.documents.bytes()).sum();
        let Some(over) = used.checked_sub(limit).filter(|over| *over > 0) else { return Ok(used) };
        let wanted = over + limit / 10;
        let left = self.evict(wanted);
        if left <= limit / 10 {
            return Ok(used);
        }
        let (store, rows) = (self.store.clone(), limits.write_back_rows as usize);
        self.shelves().try_for_each(|shelf| shelf.documents.write_all(&store, rows))?;
        // The second look finds nothing used.
        let left = self.evict(left);
        self.evict(left);
        Ok(used)
    }

    /// Answers how many of the bytes are not free.
    fn evict(&mut self, mut wanted: usize) -> usize {
        for shelf in self.shelves() {
            wanted = wanted.saturating_sub(shelf.documents.evict(wanted));
        }
        wanted
    }

    fn shelves(&mut self) -> impl Iterator<Item = &mut Shelf> {
        let own = self.deployments.values_mut().map(|recovered| &mut recovered.shelf);
        own.chain(self.desk.persons.shelves_mut())
    }

    /// Answers whether the frame is above what the store has of any of these shards.
    fn outcome(&mut self, lsn: Lsn, outcome: &Outcome, registry: &Registry) -> Result<bool, Error> {
        let (own, checkpoints) = (self.shards, self.checkpoints);
        let shards = outcome.shards.intersection(own);
        if shards.is_empty() {
            return Ok(false);
        }
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
        for deed in &outreach.deeds {
            if let Deed::Settled(settled) = deed
                && own.contains(shard_of(&settled.key))
                && let Some(recovered) = self.deployment(settled.deployment, registry)
            {
                let shard = shard_of(&settled.key);
                recovered.settlements.note(shard, (lsn, lsn), recovered.positions[usize::from(shard.0)]);
            }
        }
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

    pub(super) fn shelf(&mut self, owner: &Owner, registry: &Registry) -> Option<&mut Shelf> {
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
                let positions = [deployment.start; SHARD_COUNT as usize];
                let stood = [(deployment.start, 0); SHARD_COUNT as usize];
                Some(place.insert(Recovered { positions, stood, shelf, settlements: Settlements::default() }))
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

    /// The watermark that some shards at one position have passed, milliseconds.
    pub fn watermark(&self, shards: ShardSet, position: Lsn, start: Lsn, ticks: &Ticks) -> u64 {
        let stood = shards.iter().map(|shard| self.stood[usize::from(shard.0)].1);
        stood.fold(ticks.watermark(start, position), u64::max)
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
