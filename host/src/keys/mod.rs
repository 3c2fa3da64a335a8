//! Which frames of the journal speak of whom: a key file for each sealed segment, so that a question about one user, one
//! event or one deployment reads the frames that concern it and not the journal.
//!
//! Nothing depends on these files. The answer of one is a list of frames that *may* concern something (names are hashed),
//! and whoever asked reads the frames and looks again; a segment without a good file is read from end to end. So a
//! question has the same answer with all of them, some or none, and the folder may be removed at any time.
//!
//! # Layout
//! - `key`: what frames are found by; `mentions`: all of it that one frame speaks of
//! - `table`: the bytes of a key file; `file`: one that is there
//! - `wanted`: what somebody looks for; `reading`: the journal's regions, with and without a file
//! - `indexer`: makes the files, on a thread of its own

mod file;
mod indexer;
mod key;
mod mentions;
mod reading;
mod table;
mod wanted;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::journal::Log;
use crate::model::Lsn;
use crate::tasks::Bell;
use crate::telemetry::Metrics;
use file::KeyFile;

pub use indexer::{Indexer, Indexing};
pub use key::Key;
pub use reading::{Reading, Span};
pub use wanted::Wanted;

/// The journal and the key files that are known to be good. Clones are the same.
#[derive(Clone)]
pub struct Keys {
    inner: Arc<Inner>,
}

struct Inner {
    log: Log,
    metrics: Arc<Metrics>,
    /// By the first position of their segments.
    files: RwLock<BTreeMap<Lsn, Arc<KeyFile>>>,
    /// Rings when the indexer has something to do at once.
    bell: Arc<Bell>,
}

impl Keys {
    /// Without a file until an [`Indexer`] finds or makes some.
    pub fn new(log: Log, metrics: Arc<Metrics>) -> Keys {
        Keys { inner: Arc::new(Inner { log, metrics, files: RwLock::default(), bell: Arc::default() }) }
    }

    pub fn log(&self) -> &Log {
        &self.inner.log
    }

    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    fn files(&self) -> RwLockReadGuard<'_, BTreeMap<Lsn, Arc<KeyFile>>> {
        self.inner.files.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn files_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<Lsn, Arc<KeyFile>>> {
        self.inner.files.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file that turned out to be damaged is used no more: the indexer makes another.
    fn distrust(&self, file: &Arc<KeyFile>, why: &dyn std::fmt::Display) {
        let mut files = self.files_mut();
        let first = file.stamp().first;
        if files.get(&first).is_some_and(|known| Arc::ptr_eq(known, file)) {
            files.remove(&first);
            drop(files);
            tracing::warn!(path = %file.path().display(), %why, "a key file cannot be read: its segment is, and the file made anew");
            self.inner.metrics.index_damaged.inc();
            file.remove();
            self.inner.bell.ring();
        }
    }
}
