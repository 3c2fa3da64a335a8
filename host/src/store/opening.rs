//! Opening one sled database so that a power cut while it opens leaves it as it was.
//!
//! sled first replays its log, writes a snapshot of where each page is and gives it its name; then it fills with zeros every
//! segment that no page of the snapshot is in. Without that snapshot the log may not be readable any more: where its end is, is
//! looked for from a segment on that may be among those. sled then takes the log for empty, in silence. But sled syncs the
//! snapshot alone and not its name, so it must be stopped between the two.

use std::fs::File;
use std::io;
use std::path::Path;

use super::error::Error;
use super::files::{DATABASE, remove_unfinished_snapshots, sync_found};
use super::options::Failpoints;
use crate::tasks::patiently;

/// A folder in `blobs/`, named like a file of a place in the log that is never reached. Behind its snapshot, and before it
/// touches free segments, sled removes what lies beyond the end of the log; a folder it cannot remove, and gives up.
const HURDLE: &str = "9223372036854775807";

/// Opens or makes the database, and syncs what an earlier process may have left in the kernel's cache: what is read from now
/// on is on disk, but for what sled writes while it opens.
pub(super) fn open(folder: &Path, cache_bytes: u64, failpoints: &Failpoints) -> Result<sled::Db, Error> {
    remove_unfinished_snapshots(folder).map_err(Error::io("clean", folder))?;
    remove_hurdle(folder).map_err(Error::io("clean", folder))?;
    sync_found(folder, failpoints).map_err(Error::io("sync", folder))?;
    let config = sled::Config::default().path(folder).flush_every_ms(None).cache_capacity(cache_bytes);
    let open = || {
        // sled has a lock of its own, which outlives its last user by a moment.
        let held = |error: &Error| matches!(error, Error::InUse { .. });
        patiently(|| config.open().map_err(|error| Error::sled(folder, error)), held)
    };
    if folder.join(DATABASE).exists() {
        put_hurdle(folder).map_err(Error::io("make a folder in", folder))?;
        let stopped = open();
        remove_hurdle(folder).map_err(Error::io("clean", folder))?;
        match stopped {
            // An empty log: there is no snapshot of it, and nothing to lose.
            Ok(db) => drop(db),
            Err(error @ Error::InUse { .. }) => return Err(error),
            // Stopped by the hurdle; what else there is comes again.
            Err(_) => {}
        }
        remove_unfinished_snapshots(folder).map_err(Error::io("clean", folder))?;
        failpoints.sync(folder, || File::open(folder)?.sync_all()).map_err(Error::io("sync", folder))?;
    }
    open()
}

fn put_hurdle(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder.join("blobs").join(HURDLE))
}

fn remove_hurdle(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir(folder.join("blobs").join(HURDLE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
