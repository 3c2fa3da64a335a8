//! Going through durable frames, within bounds.

use std::sync::Arc;
use std::time::Instant;

use super::Error;
use crate::journal::{Error as JournalError, Log, ReadError, Scan};
use crate::model::{Event, Frame, Lsn};

/// Frames between two looks at the clock.
const CLOCK_FRAMES: u32 = 64;

/// Frames that are read over rather than sought over: finding a position again reads a whole group.
const SKIP_FRAMES: u64 = 1_024;

/// Durable frames from a position up to another one, as far as the journal still has them; an error when the deadline is
/// over.
pub(super) struct Walk {
    scan: Scan,
    to: Lsn,
    deadline: Instant,
    frames: u32,
}

impl Walk {
    pub fn new(log: &Log, from: Lsn, to: Lsn, deadline: Instant) -> Walk {
        Walk { scan: log.scan(from.max(log.first())), to, deadline, frames: 0 }
    }
}

impl Iterator for Walk {
    type Item = Result<(Lsn, Frame), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.frames = self.frames.wrapping_add(1);
        if self.frames.is_multiple_of(CLOCK_FRAMES) && Instant::now() >= self.deadline {
            return Some(Err(Error::Deadline));
        }
        let item = self.scan.next()?;
        let beyond = matches!(&item, Ok((lsn, _)) if *lsn > self.to);
        (!beyond).then(|| item.map_err(Error::from))
    }
}

/// Single events by position; cheapest in ascending order.
pub(super) struct Events {
    log: Log,
    /// Where a scan stands: the last position it answered.
    open: Option<(Scan, Lsn)>,
}

impl Events {
    pub fn new(log: &Log) -> Events {
        Events { log: log.clone(), open: None }
    }

    /// None if the journal does not have it (any more), or the position is no event's.
    pub fn get(&mut self, lsn: Lsn) -> Result<Option<Arc<Event>>, Error> {
        if lsn < self.log.first() {
            return Ok(None);
        }
        let near = |at: Lsn| at < lsn && lsn.0 - at.0 <= SKIP_FRAMES;
        let mut scan = match self.open.take() {
            Some((scan, at)) if near(at) => scan,
            _ => self.log.scan(lsn),
        };
        while let Some(item) = scan.next() {
            let (at, frame) = match item {
                Err(ReadError::Journal(JournalError::Released { .. })) => return Ok(None),
                read => read?,
            };
            if at < lsn {
                continue;
            }
            self.open = Some((scan, at));
            return Ok(match frame {
                Frame::Input(event) if at == lsn => Some(event),
                _ => None,
            });
        }
        Ok(None)
    }
}
