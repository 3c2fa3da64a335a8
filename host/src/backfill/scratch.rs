//! The host that a backfill runs on: a whole one with one worker, on a temporary folder, under the clock of its events. It is
//! never opened again, so nothing of it is kept longer than it is needed.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use super::error::Error;
use super::room::Room;
use super::run::Job;
use crate::app::{Host, OpenOptions, open};
use crate::journal::Follower;
use crate::model::ports::{Submit, SubmitError, Submitted};
use crate::model::{DeploymentId, Event, Frame, Limits, Lsn, Outcome};
use crate::registry::{DeployRequest, Revision};
use crate::shards::Batching;

/// Who changes things in it.
const BY: &str = "backfill";

/// Batches between two readings of what they have made.
const READ_BATCHES: u64 = 16;

/// Frames that are read at once.
const AT_ONCE: usize = 1_024;

/// Between two groups of its journal. Nobody waits for them, and every sync is one that the live journal waits for.
const COMMIT_DELAY: Duration = Duration::from_millis(20);

/// Before another try when something in it is full.
const FULL_PAUSE: Duration = Duration::from_millis(5);

/// Where scratch folders are made.
#[derive(Clone, Debug)]
pub struct Place {
    pub folder: PathBuf,
    /// Cache of native code; None: compiled anew.
    pub native: Option<PathBuf>,
}

/// What is told while everything runs.
pub enum Ran<'a> {
    /// Something that it made.
    Outcome(&'a Outcome),
    /// A batch, or a wait for the disk: the place to end it.
    Batch,
}

pub struct Scratch {
    /// None while it is dropped.
    host: Option<Host>,
    clock: Arc<AtomicU64>,
    follower: Follower,
    id: DeploymentId,
    revision: Arc<Revision>,
    /// Does its plan wait for ticks?
    ticking: bool,
    tick_ms: u64,
    room: Room,
    /// Removed behind all the others.
    _folder: TempDir,
}

impl Scratch {
    /// Deploys what the job says on an empty host.
    pub fn open(job: &Job, place: &Place, limits: &Limits, batching: Batching) -> Result<Scratch, Error> {
        let folder = tempfile::Builder::new().prefix("run-").tempdir_in(&place.folder).map_err(Error::host)?;
        let room = Room::new(folder.path(), limits);
        room.is_free()?;
        let clock = Arc::new(AtomicU64::new(0));
        let now = clock.clone();
        let options = OpenOptions {
            limits: within(limits),
            clock: Arc::new(move || now.load(Ordering::Relaxed)),
            batching,
            native: place.native.clone(),
            commit_delay: COMMIT_DELAY,
            ..OpenOptions::default()
        };
        let host = open(folder.path(), options, |_| {}).map_err(Error::host)?;
        let (id, revision) = deploy(&host, job)?;
        let follower = host.parts.log.follow(Lsn(1));
        let (ticking, tick_ms) = (revision.configured.plan.sets_timers(), limits.tick_ms);
        let mut scratch =
            Scratch { host: Some(host), clock, follower, id, revision, ticking, tick_ms, room, _folder: folder };
        scratch.look()?;
        Ok(scratch)
    }

    fn host(&mut self) -> Result<&mut Host, Error> {
        self.host.as_mut().ok_or(Error::Stopped)
    }

    pub fn revision(&self) -> &Revision {
        &self.revision
    }

    /// Receive clock, milliseconds; 0 before the first event.
    pub fn now(&self) -> u64 {
        self.clock.load(Ordering::Relaxed)
    }

    pub fn move_clock(&self, to: u64) {
        self.clock.fetch_max(to, Ordering::Relaxed);
    }

    /// Can a tick be due before that time (milliseconds), whatever the timers are?
    pub fn may_tick(&mut self, before: u64) -> Result<bool, Error> {
        let earliest = self.host()?.parts.time.last().now.saturating_add(self.tick_ms);
        Ok(self.ticking && before >= earliest)
    }

    /// Writes the next tick if it is due by then (milliseconds), with the clock there. What it fires is still to be run.
    pub fn tick(&mut self, by: u64) -> Result<bool, Error> {
        let Some(next) = self.host()?.workers.next_tick().filter(|next| *next <= by) else { return Ok(false) };
        self.move_clock(next);
        Ok(self.host()?.workers.tick()?)
    }

    /// An event that moves the clocks and is not handled.
    pub fn saw(&mut self, event: &Event) -> Result<(), Error> {
        self.host()?.parts.time.saw(std::iter::once(event));
        Ok(())
    }

    /// An event as it was accepted before.
    pub fn append(&mut self, event: &Arc<Event>) -> Result<Lsn, Error> {
        let parts = &self.host()?.parts;
        let lsn = parts.log.append(Frame::Input(event.clone()))?;
        parts.time.saw(std::iter::once(&**event));
        Ok(lsn)
    }

    /// An event that may have come before.
    pub fn submit(&mut self, event: &Event) -> Result<Submitted, Error> {
        let host = self.host()?;
        loop {
            match host.intake.submit(vec![event.clone()]) {
                Ok(answers) => return answers.into_iter().next().ok_or(Error::Stopped),
                // Its own queues: they empty while one waits.
                Err(SubmitError::Full | SubmitError::Unwritten) => std::thread::sleep(FULL_PAUSE),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Runs everything that can be run now, however long that takes.
    ///
    /// # Errors
    /// What `tell` answers, which ends it; [`Error`].
    pub fn run_to_rest(&mut self, tell: &mut dyn FnMut(Ran<'_>) -> Result<(), Error>) -> Result<(), Error> {
        let Scratch { host, follower, room, .. } = self;
        let host = host.as_mut().ok_or(Error::Stopped)?;
        let log = &host.parts.log;
        host.workers.run_to_rest_with(|batches| {
            if batches.is_multiple_of(READ_BATCHES) {
                read(follower, tell)?;
                // Nothing is let go of here: the worker may be far behind.
                let last = log.last();
                if room.is_due(last) {
                    room.look(last)?;
                }
            }
            tell(Ran::Batch)
        })?;
        read(follower, tell)?;
        let deployment = host.parts.registry.by_id(self.id).ok_or(Error::Stopped)?;
        if !deployment.paused.shards.is_empty() {
            return Err(Error::Paused(deployment.paused.reason.clone()));
        }
        if self.room.is_due(host.parts.log.last()) { self.look() } else { Ok(()) }
    }

    /// Lets go of the journal that everybody has read, and looks how large the rest is.
    fn look(&mut self) -> Result<(), Error> {
        let log = self.host()?.parts.log.clone();
        log.release(log.journal().durable())?;
        self.room.look(log.last())
    }

    /// What the module has used.
    pub fn fuel(&mut self, job: &Job) -> Result<u64, Error> {
        Ok(self.host()?.parts.metrics.usage(&job.business, &job.deployment).fuel)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(host) = self.host.take() {
            let journal = host.parts.log.journal().clone();
            drop(host);
            // Nothing of it is wanted any more; its thread must have left the folder.
            let _ = journal.close();
        }
    }
}

fn read(follower: &mut Follower, tell: &mut dyn FnMut(Ran<'_>) -> Result<(), Error>) -> Result<(), Error> {
    let mut frames = Vec::new();
    loop {
        follower.read(AT_ONCE, &mut frames)?;
        if frames.is_empty() {
            return Ok(());
        }
        for (_, frame) in frames.drain(..) {
            if let Frame::Outcome(outcome) = frame {
                tell(Ran::Outcome(&outcome))?;
            }
        }
    }
}

/// The host's limits, as far as they are about events and modules; but one worker, little memory, and nothing of what only a
/// host does that is opened again. A module that fails goes on failing: that is what a backfill is to tell.
fn within(limits: &Limits) -> Limits {
    Limits {
        workers: 1,
        quarantine_faults: u64::MAX,
        lag_max_bytes: u64::MAX,
        checkpoint_bytes: u64::MAX,
        store_directories: 1,
        store_cache_bytes: limits.store_cache_bytes.min(16 << 20),
        documents_memory_bytes: limits.documents_memory_bytes.min(256 << 20),
        dirty_bytes: limits.dirty_bytes.min(128 << 20),
        instances_memory_bytes: limits.instances_memory_bytes.min(64 << 20),
        journal_segment_bytes: limits.journal_segment_bytes.min(16 << 20),
        journal_tail_bytes: limits.journal_tail_bytes.min(16 << 20),
        journal_queue_bytes: limits.journal_queue_bytes.min(8 << 20),
        ..limits.clone()
    }
}

fn deploy(host: &Host, job: &Job) -> Result<(DeploymentId, Arc<Revision>), Error> {
    let registry = &host.parts.registry;
    let uploaded = registry.upload(&job.business, &job.component, BY)?;
    let request = DeployRequest::new(uploaded.digest.to_string(), job.configuration.clone());
    let request = DeployRequest { permissions: job.permissions.clone(), ..request };
    let (_, deployment) = registry.deploy(&job.business, &job.deployment, request, BY)?;
    let revision = deployment.newest().clone();
    match revision.configured.plan.told_by_host() {
        Some(event_type) => Err(Error::Derived(event_type.into())),
        None => Ok((deployment.id, revision)),
    }
}
