//! One worker: reads the journal for each deployment at its own pace, runs batches, appends outcomes.
//!
//! A worker is a state machine: [`Worker::step`] runs one batch of one deployment and never waits for the disk, so
//! the same code runs on a thread, in scenario files and in crash tests. What it makes of a frame is appended behind
//! it; visible to others it becomes only when that is durable.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::batch::{Batch, Size, Wanted};
use super::checkpoint::Checkpointer;
use super::commit::largest_position;
use super::deployment::{Active, Loaded};
use super::desk::Desk;
use super::faults::Faulted;
use super::parts::Parts;
use super::progress::Board;
use super::reader::Reader;
use super::recovery::Part;
use super::sweep::Sweep;
use super::ticks::Timekeeper;
use super::turns::Batching;
use crate::engine::{Fault, HostFailure, Ran};
use crate::journal::{self, ReadError};
use crate::model::{DeploymentId, Document, Limits, Lsn, PauseCause, ShardId, ShardSet, shard_of};
use crate::registry;

/// First wait after a host failure; doubles with each further one.
const BACK_OFF: Duration = Duration::from_millis(50);

/// The worker can do nothing more: the journal failed, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    #[error(transparent)]
    Journal(#[from] journal::Error),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Registry(#[from] registry::Error),
    #[error("the document of person `{person}` cannot be read: {error}")]
    Person { person: String, error: String },
    #[error("documents cannot be brought to the store: {0}. The journal holds everything; mend the disk and restart")]
    WriteBack(String),
}

pub struct Worker {
    /// Number among the workers of the host.
    pub(super) index: usize,
    /// Those that it has alone.
    pub(super) shards: ShardSet,
    pub(super) parts: Parts,
    pub(super) active: BTreeMap<DeploymentId, Active>,
    pub(super) desk: Desk,
    pub(super) checkpoint: Checkpointer,
    pub(super) sweep: Sweep,
    pub(super) board: Arc<Board>,
    pub(super) batching: Batching,
    /// Of the registry when it was looked at; zero = look again.
    generation: u64,
    /// The registry was looked at anew, and whoever stands still has not been asked yet where.
    pub(super) changed: bool,
    /// Documents are over their memory and none of them is clean.
    pub(super) crowded: bool,
    /// The deployment whose turn was last.
    pub(super) last: DeploymentId,
    desk_last: bool,
    /// Every input alone on a fresh instance, for deployments to come as well.
    singly: bool,
    /// Documents and their bytes, as the metrics know them.
    pub(super) gauged: (i64, i64),
    /// Instances and their bytes, as the metrics know them.
    pub(super) instances: (i64, i64),
    /// Dirty bytes, as the metrics know them.
    pub(super) owed: i64,
    /// It runs nothing before the write-back has brought something to the store.
    pub(super) waits: bool,
}

impl Worker {
    /// A worker where recovery has left its shards.
    pub fn new(
        index: usize,
        part: Part,
        parts: Parts,
        checkpoint: Checkpointer,
        board: Arc<Board>,
        batching: Batching,
    ) -> Worker {
        let shards = part.shards;
        let desk = Desk::new(part.desk, shards, &parts.log, &parts.time);
        let mut active = BTreeMap::new();
        for (id, recovered) in part.deployments {
            if let Some(deployment) = parts.registry.by_id(id) {
                active.insert(id, Active::recovered(deployment, shards, &parts, recovered, &part.ticks));
            }
        }
        Worker {
            index,
            shards,
            parts,
            active,
            desk,
            checkpoint,
            sweep: Sweep::default(),
            board,
            batching,
            generation: 0,
            changed: false,
            crowded: false,
            last: DeploymentId(0),
            desk_last: false,
            singly: false,
            gauged: (0, 0),
            instances: (0, 0),
            owed: 0,
            waits: false,
        }
    }

    /// Runs one batch of the next deployment that has something to read, or one round of the desk: they take turns.
    /// False if none has, and nothing is swept.
    pub fn step(&mut self) -> Result<bool, Fatal> {
        self.follow_registry();
        self.say_where_paused()?;
        let waits = self.owes_too_much();
        self.advance_checkpoint()?;
        if waits {
            self.publish_all();
            return Ok(false);
        }
        let sweeps = self.sweep()?;
        if !self.desk_last && self.run_desk()? {
            self.desk_last = true;
            self.make_room();
            self.drop_instances();
            return Ok(true);
        }
        if let Some(id) = self.next_turn()
            && self.run_turn(id)?
        {
            self.desk_last = false;
            self.make_room();
            self.drop_instances();
            return Ok(true);
        }
        if self.desk_last && self.run_desk()? {
            self.make_room();
            self.drop_instances();
            return Ok(true);
        }
        self.desk_last = false;
        // Questions make instances, too.
        self.drop_instances();
        self.publish_all();
        Ok(sweeps)
    }

    /// Receive clock, milliseconds.
    pub fn clock(&self) -> u64 {
        self.parts.time.now()
    }

    /// Who writes ticks.
    pub(super) fn time(&self) -> &Timekeeper {
        &self.parts.time
    }

    /// Does a chain wait for a filter that is behind?
    pub fn waits_for_filter(&self) -> bool {
        self.desk.is_waiting()
    }

    /// Does it wait for the write-back, with work left?
    pub fn waits_for_write_back(&self) -> bool {
        self.waits
    }

    /// Something in the registry may have changed that is not counted as a change.
    pub(super) fn look_again(&mut self) {
        self.generation = 0;
    }

    /// A deployment reads nothing until it is let go: for tests of whoever waits for it.
    pub fn hold_back(&mut self, id: DeploymentId, held_back: bool) {
        self.follow_registry();
        if let Some(active) = self.active.get_mut(&id) {
            active.held_back = held_back;
        }
    }

    /// Follows the registry: new deployments, new revisions, pauses.
    pub(super) fn follow_registry(&mut self) {
        let generation = self.parts.registry.generation();
        if generation == self.generation {
            return;
        }
        (self.generation, self.changed) = (generation, true);
        for deployment in self.parts.registry.snapshot() {
            match self.active.get_mut(&deployment.id) {
                Some(active) => {
                    active.follow(deployment, &self.parts.log);
                    active.publish(self.index, &self.board);
                }
                None => {
                    let mut active = Active::new(deployment.clone(), self.shards, &self.parts);
                    if self.singly {
                        active.run_singly();
                    }
                    active.publish(self.index, &self.board);
                    self.active.insert(deployment.id, active);
                }
            }
        }
        self.note_filters();
    }

    /// One batch of one reader of the deployment. False if none had anything to do.
    fn run_turn(&mut self, id: DeploymentId) -> Result<bool, Fatal> {
        let last = self.parts.log.last();
        let Some(active) = self.active.get_mut(&id) else { return Ok(false) };
        let Some(index) = active.next_reader(last, gate_of(active, &self.desk)) else { return Ok(false) };
        self.run_batch(id, index)?;
        if let Some(active) = self.active.get_mut(&id) {
            // Readers take turns: one that is far behind neither waits for the others nor holds them up.
            active.readers.rotate_left(index + 1);
            active.merge_readers();
            active.publish(self.index, &self.board);
        }
        Ok(true)
    }

    fn run_batch(&mut self, id: DeploymentId, index: usize) -> Result<(), Fatal> {
        let Some(active) = self.active.get_mut(&id) else { return Ok(()) };
        let next = active.readers[index].next();
        let shard = active.readers[index].any_shard();
        let loaded = match active.load(&self.parts, next, shard) {
            Ok(loaded) => loaded,
            Err(failure) => return self.host_failure(id, index, next, &failure),
        };
        let size = Size::new(batch_inputs(&self.batching, next, active, &self.parts.limits), &self.parts.limits);
        let end = [active.end_of(index), gate_of(active, &self.desk)].into_iter().flatten().min();
        let (reader, current) = (&mut active.readers[index], &active.loaded[loaded]);
        let wanted = Wanted {
            business: &active.deployment.business,
            deployment: id,
            plan: &current.revision.configured.plan,
            router: &current.router,
            agenda: &active.shelf.agenda,
            registry: &self.parts.registry,
            end,
        };
        let mut batch = match Batch::collect(reader, &wanted, size) {
            Err(ReadError::Journal(journal::Error::Released { first, .. })) => {
                return self.pause_before_gap(id, index, first);
            }
            read => read?,
        };
        if batch.control {
            // The registry holds its lock while it appends and applies a change, so looking again waits for it.
            self.generation = 0;
        }
        if batch.is_empty() {
            active.readers[index].succeeded();
            // It costs no guest time, and yet others come first.
            active.credit = active.credit.min(0);
            return Ok(());
        }
        match active.execute(loaded, &mut batch, &self.parts.limits) {
            Ok((ran, documents)) => {
                active.readers[index].succeeded();
                self.commit(id, index, loaded, next, batch, ran, documents)
            }
            Err(failure) => self.host_failure(id, index, next, &failure),
        }
    }

    /// The host's own failure: the same inputs again after a while, and a pause when that does not help.
    fn host_failure(&mut self, id: DeploymentId, index: usize, next: Lsn, failure: &HostFailure) -> Result<(), Fatal> {
        let Some(active) = self.active.get_mut(&id) else { return Ok(()) };
        let reader = &mut active.readers[index];
        reader.seek(next);
        let failures = reader.failed(BACK_OFF);
        tracing::warn!(deployment = %active.deployment.name, position = %next, failures, %failure, "host failure");
        if u64::from(failures) <= self.parts.limits.host_retries {
            return Ok(());
        }
        active.readers[index].succeeded();
        let reason = format!("host failure at position {next}: {failure}");
        let shards = active.readers[index].shards;
        self.parts.registry.pause_shards(id, shards, PauseCause::Host, &reason)?;
        Ok(())
    }

    /// Appends what the batch came to, and only then lets it be seen by the next one.
    fn commit(
        &mut self,
        id: DeploymentId,
        index: usize,
        loaded: usize,
        next: Lsn,
        mut batch: Batch,
        ran: Ran,
        mut documents: Vec<Document>,
    ) -> Result<(), Fatal> {
        let now = self.clock();
        let Some(active) = self.active.get_mut(&id) else { return Ok(()) };
        active.meters.ran(&ran, batch.called());
        active.credit -= self.batching.cost(&ran, batch.inputs.len());
        let stop = ran.fault.as_ref().map(|fault| fault.lsn).or(ran.stopped);
        let position = stop.map_or(batch.position, Lsn::previous);
        let records = batch.records(ran.outcomes, stop);
        let (largest, limit) = (largest_position(&records), self.parts.limits.journal_frame_bytes);
        if batch.crowded && largest as u64 > limit {
            active.undo(&mut batch);
            return self.pause_too_large(id, index, next, largest, limit);
        }
        active.meters.records(&records);
        let (deployment, revision) = (active.deployment.clone(), active.loaded[loaded].revision.number);
        let faults = Faulted::of(&records, ran.fault.as_ref());
        let too_many = self.parts.count_faults(&deployment, revision, faults);
        let head = active.outcome_head(loaded, index, position, now);
        match active.append(&self.parts.log, head, &batch, records, &mut documents, self.checkpoint.mark()) {
            Ok(changed) => active.put_back(&batch, documents, &changed),
            Err(fatal) => {
                // Run in vain: they go back at a position that never becomes durable, so no answer shows them.
                let never = Some((Lsn(u64::MAX), 0, 0));
                active.put_back(&batch, documents, &vec![never; batch.keys.len()]);
                return Err(fatal);
            }
        }
        if let (Some(next), Some(active)) = (ran.stopped, self.active.get_mut(&id)) {
            active.readers[index].seek(next);
        }
        if let Some(fault) = ran.fault {
            self.pause_at(id, index, &fault)?;
        }
        if let Some(reason) = too_many {
            self.parts.registry.quarantine(id, revision, &reason)?;
        }
        Ok(())
    }

    /// What many derived events of one frame come to fits no frame: the deployment stops before them, and nobody else.
    fn pause_too_large(
        &mut self,
        id: DeploymentId,
        index: usize,
        next: Lsn,
        bytes: usize,
        limit: u64,
    ) -> Result<(), Fatal> {
        let Some(active) = self.active.get_mut(&id) else { return Ok(()) };
        active.readers[index].seek(next);
        let reason = format!(
            "the derived events from position {next} on come to {bytes} bytes at one position, more than a frame may have \
             ({limit}, `journal_frame_bytes`): let the module store less for each"
        );
        tracing::error!(deployment = %active.deployment.name, reason, "paused");
        let shards = active.readers[index].shards;
        self.parts.registry.pause_shards(id, shards, PauseCause::Host, &reason)?;
        Ok(())
    }

    /// `on_error: pause`: the failing shard stops before the input, the others go on.
    fn pause_at(&mut self, id: DeploymentId, index: usize, fault: &Fault) -> Result<(), Fatal> {
        let Some(active) = self.active.get_mut(&id) else { return Ok(()) };
        active.readers[index].seek(fault.lsn);
        let reason =
            format!("input {} of key `{}`: {}: {}", fault.lsn, fault.key, fault.end.code(), fault.end.message());
        tracing::error!(deployment = %active.deployment.name, reason, "paused on error");
        self.parts.registry.pause_shards(id, ShardSet::one(shard_of(&fault.key)), PauseCause::Fault, &reason)?;
        Ok(())
    }

    /// When a reader that waits after a host failure is due again.
    pub fn next_retry(&self) -> Option<Instant> {
        self.active.values().flat_map(|active| &active.readers).filter_map(Reader::retry_at).min()
    }

    /// Every input alone on a fresh instance.
    pub fn run_singly(&mut self) {
        self.batching = Batching::Seeded { seed: 0, most: 1 };
        self.singly = true;
        self.active.values_mut().for_each(Active::run_singly);
    }

    /// The runner and plan of the revision that handles a position.
    pub(super) fn loaded_for<'a>(
        active: &'a mut Active,
        parts: &Parts,
        at: Lsn,
        shard: ShardId,
    ) -> Result<&'a mut Loaded, HostFailure> {
        let index = active.load(parts, at, shard)?;
        Ok(&mut active.loaded[index])
    }
}

impl Worker {
    /// Jobs of one round of the desk.
    pub(super) fn round_size(&self) -> usize {
        match &self.batching {
            Batching::ByTime => self.parts.limits.outreach_jobs as usize,
            Batching::Seeded { seed, most } => seeded(*seed, self.desk.gate(), *most),
        }
    }
}

/// A filter reads nothing that a chain may have to see first.
pub(super) fn gate_of(active: &Active, desk: &Desk) -> Option<Lsn> {
    active.is_filter().then(|| desk.gate())
}

/// From 1 to `most`.
fn seeded(seed: u64, next: Lsn, most: usize) -> usize {
    let mut bytes = seed.to_le_bytes().to_vec();
    bytes.extend(next.0.to_le_bytes());
    1 + (xxhash_rust::xxh3::xxh3_64(&bytes) as usize) % most
}

fn batch_inputs(batching: &Batching, next: Lsn, active: &Active, limits: &Limits) -> usize {
    match batching {
        Batching::ByTime => active.meters.inputs_per(limits.batch_us),
        Batching::Seeded { seed, most } => seeded(*seed, next, *most),
    }
}

/// Of a document's last change: the position, the greatest input time, the state version.
pub(super) type Stamp = (Lsn, u64, u32);
