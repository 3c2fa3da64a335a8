//! The one thread that writes. Take what is queued, write it as one group,
//! sync, publish, again. The first error ends it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Sender;
use std::thread;

use super::error::Error;
use super::failpoints::{Failpoints, Site};
use super::group::{self, GroupHeader};
use super::handle::Shared;
use super::index::{Segment, SegmentPlace};
use super::open::Tail;
use super::options::Options;
use super::queue::{Chunk, Work};
use super::segment::{self, PAGE_BYTES, SegmentHeader};
use super::walk::Position;
use crate::model::Lsn;

/// The segment that is written to.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) salt: u64,
    pub(super) bytes: u64,
    /// Where the next group starts.
    pub(super) offset: u64,
}

impl Active {
    /// Creates the segment that follows `at`; all before it must be synced.
    pub(super) fn create(dir: &Path, options: &Options, at: &Position) -> Result<Active, Error> {
        let header = SegmentHeader {
            salt: segment::salt().map_err(Error::io("make a salt for", dir))?,
            first: at.next,
            created_ms: options.clock.now_ms(),
            chain: at.chain,
            bytes: options.segment_bytes,
        };
        let file = segment::create(dir, &header, &options.failpoints)?;
        Ok(Active {
            path: segment::path(dir, at.next),
            file,
            salt: header.salt,
            bytes: header.bytes,
            offset: PAGE_BYTES as u64,
        })
    }

    pub(super) fn place(&self) -> SegmentPlace {
        SegmentPlace { path: self.path.clone(), salt: self.salt, bytes: self.bytes }
    }
}

/// Everything that only the writer thread touches.
pub(super) struct Writer {
    shared: Arc<Shared>,
    dir: PathBuf,
    options: Options,
    active: Active,
    at: Position,
    /// Whether something on disk says that the last group was synced.
    proved: bool,
    /// Takes the segments that were sealed.
    sealed: Sender<Arc<Segment>>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, tail: Tail, sealed: Sender<Arc<Segment>>) -> Writer {
        let Tail { active, at, proved } = tail;
        let (dir, options) = (shared.dir.clone(), shared.options.clone());
        Writer { shared, dir, options, active, at, proved, sealed }
    }

    /// Runs until the journal is closed or has failed.
    pub(super) fn run(mut self) {
        let shared = self.shared.clone();
        let result = panic::catch_unwind(AssertUnwindSafe(|| self.write_all()));
        let reason: Arc<str> = match result {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.with_advice().into(),
            Err(_) => "the writer thread panicked".into(),
        };
        shared.fail(reason);
    }

    fn write_all(&mut self) -> Result<(), Error> {
        loop {
            match self.shared.queue.take(self.proved) {
                Work::Write(chunk) => {
                    thread::sleep(self.options.commit_delay);
                    self.commit(chunk)?
                }
                Work::Idle => self.prove()?,
                Work::Abandon => return Ok(()),
                Work::Stop if self.proved => return Ok(()),
                Work::Stop => self.prove()?,
            }
        }
    }

    /// Makes a group durable and says so.
    fn commit(&mut self, mut chunk: Chunk) -> Result<(), Error> {
        let last = chunk.last();
        self.write_group(&mut chunk)?;
        self.proved = false;
        let counters = &self.shared.counters;
        counters.groups.fetch_add(1, Relaxed);
        counters.frames.fetch_add(u64::from(chunk.count), Relaxed);
        counters.observe_latency(chunk.since.elapsed());
        self.shared.commit.publish(last);
        Ok(())
    }

    /// Writes an empty group: its durable LSN tells a torn last group from a
    /// damaged one for ever.
    fn prove(&mut self) -> Result<(), Error> {
        self.write_group(&mut Chunk::new(self.at.next))?;
        self.proved = true;
        Ok(())
    }

    fn write_group(&mut self, chunk: &mut Chunk) -> Result<(), Error> {
        let last = chunk.last();
        let points = self.options.failpoints.clone();
        Failpoints::pass(&points.before_write, last).map_err(Error::io("write", &self.active.path))?;
        let needed = group::padded(chunk.buffer.len() - group::GROUP_HEADER_BYTES) as u64;
        if self.active.offset + needed > self.active.bytes {
            self.roll()?;
        }
        let header = self.seal(chunk);
        let Active { path, file, offset, .. } = &self.active;
        points.run(Site::GroupWrite, path, || file.write_all_at(&chunk.buffer, *offset))?;
        Failpoints::pass(&points.before_sync, last).map_err(Error::io("sync", path))?;
        points.run(Site::GroupSync, path, || file.sync_data())?;
        self.synced(&header);
        Ok(())
    }

    fn seal(&self, chunk: &mut Chunk) -> GroupHeader {
        let header = GroupHeader {
            first: chunk.first,
            count: chunk.count,
            payload_bytes: 0,
            // Each group is synced before the next is written.
            durable: Lsn(self.at.next.0 - 1),
            wall_ms: self.options.clock.now_ms().max(self.at.wall_ms),
            chain: 0,
        };
        group::seal(&mut chunk.buffer, header, self.at.chain, self.active.salt)
    }

    fn synced(&mut self, header: &GroupHeader) {
        self.shared.index_mut().add_group(header, self.active.offset);
        self.active.offset += header.total_bytes();
        self.at = Position { next: header.end(), chain: header.chain, wall_ms: header.wall_ms };
        self.shared.counters.syncs.fetch_add(1, Relaxed);
        self.shared.counters.bytes.fetch_add(header.total_bytes(), Relaxed);
    }

    /// Goes on in a new segment.
    fn roll(&mut self) -> Result<(), Error> {
        self.active = Active::create(&self.dir, &self.options, &self.at)?;
        let sealed = self.shared.index_mut().add_segment(self.active.place(), self.at);
        // Nobody there to take it: the next open reads the segment.
        sealed.map(|segment| self.sealed.send(segment));
        Ok(())
    }
}
