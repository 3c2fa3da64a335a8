//! One deployment as a worker runs it: readers, runners of the revisions in use, documents, meters.

use std::sync::Arc;
use std::time::Instant;

use super::batch::Batch;
use super::keeping;
use super::meters::Meters;
use super::parts::Parts;
use super::progress::{Board, Place};
use super::reader::Reader;
use super::recovery::Recovered;
use super::shelf::Shelf;
use super::standing::Settlements;
use super::times::Ticks;
use super::worker::Stamp;
use crate::engine::{HostFailure, Input, Ran, Runner, What};
use crate::journal::Log;
use crate::model::{Document, Gap, Limits, Lsn, OnError, ShardId, ShardSet};
use crate::registry::{Deployment, Revision};
use crate::router::Router;

/// Runners that are kept: the current revision's and, while readers are apart, an older one's.
const RUNNERS: usize = 2;

pub struct Active {
    pub deployment: Arc<Deployment>,
    /// Together all shards of the worker, each once.
    pub readers: Vec<Reader>,
    pub loaded: Vec<Loaded>,
    pub shelf: Shelf,
    pub settlements: Settlements,
    pub meters: Meters,
    singly: bool,
    /// What it may spend before others have had their turns; below zero it has overdrawn.
    pub credit: i64,
    /// For tests of whoever waits for it: it reads nothing.
    pub held_back: bool,
}

/// A revision, ready to run.
pub struct Loaded {
    pub revision: Arc<Revision>,
    pub runner: Runner,
    pub router: Router,
}

impl Active {
    /// A deployment that has read nothing yet, in the shards of a worker.
    pub fn new(deployment: Arc<Deployment>, shards: ShardSet, parts: &Parts) -> Active {
        let shelf = Shelf::new(deployment.business.clone(), deployment.name.clone(), parts.store.clone());
        let reader = Reader::new(&parts.log, shards, begins(&deployment, deployment.start, &parts.log), 0);
        Active::with(deployment, parts, vec![reader], shelf, Settlements::default())
    }

    /// A deployment where the journal left it.
    pub fn recovered(
        deployment: Arc<Deployment>,
        shards: ShardSet,
        parts: &Parts,
        recovered: Recovered,
        ticks: &Ticks,
    ) -> Active {
        let groups = recovered.by_position(shards).into_iter();
        let reader = |(position, shards)| {
            let watermark = recovered.watermark(shards, position, deployment.start, ticks);
            Reader::new(&parts.log, shards, begins(&deployment, position, &parts.log), watermark)
        };
        let readers = groups.map(reader).collect();
        Active::with(deployment, parts, readers, recovered.shelf, recovered.settlements)
    }

    fn with(
        deployment: Arc<Deployment>,
        parts: &Parts,
        readers: Vec<Reader>,
        shelf: Shelf,
        settlements: Settlements,
    ) -> Active {
        let meters = Meters::new(&deployment.business, &deployment.name, parts.metrics.clone());
        let mut active = Active {
            deployment: deployment.clone(),
            readers,
            loaded: Vec::new(),
            shelf,
            settlements,
            meters,
            singly: false,
            credit: 0,
            held_back: false,
        };
        active.follow(deployment, &parts.log);
        active
    }

    /// Takes over a change of the registry: shards that are paused get readers of their own.
    pub fn follow(&mut self, deployment: Arc<Deployment>, log: &Log) {
        let paused = deployment.paused.shards;
        let mut split = Vec::new();
        for reader in &mut self.readers {
            let stopping = reader.shards.intersection(paused);
            if !stopping.is_empty() && stopping != reader.shards {
                split.push(reader.split(log, stopping));
            }
        }
        self.readers.extend(split);
        for reader in &mut self.readers {
            reader.paused = reader.shards.intersects(paused);
        }
        self.pass_gaps(&deployment.gaps);
        self.deployment = deployment;
    }

    /// Readers whose shards may all go on behind what is gone do so.
    fn pass_gaps(&mut self, gaps: &[Gap]) {
        for reader in &mut self.readers {
            let ahead = gaps.iter().filter(|gap| gap.to >= reader.next());
            let may = ahead.clone().fold(ShardSet::EMPTY, |all, gap| all.union(gap.shards));
            let behind = ahead.map(|gap| gap.to.next()).max();
            if let Some(behind) = behind.filter(|_| reader.shards.without(may).is_empty()) {
                reader.seek(behind);
            }
        }
    }

    /// Readers that are at the same place become one again.
    pub fn merge_readers(&mut self) {
        let mut index = 0;
        while index < self.readers.len() {
            let (next, paused) = (self.readers[index].next(), self.readers[index].paused);
            let twin = (index + 1..self.readers.len()).find(|other| {
                let other = &self.readers[*other];
                other.next() == next && other.paused == paused
            });
            match twin {
                Some(twin) => {
                    let gone = self.readers.swap_remove(twin);
                    self.readers[index].join(&gone);
                }
                None => index += 1,
            }
        }
    }

    /// Index of the runner of the revision that handles a position; made if need be.
    pub fn load(&mut self, parts: &Parts, at: Lsn, shard: ShardId) -> Result<usize, HostFailure> {
        let revision = self.deployment.revision_at(at, shard).clone();
        if let Some(index) = self.loaded.iter().position(|loaded| loaded.revision.number == revision.number) {
            return Ok(index);
        }
        let started = Instant::now();
        let mut runner = parts.registry.runner(&revision).map_err(|error| HostFailure(error.to_string()))?;
        // Its first instance now, so that all of a swap's pause is in one place, and is measured.
        runner.smoke()?;
        if self.singly {
            runner.run_singly();
        }
        // An instance that was dropped for room, or is the first, is no swap.
        if self.loaded.iter().map(|loaded| loaded.revision.number).max().is_some_and(|newest| newest < revision.number)
        {
            self.meters.swapped(started.elapsed());
        }
        let router = Router::new(&revision.configured.plan, parts.limits.attribute_bytes as usize);
        if self.loaded.len() == RUNNERS {
            self.loaded.remove(0);
        }
        self.loaded.push(Loaded { revision, runner, router });
        Ok(self.loaded.len() - 1)
    }

    /// Where a reader must stop: the next revision takes over, or the deployment is retired.
    pub fn end_of(&self, reader: usize) -> Option<Lsn> {
        let reader = &self.readers[reader];
        let revision = self.deployment.next_revision_after(reader.next(), reader.any_shard());
        [revision, self.deployment.retired].into_iter().flatten().min()
    }

    /// Is it a filter in any of its revisions? Then it reads behind the desk.
    pub fn is_filter(&self) -> bool {
        self.deployment.revisions.iter().any(|revision| revision.configured.plan.filter.is_some())
    }

    /// The first reader that has something to read, up to the last position and below the gate.
    pub fn next_reader(&self, last: Lsn, gate: Option<Lsn>) -> Option<usize> {
        if self.held_back {
            return None;
        }
        let end = [self.deployment.retired, gate].into_iter().flatten().min();
        let has_work = |reader: &Reader| reader.next() <= last && end.is_none_or(|end| reader.next() < end);
        self.readers.iter().position(|reader| has_work(reader) && reader.is_due())
    }

    /// The reader of a shard.
    pub fn reader_of(&self, shard: ShardId) -> Option<&Reader> {
        self.readers.iter().find(|reader| reader.shards.contains(shard))
    }

    /// Runs a batch on its documents. After a failure they are back in their place, unchanged.
    pub fn execute(
        &mut self,
        loaded: usize,
        batch: &mut Batch,
        limits: &Limits,
    ) -> Result<(Ran, Vec<Document>), HostFailure> {
        let mut documents = Vec::with_capacity(batch.keys.len());
        for key in &batch.keys {
            match self.shelf.documents.take(key) {
                Ok(document) => documents.push(document),
                Err(error) => {
                    self.give_back(batch, documents);
                    return Err(HostFailure(error.to_string()));
                }
            }
        }
        if batch.inputs.is_empty() {
            return Ok((Ran::default(), documents));
        }
        let Loaded { revision, router, .. } = &self.loaded[loaded];
        let (business, plan) = (&self.deployment.business, &revision.configured.plan);
        if let Err(failure) = batch.fill_timers(&documents, business, plan, router) {
            self.give_back(batch, documents);
            return Err(failure);
        }
        if batch.crowded {
            batch.before = documents.clone();
        }
        // Judged by what the operator said last, also for inputs of an older revision: that is how one gets past it.
        let stop_at_fault = self.deployment.newest().on_error == OnError::Pause;
        let runner = &mut self.loaded[loaded].runner;
        let ran = run_by_export(runner, &batch.inputs, &mut documents, limits, stop_at_fault);
        match ran {
            Ok(ran) => Ok((ran, documents)),
            Err(failure) => {
                self.give_back(batch, documents);
                Err(failure)
            }
        }
    }

    /// The batch has come to nothing: documents as they were.
    pub fn undo(&mut self, batch: &mut Batch) {
        let before = std::mem::take(&mut batch.before);
        self.give_back(batch, before);
    }

    fn give_back(&mut self, batch: &Batch, documents: Vec<Document>) {
        batch.keys.iter().zip(documents).for_each(|(key, document)| self.shelf.documents.put(key, document));
    }

    /// Documents after their outcome was appended.
    pub fn put_back(&mut self, batch: &Batch, mut documents: Vec<Document>, changed: &[Option<Stamp>]) {
        for (document, change) in documents.iter_mut().zip(changed) {
            if let Some((lsn, time, version)) = change {
                document.stamp(*lsn, *time, *version);
            }
        }
        self.give_back(batch, documents);
    }

    /// The last position that all shards have finished.
    pub fn position(&self) -> Lsn {
        self.readers.iter().map(Reader::position).min().unwrap_or_default()
    }

    pub fn publish(&self, worker: usize, board: &Board) {
        // A retired deployment has nothing more to read.
        let position = self.position();
        let over = self.is_over(position);
        let live = self.readers.iter().filter(|reader| !reader.paused).map(Reader::position).min();
        let (documents, state_bytes) = (self.shelf.documents.len() as u64, self.shelf.documents.bytes() as u64);
        board.publish(
            worker,
            self.deployment.id,
            Place { position, live, needs: self.needs(), over, documents, state_bytes },
        );
        self.meters.paused(self.deployment.paused.shards.len());
    }

    /// Every input alone on a fresh instance, in this and all later revisions.
    pub fn run_singly(&mut self) {
        self.singly = true;
        self.loaded.iter_mut().for_each(|loaded| loaded.runner.run_singly());
    }
}

/// Whoever begins with the earliest begins with what the journal still has.
fn begins(deployment: &Deployment, position: Lsn, log: &Log) -> Lsn {
    if position == Lsn::ZERO && deployment.start == Lsn::ZERO { log.first().previous() } else { position }
}

/// A call has inputs of one export: neighbours of one kind go together.
fn run_by_export(
    runner: &mut Runner,
    inputs: &Arc<Vec<Input>>,
    documents: &mut Vec<Document>,
    limits: &Limits,
    stop_at_fault: bool,
) -> Result<Ran, HostFailure> {
    if matches!(inputs.first().map(|input| &input.what), Some(What::Keep(_)))
        && inputs.iter().all(|input| matches!(input.what, What::Keep(_)))
    {
        return Ok(keeping::put(inputs, documents, limits));
    }
    if inputs.windows(2).all(|pair| same_export(&pair[0], &pair[1])) {
        return runner.run(inputs, documents, stop_at_fault);
    }
    let before = documents.clone();
    let mut all = Ran::default();
    for neighbours in inputs.chunk_by(same_export) {
        let ran = run_by_export(runner, &Arc::new(neighbours.to_vec()), documents, limits, stop_at_fault);
        let ran = ran.inspect_err(|_| documents.clone_from(&before))?;
        all.outcomes.extend(ran.outcomes);
        all.guest_time += ran.guest_time;
        all.fuel += ran.fuel;
        all.calls += ran.calls;
        if ran.stopped.is_some() {
            // What other exports did was for earlier positions.
            all.stopped = ran.stopped;
            break;
        }
        if let Some(fault) = ran.fault {
            // Nothing of the failing position may stand, also not what another export did there.
            documents.clone_from(&before);
            let earlier: Vec<Input> = inputs.iter().filter(|input| input.lsn < fault.lsn).cloned().collect();
            let again = run_by_export(runner, &Arc::new(earlier), documents, limits, stop_at_fault)?;
            all.outcomes = again.outcomes;
            all.fault = Some(fault);
            break;
        }
    }
    Ok(all)
}

fn same_export(one: &Input, other: &Input) -> bool {
    std::mem::discriminant(&one.what) == std::mem::discriminant(&other.what)
}
