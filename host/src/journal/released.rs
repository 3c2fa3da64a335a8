//! The file `released`: where the journal begins since retention removed what
//! was before. It is durable before any segment is removed, so a journal whose
//! first segments are gone is either released or damaged, never a guess.

use std::path::{Path, PathBuf};

use super::error::{Damage, Error, Fault, Proof};
use super::failpoints::{Failpoints, Site};
use super::files::{self, Content, Sites, Words};
use super::segment;
use super::walk::Position;
use crate::model::Lsn;

/// The file's name in the journal's directory.
pub(super) const NAME: &str = "released";
/// The version of its format that this code reads and writes.
const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"fishprel";

pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join(NAME)
}

/// Where the journal begins; `None` if nothing was ever released.
///
/// # Errors
/// [`Error::Damaged`] if the file is unreadable: no crash can leave that.
/// [`Error::Version`], [`Error::Io`].
pub(super) fn load(dir: &Path) -> Result<Option<Position>, Error> {
    let path = path(dir);
    let Some(mut bytes) = files::read(&path)? else { return Ok(None) };
    match files::open(MAGIC, VERSION, &mut bytes) {
        Content::Good(body) => match decode(body) {
            Some(start) => Ok(Some(start)),
            None => Err(bad(path)),
        },
        Content::Unsupported(found) => Err(Error::Version { segment: path, found, supported: VERSION }),
        Content::Bad => Err(bad(path)),
    }
}

fn decode(body: &[u8]) -> Option<Position> {
    let mut words = Words(body);
    Some(Position { next: Lsn(words.u64()?), chain: words.u64()?, wall_ms: words.u64()? })
}

fn bad(segment: PathBuf) -> Error {
    let (lsn, fault, proof) = (Lsn(1), Fault::ReleasedFile, Proof::Renamed);
    Error::Damaged(Box::new(Damage { segment, offset: 0, lsn, fault, proof }))
}

/// Writes the file for a journal that begins at `start`, durably.
pub(super) fn store(dir: &Path, start: &Position, points: &Failpoints) -> Result<(), Error> {
    let sites = Sites { write: Site::ReleasedWrite, sync: Site::ReleasedSync, rename: Site::ReleasedRename };
    files::replace(&path(dir), &content(start), points, sites)
}

/// What the file of a journal that begins at `start` holds.
pub(super) fn content(start: &Position) -> Vec<u8> {
    let words = [start.next.0, start.chain, start.wall_ms];
    let body: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
    files::seal(MAGIC, VERSION, &body)
}

/// The directory, after [`store`].
pub(super) fn sync_entry(dir: &Path, points: &Failpoints) -> Result<(), Error> {
    segment::sync_dir(dir, points, Site::ReleasedEntry)
}
