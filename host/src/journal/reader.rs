//! Reading durable frames again: for catch-up, redo, capture. A reader has its
//! own file handle and buffer; neither the writer nor other readers wait for it.

use std::fs::File;
use std::sync::Arc;

use super::error::{Damage, Error, Proof};
use super::group::{GROUP_HEADER_BYTES, split_frame};
use super::handle::Shared;
use super::index::{GroupPlace, SegmentPlace};
use super::walk::{Position, read_group};
use crate::model::Lsn;

/// An iterator over durable frames from a position on. `None` means that the
/// durable position is reached; calling `next` later goes on from there. Every
/// group is verified again as it is read; after an error the reader is at its
/// end for good. A position below the journal's first is [`Error::Released`].
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    next: Lsn,
    open: Option<(Arc<SegmentPlace>, File)>,
    /// The current group and where its next frame starts.
    group: Vec<u8>,
    at: usize,
    /// First LSN behind the current group.
    group_end: Lsn,
    broken: bool,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, from: Lsn) -> Reader {
        let next = from.max(Lsn(1));
        let group_end = Lsn::ZERO;
        Reader { shared, next, open: None, group: Vec::new(), at: 0, group_end, broken: false }
    }

    /// The position of the frame that `next` would answer.
    pub fn position(&self) -> Lsn {
        self.next
    }

    /// Goes to another position. Within the group at hand, ahead, that costs no reading.
    pub fn seek(&mut self, lsn: Lsn) {
        if lsn < self.next || lsn >= self.group_end {
            self.group_end = Lsn::ZERO;
        } else {
            for _ in self.next.0..lsn.0 {
                self.take_frame();
            }
        }
        self.next = lsn.max(Lsn(1));
    }

    /// Refuses a position that retention has passed.
    fn check_kept(&self) -> Result<(), Error> {
        let (asked, first) = (self.next, self.shared.index().first());
        if asked < first { Err(Error::Released { asked, first }) } else { Ok(()) }
    }

    fn file(&mut self, segment: &Arc<SegmentPlace>) -> Result<File, Error> {
        match self.open.take() {
            Some((current, file)) if Arc::ptr_eq(&current, segment) => Ok(file),
            _ => File::open(&segment.path).or_else(|error| {
                // It may have been released since it was located.
                self.check_kept()?;
                Err(Error::io("open", &segment.path)(error))
            }),
        }
    }

    /// Loads the group of `self.next`; false if that is not durable yet.
    fn load(&mut self) -> Result<bool, Error> {
        self.check_kept()?;
        let Some(place) = self.shared.index().locate(self.next) else {
            return Ok(false);
        };
        let segment = &place.segment;
        let file = self.file(segment)?;
        let at = Position { next: place.first, chain: place.previous, wall_ms: 0 };
        let len = file.metadata().map_err(Error::io("read", &segment.path))?.len();
        let len = len.min(segment.bytes);
        let header = read_group(&file, len, place.offset, segment.salt, &at, &mut self.group)
            .map_err(Error::io("read", &segment.path))?
            .map_err(|fault| damaged(&place, fault))?;
        self.open = Some((place.segment, file));
        self.group.truncate(GROUP_HEADER_BYTES + header.payload_bytes as usize);
        self.group_end = header.end();
        self.at = GROUP_HEADER_BYTES;
        for _ in header.first.0..self.next.0 {
            self.take_frame();
        }
        Ok(true)
    }

    /// The frame at `self.at`; lengths were verified when the group was read.
    fn take_frame(&mut self) -> &[u8] {
        let (frame, rest) = split_frame(&self.group[self.at..]).unwrap_or_default();
        self.at = self.group.len() - rest.len();
        frame
    }

    fn read_next(&mut self) -> Result<Option<(Lsn, Vec<u8>)>, Error> {
        if self.next >= self.group_end && !self.load()? {
            return Ok(None);
        }
        let lsn = self.next;
        let frame = self.take_frame().to_vec();
        self.next = lsn.next();
        Ok(Some((lsn, frame)))
    }
}

impl Iterator for Reader {
    type Item = Result<(Lsn, Vec<u8>), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.broken {
            return None;
        }
        let item = self.read_next();
        self.broken = item.is_err();
        item.transpose()
    }
}

fn damaged(place: &GroupPlace, fault: super::error::Fault) -> Error {
    Error::Damaged(Box::new(Damage {
        segment: place.segment.path.clone(),
        offset: place.offset,
        lsn: place.first,
        fault,
        proof: Proof::Opened,
    }))
}
