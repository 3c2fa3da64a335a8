//! One sled database: rows, marks, and what it takes to have them on disk.
//!
//! sled's `flush` is `sync_file_range`, not fsync, and a page above 128 KiB goes to a file of its own in `blobs/`, which
//! sled never syncs: what was written is synced through handles of our own on both. `reach` says when that cannot wait.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::Error;
use super::files::{Blobs, DATABASE, blobs};
use super::opening;
use super::options::{Failpoint, Failpoints, Place};
use super::reach::{Reach, written};
use super::{Marks, Row};
use crate::model::{Lsn, SHARD_COUNT, ShardId};

const HEADER: &[u8] = b"header";
const STORE: &[u8] = b"store";
const HIGHEST: &[u8] = b"highest-row-lsn";

/// Where the checkpoint of one shard is kept.
fn checkpoint_name(shard: ShardId) -> [u8; 12] {
    let mut name = *b"checkpoint..";
    name[10..].copy_from_slice(&shard.0.to_be_bytes());
    name
}

pub(super) struct Directory {
    folder: PathBuf,
    number: usize,
    db: sled::Db,
    rows: sled::Tree,
    /// Keys of the rows whose documents have timers, and perhaps of some that had.
    timers: sled::Tree,
    /// By shard.
    progress: sled::Tree,
    meta: sled::Tree,
    /// sled's own file, to sync what sled only flushes.
    file: File,
    /// What the records say; a checkpoint is in here once it is synced, the highest position before its rows.
    marks: Mutex<Marks>,
    synced: Mutex<Synced>,
    reach: Reach,
    failpoints: Failpoints,
}

/// The end of each write goes through here, one write at a time: a failed sync is told to one of its callers only.
#[derive(Default)]
struct Synced {
    failed: bool,
    blobs: Blobs,
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
        let failed = |error| Error::sled(folder, error);
        let db = opening::open(folder, cache_bytes, &failpoints)?;
        let rows = db.open_tree("documents").map_err(failed)?;
        let timers = db.open_tree("timers").map_err(failed)?;
        let progress = db.open_tree("progress").map_err(failed)?;
        let meta = db.open_tree("meta").map_err(failed)?;
        let file = folder.join(DATABASE);
        let file = File::open(&file).map_err(Error::io("open", &file))?;
        let (marks, synced, reach) = (Mutex::default(), Mutex::default(), Reach::new(&db));
        let directory = Directory {
            folder: folder.to_owned(),
            number,
            db,
            rows,
            timers,
            progress,
            meta,
            file,
            marks,
            synced,
            reach,
            failpoints,
        };
        *directory.marks() = directory.read_marks()?;
        directory.make_durable()?;
        Ok(directory)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn number(&self) -> usize {
        self.number
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
        for row in rows {
            self.put_row(row)?;
            self.wrote(highest)?;
        }
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
        put().map_err(|error| self.failed(error))
    }

    /// To be called behind each thing that was given to sled: syncs what must be on the disk before it is given more.
    pub fn wrote(&self, lsn: Lsn) -> Result<(), Error> {
        if self.reach.is_due(&self.db) { self.sync(lsn) } else { Ok(()) }
    }

    /// For a store that is loaded. Without a sync.
    pub fn load(&self, tree: &sled::Tree, key: &[u8], bytes: &[u8]) -> Result<(), Error> {
        tree.insert(key, bytes).map(drop).map_err(|error| self.failed(error))
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
            self.wrote(highest)?;
        }
        for (shard, lsn) in checkpoints {
            self.put(&checkpoint_name(*shard), &lsn.0.to_be_bytes())?;
            self.wrote(highest)?;
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

    fn synced(&self) -> MutexGuard<'_, Synced> {
        self.synced.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.meta.insert(name, bytes).map(drop).map_err(|error| self.failed(error))
    }

    /// Everything that was written before is on disk when it answers. After a failure nobody knows what is, and the
    /// kernel may forget that it failed: nothing more is written.
    pub fn sync(&self, lsn: Lsn) -> Result<(), Error> {
        self.pass(&self.failpoints.before_flush, lsn).map_err(|error| self.give_up(error))?;
        if self.reach.is_behind(&self.db) {
            // The flush may write a header that speaks of it.
            self.make_durable()?;
        }
        if let Err(error) = self.db.flush() {
            self.synced().failed = true;
            return Err(self.failed(error));
        }
        self.pass(&self.failpoints.before_sync, lsn).map_err(|error| self.give_up(error))?;
        self.make_durable()
    }

    /// Puts on the disk what sled has written.
    fn make_durable(&self) -> Result<(), Error> {
        let mut synced = self.synced();
        if synced.failed {
            return Err(Error::Failed { folder: self.folder.clone() });
        }
        let written = written(&self.db);
        if !self.failpoints.leave_out_sync {
            self.sync_files(&mut synced).map_err(|error| {
                synced.failed = true;
                self.unsynced(error)
            })?;
        }
        self.reach.raise(written);
        Ok(())
    }

    fn sync_files(&self, synced: &mut Synced) -> io::Result<()> {
        self.sync_blobs(&mut synced.blobs)?;
        self.failpoints.sync(&self.folder.join(DATABASE), || self.file.sync_data())
    }

    /// Syncs the files that have come since the last time; sled removes those that it needs no more. By name and length:
    /// one that another thread is still writing is synced again when it has its length.
    fn sync_blobs(&self, synced: &mut Blobs) -> io::Result<()> {
        let folder = self.folder.join("blobs");
        let found = blobs(&folder)?;
        let mut fresh = false;
        for (name, _) in found.iter().filter(|(name, bytes)| synced.get(*name) != Some(bytes)) {
            let path = folder.join(name);
            match File::open(&path) {
                Ok(file) => self.failpoints.sync(&path, || file.sync_data())?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            }
            fresh = true;
        }
        if fresh {
            self.failpoints.sync(&folder, || File::open(&folder)?.sync_all())?;
        }
        *synced = found;
        Ok(())
    }

    fn give_up(&self, error: io::Error) -> Error {
        self.synced().failed = true;
        self.unsynced(error)
    }

    fn unsynced(&self, error: io::Error) -> Error {
        Error::Sync { folder: self.folder.clone(), error }
    }

    /// Refuses to write after a failed sync.
    pub fn writable(&self) -> Result<(), Error> {
        if self.synced().failed {
            return Err(Error::Failed { folder: self.folder.clone() });
        }
        Ok(())
    }

    pub fn pass(&self, point: &Option<Failpoint>, lsn: Lsn) -> io::Result<()> {
        Failpoints::pass(point, Place { directory: self.number, lsn })
    }

    #[cfg(test)]
    pub fn synced_files(&self) -> Vec<std::ffi::OsString> {
        self.synced().blobs.keys().cloned().collect()
    }

    pub fn failpoints(&self) -> &Failpoints {
        &self.failpoints
    }

    pub fn failed(&self, error: sled::Error) -> Error {
        Error::sled(&self.folder, error)
    }

    pub fn broken(&self, name: &'static str) -> Error {
        Error::Broken { folder: self.folder.clone(), name }
    }
}
