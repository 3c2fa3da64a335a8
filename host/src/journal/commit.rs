//! The durable position: published by the writer thread, awaited by everyone.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::error::Error;
use crate::model::Lsn;

/// Whether the journal still takes frames.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Health {
    #[default]
    Running,
    /// A write or a sync failed, for this reason; final for this process.
    Failed(Arc<str>),
    /// Closed by its owner.
    Closed,
}

impl Health {
    pub(super) fn check(&self) -> Result<(), Error> {
        match self {
            Health::Running => Ok(()),
            Health::Failed(reason) => Err(Error::Failed(reason.clone())),
            Health::Closed => Err(Error::Closed),
        }
    }
}

/// What is durable, and whether more may follow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durable {
    /// Everything up to here survives a power cut.
    pub lsn: Lsn,
    /// Unless `Running`, `lsn` never moves again.
    pub health: Health,
}

/// One value, two ways to wait for it: a condvar for threads, a watch for tasks.
#[derive(Debug)]
pub(super) struct Commit {
    state: Mutex<Durable>,
    changed: Condvar,
    watch: watch::Sender<Durable>,
}

impl Commit {
    pub(super) fn new(lsn: Lsn) -> Commit {
        let start = Durable { lsn, health: Health::Running };
        Commit { state: Mutex::new(start.clone()), changed: Condvar::new(), watch: watch::Sender::new(start) }
    }

    /// Nothing is told behind a failure, not even what was synced meanwhile.
    pub(super) fn publish(&self, lsn: Lsn) {
        self.update(|durable| {
            if durable.health == Health::Running {
                durable.lsn = lsn;
            }
        });
    }

    /// The first end counts: a failed journal stays failed when it is closed.
    pub(super) fn end(&self, health: Health) {
        self.update(|durable| {
            if durable.health == Health::Running {
                durable.health = health;
            }
        });
    }

    pub(super) fn get(&self) -> Durable {
        self.lock().clone()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Durable> {
        self.watch.subscribe()
    }

    /// Blocks until `lsn` is durable or never will be.
    pub(super) fn wait(&self, lsn: Lsn) -> Result<(), Error> {
        let mut state = self.lock();
        while state.lsn < lsn {
            state.health.check()?;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    fn update(&self, change: impl FnOnce(&mut Durable)) {
        let mut state = self.lock();
        change(&mut state);
        self.watch.send_replace(state.clone());
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Durable> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
