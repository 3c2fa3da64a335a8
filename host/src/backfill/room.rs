//! How much of the disk a backfill has: what its folder takes, and what must be left for the live host beside it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::error::Error;
use crate::model::{Limits, Lsn};

/// Frames of its journal between two looks,
const FRAMES: u64 = 4_096;
/// and time, for frames may be large.
const TIME: Duration = Duration::from_secs(1);

pub struct Room {
    folder: PathBuf,
    most_bytes: u64,
    /// What stays free on its disk, bytes.
    reserve: u64,
    /// The last look: the end of the journal, and when it was.
    looked: (Lsn, Instant),
}

impl Room {
    /// What stays free is what a live host with these limits needs to go on: its next segments, and documents to write.
    pub fn new(folder: &Path, limits: &Limits) -> Room {
        let reserve = limits.journal_segment_bytes.saturating_mul(2).saturating_add(limits.dirty_bytes);
        let looked = (Lsn::ZERO, Instant::now());
        Room { folder: folder.to_owned(), most_bytes: limits.backfill_bytes, reserve, looked }
    }

    /// Is it time to look, with the journal there?
    pub fn is_due(&self, last: Lsn) -> bool {
        let (looked, at) = self.looked;
        last.0 >= looked.0 + FRAMES || (last > looked && at.elapsed() >= TIME)
    }

    /// # Errors
    /// [`Error::Bytes`], [`Error::Disk`]; [`Error::Host`] if it cannot be found out.
    pub fn look(&mut self, last: Lsn) -> Result<(), Error> {
        self.looked = (last, Instant::now());
        let (bytes, limit) = (bytes_of(&self.folder).map_err(Error::host)?, self.most_bytes);
        if bytes > limit {
            return Err(Error::Bytes { bytes, limit });
        }
        self.is_free()
    }

    /// Is enough free on its disk?
    pub fn is_free(&self) -> Result<(), Error> {
        let found = rustix::fs::statvfs(&self.folder).map_err(|error| Error::host(io::Error::from(error)))?;
        let (free, reserve) = (found.f_bavail.saturating_mul(found.f_frsize), self.reserve);
        if free < reserve { Err(Error::Disk { free, reserve }) } else { Ok(()) }
    }
}

/// Of all files; one that is removed meanwhile counts nothing.
fn bytes_of(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let Ok(entry) = entry else { continue };
        bytes += match entry.metadata() {
            Ok(found) if found.is_dir() => bytes_of(&entry.path()).unwrap_or(0),
            Ok(found) => found.len(),
            Err(_) => 0,
        };
    }
    Ok(bytes)
}
