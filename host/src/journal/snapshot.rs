//! Copying an open journal for a backup, while it goes on.
//!
//! Segments are copied newest first and get their names only when they are
//! whole: a copy that was interrupted lacks its beginning, and is refused
//! instead of opened as a shorter journal.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Arc, PoisonError};

use super::error::Error;
use super::failpoints::{Failpoints, Site};
use super::files;
use super::handle::Shared;
use super::index::{Segment, SegmentPlace};
use super::open::Progress;
use super::released;
use super::segment;
use super::sidecar;
use super::walk::Position;
use crate::model::Lsn;

const BLOCK_BYTES: u64 = 1 << 20;

/// What a copy of the journal holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// Position of the first frame in it.
    pub first: Lsn,
    /// Position of the last frame in it.
    pub last: Lsn,
    /// Number of segments.
    pub segments: usize,
    /// Bytes that were copied.
    pub bytes: u64,
}

/// One moment of the journal.
pub(super) struct Moment {
    pub(super) start: Position,
    pub(super) sealed: Vec<Arc<Segment>>,
    /// The segment that is written to, and how much of it is synced.
    pub(super) active: Option<(Arc<SegmentPlace>, u64)>,
    /// What its header continues.
    pub(super) active_start: Position,
    pub(super) last: Lsn,
}

impl Moment {
    pub(super) fn of(shared: &Shared) -> Moment {
        let index = shared.index();
        Moment {
            start: index.start(),
            sealed: index.sealed().cloned().collect(),
            active: index.active().map(|a| (a.place.clone(), a.used)),
            active_start: index.active().map_or(Position::START, |a| a.start),
            last: Lsn(index.next().0 - 1),
        }
    }

    fn bytes(&self) -> u64 {
        self.sealed.iter().map(|s| s.used).chain(self.active.iter().map(|a| a.1)).sum()
    }
}

/// Copies everything that is durable, at least up to `upto`, into `to`.
pub(super) fn take(
    shared: &Shared,
    to: &Path,
    upto: Lsn,
    progress: &mut dyn FnMut(Progress),
) -> Result<Snapshot, Error> {
    let end = shared.queue.last();
    if upto > end {
        return Err(Error::Beyond { asked: upto, end });
    }
    shared.commit.wait(upto)?;
    fs::create_dir_all(to).map_err(Error::io("create", to))?;
    if !segment::list(to)?.is_empty() || released::path(to).exists() {
        return Err(Error::Occupied { dir: to.to_path_buf() });
    }
    // Nothing is released while this is held.
    let _kept = shared.kept.read().unwrap_or_else(PoisonError::into_inner);
    let moment = Moment::of(shared);
    let done = Progress { bytes_done: 0, bytes_total: moment.bytes() };
    Copy { to, done, progress }.all(&moment)
}

struct Copy<'a> {
    to: &'a Path,
    done: Progress,
    progress: &'a mut dyn FnMut(Progress),
}

impl Copy<'_> {
    fn all(mut self, moment: &Moment) -> Result<Snapshot, Error> {
        let points = Failpoints::default();
        if moment.start != Position::START {
            released::store(self.to, &moment.start, &points)?;
        }
        if let Some((place, used)) = &moment.active {
            self.segment(place, *used)?;
        }
        for sealed in moment.sealed.iter().rev() {
            sidecar::store(self.to, sealed, &points)?;
            self.segment(&sealed.place, sealed.used)?;
        }
        segment::sync_dir(self.to, &points, Site::SegmentEntry)?;
        let segments = moment.sealed.len() + usize::from(moment.active.is_some());
        let (first, last) = (moment.start.next, moment.last);
        Ok(Snapshot { first, last, segments, bytes: self.done.bytes_done })
    }

    /// The first `used` bytes of a segment, and zeros up to its full length.
    fn segment(&mut self, place: &SegmentPlace, used: u64) -> Result<(), Error> {
        let name = place.path.file_name().unwrap_or_default();
        let (path, temporary) = (self.to.join(name), files::temporary(&self.to.join(name)));
        let from = File::open(&place.path).map_err(Error::io("open", &place.path))?;
        let into = File::create(&temporary).map_err(Error::io("create", &temporary))?;
        let mut left = used;
        while left > 0 {
            let block = left.min(BLOCK_BYTES);
            copy(&from, &into, block).map_err(Error::io("copy to", &temporary))?;
            left -= block;
            self.done.bytes_done += block;
            (self.progress)(self.done);
        }
        into.set_len(place.bytes).map_err(Error::io("write", &temporary))?;
        into.sync_all().map_err(Error::io("sync", &temporary))?;
        fs::rename(&temporary, &path).map_err(Error::io("put into place", &path))
    }
}

fn copy(from: &File, into: &File, bytes: u64) -> io::Result<()> {
    let mut into = into;
    match io::copy(&mut from.take(bytes), &mut into)? {
        copied if copied == bytes => into.flush(),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
