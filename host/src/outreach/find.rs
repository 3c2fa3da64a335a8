//! Reads decisions and ends of deliveries that the index names: newest first, in pages.

use std::sync::Arc;

use super::index::{Index, Traits};
use super::postings::{Kind, key};
use crate::journal::{Error as JournalError, Follower, Log, ReadError};
use crate::model::outreach::{ActionId, Decision, Deed, Ended, Outreach};
use crate::model::{Frame, Lsn};

/// Frames that one page reads at most; a page may be short or empty because of it, and say where to go on.
pub const FRAMES_PER_PAGE: usize = 256;

/// Frames that are read together in the journal's order: groups of it that they share are read once.
const READ_TOGETHER: usize = 32;

/// Frames that are read over rather than sought over: finding a position again reads a whole group.
const SKIP_FRAMES: u64 = 64;

/// What is looked for. Everything that is given must hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<'a> {
    pub business: &'a str,
    pub person: Option<&'a str>,
    pub match_name: Option<&'a str>,
    pub policy: Option<&'a str>,
    /// Name of a status or of a delivery's end, a reason that a filter gave, or the code of its error.
    pub reason: Option<&'a str>,
    /// When it was decided, receive clock in milliseconds; inclusive.
    pub since: Option<u64>,
    /// Exclusive.
    pub until: Option<u64>,
    /// Positions below this one: `next` of the page before.
    pub before: Option<Lsn>,
    /// A page ends with the frame in which it reaches so many.
    pub limit: usize,
}

/// Newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub found: Vec<Found>,
    /// Where to go on; None if that was all.
    pub next: Option<Lsn>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Of the frame that holds it.
    pub lsn: Lsn,
    /// Receive clock of the frame, milliseconds.
    pub now: u64,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Decided(Box<Decision>),
    Ended(Ended),
}

impl Query<'_> {
    fn keys(&self) -> Vec<u64> {
        let given = [
            (Kind::Person, self.person),
            (Kind::Match, self.match_name),
            (Kind::Policy, self.policy),
            (Kind::Reason, self.reason),
        ];
        let keys = given.into_iter().filter_map(|(kind, value)| Some(key(kind, self.business, value?.as_bytes())));
        let keys: Vec<u64> = keys.collect();
        // Each of the others is within the business anyway.
        if keys.is_empty() { vec![key(Kind::Business, self.business, b"")] } else { keys }
    }

    fn holds(&self, traits: &Traits<'_>) -> bool {
        let is = |wanted: Option<&str>, value: &str| wanted.is_none_or(|wanted| wanted == value);
        traits.business() == self.business
            && self.since.is_none_or(|since| traits.time() >= since)
            && self.until.is_none_or(|until| traits.time() < until)
            && is(self.person, traits.person())
            && is(self.match_name, traits.match_name())
            && is(self.policy, traits.policy())
            && self.reason.is_none_or(|wanted| traits.reasons().any(|reason| reason == wanted))
    }
}

impl Index {
    /// One page of what was decided.
    pub fn find(&self, log: &Log, query: &Query<'_>) -> Result<Page, ReadError> {
        let (since, until) = (query.since.unwrap_or(0), query.until.unwrap_or(u64::MAX));
        let before = query.before.unwrap_or(Lsn(u64::MAX));
        let positions = self.read().positions(&query.keys(), since, until, before, FRAMES_PER_PAGE + 1);
        let mut frames = Frames::new(log);
        let mut page = Page { found: Vec::new(), next: None };
        let read = &positions[..positions.len().min(FRAMES_PER_PAGE)];
        for together in read.chunks(query.limit.clamp(1, READ_TOGETHER)) {
            for (lsn, frame) in frames.read_all(together)? {
                page.take(lsn, &frame, query);
                if page.found.len() >= query.limit.max(1) {
                    page.next = positions.last().is_some_and(|last| *last < lsn).then_some(lsn);
                    return Ok(page);
                }
            }
        }
        page.next = (positions.len() > read.len()).then(|| read[read.len() - 1]);
        Ok(page)
    }

    /// Everything that was decided about one action and how its delivery ended, oldest first.
    pub fn looks(&self, log: &Log, business: &str, action: ActionId) -> Result<Vec<Found>, ReadError> {
        let key = key(Kind::Action, business, &action.0.to_le_bytes());
        let positions = self.read().positions(&[key], 0, u64::MAX, Lsn(u64::MAX), usize::MAX);
        let mut frames = Frames::new(log);
        let mut found = Vec::new();
        for lsn in positions.into_iter().rev() {
            let Some(frame) = frames.read(lsn)? else { continue };
            let own = |traits: &Traits<'_>| traits.business() == business && traits.action() == action.0;
            found.extend(frame.deeds.iter().filter_map(|deed| Found::new(lsn, &frame, deed, own)));
        }
        Ok(found)
    }
}

impl Page {
    fn take(&mut self, lsn: Lsn, frame: &Outreach, query: &Query<'_>) {
        let deeds = frame.deeds.iter().rev();
        self.found.extend(deeds.filter_map(|deed| Found::new(lsn, frame, deed, |traits| query.holds(traits))));
    }
}

impl Found {
    fn new(lsn: Lsn, frame: &Outreach, deed: &Deed, wanted: impl Fn(&Traits<'_>) -> bool) -> Option<Found> {
        let traits = Traits::of(deed).filter(wanted)?;
        let what = match traits {
            Traits::Decided(decision) => What::Decided(Box::new(decision.clone())),
            Traits::Ended(ended) => What::Ended(ended.clone()),
        };
        Some(Found { lsn, now: frame.now, what })
    }
}

/// Single frames by position; cheapest in ascending order.
struct Frames {
    follower: Follower,
    passed: Vec<(Lsn, Frame)>,
}

impl Frames {
    fn new(log: &Log) -> Frames {
        Frames { follower: log.follow(Lsn::ZERO), passed: Vec::new() }
    }

    /// Positions and their frames newest first, as they are given.
    fn read_all(&mut self, positions: &[Lsn]) -> Result<Vec<(Lsn, Arc<Outreach>)>, ReadError> {
        let mut frames = Vec::with_capacity(positions.len());
        for lsn in positions.iter().rev() {
            frames.extend(self.read(*lsn)?.map(|frame| (*lsn, frame)));
        }
        frames.reverse();
        Ok(frames)
    }

    /// Nothing if the details have expired.
    fn read_kept(&mut self, frames: usize) -> Result<(), ReadError> {
        match self.follower.read(frames, &mut self.passed) {
            Err(ReadError::Journal(JournalError::Released { .. })) => Ok(()),
            read => read,
        }
    }

    fn read(&mut self, lsn: Lsn) -> Result<Option<Arc<Outreach>>, ReadError> {
        let next = self.follower.next();
        if next < lsn && lsn.0 - next.0 <= SKIP_FRAMES {
            self.read_kept((lsn.0 - next.0) as usize)?;
        }
        self.passed.clear();
        self.follower.seek(lsn);
        self.read_kept(1)?;
        Ok(match self.passed.pop() {
            Some((at, Frame::Outreach(frame))) if at == lsn => Some(frame),
            _ => None,
        })
    }
}
