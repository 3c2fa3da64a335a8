//! Past events in their order: from the journal of a serving host, or from the lines of a file.

use std::sync::Arc;

use super::error::Error;
use crate::api::read_past;
use crate::codec::Kind;
use crate::journal::{Log, Scan};
use crate::model::{Event, Frame, Limits, Lsn};
use crate::trace::Expired;

/// Events of a journal that are passed over at once.
const PASSED: u64 = 256;

/// Where an event is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Position(Lsn),
    /// Of the file, from 1.
    Line(u64),
}

/// The place to end a search, or to rest on it.
pub type Between<'a> = &'a mut dyn FnMut() -> Result<(), Error>;

/// Whose events a backfill reads.
pub trait Source {
    /// The next one; `clock`: the receive clock so far, milliseconds. `between` is called now and then while many are passed
    /// over, and its error ends it.
    fn next(&mut self, clock: u64, between: Between<'_>) -> Result<Option<(Origin, Arc<Event>)>, Error>;

    /// Were they accepted before? Then they are taken as they are recorded, and nobody looks for duplicates again.
    fn recorded(&self) -> bool;

    /// What retention has taken of what was asked for.
    fn gap(&self) -> Option<Expired> {
        None
    }
}

/// Events of a journal that goes on meanwhile. Nothing is kept from retention: what it takes on the way is an error.
pub struct Journal {
    scan: Scan,
    last: Lsn,
    since: u64,
    until: u64,
    gap: Option<Expired>,
}

impl Journal {
    /// Those received from `since` to `until` (milliseconds, both inclusive), as far as they are accepted now.
    pub fn new(log: &Log, since: Option<u64>, until: Option<u64>) -> Result<Journal, Error> {
        let accepted = log.last();
        log.wait_committed(accepted)?;
        // A group is written behind the receipt of what is in it.
        let first = since.map_or(Lsn(1), |since| log.journal().position_at(since)).max(log.first());
        let before = |kept: &Expired| since.zip(kept.since).is_none_or(|(asked, kept)| asked < kept);
        Ok(Journal {
            scan: log.scan_only(first, Kind::Input),
            last: accepted,
            since: since.unwrap_or(0),
            until: until.unwrap_or(u64::MAX),
            gap: Expired::of(log).filter(before),
        })
    }
}

impl Source for Journal {
    fn next(&mut self, _clock: u64, between: Between<'_>) -> Result<Option<(Origin, Arc<Event>)>, Error> {
        let mut passed = 0u64;
        for item in self.scan.by_ref() {
            let (lsn, frame) = item?;
            if lsn > self.last {
                return Ok(None);
            }
            // No receipt says that all behind it are later: a clock may have been set back between two starts.
            if let Frame::Input(event) = frame
                && (self.since..=self.until).contains(&event.received)
            {
                return Ok(Some((Origin::Position(lsn), event)));
            }
            passed += 1;
            if passed.is_multiple_of(PASSED) {
                between()?;
            }
        }
        Ok(None)
    }

    fn recorded(&self) -> bool {
        true
    }

    fn gap(&self) -> Option<Expired> {
        self.gap
    }
}

/// CloudEvents of a file, one in a line. Their own times are the clock: an event is received at its time, or, if another one was
/// later, with that.
pub struct Lines<I> {
    /// Numbers from 1, and JSON.
    lines: I,
    business: Arc<str>,
    limits: Arc<Limits>,
}

impl<I: Iterator<Item = Result<(u64, String), Error>>> Lines<I> {
    pub fn new(lines: I, business: &str, limits: Arc<Limits>) -> Lines<I> {
        Lines { lines, business: business.into(), limits }
    }
}

impl<I: Iterator<Item = Result<(u64, String), Error>>> Source for Lines<I> {
    fn next(&mut self, clock: u64, _between: Between<'_>) -> Result<Option<(Origin, Arc<Event>)>, Error> {
        let Some((line, json)) = self.lines.next().transpose()? else { return Ok(None) };
        let event = read_past(json.as_bytes(), &self.business, clock, &self.limits);
        let event = event.map_err(|reason| Error::Line { line, reason })?;
        Ok(Some((Origin::Line(line), Arc::new(event))))
    }

    fn recorded(&self) -> bool {
        false
    }
}
