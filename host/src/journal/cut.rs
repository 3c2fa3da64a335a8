//! A tool, not a part of running: shortens a closed journal.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::error::{Damage, Error, Fault, Proof};
use super::failpoints::{Failpoints, Site};
use super::files;
use super::group::{self, FRAME_PREFIX_BYTES, GROUP_HEADER_BYTES, GroupHeader, split_frame};
use super::lock::DirLock;
use super::open::Cut;
use super::released;
use super::segment;
use super::verify::Files;
use super::walk::{Position, SegmentFile, Walk};
use crate::model::Lsn;

/// Rewrites the journal in `dir` as if a crash had lost everything above `last`,
/// exact to the frame: a group that holds `last` and more is written again with
/// fewer frames, everything behind it is removed.
///
/// For crash tests, and for an operator who accepts the loss of a damaged end.
/// It changes files in place and is not atomic: work on a copy. A store that
/// holds anything above `last` does not fit the result.
///
/// # Errors
/// [`Error::Beyond`] if the journal ends below `last`, [`Error::Released`] if it
/// begins above it, [`Error::Damaged`] if it
/// cannot be read up to there (nothing is changed then), [`Error::Locked`],
/// [`Error::Version`], [`Error::Io`].
pub fn cut(dir: &Path, last: Lsn) -> Result<Cut, Error> {
    let _lock = DirLock::acquire(dir)?;
    let released = released::load(dir)?;
    let files = Files::list(dir, released)?.kept;
    let mut at = released.unwrap_or(Position::START);
    if last.next() < at.next {
        return Err(Error::Released { asked: last, first: at.next });
    }
    for (i, (first, path)) in files.iter().enumerate() {
        if *first != at.next {
            break;
        }
        let segment = SegmentFile::open(path)?;
        let Some(header) = segment.header.clone() else {
            return Err(unreadable(path, 0, at.next, Fault::SegmentHeader));
        };
        if header.first != at.next || header.chain != at.chain {
            return Err(unreadable(path, 0, at.next, Fault::SegmentOrder));
        }
        let mut walk = Walk::new(&segment, &header, at);
        let stop = find(&mut walk, last, files.get(i + 1).map(|f| f.0))?;
        at = walk.at;
        if let Some(rewritten) = stop {
            let removed = remove_behind(dir, &files[i + 1..])?;
            remove_index(path)?;
            let zeroed = shorten(&segment, header.bytes, walk.offset, &rewritten)?;
            let (segment, offset) = (path.clone(), walk.offset);
            return Ok(Cut { segment, offset, lsn: last.next(), bytes: removed + zeroed });
        }
    }
    if last == Lsn::ZERO && files.is_empty() {
        return Ok(Cut { segment: segment::path(dir, Lsn(1)), offset: 0, lsn: Lsn(1), bytes: 0 });
    }
    Err(Error::Beyond { asked: last, end: Lsn(at.next.0 - 1) })
}

/// Walks until nothing more is to be kept. Answers the shortened group to be
/// written there (empty if the cut falls between two groups), or `None` if the
/// journal goes on in the segment that starts at `following`.
fn find(walk: &mut Walk<'_>, last: Lsn, following: Option<Lsn>) -> Result<Option<Vec<u8>>, Error> {
    while walk.at.next <= last {
        let before = (walk.offset, walk.at);
        match walk.step()? {
            Ok(header) if header.end() > last.next() => {
                let group = shortened(walk, &header, before.1, last);
                (walk.offset, walk.at) = before;
                return Ok(Some(group));
            }
            Ok(_) => {}
            Err(_) if following == Some(walk.at.next) => return Ok(None),
            Err(Fault::NoGroup | Fault::Full) if following.is_none() => return Ok(None),
            Err(fault) => {
                return Err(unreadable(&walk.segment.path, walk.offset, walk.at.next, fault));
            }
        }
    }
    Ok(Some(Vec::new()))
}

/// The group with only the frames up to `last`.
fn shortened(walk: &Walk<'_>, header: &GroupHeader, before: Position, last: Lsn) -> Vec<u8> {
    let mut rest = walk.payload(header);
    let mut bytes = 0;
    let count = last.0 + 1 - header.first.0;
    for _ in 0..count {
        if let Some((frame, behind)) = split_frame(rest) {
            bytes += frame.len() + FRAME_PREFIX_BYTES;
            rest = behind;
        }
    }
    let mut buffer = vec![0; GROUP_HEADER_BYTES];
    buffer.extend_from_slice(&walk.payload(header)[..bytes]);
    let header = GroupHeader { count: count as u32, ..header.clone() };
    group::seal(&mut buffer, header, before.chain, walk.salt);
    buffer
}

/// Last file first, so that an interrupted cut leaves no gap.
fn remove_behind(dir: &Path, files: &[(Lsn, PathBuf)]) -> Result<u64, Error> {
    let mut bytes = 0;
    for (_, path) in files.iter().rev() {
        bytes += fs::metadata(path).map_err(Error::io("read", path))?.len();
        remove_index(path)?;
        fs::remove_file(path).map_err(Error::io("remove", path))?;
        segment::sync_dir(dir, &Failpoints::default(), Site::RemovedEntry)?;
    }
    Ok(bytes)
}

/// What an index file said of a segment is not true any more.
fn remove_index(segment: &Path) -> Result<(), Error> {
    let index = segment::index_path(segment);
    files::remove(&index).map_err(Error::io("remove", &index))?;
    Ok(())
}

fn shorten(segment: &SegmentFile, full: u64, offset: u64, group: &[u8]) -> Result<u64, Error> {
    let path = &segment.path;
    let zeroed = segment.zero_from(offset)?;
    segment.file.write_all_at(group, offset).map_err(Error::io("write", path))?;
    if segment.len < full {
        segment::extend(&segment.file, full).map_err(Error::io("reserve space for", path))?;
    }
    segment.file.sync_all().map_err(Error::io("sync", path))?;
    Ok(zeroed.saturating_sub(group.len() as u64))
}

fn unreadable(path: &Path, offset: u64, lsn: Lsn, fault: Fault) -> Error {
    let segment = path.to_path_buf();
    Error::Damaged(Box::new(Damage { segment, offset, lsn, fault, proof: Proof::Asked }))
}
