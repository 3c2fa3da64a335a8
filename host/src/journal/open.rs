//! Opening a journal: verify it, remove an unfinished end, make the rest
//! durable, and say where the writer goes on.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::index::Index;
use super::options::Options;
use super::segment;
use super::verify::{End, Verified, verify};
use super::walk::{Position, SegmentFile};
use super::writer::Active;
use crate::model::Lsn;

/// What was found and done when the journal was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// First LSN in the journal, `Lsn::ZERO` if it is empty.
    pub first: Lsn,
    /// Last LSN in the journal, `Lsn::ZERO` if it is empty.
    pub last: Lsn,
    /// Bytes of all segments.
    pub bytes: u64,
    /// Number of segments.
    pub segments: usize,
    /// The unfinished write that was removed, if there was one.
    pub cut: Option<Cut>,
}

/// What was cut off the end of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The segment file in which the journal now ends, or the unfinished one
    /// that was removed.
    pub segment: PathBuf,
    /// First byte that was cut.
    pub offset: u64,
    /// The LSN that will be given next.
    pub lsn: Lsn,
    /// Bytes that held something and are gone.
    pub bytes: u64,
}

/// How far an open has come; reported after every group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub bytes_done: u64,
    pub bytes_total: u64,
}

/// Where the writer goes on.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) active: Active,
    pub(super) at: Position,
    /// Whether something on disk says that the last group was synced.
    pub(super) proved: bool,
}

/// A journal that is ready to be written.
pub(super) struct Recovered {
    pub(super) opened: Opened,
    pub(super) index: Index,
    pub(super) tail: Tail,
}

/// Verifies the journal, repairs an unfinished end, and makes what it found
/// durable (a killed process may have left it in the page cache only).
pub(super) fn recover(
    dir: &Path,
    options: &Options,
    evidence: Lsn,
    progress: &mut dyn FnMut(Progress),
) -> Result<Recovered, Error> {
    let Verified { mut index, at, end, torn } = verify(dir, evidence, progress)?;
    let removed = torn.map(|torn| remove(&torn, at.next)).transpose()?;
    segment::sync_dir(dir)?;
    let proved = end.as_ref().is_none_or(|end| end.proved) || at.next == Lsn(1);
    let (active, zeroed) = match end {
        Some(end) => continue_in(end, at.next)?,
        None => {
            let active = Active::create(dir, options, &at)?;
            index.add_segment(active.place());
            (active, None)
        }
    };
    let opened = report(dir, Lsn(at.next.0 - 1), zeroed.or(removed))?;
    Ok(Recovered { opened, index, tail: Tail { active, at, proved } })
}

/// Removes a segment whose creation was not finished.
fn remove(torn: &SegmentFile, lsn: Lsn) -> Result<Cut, Error> {
    fs::remove_file(&torn.path).map_err(Error::io("remove the unfinished", &torn.path))?;
    Ok(Cut { segment: torn.path.clone(), offset: 0, lsn, bytes: torn.len })
}

/// Zeros what is behind the last good group, so that it can never be taken for
/// a group of what is written next.
fn continue_in(end: End, lsn: Lsn) -> Result<(Active, Option<Cut>), Error> {
    let End { segment, header, offset, .. } = end;
    let zeroed = segment.zero_from(offset)?;
    if segment.len < header.bytes {
        segment::extend(&segment.file, header.bytes).map_err(Error::io("reserve space for", &segment.path))?;
    }
    segment.file.sync_all().map_err(Error::io("sync", &segment.path))?;
    let SegmentFile { path, file, .. } = segment;
    let cut = (zeroed > 0).then(|| Cut { segment: path.clone(), offset, lsn, bytes: zeroed });
    Ok((Active { path, file, salt: header.salt, bytes: header.bytes, offset }, cut))
}

fn report(dir: &Path, last: Lsn, cut: Option<Cut>) -> Result<Opened, Error> {
    let files = segment::list(dir)?;
    let mut bytes = 0;
    for (_, path) in &files {
        bytes += fs::metadata(path).map_err(Error::io("read", path))?.len();
    }
    Ok(Opened { first: last.min(Lsn(1)), last, bytes, segments: files.len(), cut })
}
