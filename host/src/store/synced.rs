//! Makes durable what sled writes, before sled takes it for durable.
//!
//! sled calls `sync_file_range` behind each piece of its log that it has written, and rests on it: headers of later segments
//! (512 KiB) say up to where the log is whole, a start believes them, and a segment is written over when what was in it has
//! moved to others of which a header says that. But `sync_file_range` is no sync, as its manual page warns: the disk's cache
//! and the length of a file that has grown are left out. And pages above 128 KiB are files of their own, in `blobs/`, which
//! sled never syncs. We cannot do it in time from outside: sled writes when its buffer is full, on threads of its own, and
//! also while it reads (it splits a page when somebody comes by).
//!
//! So this program has a `sync_file_range` of its own, which the linker prefers to that of the C library, and which syncs.
//! Where a kernel has none sled calls `fsync` in its place, so nothing is new to it.

use std::collections::BTreeMap;
use std::ffi::{c_int, c_uint};
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use errno::{Errno, set_errno};
use rustix::fs::{fdatasync, fstat};

use super::error::Error;
use super::files::{Blobs, DATABASE, blobs};
use super::options::Failpoints;

/// Device and inode of a file.
type Id = (u64, u64);

/// The logs that are open. Of another file only that file is synced.
static LOGS: Mutex<BTreeMap<Id, Arc<Log>>> = Mutex::new(BTreeMap::new());

#[unsafe(no_mangle)]
#[allow(unsafe_code, reason = "sled has no other place at which it could be told what a sync is")]
extern "C" fn sync_file_range(file: c_int, _offset: i64, _bytes: i64, _flags: c_uint) -> c_int {
    // SAFETY: whoever calls it has the file open meanwhile, as the one of the C library demands.
    let file = unsafe { BorrowedFd::borrow_raw(file) };
    match sync(file) {
        Ok(()) => 0,
        Err(error) => {
            set_errno(Errno(error.raw_os_error()));
            -1
        }
    }
}

fn sync(file: BorrowedFd<'_>) -> rustix::io::Result<()> {
    let found = fstat(file)?;
    let log = lock(&LOGS).get(&(found.st_dev, found.st_ino)).cloned();
    match log {
        Some(log) => {
            log.asked.store(true, Ordering::SeqCst);
            log.sync().map_err(|Failed| rustix::io::Errno::IO)
        }
        None => fdatasync(file),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file of one sled database, and those beside it.
struct Log {
    folder: PathBuf,
    file: File,
    failpoints: Failpoints,
    database: OnceLock<Weak<sled::Db>>,
    /// By sled, ever.
    asked: AtomicBool,
    /// Syncs that have begun.
    begun: AtomicU64,
    /// What the last sync has found in `blobs/`. Held by the sync that is under way.
    synced: Mutex<Blobs>,
    failure: Mutex<Option<Failure>>,
}

/// Why a sync has failed, and whether anybody was told.
struct Failure {
    error: io::Error,
    told: bool,
}

/// What it was is kept for those who ask.
struct Failed;

impl Log {
    /// Everything that was written before is on the disk when it answers. After a failure nobody knows what is, and it
    /// fails for ever.
    fn sync(self: &Arc<Log>) -> Result<(), Failed> {
        let before = self.begun.load(Ordering::SeqCst);
        let mut synced = lock(&self.synced);
        if self.has_failed() {
            return Err(Failed);
        }
        // One that began behind this call has ended.
        if self.failpoints.leave_out_sync || self.begun.load(Ordering::SeqCst) > before {
            return Ok(());
        }
        self.begun.fetch_add(1, Ordering::SeqCst);
        let done = self.sync_blobs(&mut synced);
        let done = done.and_then(|()| self.failpoints.sync(&self.folder.join(DATABASE), || self.file.sync_data()));
        done.map_err(|error| {
            self.fail(error);
            let log = self.clone();
            // sled does not always wake those who wait for what will never be written.
            let _ = std::thread::Builder::new().name("sled-wake".to_owned()).spawn(move || log.wake());
            Failed
        })
    }

    fn has_failed(&self) -> bool {
        lock(&self.failure).is_some()
    }

    fn fail(&self, error: io::Error) {
        lock(&self.failure).get_or_insert(Failure { error, told: false });
    }

    /// A flush wakes all who wait, once sled has noted that it has failed. It does so soon behind our answer, and tells nobody:
    /// so it is asked. A flush before that would wait with the others.
    fn wake(&self) {
        while let Some(database) = self.database.get().and_then(Weak::upgrade) {
            if database.context.global_error().is_err() {
                let _ = database.flush();
                return;
            }
            drop(database);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// First, because the log refers to them. Syncs the files that have come since the last time; sled removes those that it
    /// needs no more. By name and length: one that another thread is still writing is synced again when it has its length.
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
}

/// A log that is synced as long as this is there: longer than the database, which writes until it is gone.
pub(super) struct SyncedLog {
    id: Id,
    log: Arc<Log>,
}

impl SyncedLog {
    /// Of the database in this folder.
    pub fn of(folder: &Path, failpoints: &Failpoints) -> io::Result<SyncedLog> {
        let file = File::open(folder.join(DATABASE))?;
        let found = fstat(&file)?;
        let id = (found.st_dev, found.st_ino);
        let log = Arc::new(Log {
            folder: folder.to_owned(),
            file,
            failpoints: failpoints.clone(),
            database: OnceLock::new(),
            asked: AtomicBool::new(false),
            begun: AtomicU64::new(0),
            synced: Mutex::default(),
            failure: Mutex::default(),
        });
        lock(&LOGS).insert(id, log.clone());
        Ok(SyncedLog { id, log })
    }

    /// Once it is open: whoever waits for it is woken when a sync fails.
    pub fn is_of(&self, database: &Arc<sled::Db>) {
        let _ = self.log.database.set(Arc::downgrade(database));
    }

    /// Has sled asked for a sync, ever? If not, this program was not linked as it must be.
    pub fn was_asked(&self) -> bool {
        self.log.asked.load(Ordering::SeqCst)
    }

    /// Everything that was written before is on the disk when it answers.
    pub fn sync(&self) -> Result<(), Error> {
        self.log.sync().map_err(|Failed| self.refusal())
    }

    pub fn has_failed(&self) -> bool {
        self.log.has_failed()
    }

    /// Nothing more is synced.
    pub fn give_up(&self, error: io::Error) -> Error {
        self.log.fail(error);
        self.refusal()
    }

    /// Behind a failed sync: the failure, for who comes first, and then that there was one.
    pub fn refusal(&self) -> Error {
        let folder = self.log.folder.clone();
        let mut failure = lock(&self.log.failure);
        match failure.as_mut() {
            Some(Failure { error, told }) if *told => Error::Failed { folder, reason: error.to_string() },
            Some(Failure { error, told }) => {
                *told = true;
                let again = error.raw_os_error().map(io::Error::from_raw_os_error);
                Error::Sync { folder, error: again.unwrap_or_else(|| io::Error::new(error.kind(), error.to_string())) }
            }
            None => Error::Failed { folder, reason: "nobody knows which".to_owned() },
        }
    }

    #[cfg(test)]
    pub fn blobs(&self) -> Vec<std::ffi::OsString> {
        lock(&self.log.synced).keys().cloned().collect()
    }
}

impl Drop for SyncedLog {
    fn drop(&mut self) {
        let mut logs = lock(&LOGS);
        // It may have been opened again meanwhile.
        if logs.get(&self.id).is_some_and(|log| Arc::ptr_eq(log, &self.log)) {
            logs.remove(&self.id);
        }
    }
}
