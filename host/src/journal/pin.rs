//! Reading the files of an open journal for a backup, while it goes on: nothing is released as long as a pin is held, and
//! every group is verified before its segment is given away.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;
use std::sync::{PoisonError, RwLockReadGuard};

use super::error::{Damage, Error, Fault, Proof};
use super::handle::Shared;
use super::index::SegmentPlace;
use super::released;
use super::snapshot::{Moment, Snapshot};
use super::walk::{Position, SegmentFile, Walk};
use crate::model::Lsn;

/// Keeps all segments. Dropping it lets retention go on.
pub struct Pin<'a> {
    shared: &'a Shared,
    _kept: RwLockReadGuard<'a, ()>,
}

/// One file of the journal, as it is at a moment.
pub struct Piece {
    /// Within the journal's directory.
    pub name: String,
    /// Length of the file; what is behind the bytes that are read is zeros.
    pub bytes: u64,
    content: Content,
}

enum Content {
    Bytes(Vec<u8>),
    Segment { path: PathBuf, start: Position, used: u64 },
}

impl<'a> Pin<'a> {
    pub(super) fn new(shared: &'a Shared) -> Pin<'a> {
        Pin { shared, _kept: shared.kept.read().unwrap_or_else(PoisonError::into_inner) }
    }

    /// The files with everything that is durable now, at least up to `upto` (which is waited for). Index files are left out:
    /// a start makes them again.
    ///
    /// # Errors
    /// [`Error::Beyond`] if `upto` was never given, [`Error::Failed`] or [`Error::Closed`] if it will never be durable.
    pub fn pieces(&self, upto: Lsn) -> Result<(Snapshot, Vec<Piece>), Error> {
        let end = self.shared.queue.last();
        if upto > end {
            return Err(Error::Beyond { asked: upto, end });
        }
        self.shared.commit.wait(upto)?;
        let moment = Moment::of(self.shared);
        let mut pieces = Vec::new();
        if moment.start != Position::START {
            let content = released::content(&moment.start);
            let bytes = content.len() as u64;
            pieces.push(Piece { name: released::NAME.to_owned(), bytes, content: Content::Bytes(content) });
        }
        pieces.extend(moment.sealed.iter().map(|sealed| Piece::segment(&sealed.place, sealed.start, sealed.used)));
        pieces.extend(moment.active.iter().map(|(place, used)| Piece::segment(place, moment.active_start, *used)));
        let segments = moment.sealed.len() + usize::from(moment.active.is_some());
        let bytes = pieces.iter().map(Piece::used).sum();
        Ok((Snapshot { first: moment.start.next, last: moment.last, segments, bytes }, pieces))
    }
}

impl Piece {
    fn segment(place: &SegmentPlace, start: Position, used: u64) -> Piece {
        let name = place.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Piece { name, bytes: place.bytes, content: Content::Segment { path: place.path.clone(), start, used } }
    }

    /// Bytes that [`Self::open`] gives.
    pub fn used(&self) -> u64 {
        match &self.content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Segment { used, .. } => *used,
        }
    }

    /// Compares every group with its checksums.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Io`].
    pub fn verify(&self) -> Result<(), Error> {
        let Content::Segment { path, start, used } = &self.content else { return Ok(()) };
        let segment = SegmentFile::open_to_read(path)?;
        let damaged = |offset, lsn, fault| {
            let damage = Damage { segment: path.clone(), offset, lsn, fault, proof: Proof::Opened };
            Error::Damaged(Box::new(damage))
        };
        let Some(header) = segment.header.clone() else { return Err(damaged(0, start.next, Fault::SegmentHeader)) };
        if header.first != start.next || header.chain != start.chain {
            return Err(damaged(0, start.next, Fault::SegmentOrder));
        }
        let mut walk = Walk::new(&segment, &header, *start);
        while walk.offset < *used {
            walk.step()?.map_err(|fault| damaged(walk.offset, walk.at.next, fault))?;
        }
        Ok(())
    }

    /// Its bytes; a segment up to what is durable.
    pub fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        match &self.content {
            Content::Bytes(bytes) => Ok(Box::new(Cursor::new(bytes))),
            Content::Segment { path, used, .. } => Ok(Box::new(File::open(path)?.take(*used))),
        }
    }
}
