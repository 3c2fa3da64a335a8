//! Retention: which segments there are, which of them a limit would release,
//! and releasing them.

use std::path::Path;
use std::sync::{Arc, PoisonError, TryLockError};

use super::commit::Health;
use super::error::Error;
use super::failpoints::Site;
use super::files;
use super::handle::Shared;
use super::index::Segment;
use super::released;
use super::segment;
use crate::model::Lsn;

/// A segment file as retention sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Position of its first frame.
    pub first: Lsn,
    /// Position of its last durable frame; `first - 1` while it has none.
    pub last: Lsn,
    /// Length of the file: what removing it gives back.
    pub bytes: u64,
    /// Wall-clock milliseconds of its first and last group with frames.
    pub written_ms: Option<(u64, u64)>,
    /// Whether it is full. The one that is not is never released.
    pub sealed: bool,
    /// Checksum over all of the journal up to the end of a full one, which never
    /// changes: what was made of a segment with the same one was made of the same
    /// frames.
    pub chain: Option<u64>,
}

impl SegmentInfo {
    pub(super) fn of(segment: &Segment, sealed: bool) -> SegmentInfo {
        let (first, last) = (segment.groups.first(), segment.groups.last());
        SegmentInfo {
            first: segment.start.next,
            last: Lsn(segment.end.next.0 - 1),
            bytes: segment.place.bytes,
            written_ms: first.zip(last).map(|(first, last)| (first.wall_ms, last.wall_ms)),
            sealed,
            chain: sealed.then_some(segment.end.chain),
        }
    }
}

/// What [`Journal::release`](super::Journal::release) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// Where the journal begins now.
    pub first: Lsn,
    /// Number of segments that were removed.
    pub segments: usize,
    /// Bytes that these had.
    pub bytes: u64,
}

/// The position below which retention by size and age would release: whole
/// sealed segments, oldest first, while all segments together are larger than
/// `max_bytes`, or while the oldest was written to for the last time `older_than_ms` or
/// longer before `now_ms`. `None` is no such limit. `segments` in order of
/// position.
pub fn release_point(segments: &[SegmentInfo], now_ms: u64, max_bytes: Option<u64>, older_than_ms: Option<u64>) -> Lsn {
    let mut bytes: u64 = segments.iter().map(|s| s.bytes).sum();
    let old = |s: &SegmentInfo| {
        let age = s.written_ms.map(|(_, last)| now_ms.saturating_sub(last));
        age.zip(older_than_ms).is_some_and(|(age, limit)| age >= limit)
    };
    for segment in segments {
        let too_much = max_bytes.is_some_and(|most| bytes > most);
        if !segment.sealed || !(too_much || old(segment)) {
            return segment.first;
        }
        bytes -= segment.bytes;
    }
    segments.last().map_or(Lsn(1), |s| s.last.next())
}

/// Removes the sealed segments that hold nothing at or above `before`.
pub(super) fn release(shared: &Shared, before: Lsn) -> Result<Release, Error> {
    shared.commit.get().health.check()?;
    let _alone = match shared.kept.try_write() {
        Ok(alone) => alone,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return Ok(nothing(shared)),
    };
    let leaving = shared.index().below(before);
    let Some(last) = leaving.last() else { return Ok(nothing(shared)) };
    let start = last.end;
    let points = &shared.options.failpoints;
    let _files = shared.files.lock().unwrap_or_else(PoisonError::into_inner);
    released::store(&shared.dir, &start, points)?;
    released::sync_entry(&shared.dir, points).map_err(|error| fail(shared, error))?;
    shared.index_mut().release(start);
    let removed = remove(shared, &leaving);
    let synced = segment::sync_dir(&shared.dir, points, Site::RemovedEntry);
    synced.map_err(|error| fail(shared, error))?;
    removed?;
    let bytes = leaving.iter().map(|s| s.place.bytes).sum();
    Ok(Release { first: start.next, segments: leaving.len(), bytes })
}

fn nothing(shared: &Shared) -> Release {
    Release { first: shared.index().first(), segments: 0, bytes: 0 }
}

/// Oldest first. What cannot be removed is covered by `released`, and the next
/// open tries again.
fn remove(shared: &Shared, leaving: &[Arc<Segment>]) -> Result<(), Error> {
    leaving.iter().try_for_each(|segment| remove_one(shared, &segment.place.path))
}

fn remove_one(shared: &Shared, path: &Path) -> Result<(), Error> {
    let index = segment::index_path(path);
    files::remove(&index).map_err(Error::io("remove", &index))?;
    shared.options.failpoints.run(Site::SegmentRemove, path, || files::remove(path))?;
    Ok(())
}

/// The directory may have lost names that were durable: nothing may build on it.
fn fail(shared: &Shared, error: Error) -> Error {
    let reason: Arc<str> = error.with_advice().into();
    shared.fail(reason.clone());
    match shared.commit.get().health {
        Health::Failed(reason) => Error::Failed(reason),
        Health::Running | Health::Closed => error,
    }
}
