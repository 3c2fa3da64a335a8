//! One reader of a deployment: a set of shards at one position. Ordinarily a deployment has one reader for all its
//! shards; a shard that stands still gets one of its own and rejoins when it has caught up.

use std::collections::VecDeque;

use crate::journal::{Follower, Log, ReadError};
use crate::model::{Frame, Lsn, ShardSet};

/// Frames that are fetched at once.
const FETCH: usize = 1_024;

pub struct Reader {
    pub shards: ShardSet,
    pub paused: bool,
    follower: Follower,
    ahead: VecDeque<(Lsn, Frame)>,
    fetched: Vec<(Lsn, Frame)>,
}

impl Reader {
    /// Begins behind a finished position.
    pub fn new(log: &Log, shards: ShardSet, finished: Lsn) -> Reader {
        Reader { shards, paused: false, follower: log.follow(finished.next()), ahead: VecDeque::new(), fetched: Vec::new() }
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

    /// Gives some shards a reader of their own at the same position.
    pub fn split(&mut self, log: &Log, shards: ShardSet) -> Reader {
        self.shards = self.shards.without(shards);
        Reader::new(log, shards, self.position())
    }
}
