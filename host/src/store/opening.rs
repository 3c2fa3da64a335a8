//! Opening one sled database so that a power cut while it opens leaves it as it was.
//!
//! sled first replays its log, writes a snapshot of where each page is and gives it its name; then it fills with zeros every
//! segment that no page of the snapshot is in. Without that snapshot the log may not be readable any more: where its end is, is
//! looked for from a segment on that may be among those. sled then takes the log for empty, or for shorter, in silence. But sled
//! syncs the snapshot alone and not its name, so it must be stopped between the two; and it removes the one before, of which we
//! keep a copy until the next start.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;

use super::error::Error;
use super::files::{DATABASE, remove_unfinished_snapshots, sync_found};
use super::options::Failpoints;
use super::synced::SyncedLog;
use crate::tasks::patiently;

/// A folder in `blobs/`, named like a file of a place in the log that is never reached. Behind its snapshot, and before it
/// touches free segments, sled removes what lies beyond the end of the log; a folder it cannot remove, and gives up.
const HURDLE: &str = "9223372036854775807";

/// How sled's names of snapshots begin; behind it stands a place in the log, so the last by name is the newest.
const SNAPSHOT: &str = "snap.";

/// Before the name of a snapshot: our own copy of it.
const KEPT: &str = "kept.";

/// Opens or makes the database, and syncs what an earlier process may have left in the kernel's cache: what is read from now
/// on is on disk, but for what sled writes while it opens.
pub(super) fn open(folder: &Path, cache_bytes: u64, failpoints: &Failpoints) -> Result<(sled::Db, SyncedLog), Error> {
    remove_unfinished_snapshots(folder).map_err(Error::io("clean", folder))?;
    remove_hurdle(folder).map_err(Error::io("clean", folder))?;
    keep_snapshot(folder, failpoints).map_err(Error::io("keep the snapshot of", folder))?;
    sync_found(folder, failpoints).map_err(Error::io("sync", folder))?;
    let config = sled::Config::default().path(folder).flush_every_ms(None).cache_capacity(cache_bytes);
    let open = || {
        // sled has a lock of its own, which outlives its last user by a moment.
        let held = |error: &Error| matches!(error, Error::InUse { .. });
        patiently(|| config.open().map_err(|error| Error::sled(folder, error)), held)
    };
    let path = folder.join(DATABASE);
    let synced = || SyncedLog::of(folder, failpoints).map_err(Error::io("open", &path));
    if !path.exists() {
        // What it writes until its file is known is synced as any file is.
        return Ok((open()?, synced()?));
    }
    let log = synced()?;
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
    Ok((open()?, log))
}

/// Gives the newest snapshot a second name that is on the disk, before sled may remove the first; one that has lost its first
/// gets it back.
fn keep_snapshot(folder: &Path, failpoints: &Failpoints) -> io::Result<()> {
    let names = names(folder)?;
    let newest = |prefix: &str| names.iter().filter(|name| name.starts_with(prefix)).max();
    let kept = match (newest(SNAPSHOT), newest(KEPT)) {
        (Some(name), _) => format!("{KEPT}{name}"),
        (None, Some(kept)) => kept.clone(),
        (None, None) => return Ok(()),
    };
    let first = kept[KEPT.len()..].to_owned();
    for (from, to) in [(&first, &kept), (&kept, &first)] {
        if !names.contains(to) {
            duplicate(&folder.join(from), &folder.join(to))?;
        }
    }
    failpoints.sync(folder, || File::open(folder)?.sync_all())?;
    let older = names.iter().filter(|name| name.starts_with(KEPT) && **name != kept);
    older.map(|name| folder.join(name)).try_for_each(std::fs::remove_file)
}

/// Another name for a file; a copy where there are no such links, synced before it has its name.
fn duplicate(from: &Path, to: &Path) -> io::Result<()> {
    if std::fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    let unfinished = to.with_file_name("kept");
    std::fs::copy(from, &unfinished)?;
    File::open(&unfinished)?.sync_all()?;
    std::fs::rename(unfinished, to)
}

fn names(folder: &Path) -> io::Result<BTreeSet<String>> {
    if !folder.exists() {
        return Ok(BTreeSet::new());
    }
    std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
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
