//! [`Journal`]: what the rest of the host holds.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, mpsc};
use std::thread::{self, JoinHandle};

use tokio::sync::watch;

use super::commit::{Commit, Durable, Health};
use super::error::Error;
use super::index::Index;
use super::keeper;
use super::lock::DirLock;
use super::open::{self, Opened, Progress};
use super::options::Options;
use super::pin::Pin;
use super::queue::{Batch, Queue};
use super::reader::Reader;
use super::retain::{self, Release, SegmentInfo};
use super::snapshot::{self, Snapshot};
use super::stats::{Counters, Stats};
use super::writer::Writer;
use crate::model::Lsn;

/// What handles, readers and the writer thread have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) queue: Queue,
    pub(super) commit: Commit,
    pub(super) counters: Counters,
    pub(super) dir: PathBuf,
    pub(super) options: Options,
    /// Held while released segments are removed or an index file is written.
    pub(super) files: Mutex<()>,
    /// Read by whoever needs all segments to stay, written by a release.
    pub(super) kept: RwLock<()>,
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

    /// Ends the journal for the life of the process.
    pub(super) fn fail(&self, reason: Arc<str>) {
        tracing::error!(%reason, "the journal failed; nothing is accepted until a restart");
        self.end(Health::Failed(reason));
    }
}

/// The threads and the directory lock, which end together.
#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    writer: JoinHandle<()>,
    keeper: JoinHandle<()>,
    lock: DirLock,
}

impl Owner {
    fn stop(&self) {
        self.shared.end(Health::Closed);
        let mut running: MutexGuard<'_, _> = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Running { writer, keeper, lock }) = running.take() {
            // The writer reports its own panics as a failed journal; the keeper
            // ends when the writer has, and only index files depend on it.
            let _ = writer.join();
            let _ = keeper.join();
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
            dir: dir.to_path_buf(),
            options,
            files: Mutex::new(()),
            kept: RwLock::new(()),
            index: RwLock::new(recovered.index),
        });
        let (sealed, to_keep) = mpsc::channel();
        let keeper = {
            let shared = shared.clone();
            spawn("journal-index", dir, move || keeper::run(&shared, &to_keep))?
        };
        let writer = Writer::new(shared.clone(), recovered.tail, sealed);
        let writer = spawn("journal", dir, move || writer.run())?;
        let running = Mutex::new(Some(Running { writer, keeper, lock }));
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
    /// Below [`Journal::first`] the reader answers [`Error::Released`]; `Lsn::ZERO`
    /// is read as `Lsn(1)`.
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

    /// The oldest position that can be read; while there is none, the next.
    pub fn first(&self) -> Lsn {
        self.shared.index().first()
    }

    /// Bytes of the journal from the group that holds `lsn` to the end of what is
    /// durable; 0 if `lsn` is not durable yet, everything that is kept if it was
    /// released. Costs no reading.
    pub fn bytes_from(&self, lsn: Lsn) -> u64 {
        self.shared.index().bytes_from(lsn)
    }

    /// When the group that holds `lsn` was written, in milliseconds since 1970;
    /// `None` if it is not durable yet or was released. Costs no reading.
    pub fn written_at(&self, lsn: Lsn) -> Option<u64> {
        self.shared.index().locate(lsn).map(|group| group.wall_ms)
    }

    /// All segments in order of position; the last one is not sealed.
    pub fn segments(&self) -> Vec<SegmentInfo> {
        let index = self.shared.index();
        let sealed = index.sealed().map(|s| SegmentInfo::of(s, true));
        sealed.chain(index.active().map(|s| SegmentInfo::of(s, false))).collect()
    }

    /// [`retain::release_point`] of this journal, now.
    pub fn release_point(&self, max_bytes: Option<u64>, older_than_ms: Option<u64>) -> Lsn {
        retain::release_point(&self.segments(), self.shared.options.clock.now_ms(), max_bytes, older_than_ms)
    }

    /// Removes whole sealed segments all of whose frames lie below `before`,
    /// oldest first. Reading them is [`Error::Released`] from then on, also for
    /// readers that are there. Whoever calls this knows that nobody needs them.
    /// While a copy is taken nothing is removed.
    ///
    /// # Errors
    /// [`Error::Io`]: what was not removed is removed at the next release or
    /// open. [`Error::Failed`] if a directory cannot be synced: the journal is
    /// failed then; [`Error::Closed`].
    pub fn release(&self, before: Lsn) -> Result<Release, Error> {
        retain::release(&self.shared, before)
    }

    /// Copies what is durable, at least up to `upto` (which is waited for), into
    /// the directory `to`, so that it opens as a journal. Appending goes on, a
    /// release waits for another time. `to` must hold no journal files. The copy
    /// is not verified as it is taken; [`verify_all`](super::verify_all) does.
    ///
    /// # Errors
    /// [`Error::Beyond`] if `upto` was never given, [`Error::Occupied`],
    /// [`Error::Io`]; [`Error::Failed`] or [`Error::Closed`] if `upto` will never
    /// be durable.
    pub fn snapshot_files(&self, to: &Path, upto: Lsn, progress: &mut dyn FnMut(Progress)) -> Result<Snapshot, Error> {
        snapshot::take(&self.shared, to, upto, progress)
    }

    /// Keeps all segments where they are until the answer is dropped: releases wait for another time. For a backup.
    pub fn pin(&self) -> Pin<'_> {
        Pin::new(&self.shared)
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

fn spawn(name: &str, dir: &Path, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    thread::Builder::new().name(name.into()).spawn(run).map_err(Error::io("start a thread for", dir))
}
