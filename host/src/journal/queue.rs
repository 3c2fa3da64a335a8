//! Where positions are given: under one short lock, in the order of the file.
//! What is queued lies here already in the shape of write groups.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::commit::Health;
use super::error::Error;
use super::group::{FRAME_PREFIX_BYTES, GROUP_HEADER_BYTES, push_frame};
use super::options::Options;
use crate::model::Lsn;

/// A group to be written: space for the header, then the frames.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) first: Lsn,
    pub(super) count: u32,
    pub(super) buffer: Vec<u8>,
    /// When its oldest frame was appended.
    pub(super) since: Instant,
}

impl Chunk {
    pub(super) fn new(first: Lsn) -> Chunk {
        let buffer = vec![0; GROUP_HEADER_BYTES];
        Chunk { first, count: 0, buffer, since: Instant::now() }
    }

    /// Last LSN in it; of an empty one, the LSN before it.
    pub(super) fn last(&self) -> Lsn {
        Lsn(self.first.0 + u64::from(self.count) - 1)
    }

    fn payload_bytes(&self) -> usize {
        self.buffer.len() - GROUP_HEADER_BYTES
    }

    fn push(&mut self, frame: &[u8]) {
        push_frame(&mut self.buffer, frame);
        self.count += 1;
    }
}

/// What the writer thread shall do next.
pub(super) enum Work {
    Write(Chunk),
    /// Nothing came for a while: prove the last group.
    Idle,
    /// Closed, and everything queued has been handed out.
    Stop,
    /// Failed: nothing is written any more.
    Abandon,
}

#[derive(Debug)]
struct State {
    last: Lsn,
    chunks: VecDeque<Chunk>,
    bytes: usize,
    health: Health,
}

/// The queue between appenders and the writer thread.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    work: Condvar,
    room: Condvar,
    group_bytes: usize,
    frame_bytes: usize,
    queue_bytes: usize,
    idle_after: Duration,
}

impl Queue {
    pub(super) fn new(last: Lsn, options: &Options) -> Queue {
        let state = State { last, chunks: VecDeque::new(), bytes: 0, health: Health::Running };
        Queue {
            state: Mutex::new(state),
            work: Condvar::new(),
            room: Condvar::new(),
            group_bytes: options.group_bytes,
            frame_bytes: options.frame_bytes,
            queue_bytes: options.queue_bytes,
            idle_after: options.idle_after,
        }
    }

    /// Takes the append lock, waiting while the queue is full.
    pub(super) fn begin(&self) -> Result<Batch<'_>, Error> {
        let mut state = self.lock();
        loop {
            state.health.check()?;
            if state.bytes < self.queue_bytes {
                return Ok(Batch { queue: self, state, frames: Vec::new(), bytes: 0 });
            }
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes the append lock, or says that the queue is full.
    pub(super) fn try_begin(&self) -> Result<Batch<'_>, Error> {
        let state = self.lock();
        state.health.check()?;
        if state.bytes >= self.queue_bytes {
            return Err(Error::Full { limit: self.queue_bytes });
        }
        Ok(Batch { queue: self, state, frames: Vec::new(), bytes: 0 })
    }

    pub(super) fn last(&self) -> Lsn {
        self.lock().last
    }

    pub(super) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes() >= self.queue_bytes
    }

    /// Refuses further appends. What is queued is still written after `Closed`,
    /// and dropped after `Failed`.
    pub(super) fn end(&self, health: Health) {
        let mut state = self.lock();
        if state.health == Health::Running {
            state.health = health;
        }
        if let Health::Failed(_) = state.health {
            state.chunks.clear();
            state.bytes = 0;
        }
        self.work.notify_all();
        self.room.notify_all();
    }

    /// Blocks for the next thing to do; `proved` says whether the last group is.
    pub(super) fn take(&self, proved: bool) -> Work {
        let mut state = self.lock();
        let idle_from = Instant::now();
        loop {
            if let Some(chunk) = state.chunks.pop_front() {
                state.bytes -= chunk.payload_bytes();
                self.room.notify_all();
                return Work::Write(chunk);
            }
            match state.health {
                Health::Running => {}
                Health::Closed => return Work::Stop,
                Health::Failed(_) => return Work::Abandon,
            }
            if proved {
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let Some(left) = self.idle_after.checked_sub(idle_from.elapsed()) else {
                return Work::Idle;
            };
            let waited = self.work.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state changes only in steps that cannot panic halfway, so a lock
        // poisoned by a caller's code inside a batch is still sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The append lock, held: positions are known before the frames are queued, and
/// nobody else appends in between. Dropping it without `commit` queues nothing.
/// Keep it short, every appender waits.
#[derive(Debug)]
pub struct Batch<'a> {
    queue: &'a Queue,
    state: MutexGuard<'a, State>,
    frames: Vec<Vec<u8>>,
    bytes: usize,
}

impl Batch<'_> {
    /// The position that the next pushed frame gets.
    pub fn next_lsn(&self) -> Lsn {
        Lsn(self.state.last.0 + self.frames.len() as u64 + 1)
    }

    /// Adds a frame and answers its position, which counts once `commit` is called.
    ///
    /// # Errors
    /// [`Error::FrameTooLarge`], [`Error::BatchTooLarge`]; the frame is not added.
    pub fn push(&mut self, frame: Vec<u8>) -> Result<Lsn, Error> {
        let (bytes, limit) = (frame.len(), self.queue.frame_bytes);
        if bytes > limit {
            return Err(Error::FrameTooLarge { bytes, limit });
        }
        let (total, limit) = (self.bytes + bytes, self.queue.queue_bytes);
        if total > limit {
            return Err(Error::BatchTooLarge { bytes: total, limit });
        }
        let lsn = self.next_lsn();
        self.bytes = total;
        self.frames.push(frame);
        Ok(lsn)
    }

    /// Queues the frames and gives the lock back. A crash may keep a prefix of
    /// the frames: only a frame is atomic. Without frames the range is empty.
    pub fn commit(mut self) -> RangeInclusive<Lsn> {
        let first = self.state.last.next();
        let idle = self.state.chunks.is_empty();
        for frame in std::mem::take(&mut self.frames) {
            self.queue_frame(&frame);
        }
        if idle && first <= self.state.last {
            self.queue.work.notify_one();
        }
        first..=self.state.last
    }

    fn queue_frame(&mut self, frame: &[u8]) {
        let framed = frame.len() + FRAME_PREFIX_BYTES;
        let state = &mut *self.state;
        state.last = state.last.next();
        state.bytes += framed;
        if let Some(chunk) = state.chunks.back_mut()
            && chunk.payload_bytes() + framed <= self.queue.group_bytes
        {
            return chunk.push(frame);
        }
        let mut chunk = Chunk::new(state.last);
        chunk.push(frame);
        state.chunks.push_back(chunk);
    }
}
