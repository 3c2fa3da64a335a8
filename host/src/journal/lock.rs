//! One process per directory: an advisory lock that the kernel drops when its
//! holder dies.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::error::Error;
use crate::tasks::patiently;

const LOCK_FILE: &str = "LOCK";

/// Held while a journal is open, or while nobody may open it; dropping it releases the directory.
#[derive(Debug)]
pub struct DirLock {
    _file: File,
}

impl DirLock {
    /// # Errors
    /// [`Error::Locked`] if somebody holds it, and for longer than a second.
    pub(super) fn acquire(dir: &Path) -> Result<DirLock, Error> {
        let path = dir.join(LOCK_FILE);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        DirLock::lock(file, dir, &path)
    }

    /// As [`Self::acquire`], but changes nothing, so it works on a read-only
    /// copy: where there is no lock file, nobody ever opened the journal.
    ///
    /// # Errors
    /// As there.
    pub fn acquire_to_read(dir: &Path) -> Result<Option<DirLock>, Error> {
        let path = dir.join(LOCK_FILE);
        match File::open(&path) {
            Ok(file) => DirLock::lock(file, dir, &path).map(Some),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io("open", &path)(e)),
        }
    }

    fn lock(file: File, dir: &Path, path: &Path) -> Result<DirLock, Error> {
        let held = |error: &rustix::io::Errno| *error == rustix::io::Errno::WOULDBLOCK;
        match patiently(|| flock(&file, FlockOperation::NonBlockingLockExclusive), held) {
            Ok(()) => Ok(DirLock { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Locked { dir: dir.to_path_buf() }),
            Err(other) => Err(Error::io("lock", path)(other.into())),
        }
    }
}
