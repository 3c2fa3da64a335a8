//! How far each deployment is, for those who ask from outside the worker.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::journal::{Health, Log};
use crate::model::ports::{Progress, Watch};
use crate::model::{DeploymentId, Lsn};

pub struct Board {
    log: Log,
    /// And whether there is nothing more to read for it.
    positions: Mutex<BTreeMap<DeploymentId, (Lsn, bool)>>,
    fatal: Mutex<Option<String>>,
}

impl Board {
    pub fn new(log: Log) -> Board {
        Board { log, positions: Mutex::default(), fatal: Mutex::default() }
    }

    /// `over`: it has read all that it will ever read.
    pub fn publish(&self, deployment: DeploymentId, position: Lsn, over: bool) {
        self.positions.lock().unwrap_or_else(PoisonError::into_inner).insert(deployment, (position, over));
    }

    /// The first reason counts: what follows is a consequence.
    pub fn fail(&self, reason: String) {
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
    }
}

impl Watch for Board {
    fn progress(&self, deployment: DeploymentId) -> Option<Progress> {
        let (position, over) = *self.positions.lock().unwrap_or_else(PoisonError::into_inner).get(&deployment)?;
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
