//! [`Journal`]: what the rest of the host holds.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::{self, JoinHandle};

use tokio::sync::watch;

use super::commit::{Commit, Durable, Health};
use super::error::Error;
use super::index::Index;
use super::lock::DirLock;
use super::open::{self, Opened, Progress};
use super::options::Options;
use super::queue::{Batch, Queue};
use super::reader::Reader;
use super::stats::{Counters, Stats};
use super::writer::Writer;
use crate::model::Lsn;

/// What handles, readers and the writer thread have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) queue: Queue,
    pub(super) commit: Commit,
    pub(super) counters: Counters,
    index: RwLock<Index>,
}

impl Shared {
    pub(super) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing more is accepted; what `health` leaves queued is not lost by this.
    pub(super) fn end(&self, health: Health) {
        self.queue.end(health.clone());
        if health != Health::Closed {
            self.commit.end(health);
        }
    }
}

/// The writer thread and the directory lock, which end together.
#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
    running: Mutex<Option<(JoinHandle<()>, DirLock)>>,
}

impl Owner {
    fn stop(&self) {
        self.shared.end(Health::Closed);
        let mut running: MutexGuard<'_, _> = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((thread, lock)) = running.take() {
            // The thread reports its own panics as a failed journal.
            let _ = thread.join();
            self.shared.commit.end(Health::Closed);
            drop(lock);
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.stop();
    }
}

/// An open journal. Clones are the same journal; when the last one is dropped it
/// is closed, but only [`Journal::close`] tells whether all was made durable.
#[derive(Debug, Clone)]
pub struct Journal {
    shared: Arc<Shared>,
    owner: Arc<Owner>,
}

impl Journal {
    /// Opens the journal in `dir`, creating both if they do not exist. Every
    /// group is verified; `progress` is called as that goes on. `evidence` is the
    /// highest LSN that is known to have been durable from elsewhere (the store's
    /// highest row), `Lsn::ZERO` if nothing is known.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Version`], [`Error::Options`], [`Error::Io`],
    /// and [`Error::Damaged`], upon which no segment was changed.
    pub fn open(
        dir: &Path,
        options: Options,
        evidence: Lsn,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Journal, Opened), Error> {
        options.validate()?;
        std::fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
        let lock = DirLock::acquire(dir)?;
        let recovered = open::recover(dir, &options, evidence, progress)?;
        let last = recovered.opened.last;
        let shared = Arc::new(Shared {
            queue: Queue::new(last, &options),
            commit: Commit::new(last),
            counters: Counters::new(),
            index: RwLock::new(recovered.index),
        });
        let writer = Writer::new(shared.clone(), dir, options, recovered.tail);
        let thread = thread::Builder::new()
            .name("journal".into())
            .spawn(move || writer.run())
            .map_err(Error::io("start the writer thread of", dir))?;
        let running = Mutex::new(Some((thread, lock)));
        let owner = Arc::new(Owner { shared: shared.clone(), running });
        Ok((Journal { shared, owner }, recovered.opened))
    }

    /// Queues frames and answers their positions; they are not durable yet.
    /// Blocks while `journal.queue_bytes` are waiting.
    ///
    /// # Errors
    /// [`Error::FrameTooLarge`] and [`Error::BatchTooLarge`] queue nothing;
    /// [`Error::Failed`], [`Error::Closed`].
    pub fn append(&self, frames: impl IntoIterator<Item = Vec<u8>>) -> Result<RangeInclusive<Lsn>, Error> {
        let mut batch = self.begin()?;
        for frame in frames {
            batch.push(frame)?;
        }
        Ok(batch.commit())
    }

    /// Takes the append lock, so that the caller can do something of its own in
    /// the order of positions. Blocks while `journal.queue_bytes` are waiting.
    ///
    /// # Errors
    /// [`Error::Failed`], [`Error::Closed`].
    pub fn begin(&self) -> Result<Batch<'_>, Error> {
        self.shared.queue.begin()
    }

    /// Like [`Journal::begin`], but never waits for room.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Failed`], [`Error::Closed`].
    pub fn try_begin(&self) -> Result<Batch<'_>, Error> {
        self.shared.queue.try_begin()
    }

    /// Whether `append` would block now.
    pub fn is_full(&self) -> bool {
        self.shared.queue.is_full()
    }

    /// The highest durable position.
    pub fn durable(&self) -> Lsn {
        self.shared.commit.get().lsn
    }

    /// The highest position given.
    pub fn last(&self) -> Lsn {
        self.shared.queue.last()
    }

    /// Blocks until `lsn` is durable. A position that was not given yet is
    /// waited for as well.
    ///
    /// # Errors
    /// [`Error::Failed`] or [`Error::Closed`] if it never will be.
    pub fn wait_durable(&self, lsn: Lsn) -> Result<(), Error> {
        self.shared.commit.wait(lsn)
    }

    /// The durable position and the health, for tasks.
    pub fn watch(&self) -> watch::Receiver<Durable> {
        self.shared.commit.subscribe()
    }

    /// Whether the journal still takes frames.
    pub fn health(&self) -> Health {
        self.shared.commit.get().health
    }

    /// Reads durable frames from `lsn` on; works on a failed journal as well.
    pub fn read_from(&self, lsn: Lsn) -> Reader {
        Reader::new(self.shared.clone(), lsn)
    }

    /// First LSN of the first group that was written at or after that wall-clock
    /// time (milliseconds since 1970), else the position behind the durable one.
    /// Times in the journal never decrease: a clock that was set back counts as
    /// standing still.
    pub fn position_at(&self, wall_ms: u64) -> Lsn {
        self.shared.index().position_at(wall_ms)
    }

    /// Counters since the journal was opened.
    pub fn stats(&self) -> Stats {
        self.shared.counters.snapshot(self.shared.queue.bytes() as u64)
    }

    /// Refuses further appends (of every clone), makes what is queued durable,
    /// stops the writer thread and releases the directory.
    ///
    /// # Errors
    /// [`Error::Failed`] if that did not work, now or earlier.
    pub fn close(self) -> Result<(), Error> {
        self.owner.stop();
        match self.health() {
            Health::Failed(reason) => Err(Error::Failed(reason)),
            Health::Running | Health::Closed => Ok(()),
        }
    }
}
