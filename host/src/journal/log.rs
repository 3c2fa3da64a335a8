//! [`Log`]: the journal with its frames decoded, and the recent ones in memory for those who read along.
//!
//! The tail holds frames as they were appended, durable or not: readers may run ahead of the disk, because what they
//! make of a frame is appended behind it and a crash loses only a suffix. A frame leaves the tail only when it is
//! durable, so whatever is not in the tail is in the files.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::Error;
use super::handle::Journal;
use super::reader::Reader;
use super::retain::Release;
use crate::codec::{CodecError, Interner, Kind, Needs, decode_needed, encode_frame, kind_of};
use crate::model::{Control, Frame, InputRecord, Lsn, Match, Op};
use crate::tasks::Bell;

/// Memory of a frame beside its texts and records, roughly: structures and allocator.
const FRAME_OVERHEAD_BYTES: usize = 256;

/// Proof that a position is durable. Only the journal can make one, so nothing can be acknowledged without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Committed(Lsn);

impl Committed {
    pub fn lsn(self) -> Lsn {
        self.0
    }
}

/// A frame ready to be appended: encoding needs no lock.
pub struct Encoded {
    frame: Frame,
    bytes: Vec<u8>,
}

impl Encoded {
    pub fn new(frame: Frame) -> Encoded {
        Encoded { bytes: encode_frame(&frame), frame }
    }
}

/// A frame cannot be read: the file is damaged, or another version wrote it.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Journal(#[from] Error),
    #[error("frame {lsn}: {error}")]
    Codec { lsn: Lsn, error: CodecError },
}

/// The journal and its tail. Clones are the same log.
#[derive(Clone)]
pub struct Log {
    inner: Arc<Inner>,
}

struct Inner {
    journal: Journal,
    tail: Mutex<Tail>,
    tail_bytes: usize,
    interner_limit: usize,
    bell: Arc<Bell>,
}

/// Consecutive frames up to the last one appended.
struct Tail {
    frames: VecDeque<(Frame, usize)>,
    /// Position of the first one, or of the next if there is none.
    first: Lsn,
    bytes: usize,
    /// Control frames that nobody else keeps yet.
    controls: Vec<(Lsn, Arc<Control>)>,
}

impl Log {
    /// `tail_bytes`: memory for recent frames. `sources`: texts that a reader shares between frames.
    pub fn new(journal: Journal, tail_bytes: u64, sources: u64) -> Log {
        let first = journal.last().next();
        let tail = Tail { frames: VecDeque::new(), first, bytes: 0, controls: Vec::new() };
        Log {
            inner: Arc::new(Inner {
                tail: Mutex::new(tail),
                tail_bytes: tail_bytes as usize,
                interner_limit: sources as usize,
                bell: Arc::new(Bell::default()),
                journal,
            }),
        }
    }

    /// Appends one frame; blocks while the queue is full.
    pub fn append(&self, frame: Frame) -> Result<Lsn, Error> {
        self.append_all(vec![Encoded::new(frame)])
    }

    /// Appends frames side by side and answers the first one's position; blocks while the queue is full.
    pub fn append_all(&self, frames: Vec<Encoded>) -> Result<Lsn, Error> {
        let batch = self.inner.journal.begin()?;
        self.fill(batch, frames)
    }

    /// As [`Self::append_all`], but never waits for room.
    pub fn try_append_all(&self, frames: Vec<Encoded>) -> Result<Lsn, Error> {
        let batch = self.inner.journal.try_begin()?;
        self.fill(batch, frames)
    }

    fn fill(&self, mut batch: super::Batch<'_>, frames: Vec<Encoded>) -> Result<Lsn, Error> {
        let first = batch.next_lsn();
        let mut kept = Vec::with_capacity(frames.len());
        for Encoded { frame, bytes } in frames {
            let weight = memory_bytes(&frame, bytes.len());
            kept.push((frame, weight));
            batch.push(bytes)?;
        }
        // The tail grows under the append lock, so its order is the journal's.
        let mut tail = self.tail();
        batch.commit();
        for (lsn, (frame, bytes)) in (first.0..).map(Lsn).zip(kept) {
            if let Frame::Control(control) = &frame {
                tail.controls.push((lsn, control.clone()));
            }
            tail.push((frame, bytes));
        }
        tail.trim(self.inner.journal.durable(), self.inner.tail_bytes);
        drop(tail);
        self.inner.bell.ring();
        Ok(first)
    }

    /// Control frames up to a position that were appended since this log was made and not kept by anybody else, encoded.
    /// All of them, also those that another thread was appending: a position is given with the frame's entry here.
    pub fn controls(&self, upto: Lsn) -> Vec<(Lsn, Vec<u8>)> {
        let fresh: Vec<_> = self.tail().controls.iter().take_while(|(lsn, _)| *lsn <= upto).cloned().collect();
        fresh.into_iter().map(|(lsn, control)| (lsn, encode_frame(&Frame::Control(control)))).collect()
    }

    /// Those up to a position are kept durably elsewhere.
    pub fn controls_kept(&self, upto: Lsn) {
        self.tail().controls.retain(|(lsn, _)| *lsn > upto);
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.inner.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rings when there is something new to read.
    pub fn bell(&self) -> Arc<Bell> {
        self.inner.bell.clone()
    }

    pub fn journal(&self) -> &Journal {
        &self.inner.journal
    }

    /// The highest position given.
    pub fn last(&self) -> Lsn {
        self.inner.journal.last()
    }

    /// [`Journal::first`]
    pub fn first(&self) -> Lsn {
        self.inner.journal.first()
    }

    /// [`Journal::bytes_from`]
    pub fn bytes_from(&self, lsn: Lsn) -> u64 {
        self.inner.journal.bytes_from(lsn)
    }

    /// [`Journal::written_at`]
    pub fn written_at(&self, lsn: Lsn) -> Option<u64> {
        self.inner.journal.written_at(lsn)
    }

    /// [`Journal::release`]. Frames that are in memory still can be followed.
    pub fn release(&self, before: Lsn) -> Result<Release, Error> {
        self.inner.journal.release(before)
    }

    /// Waits until a position is durable.
    pub async fn committed(&self, lsn: Lsn) -> Result<Committed, Error> {
        let mut watch = self.inner.journal.watch();
        let durable = watch.wait_for(|durable| durable.lsn >= lsn || durable.health != super::Health::Running).await;
        match durable {
            Ok(durable) if durable.lsn >= lsn => Ok(Committed(lsn)),
            Ok(durable) => Err(durable.health.check().err().unwrap_or(Error::Closed)),
            Err(_) => Err(Error::Closed),
        }
    }

    /// As [`Self::committed`], for threads.
    pub fn wait_committed(&self, lsn: Lsn) -> Result<Committed, Error> {
        self.inner.journal.wait_durable(lsn).map(|()| Committed(lsn))
    }

    /// Reads along from a position, ahead of the disk if need be.
    pub fn follow(&self, from: Lsn) -> Follower {
        Follower { log: self.clone(), next: from.max(Lsn(1)), needs: Needs::All, file: None }
    }

    /// Durable frames from a position on, decoded, up to what is durable when it gets there.
    pub fn scan(&self, from: Lsn) -> Scan {
        let interner = Interner::new(self.inner.interner_limit);
        Scan { reader: self.inner.journal.read_from(from), interner, only: None, needs: Needs::All }
    }

    /// As [`Self::scan`], of one kind: the others are passed over without decoding them.
    pub fn scan_only(&self, from: Lsn, kind: Kind) -> Scan {
        Scan { only: Some(kind), ..self.scan(from) }
    }
}

/// About what a frame takes in memory, by its encoded size: texts, structures and allocator. A record has three times the size
/// there that it has in the file.
fn memory_bytes(frame: &Frame, encoded: usize) -> usize {
    let records = match frame {
        Frame::Outcome(outcome) => &outcome.inputs[..],
        _ => &[],
    };
    let structures = |record: &InputRecord| {
        size_of::<InputRecord>()
            + record.outcome.ops.len() * size_of::<Op>()
            + record.outcome.matches.len() * size_of::<Match>()
    };
    encoded + FRAME_OVERHEAD_BYTES + records.iter().map(structures).sum::<usize>()
}

impl Tail {
    fn push(&mut self, frame: (Frame, usize)) {
        self.bytes += frame.1;
        self.frames.push_back(frame);
    }

    fn trim(&mut self, durable: Lsn, limit: usize) {
        while self.bytes > limit && self.first <= durable {
            let Some((_, bytes)) = self.frames.pop_front() else { break };
            self.bytes -= bytes;
            self.first = self.first.next();
        }
    }
}

/// Durable frames in order.
pub struct Scan {
    reader: Reader,
    interner: Interner,
    only: Option<Kind>,
    needs: Needs,
}

impl Scan {
    /// [`Reader::seek`]
    pub fn seek(&mut self, lsn: Lsn) {
        self.reader.seek(lsn);
    }
}

impl Iterator for Scan {
    type Item = Result<(Lsn, Frame), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let is_wanted = |bytes: &[u8]| self.only.is_none_or(|kind| kind_of(bytes).is_none_or(|found| found == kind));
        let item = self.reader.by_ref().find(|item| item.as_ref().map_or(true, |(_, bytes)| is_wanted(bytes)))?;
        Some(item.map_err(ReadError::from).and_then(|(lsn, bytes)| {
            let frame = decode_needed(&bytes, self.needs, &mut self.interner)
                .map_err(|error| ReadError::Codec { lsn, error })?;
            Ok((lsn, frame))
        }))
    }
}

/// A reader of its own pace: from the tail where that reaches back far enough, else from the files.
pub struct Follower {
    log: Log,
    next: Lsn,
    needs: Needs,
    file: Option<Scan>,
}

impl Follower {
    /// The position that is read next.
    pub fn next(&self) -> Lsn {
        self.next
    }

    /// Goes back (or ahead) to a position.
    pub fn seek(&mut self, next: Lsn) {
        if next != self.next {
            self.next = next.max(Lsn(1));
            self.file = None;
        }
    }

    /// From now on it reads so much from the files; what comes from the tail is whole all the same.
    pub fn need(&mut self, needs: Needs) {
        self.needs = needs;
        self.file.iter_mut().for_each(|file| file.needs = needs);
    }

    /// Puts up to `limit` frames into `into`; none if there is nothing new. After
    /// an error the same position is tried again, until somebody seeks elsewhere.
    pub fn read(&mut self, limit: usize, into: &mut Vec<(Lsn, Frame)>) -> Result<(), ReadError> {
        if self.read_tail(limit, into) {
            self.file = None;
            return Ok(());
        }
        let file = self.file.get_or_insert_with(|| Scan { needs: self.needs, ..self.log.scan(self.next) });
        for item in file.take(limit) {
            let (lsn, frame) = match item {
                Ok(read) => read,
                Err(error) => {
                    self.file = None;
                    return Err(error);
                }
            };
            into.push((lsn, frame));
            self.next = lsn.next();
        }
        Ok(())
    }

    /// False if the tail does not reach back to the position.
    fn read_tail(&mut self, limit: usize, into: &mut Vec<(Lsn, Frame)>) -> bool {
        let tail = self.log.tail();
        if self.next < tail.first {
            return false;
        }
        let skip = (self.next.0 - tail.first.0) as usize;
        for (frame, _) in tail.frames.iter().skip(skip).take(limit) {
            into.push((self.next, frame.clone()));
            self.next = self.next.next();
        }
        true
    }
}
