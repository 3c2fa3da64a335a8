//! Opening a journal: verify it, remove an unfinished end, make the rest
//! durable, and say where the writer goes on.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::failpoints::{Failpoints, Site};
use super::files;
use super::index::Index;
use super::options::Options;
use super::released;
use super::segment;
use super::sidecar;
use super::verify::{End, Known, Verified, verify};
use super::walk::{Position, SegmentFile};
use super::writer::Active;
use crate::model::Lsn;

/// What was found and done when the journal was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// First LSN in the journal, `Lsn::ZERO` if it holds none.
    pub first: Lsn,
    /// Last LSN that was given and is durable, `Lsn::ZERO` if there was none.
    pub last: Lsn,
    /// Bytes of all segments.
    pub bytes: u64,
    /// Number of segments.
    pub segments: usize,
    /// How many of them were not read, because `verify_from` lies behind them
    /// and their index files are good.
    pub unread: usize,
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
    let points = &options.failpoints;
    let known = Known { released: released::load(dir)?, evidence, verify_from: options.verify_from };
    let Verified { mut index, at, end, torn, covered, unindexed, unread } = verify(dir, known, progress)?;
    if !covered.is_empty() {
        // A killed process may have renamed it only in memory.
        released::sync_entry(dir, points)?;
    }
    for path in covered {
        points.run(Site::SegmentRemove, &path, || fs::remove_file(&path))?;
    }
    let removed = torn.map(|torn| remove(&torn, at.next)).transpose()?;
    files::remove_leftovers(dir)?;
    segment::sync_dir(dir, points, Site::RemovedEntry)?;
    let proved = end.as_ref().is_none_or(|end| end.proved) || at.next == Lsn(1);
    let (active, zeroed) = match end {
        Some(end) => continue_in(end, at.next, points)?,
        None => {
            let active = Active::create(dir, options, &at)?;
            index.add_segment(active.place(), at);
            (active, None)
        }
    };
    write_indexes(dir, &index, &unindexed, points);
    let first = if at.next > index.first() { index.first() } else { Lsn::ZERO };
    let report = Opened { first, last: Lsn(at.next.0 - 1), bytes: 0, segments: 0, unread, cut: zeroed.or(removed) };
    Ok(Recovered { opened: measured(dir, report)?, index, tail: Tail { active, at, proved } })
}

/// Index files of segments that had to be read. Without one a segment is only
/// read again, so an error is no reason not to open.
fn write_indexes(dir: &Path, index: &Index, firsts: &[Lsn], points: &Failpoints) {
    let missing = index.sealed().filter(|s| firsts.binary_search(&s.start.next).is_ok());
    let written = missing.map(|segment| sidecar::store(dir, segment, points)).collect::<Result<Vec<()>, Error>>();
    let synced = written.and_then(|written| match written.is_empty() {
        true => Ok(()),
        false => segment::sync_dir(dir, points, Site::IndexEntry),
    });
    if let Err(error) = synced {
        tracing::warn!(%error, "an index file of the journal was not written; the next open reads its segment again");
    }
}

/// Removes a segment whose creation was not finished.
fn remove(torn: &SegmentFile, lsn: Lsn) -> Result<Cut, Error> {
    fs::remove_file(&torn.path).map_err(Error::io("remove the unfinished", &torn.path))?;
    Ok(Cut { segment: torn.path.clone(), offset: 0, lsn, bytes: torn.len })
}

/// Zeros what is behind the last good group, so that it can never be taken for
/// a group of what is written next.
fn continue_in(end: End, lsn: Lsn, points: &Failpoints) -> Result<(Active, Option<Cut>), Error> {
    let End { segment, header, offset, .. } = end;
    points.run(Site::TailRepair, &segment.path, || Ok(()))?;
    let zeroed = segment.zero_from(offset)?;
    if segment.len < header.bytes {
        segment::extend(&segment.file, header.bytes).map_err(Error::io("reserve space for", &segment.path))?;
    }
    points.run(Site::TailSync, &segment.path, || segment.file.sync_all())?;
    let SegmentFile { path, file, .. } = segment;
    let cut = (zeroed > 0).then(|| Cut { segment: path.clone(), offset, lsn, bytes: zeroed });
    Ok((Active { path, file, salt: header.salt, bytes: header.bytes, offset }, cut))
}

fn measured(dir: &Path, mut report: Opened) -> Result<Opened, Error> {
    for (_, path) in segment::list(dir)? {
        report.segments += 1;
        report.bytes += fs::metadata(&path).map_err(Error::io("read", &path))?.len();
    }
    Ok(report)
}
