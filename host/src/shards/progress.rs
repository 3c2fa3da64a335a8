//! How far each deployment is, for those who ask from outside the worker.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::faults::Faults;
use crate::journal::{Health, Log};
use crate::model::ports::{Faulty, Progress, Watch};
use crate::model::{DeploymentId, Lsn};
use crate::registry::Clock;

pub struct Board {
    log: Log,
    clock: Clock,
    faults: Arc<Faults>,
    /// By deployment and worker.
    places: Mutex<BTreeMap<DeploymentId, Vec<Option<Place>>>>,
    /// What each worker's desk has said.
    desks: Mutex<Vec<Lsn>>,
    workers: usize,
    fatal: Mutex<Option<String>>,
}

/// Where a deployment is in one worker's shards, and what it has there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    /// Of the slowest shard.
    pub position: Lsn,
    /// Of the slowest shard that does not stand still.
    pub live: Option<Lsn>,
    /// The first position that it still has to read, or would have to after a crash: in shards that go on, or a settlement
    /// for one that stands still.
    pub needs: Option<Lsn>,
    /// It has read all that it will ever read.
    pub over: bool,
    /// Documents in memory,
    pub documents: u64,
    /// and their bytes.
    pub state_bytes: u64,
}

impl Board {
    pub fn new(log: Log, clock: Clock, faults: Arc<Faults>, workers: usize) -> Board {
        let desks = Mutex::new(vec![Lsn::ZERO; workers]);
        Board { log, clock, faults, places: Mutex::default(), desks, workers, fatal: Mutex::default() }
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<DeploymentId, Vec<Option<Place>>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn publish(&self, worker: usize, deployment: DeploymentId, place: Place) {
        self.places().entry(deployment).or_insert_with(|| vec![None; self.workers])[worker] = Some(place);
    }

    /// How far a worker's desk has said to be.
    pub fn publish_desk(&self, worker: usize, position: Lsn) {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)[worker] = position;
    }

    /// Where a start would find the slowest desk.
    pub fn desks(&self) -> Lsn {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner).iter().min().copied().unwrap_or_default()
    }

    /// The first position that a deployment still needs; None within if it needs none. None for one that some worker has
    /// not met yet.
    pub fn needs(&self, deployment: DeploymentId) -> Option<Option<Lsn>> {
        let places = self.places();
        let places: Vec<Place> = places.get(&deployment)?.iter().copied().collect::<Option<_>>()?;
        Some(places.iter().filter_map(|place| place.needs).min())
    }

    /// The slowest shard that does not stand still; None within if all do. None for a deployment that some worker has not met
    /// yet.
    pub fn live(&self, deployment: DeploymentId) -> Option<Option<Lsn>> {
        let places = self.places();
        let places: Vec<Place> = places.get(&deployment)?.iter().copied().collect::<Option<_>>()?;
        Some(places.iter().filter(|place| !place.over).filter_map(|place| place.live).min())
    }

    /// What is behind a position: frames, bytes of the journal, and the age of the oldest of them in milliseconds. Bytes and
    /// age are known of what is durable.
    pub fn behind(&self, position: Lsn) -> (u64, u64, u64) {
        let frames = self.log.last().0.saturating_sub(position.0);
        if frames == 0 {
            return (0, 0, 0);
        }
        let next = position.next().max(self.log.first());
        let age = self.log.written_at(next).map_or(0, |written| (self.clock)().saturating_sub(written));
        (frames, self.log.bytes_from(next), age)
    }

    /// The first reason counts: what follows is a consequence.
    pub fn fail(&self, reason: String) {
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
    }
}

impl Watch for Board {
    fn progress(&self, deployment: DeploymentId) -> Option<Progress> {
        let places: Vec<Place> =
            self.places().get(&deployment)?.iter().map(|place| place.unwrap_or_default()).collect();
        let position = places.iter().map(|place| place.position).min()?;
        let over = places.iter().all(|place| place.over);
        let (lag, lag_bytes, lag_ms) = if over { (0, 0, 0) } else { self.behind(position) };
        let documents = places.iter().map(|place| place.documents).sum();
        let state_bytes = places.iter().map(|place| place.state_bytes).sum();
        Some(Progress { position, lag, lag_bytes, lag_ms, documents, state_bytes })
    }

    fn faults(&self, deployment: DeploymentId) -> Faulty {
        self.faults.of(deployment, (self.clock)())
    }

    fn unhealthy(&self) -> Option<String> {
        if let Health::Failed(reason) = self.log.journal().health() {
            return Some(format!("the journal has failed: {reason}. Mend the disk and restart the host"));
        }
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
