//! How far each deployment is, for those who ask from outside the worker.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::journal::{Health, Log};
use crate::model::ports::{Progress, Watch};
use crate::model::{DeploymentId, Lsn};

pub struct Board {
    log: Log,
    positions: Mutex<BTreeMap<DeploymentId, Lsn>>,
    fatal: Mutex<Option<String>>,
}

impl Board {
    pub fn new(log: Log) -> Board {
        Board { log, positions: Mutex::default(), fatal: Mutex::default() }
    }

    pub fn publish(&self, deployment: DeploymentId, position: Lsn) {
        self.positions.lock().unwrap_or_else(PoisonError::into_inner).insert(deployment, position);
    }

    /// The first reason counts: what follows is a consequence.
    pub fn fail(&self, reason: String) {
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
    }
}

impl Watch for Board {
    fn progress(&self, deployment: DeploymentId) -> Option<Progress> {
        let position = *self.positions.lock().unwrap_or_else(PoisonError::into_inner).get(&deployment)?;
        Some(Progress { position, lag: self.log.last().0.saturating_sub(position.0) })
    }

    fn unhealthy(&self) -> Option<String> {
        if let Health::Failed(reason) = self.log.journal().health() {
            return Some(format!("the journal has failed: {reason}. Mend the disk and restart the host"));
        }
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
