//! One reader of a deployment: a set of shards at one position. Ordinarily a deployment has one reader for all its
//! shards; a shard that stands still gets one of its own and rejoins when it has caught up.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::journal::{Follower, Log, ReadError};
use crate::model::{Frame, Lsn, ShardId, ShardSet};

/// Frames that are fetched at once: outcomes among them may be large.
const FETCH: usize = 256;

pub struct Reader {
    pub shards: ShardSet,
    pub paused: bool,
    /// Host failures in a row, and when the next try is due.
    failures: u32,
    retry_at: Option<Instant>,
    follower: Follower,
    ahead: VecDeque<(Lsn, Frame)>,
    fetched: Vec<(Lsn, Frame)>,
}

impl Reader {
    /// Begins behind a finished position.
    pub fn new(log: &Log, shards: ShardSet, finished: Lsn) -> Reader {
        Reader {
            shards,
            paused: false,
            failures: 0,
            retry_at: None,
            follower: log.follow(finished.next()),
            ahead: VecDeque::new(),
            fetched: Vec::new(),
        }
    }

    /// The position that it takes next.
    pub fn next(&self) -> Lsn {
        self.ahead.front().map_or(self.follower.next(), |(lsn, _)| *lsn)
    }

    /// The last position that it has finished.
    pub fn position(&self) -> Lsn {
        self.next().previous()
    }

    /// The next frame, without taking it.
    pub fn peek(&mut self) -> Result<Option<&(Lsn, Frame)>, ReadError> {
        if self.ahead.is_empty() {
            self.follower.read(FETCH, &mut self.fetched)?;
            self.ahead.extend(self.fetched.drain(..));
        }
        Ok(self.ahead.front())
    }

    /// Takes what `peek` showed.
    pub fn take(&mut self) {
        self.ahead.pop_front();
    }

    /// Goes back to a position: what was taken from there on is read again.
    pub fn seek(&mut self, next: Lsn) {
        if next != self.next() {
            self.ahead.clear();
            self.follower.seek(next);
        }
    }

    /// One of its shards: they are all at the same place.
    pub fn any_shard(&self) -> ShardId {
        self.shards.iter().next().unwrap_or(ShardId(0))
    }

    /// May it read now?
    pub fn is_due(&self) -> bool {
        !self.paused && self.retry_at.is_none_or(|at| at <= Instant::now())
    }

    /// When the next try is due, if it waits for one.
    pub fn retry_at(&self) -> Option<Instant> {
        self.retry_at.filter(|_| !self.paused)
    }

    /// The host could not run its inputs: the next try waits, twice as long each time. Answers failures in a row.
    pub fn failed(&mut self, back_off: Duration) -> u32 {
        self.retry_at = Some(Instant::now() + back_off * 2u32.saturating_pow(self.failures.min(16)));
        self.failures += 1;
        self.failures
    }

    pub fn succeeded(&mut self) {
        self.failures = 0;
        self.retry_at = None;
    }

    /// Gives some shards a reader of their own at the same position.
    pub fn split(&mut self, log: &Log, shards: ShardSet) -> Reader {
        self.shards = self.shards.without(shards);
        Reader::new(log, shards, self.position())
    }
}
