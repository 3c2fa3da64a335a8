//! One reader of a deployment: a set of shards at one position. Ordinarily a deployment has one reader for all its
//! shards; a shard that stands still gets one of its own and rejoins when it has caught up.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::codec::Needs;
use crate::journal::{Follower, Log, ReadError};
use crate::model::{Frame, Lsn, ShardId, ShardSet};

/// Frames that are fetched at once: outcomes among them may be large.
const FETCH: usize = 256;

/// Ticks that a reader has passed, with their watermarks: those to which it may go back.
struct Passed(Vec<(Lsn, u64)>);

pub struct Reader {
    pub shards: ShardSet,
    pub paused: bool,
    /// Host failures in a row, and when the next try is due.
    failures: u32,
    retry_at: Option<Instant>,
    follower: Follower,
    ahead: VecDeque<(Lsn, Frame)>,
    passed: Passed,
    needs: Needs,
    /// What the journal or the store says of its position.
    said: Lsn,
    fetched: Vec<(Lsn, Frame)>,
}

impl Reader {
    /// Begins behind a finished position. `watermark`: of the last tick up to there that belongs to the deployment's past,
    /// milliseconds; 0 if there is none.
    pub fn new(log: &Log, shards: ShardSet, finished: Lsn, watermark: u64) -> Reader {
        Reader {
            shards,
            paused: false,
            failures: 0,
            retry_at: None,
            follower: log.follow(finished.next()),
            ahead: VecDeque::new(),
            passed: Passed(vec![(finished, watermark)]),
            needs: Needs::default(),
            said: finished,
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

    /// A start finds all of its shards there, or further.
    pub fn said(&self) -> Lsn {
        self.said
    }

    /// A frame that says how far it is was appended.
    pub fn say(&mut self, position: Lsn) {
        self.said = self.said.max(position);
    }

    /// Takes over the shards of another one that is at the same place.
    pub fn join(&mut self, other: &Reader) {
        self.shards = self.shards.union(other.shards);
        self.said = self.said.min(other.said);
    }

    /// Which outcome frames it must have whole from now on. What was read ahead for other needs is read again.
    pub fn need(&mut self, needs: Needs) {
        if needs != self.needs {
            let next = self.next();
            self.ahead.clear();
            self.follower.seek(next);
            self.follower.need(needs);
            self.needs = needs;
        }
    }

    /// The next frame, without taking it.
    pub fn peek(&mut self) -> Result<Option<&(Lsn, Frame)>, ReadError> {
        if self.ahead.is_empty() {
            let read = self.follower.read(FETCH, &mut self.fetched);
            // What came before a failure counts; it fails again behind that.
            self.ahead.extend(self.fetched.drain(..));
            if self.ahead.is_empty() {
                read?;
            }
        }
        Ok(self.ahead.front())
    }

    /// Takes what `peek` showed.
    pub fn take(&mut self) {
        if let Some((lsn, Frame::Tick(tick))) = self.ahead.pop_front()
            && tick.watermark > self.watermark()
        {
            self.passed.0.push((lsn, tick.watermark));
        }
    }

    /// Watermark of the last tick that it has passed, milliseconds.
    pub fn watermark(&self) -> u64 {
        self.passed.0.last().map_or(0, |(_, watermark)| *watermark)
    }

    /// It never goes back further than to where it is now.
    pub fn settle(&mut self) {
        let last = self.passed.0.len().saturating_sub(1);
        self.passed.0.drain(..last);
    }

    /// Goes back to a position: what was taken from there on is read again.
    pub fn seek(&mut self, next: Lsn) {
        self.passed.0.retain(|(lsn, _)| *lsn < next);
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
        Reader { said: self.said, ..Reader::new(log, shards, self.position(), self.watermark()) }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::journal::{Encoded, Error, Journal, Options};
    use crate::model::Tick;

    /// Small segments, and nothing in memory that is durable.
    fn log(folder: &Path) -> Log {
        let options = Options {
            segment_bytes: 32 << 10,
            group_bytes: 16 << 10,
            frame_bytes: 5_000,
            queue_bytes: 1 << 20,
            ..Options::default()
        };
        let (journal, _) = Journal::open(folder, options, Lsn::ZERO, &mut |_| {}).expect("a journal");
        Log::new(journal, 0, 10)
    }

    /// One group.
    fn append(log: &Log, frames: u64) {
        let ticks = (0..frames).map(|now| Encoded::new(Frame::Tick(Tick { now, watermark: 0 })));
        let first = log.append_all(ticks.collect()).expect("positions");
        log.wait_committed(Lsn(first.0 + frames - 1)).expect("durable");
    }

    #[test]
    fn what_was_read_before_a_failure_is_not_passed_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = log(folder.path());
        let group = FETCH as u64 + 44;
        (0..40).for_each(|_| append(&log, group));
        let mut reader = Reader::new(&log, ShardSet::ALL, Lsn::ZERO, 0);
        for lsn in 1..=group {
            let (found, _) = reader.peek().expect("it reads").expect("a frame");
            assert_eq!(*found, Lsn(lsn));
            reader.take();
            if lsn == FETCH as u64 {
                // The rest of the group is in the reader's hands, what is behind it is not.
                assert!(log.release(log.last()).expect("released").first > Lsn(group + 1));
            }
        }
        for _ in 0..2 {
            let gone = reader.peek().map(|_| ());
            assert!(matches!(gone, Err(ReadError::Journal(Error::Released { .. }))), "{gone:?}");
            assert_eq!(reader.next(), Lsn(group + 1));
        }
    }
}
