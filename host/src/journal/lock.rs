//! One process per directory: an advisory lock that the kernel drops when its
//! holder dies.

use std::fs::{File, OpenOptions};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::error::Error;

const LOCK_FILE: &str = "LOCK";

/// Held while a journal is open; dropping it releases the directory.
#[derive(Debug)]
pub(super) struct DirLock {
    _file: File,
}

impl DirLock {
    /// # Errors
    /// [`Error::Locked`] if somebody holds it.
    pub(super) fn acquire(dir: &Path) -> Result<DirLock, Error> {
        let path = dir.join(LOCK_FILE);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(DirLock { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Locked { dir: dir.to_path_buf() }),
            Err(other) => Err(Error::io("lock", &path)(other.into())),
        }
    }
}
