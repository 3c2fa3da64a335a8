//! One sled database: rows, marks, and what it takes to have them on disk.
//!
//! What sled says it has written is on the disk: `synced` sees to that.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::Error;
use super::opening;
use super::options::{Failpoint, Failpoints, Place};
use super::synced::SyncedLog;
use super::{Marks, Row};
use crate::model::{Lsn, SHARD_COUNT, ShardId};

const HEADER: &[u8] = b"header";
const STORE: &[u8] = b"store";
const HIGHEST: &[u8] = b"highest-row-lsn";
/// `synced` is not what sled calls.
const NOT_LINKED: &str =
    "this program was linked so that what sled writes is not synced: build fishpond again, as one program";
/// Of sled's log, that may be begun and not written: fewer than a third of the threads that sled writes with.
const SEGMENTS: usize = 2;

/// Where the checkpoint of one shard is kept.
fn checkpoint_name(shard: ShardId) -> [u8; 12] {
    let mut name = *b"checkpoint..";
    name[10..].copy_from_slice(&shard.0.to_be_bytes());
    name
}

pub(super) struct Directory {
    folder: PathBuf,
    number: usize,
    db: Arc<sled::Db>,
    rows: sled::Tree,
    /// Keys of the rows whose documents have timers, and perhaps of some that had.
    timers: sled::Tree,
    /// By shard.
    progress: sled::Tree,
    meta: sled::Tree,
    /// What the records say; a checkpoint is in here once it is synced, the highest position before its rows.
    marks: Mutex<Marks>,
    /// Up to where sled's log was written at the last flush, or before.
    flushed: AtomicI64,
    flushing: Mutex<()>,
    failpoints: Failpoints,
    /// Behind the database and its trees: it goes when they are gone.
    log: SyncedLog,
}

/// What a directory says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label {
    pub header: String,
    /// The same in all directories of one store, and in no other.
    pub store: [u8; 16],
}

impl Directory {
    /// Opens or makes the database, and syncs what an earlier process may have left in the kernel's cache: what is read
    /// from now on is on disk. Reads sled's log once: keep a directory at 1 to 2 GB.
    pub fn open(folder: &Path, number: usize, cache_bytes: u64, failpoints: Failpoints) -> Result<Directory, Error> {
        let (db, log) = opening::open(folder, cache_bytes, &failpoints)?;
        let db = Arc::new(db);
        log.is_of(&db);
        let failed = |error| if log.has_failed() { log.refusal() } else { Error::sled(folder, error) };
        let rows = db.open_tree("documents").map_err(failed)?;
        let timers = db.open_tree("timers").map_err(failed)?;
        let progress = db.open_tree("progress").map_err(failed)?;
        let meta = db.open_tree("meta").map_err(failed)?;
        let (marks, flushed, flushing) = (Mutex::default(), AtomicI64::new(0), Mutex::default());
        let directory = Directory {
            folder: folder.to_owned(),
            number,
            db,
            rows,
            timers,
            progress,
            meta,
            marks,
            flushed,
            flushing,
            failpoints,
            log,
        };
        *directory.marks() = directory.read_marks()?;
        // What sled has written while it opened.
        directory.log.sync()?;
        Ok(directory)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn number(&self) -> usize {
        self.number
    }

    /// Of all files, bytes.
    pub fn size_on_disk(&self) -> Result<u64, Error> {
        self.db.size_on_disk().map_err(|error| self.failed(error))
    }

    pub fn rows(&self) -> &sled::Tree {
        &self.rows
    }

    pub fn timers(&self) -> &sled::Tree {
        &self.timers
    }

    pub fn progress(&self) -> &sled::Tree {
        &self.progress
    }

    pub fn tree(&self, name: &str) -> Result<sled::Tree, Error> {
        self.db.open_tree(name).map_err(|error| self.failed(error))
    }

    /// None if it was never labelled.
    pub fn label(&self) -> Result<Option<Label>, Error> {
        let (header, store) = (self.record(HEADER)?, self.record(STORE)?);
        let (Some(header), Some(store)) = (header, store) else { return Ok(None) };
        let header = String::from_utf8_lossy(&header).into_owned();
        let store = <[u8; 16]>::try_from(&*store).map_err(|_| self.broken("store"))?;
        Ok(Some(Label { header, store }))
    }

    /// Makes it a directory of a store, durable with its own folder; the folder above is the caller's.
    pub fn put_label(&self, label: &Label) -> Result<(), Error> {
        self.put(HEADER, label.header.as_bytes())?;
        self.put(STORE, &label.store)?;
        self.sync(Lsn::ZERO)?;
        for name in ["conf", "blobs", "."] {
            let path = self.folder.join(name);
            let sync = || File::open(&path)?.sync_all();
            self.failpoints.sync(&path, sync).map_err(Error::io("sync", &path))?;
        }
        Ok(())
    }

    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let found = self.rows.get(key).map_err(|error| self.failed(error))?;
        Ok(found.map(|bytes| bytes.to_vec()))
    }

    /// Writes rows and has them on disk when it answers. The highest position goes first, so that no row is ever above
    /// it. Row by row: a batch of sled's holds one lock of the process, and every `get` waits for it.
    pub fn write(&self, rows: &[&Row]) -> Result<(), Error> {
        let Some(highest) = rows.iter().map(|row| row.lsn).max() else { return Ok(()) };
        self.writable()?;
        self.pass(&self.failpoints.before_rows, highest).map_err(Error::io("write rows to", &self.folder))?;
        self.raise(highest)?;
        rows.iter().try_for_each(|row| self.put_row(row))?;
        self.sync(highest)
    }

    /// Without a sync. A crash may come between any two of these: no row with timers is ever without its note.
    fn put_row(&self, row: &Row) -> Result<(), Error> {
        let put = || -> sled::Result<()> {
            if row.timers && !self.timers.contains_key(&row.key)? {
                self.timers.insert(&row.key, &[])?;
            }
            match &row.bytes {
                Some(bytes) => self.rows.insert(&row.key, &**bytes)?,
                None => self.rows.remove(&row.key)?,
            };
            if !row.timers && self.timers.contains_key(&row.key)? {
                self.timers.remove(&row.key)?;
            }
            Ok(())
        };
        put().map_err(|error| self.refused(error))?;
        self.given()
    }

    /// For a store that is loaded. Without a sync.
    pub fn load(&self, tree: &sled::Tree, key: &[u8], bytes: &[u8]) -> Result<(), Error> {
        tree.insert(key, bytes).map_err(|error| self.refused(error))?;
        self.given()
    }

    /// To be called behind what was given to sled: waits for its disk when much of it is not written. What is written waits
    /// on a few threads that all databases share, and where all of them do sled may wait for itself.
    pub fn given(&self) -> Result<(), Error> {
        let flushed = self.flushed.load(Ordering::Relaxed);
        if self.db.context.pagecache.log.iter_from(flushed).segments.len() > SEGMENTS { self.flush() } else { Ok(()) }
    }

    /// Records a position as evidence of what the journal must hold; durable with the next sync.
    fn raise(&self, lsn: Lsn) -> Result<(), Error> {
        // Held while it is written: of two writers the lower one must not come last.
        let mut marks = self.marks();
        if lsn > marks.highest {
            self.put(HIGHEST, &lsn.0.to_be_bytes())?;
            marks.highest = lsn;
        }
        Ok(())
    }

    /// The mark is durable in the journal, so it is evidence as a row is. Progress goes first: it may be newer than the
    /// checkpoint, never older.
    pub fn set_checkpoints(
        &self,
        checkpoints: &[(ShardId, Lsn)],
        progress: &[&(ShardId, Vec<u8>)],
    ) -> Result<(), Error> {
        let Some(highest) = checkpoints.iter().map(|(_, lsn)| *lsn).max() else { return Ok(()) };
        self.writable()?;
        let refused = Error::io("write a checkpoint to", &self.folder);
        self.pass(&self.failpoints.before_checkpoint, highest).map_err(refused)?;
        self.raise(highest)?;
        for (shard, bytes) in progress {
            self.load(&self.progress, &shard.0.to_be_bytes(), bytes)?;
        }
        for (shard, lsn) in checkpoints {
            self.put(&checkpoint_name(*shard), &lsn.0.to_be_bytes())?;
        }
        self.sync(highest)?;
        let mut marks = self.marks();
        checkpoints.iter().for_each(|(shard, lsn)| marks.checkpoints[usize::from(shard.0)] = *lsn);
        Ok(())
    }

    /// For a store that is loaded: evidence without a row of its own. Durable with the next sync.
    pub fn set_highest(&self, lsn: Lsn) -> Result<(), Error> {
        self.raise(lsn)
    }

    pub fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_marks(&self) -> Result<Marks, Error> {
        let mut marks = Marks { highest: self.lsn(HIGHEST, "highest position")?, ..Marks::default() };
        for shard in (0..SHARD_COUNT).map(ShardId) {
            marks.checkpoints[usize::from(shard.0)] = self.lsn(&checkpoint_name(shard), "checkpoint")?;
        }
        Ok(marks)
    }

    fn lsn(&self, name: &[u8], what: &'static str) -> Result<Lsn, Error> {
        let Some(bytes) = self.record(name)? else { return Ok(Lsn::ZERO) };
        let bytes = <[u8; 8]>::try_from(&*bytes).map_err(|_| self.broken(what))?;
        Ok(Lsn(u64::from_be_bytes(bytes)))
    }

    fn record(&self, name: &[u8]) -> Result<Option<sled::IVec>, Error> {
        self.meta.get(name).map_err(|error| self.failed(error))
    }

    fn put(&self, name: &[u8], bytes: &[u8]) -> Result<(), Error> {
        self.meta.insert(name, bytes).map(drop).map_err(|error| self.refused(error))
    }

    /// Everything that was written before is on disk when it answers. After a failure nobody knows what is, and the
    /// kernel may forget that it failed: nothing more is taken.
    pub fn sync(&self, lsn: Lsn) -> Result<(), Error> {
        self.pass(&self.failpoints.before_flush, lsn).map_err(|error| self.log.give_up(error))?;
        self.flush()?;
        self.pass(&self.failpoints.behind_flush, lsn).map_err(|error| self.log.give_up(error))
    }

    /// One at a time: each flush takes one of the threads that sled writes with.
    fn flush(&self) -> Result<(), Error> {
        let _alone = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        self.writable()?;
        let bytes = self.db.flush().map_err(|error| match self.log.has_failed() {
            true => self.log.refusal(),
            false => self.log.give_up(io::Error::other(error)),
        })?;
        if bytes > 0 && !self.log.was_asked() && !self.failpoints.leave_out_sync {
            return Err(self.log.give_up(io::Error::other(NOT_LINKED)));
        }
        self.flushed.fetch_max(self.db.context.pagecache.log.stable_offset(), Ordering::Relaxed);
        self.writable()
    }

    /// Refuses to write after a failed sync.
    pub fn writable(&self) -> Result<(), Error> {
        if self.log.has_failed() { Err(self.log.refusal()) } else { Ok(()) }
    }

    pub fn pass(&self, point: &Option<Failpoint>, lsn: Lsn) -> io::Result<()> {
        Failpoints::pass(point, Place { directory: self.number, lsn })
    }

    #[cfg(test)]
    pub fn synced_files(&self) -> Vec<std::ffi::OsString> {
        self.log.blobs()
    }

    pub fn failpoints(&self) -> &Failpoints {
        &self.failpoints
    }

    /// What sled has failed with while it read.
    pub fn failed(&self, error: sled::Error) -> Error {
        Error::sled(&self.folder, error)
    }

    /// What sled has failed with while it took something: behind a failed sync that. Nothing more is taken: sled may wait
    /// for ever for what it has not finished.
    pub fn refused(&self, error: sled::Error) -> Error {
        if self.log.has_failed() {
            return self.log.refusal();
        }
        let _ = self.log.give_up(io::Error::other(error.clone()));
        self.failed(error)
    }

    pub fn broken(&self, name: &'static str) -> Error {
        Error::Broken { folder: self.folder.clone(), name }
    }
}
