//! Makes the key files of sealed segments and removes those of segments that are gone. Nothing waits for it: what has no
//! file yet is read from end to end.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Keys;
use super::file::{self, KeyFile};
use super::mentions::{MENTION_BYTES, Mentions};
use super::table::{self, Stamp};
use crate::journal::{Error as JournalError, ReadError, SegmentInfo};
use crate::model::{Frame, Limits, Lsn};
use crate::tasks::Thread;

/// How often it looks for sealed segments.
const LOOK: Duration = Duration::from_secs(2);

/// After a file that could not be made: a full disk is not filled again at every look.
const RETRY: Duration = Duration::from_secs(600);

/// Frames that are read at once.
const AT_ONCE: usize = 16;

/// Share of its time that it rests while there is more to do: workers have the processor.
const REST: u32 = 2;

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("cannot write {path}: {error}")]
    Write { path: PathBuf, error: io::Error },
}

/// Not yet on a thread: tests drive it step by step.
pub struct Indexer {
    keys: Keys,
    folder: PathBuf,
    /// What the mentions of one segment may take in memory, bytes.
    memory: u64,
    /// Segments that say more than that or cannot be read, by their first positions: nobody tries again before a restart.
    passed: BTreeMap<Lsn, Stamp>,
    stop: Arc<AtomicBool>,
}

impl Indexer {
    /// `folder`: where key files lie. It is made when there is something to put into it.
    pub fn new(keys: Keys, folder: PathBuf, limits: &Limits) -> Indexer {
        Indexer { keys, folder, memory: limits.index_memory_bytes, passed: BTreeMap::new(), stop: Arc::default() }
    }

    /// Takes up the files that are there, removes those that belong to nothing, and makes the newest one that is missing.
    /// Answers whether there is more to make.
    ///
    /// # Errors
    /// A frame that cannot be read, a file that cannot be written.
    pub fn step(&mut self) -> Result<bool, IndexError> {
        let sealed: Vec<Stamp> = self.keys.log().journal().segments().iter().filter_map(stamp).collect();
        self.tidy(&sealed);
        let mut missing = Vec::new();
        for stamp in &sealed {
            if !self.take_up(stamp) {
                missing.push(*stamp);
            }
        }
        let made = match missing.pop() {
            Some(stamp) if !self.is_stopped() => self.make(&stamp),
            _ => Ok(()),
        };
        self.measure(missing.len() + usize::from(made.is_err()));
        made.map(|()| !missing.is_empty())
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Is it known, or is there a good file?
    fn take_up(&mut self, stamp: &Stamp) -> bool {
        let known = self.keys.files().get(&stamp.first).is_some_and(|file| file.stamp() == stamp);
        if known || self.passed.get(&stamp.first) == Some(stamp) {
            return true;
        }
        let found = KeyFile::open(&self.folder, stamp);
        found.is_some_and(|file| {
            self.keys.files_mut().insert(stamp.first, Arc::new(file));
            true
        })
    }

    fn make(&mut self, stamp: &Stamp) -> Result<(), IndexError> {
        let read = self.read(stamp);
        if read.is_err() {
            self.passed.insert(stamp.first, *stamp);
        }
        let Some(mut mentions) = read? else { return Ok(()) };
        mentions.entries.sort_unstable();
        mentions.entries.dedup();
        let lowest = mentions.lowest_origin.unwrap_or(Lsn(u64::MAX));
        let bytes = table::encode(stamp, lowest, &mentions.entries);
        let failed = |error| IndexError::Write { path: file::path(&self.folder, stamp.first), error };
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let file = KeyFile::create(&self.folder, stamp, &bytes).map_err(failed)?;
        self.keys.files_mut().insert(stamp.first, Arc::new(file));
        Ok(())
    }

    /// None if the host ends, the segment is gone, or there are too many mentions.
    fn read(&mut self, stamp: &Stamp) -> Result<Option<Mentions>, IndexError> {
        let mut follower = self.keys.log().follow(stamp.first);
        let mut mentions = Mentions::default();
        let mut frames: Vec<(Lsn, Frame)> = Vec::with_capacity(AT_ONCE);
        while follower.next() <= stamp.last && !self.is_stopped() {
            match follower.read(AT_ONCE, &mut frames) {
                Err(ReadError::Journal(JournalError::Released { .. })) => return Ok(None),
                read => read?,
            }
            for (lsn, frame) in frames.drain(..).filter(|(lsn, _)| *lsn <= stamp.last) {
                mentions.note((lsn.0 - stamp.first.0) as u32, &frame);
            }
            if mentions.entries.len() as u64 * MENTION_BYTES > self.memory {
                tracing::warn!(first = %stamp.first, "a segment says more than index_memory_bytes holds: it is read instead of indexed");
                self.passed.insert(stamp.first, *stamp);
                return Ok(None);
            }
        }
        Ok((!self.is_stopped()).then_some(mentions))
    }

    /// Forgets and removes what belongs to no sealed segment. What cannot be removed now is met again.
    fn tidy(&mut self, sealed: &[Stamp]) {
        let is_sealed = |first: Lsn| sealed.binary_search_by_key(&first, |stamp| stamp.first).is_ok();
        self.passed.retain(|first, _| is_sealed(*first));
        self.keys.files_mut().retain(|first, _| is_sealed(*first));
        for (name, path) in names(&self.folder) {
            let gone = file::first_of(&name).is_some_and(|first| !is_sealed(first) || file::is_unfinished(&name));
            if gone {
                let _ = fs::remove_file(path);
            }
        }
    }

    fn measure(&self, waiting: usize) {
        let files = self.keys.files();
        let metrics = self.keys.metrics();
        metrics.index_segments.set(files.len() as i64);
        metrics.index_bytes.set(files.values().map(|file| file.bytes()).sum::<u64>() as i64);
        metrics.index_waiting.set((waiting + self.passed.len()) as i64);
    }
}

fn stamp(segment: &SegmentInfo) -> Option<Stamp> {
    let SegmentInfo { first, last, chain, .. } = *segment;
    chain.map(|chain| Stamp { first, last, chain })
}

fn names(folder: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let named = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        Some((entry.file_name().into_string().ok()?, entry.path()))
    });
    named.collect()
}

/// The indexer on its thread.
pub struct Indexing {
    thread: Thread<()>,
    keys: Keys,
    stop: Arc<AtomicBool>,
}

impl Indexing {
    pub fn start(mut indexer: Indexer) -> io::Result<Indexing> {
        let (stop, keys) = (indexer.stop.clone(), indexer.keys.clone());
        let bell = keys.inner.bell.clone();
        let thread = Thread::spawn("indexer", move || {
            while !indexer.is_stopped() {
                let (seen, began) = (bell.rings(), Instant::now());
                let rest = match indexer.step() {
                    Ok(true) => began.elapsed() / REST,
                    Ok(false) => LOOK,
                    Err(error) => {
                        tracing::warn!(%error, "no key file could be made: the segment is read instead");
                        RETRY
                    }
                };
                if !indexer.is_stopped() {
                    bell.wait(seen, rest);
                }
            }
        })?;
        Ok(Indexing { thread, keys, stop })
    }

    /// Gives up the file that is being made.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.keys.inner.bell.ring();
        self.thread.join();
    }
}
