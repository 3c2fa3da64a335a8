//! How far each deployment is, for those who ask from outside the worker.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::journal::{Health, Log};
use crate::model::ports::{Progress, Watch};
use crate::model::{DeploymentId, Lsn};

pub struct Board {
    log: Log,
    /// By deployment and worker, with whether there is nothing more to read.
    positions: Mutex<BTreeMap<DeploymentId, Vec<(Lsn, bool)>>>,
    workers: usize,
    fatal: Mutex<Option<String>>,
}

impl Board {
    pub fn new(log: Log, workers: usize) -> Board {
        Board { log, positions: Mutex::default(), workers, fatal: Mutex::default() }
    }

    /// Where a deployment is in one worker's shards. `over`: it has read all that it will ever read.
    pub fn publish(&self, worker: usize, deployment: DeploymentId, position: Lsn, over: bool) {
        let mut positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        let places = positions.entry(deployment).or_insert_with(|| vec![(Lsn::ZERO, false); self.workers]);
        places[worker] = (position, over);
    }

    /// The first reason counts: what follows is a consequence.
    pub fn fail(&self, reason: String) {
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
    }
}

impl Watch for Board {
    fn progress(&self, deployment: DeploymentId) -> Option<Progress> {
        let positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        let places = positions.get(&deployment)?;
        let position = places.iter().map(|(position, _)| *position).min()?;
        let over = places.iter().all(|(_, over)| *over);
        let lag = if over { 0 } else { self.log.last().0.saturating_sub(position.0) };
        Some(Progress { position, lag })
    }

    fn unhealthy(&self) -> Option<String> {
        if let Health::Failed(reason) = self.log.journal().health() {
            return Some(format!("the journal has failed: {reason}. Mend the disk and restart the host"));
        }
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
