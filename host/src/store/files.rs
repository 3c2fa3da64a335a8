//! The files of a directory as sled leaves them: what lies beside its database, and what has to be done before sled opens.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;

use super::options::Failpoints;

/// sled's own file in its folder.
pub(super) const DATABASE: &str = "db";

/// How the name of a snapshot ends while sled writes it.
const UNFINISHED: &str = ".generating";

/// Files in `blobs/` with their lengths, bytes.
pub(super) type Blobs = HashMap<OsString, u64>;

/// The files that sled has beside its database.
pub(super) fn blobs(folder: &Path) -> io::Result<Blobs> {
    let mut found = Blobs::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        match entry.metadata() {
            Ok(blob) => found.insert(entry.file_name(), blob.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
    }
    Ok(found)
}

/// Of what an earlier process has written and not synced sled knows nothing: while it opens it writes over what it takes
/// for free.
pub(super) fn sync_found(folder: &Path, failpoints: &Failpoints) -> io::Result<()> {
    let path = folder.join(DATABASE);
    if !path.exists() {
        return Ok(());
    }
    let all = folder.join("blobs");
    // It may have been lost while it was empty: sled makes it again.
    if all.exists() {
        for name in blobs(&all)?.into_keys() {
            let path = all.join(name);
            failpoints.sync(&path, || File::open(&path)?.sync_data())?;
        }
        failpoints.sync(&all, || File::open(&all)?.sync_all())?;
    }
    failpoints.sync(&path, || File::open(&path)?.sync_data())
}

/// sled writes its snapshot under a name like `snap.X.generating` and takes one that a crash has left half written for a
/// snapshot: the store would not open again. The one before it is still there, and none is needed.
pub(super) fn remove_unfinished_snapshots(folder: &Path) -> io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().ends_with(UNFINISHED) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
