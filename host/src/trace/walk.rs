//! Going through durable frames, within bounds: those that may be wanted, and nothing else where a key file says which.

use std::sync::Arc;
use std::time::Instant;

use super::Error;
use crate::journal::{Error as JournalError, Log, ReadError, Scan};
use crate::keys::{Keys, Reading, Span, Wanted};
use crate::model::{Event, Frame, Lsn};

/// Frames between two looks at the clock.
const CLOCK_FRAMES: u32 = 64;

/// Durable frames from a position up to another one, as far as the journal still has them; an error when the deadline is
/// over. Frames that are not wanted may be among them.
pub(super) struct Walk<'a> {
    reading: &'a Reading,
    frames: Frames,
    wanted: Wanted,
    from: Lsn,
    to: Lsn,
    /// The region that comes next.
    region: usize,
    /// What is left of the one that is being read.
    span: Option<Left>,
    /// Everything that is wanted up to here has been answered.
    looked: Lsn,
    deadline: Instant,
    steps: u32,
}

/// Of a region.
enum Left {
    Frames(std::vec::IntoIter<Lsn>, Lsn),
    /// Frames from a position up to another one.
    All(Lsn, Lsn),
}

impl<'a> Walk<'a> {
    pub fn new(reading: &'a Reading, wanted: Wanted, from: Lsn, to: Lsn, deadline: Instant) -> Walk<'a> {
        let from = from.max(Lsn(1));
        Walk {
            reading,
            frames: Frames::new(reading.keys()),
            wanted,
            from,
            to,
            region: 0,
            span: None,
            looked: from.previous(),
            deadline,
            steps: 0,
        }
    }

    /// Everything that is wanted up to here has been answered.
    pub fn looked(&self) -> Lsn {
        self.looked
    }

    /// The next region with something of what is asked for.
    fn next_span(&mut self) -> Option<Left> {
        while self.reading.regions().contains(&self.region) {
            let (first, last) = self.reading.bounds(self.region);
            self.region += 1;
            if last < self.from {
                continue;
            }
            if first > self.to {
                return None;
            }
            let (from, to) = (first.max(self.from), last.min(self.to));
            return Some(match self.reading.find(self.region - 1, &self.wanted) {
                Span::All => Left::All(from, to),
                Span::Frames(mut found) => {
                    found.retain(|lsn| (from..=to).contains(lsn));
                    Left::Frames(found.into_iter(), to)
                }
            });
        }
        None
    }

    fn step(&mut self) -> Result<Option<(Lsn, Frame)>, Error> {
        loop {
            self.steps = self.steps.wrapping_add(1);
            if self.steps.is_multiple_of(CLOCK_FRAMES) && Instant::now() >= self.deadline {
                return Err(Error::Deadline);
            }
            let Some(span) = &mut self.span else {
                self.span = self.next_span();
                match self.span {
                    None => return Ok(None),
                    Some(_) => continue,
                }
            };
            let (wanted, end) = match span {
                Left::Frames(found, end) => (found.next(), *end),
                Left::All(next, end) => ((*next <= *end).then_some(*next), *end),
            };
            let Some(wanted) = wanted else {
                self.looked = self.looked.max(end);
                self.span = None;
                continue;
            };
            match self.frames.get(wanted)? {
                Found::Frame(frame) => {
                    if let Left::All(next, _) = span {
                        *next = wanted.next();
                    }
                    self.looked = wanted;
                    return Ok(Some((wanted, frame)));
                }
                // It was let go of meanwhile.
                Found::Released(first) => {
                    if let Left::All(next, _) = span {
                        *next = first;
                    }
                }
                Found::End => return Ok(None),
            }
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<(Lsn, Frame), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

/// Single frames by position; cheapest in ascending order.
pub(super) struct Frames {
    keys: Keys,
    /// Where a scan stands.
    open: Option<Scan>,
}

pub(super) enum Found {
    Frame(Frame),
    /// Retention has taken it: the journal begins here.
    Released(Lsn),
    /// It is not durable.
    End,
}

impl Frames {
    pub fn new(keys: &Keys) -> Frames {
        Frames { keys: keys.clone(), open: None }
    }

    pub fn get(&mut self, lsn: Lsn) -> Result<Found, Error> {
        let log: &Log = self.keys.log();
        let scan = match &mut self.open {
            Some(scan) => {
                scan.seek(lsn);
                scan
            }
            none => none.insert(log.scan(lsn)),
        };
        match scan.next() {
            Some(Ok((at, frame))) if at == lsn => {
                self.keys.metrics().frames_looked_at.inc();
                Ok(Found::Frame(frame))
            }
            Some(Err(error)) => {
                self.open = None;
                match error {
                    ReadError::Journal(JournalError::Released { first, .. }) => Ok(Found::Released(first)),
                    error => Err(error.into()),
                }
            }
            // Position zero is read as the first.
            Some(Ok(_)) | None => Ok(Found::End),
        }
    }

    /// None if the journal does not have it (any more), or the position is no event's.
    pub fn event(&mut self, lsn: Lsn, deadline: Option<Instant>) -> Result<Option<Arc<Event>>, Error> {
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Error::Deadline);
        }
        Ok(match self.get(lsn)? {
            Found::Frame(Frame::Input(event)) => Some(event),
            _ => None,
        })
    }
}
