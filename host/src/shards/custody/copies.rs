//! Base copies: dumps of the store in `base/`, each named by its stamp. Two are kept: with the older one and the journal
//! behind it a store that was damaged is rebuilt, also when the newer one was taken of the damage.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::model::Lsn;
use crate::shards::parts::Parts;
use crate::store::{DumpError, Stamp, read_dump, verify_dump};

/// Copies that are kept.
const KEPT: usize = 2;

const ENDING: &str = ".dump";
const UNFINISHED: &str = "unfinished";

/// What is written or read at once.
const BUFFER_BYTES: usize = 256 << 10;

/// Longest rest between two writes or reads of a copy.
const LONGEST_REST: Duration = Duration::from_millis(100);

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error(transparent)]
    Dump(#[from] DumpError),
    #[error("cannot {what} {path}: {error}")]
    Io { what: &'static str, path: PathBuf, error: io::Error },
}

fn failed<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> CopyError + 'a {
    move |error| CopyError::Io { what, path: path.to_owned(), error }
}

/// A whole copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseCopy {
    /// Its stamp: redo over it starts behind this.
    pub position: Lsn,
    /// When it was begun, wall clock in milliseconds.
    pub time_ms: u64,
    pub bytes: u64,
    pub path: PathBuf,
    /// This process has written it, or read it to its end.
    is_whole: bool,
}

pub struct Copies {
    folder: PathBuf,
    /// Oldest first.
    kept: Vec<BaseCopy>,
}

impl Copies {
    /// What is there, by the headers alone: see [`Self::verify`].
    pub fn find(folder: PathBuf) -> Copies {
        let mut kept: Vec<BaseCopy> = names(&folder).into_iter().filter_map(read).collect();
        kept.sort_by_key(|copy| copy.position);
        Copies { folder, kept }
    }

    /// The position from which the journal must be kept for the older copy; its beginning while there are not two that are
    /// known to be whole.
    pub fn needs(&self) -> Lsn {
        let older = self.kept.iter().rev().filter(|copy| copy.is_whole).nth(KEPT - 1);
        older.map_or(Lsn(1), |copy| copy.position.next())
    }

    /// Reads those to their end that an earlier process has written, once; until then they count for nothing. One that is damaged stays for whoever wants to look at it.
    pub fn verify(&mut self, stop: &AtomicBool) {
        for copy in std::mem::take(&mut self.kept) {
            match if copy.is_whole { Ok(()) } else { verify(&copy.path, stop) } {
                Ok(()) => self.kept.push(BaseCopy { is_whole: true, ..copy }),
                // It is not needed any more.
                Err(_) if stop.load(Ordering::Acquire) => self.kept.push(copy),
                Err(error) => counts_for_nothing(&copy.path, &error),
            }
        }
    }

    /// Is a new copy due, by its age or by the journal behind it?
    pub fn is_due(&self, parts: &Parts) -> bool {
        let (limits, checkpoint) = (&parts.limits, parts.store.checkpoint());
        let Some(newest) = self.kept.last() else { return checkpoint > Lsn::ZERO };
        let age = (parts.clock)().saturating_sub(newest.time_ms);
        // Two copies must come to lie within what is kept.
        let share = if limits.retention_bytes == 0 { u64::MAX } else { limits.retention_bytes / 4 };
        let bytes = parts.log.bytes_from(newest.position.next());
        checkpoint > newest.position && (age >= limits.base_copy_ms || bytes >= limits.base_copy_bytes.min(share))
    }

    /// Takes one, unless the newest is of this checkpoint; removes those that are too many.
    pub fn take(&mut self, parts: &Parts, stop: &AtomicBool) -> Result<Option<BaseCopy>, CopyError> {
        let stamp = Stamp { position: parts.store.checkpoint(), time_ms: (parts.clock)() };
        if stamp.position <= self.kept.last().map_or(Lsn::ZERO, |newest| newest.position) {
            return Ok(None);
        }
        std::fs::create_dir_all(&self.folder).map_err(failed("make", &self.folder))?;
        let unfinished = self.folder.join(UNFINISHED);
        let taken = self.write(parts, stamp, &unfinished, stop);
        if taken.is_err() {
            // On a full disk every byte counts; the next copy begins anew in any case.
            let _ = std::fs::remove_file(&unfinished);
        }
        let copy = taken?;
        self.verify(stop);
        self.kept.push(copy.clone());
        while self.kept.len() > KEPT {
            let gone = self.kept.remove(0);
            std::fs::remove_file(&gone.path).map_err(failed("remove", &gone.path))?;
        }
        Ok(Some(copy))
    }

    fn write(&self, parts: &Parts, stamp: Stamp, to: &Path, stop: &AtomicBool) -> Result<BaseCopy, CopyError> {
        let file = File::create(to).map_err(failed("write", to))?;
        let mut paced = BufWriter::with_capacity(BUFFER_BYTES, Paced::new(file, stop));
        let summary = parts.store.dump(&mut paced, stamp, |_| {})?;
        let Paced { file, .. } = paced.into_inner().map_err(|error| failed("write", to)(error.into_error()))?;
        file.sync_all().map_err(failed("sync", to))?;
        // The journal may let go only of what this does not need, so it must reach what is in here.
        let path = self.folder.join(format!("{}{ENDING}", stamp.position));
        std::fs::rename(to, &path).map_err(failed("name", &path))?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(failed("sync", &self.folder))?;
        Ok(BaseCopy { position: stamp.position, time_ms: stamp.time_ms, bytes: summary.bytes, path, is_whole: true })
    }
}

/// Writes or reads no more than half of the time, so that workers have the disk and the processor; gives up when it is told to.
struct Paced<'a> {
    file: File,
    stop: &'a AtomicBool,
    /// The end of the last write or read.
    since: Instant,
}

impl Paced<'_> {
    fn new(file: File, stop: &AtomicBool) -> Paced<'_> {
        Paced { file, stop, since: Instant::now() }
    }

    fn pace(&mut self, work: impl FnOnce(&mut File) -> io::Result<usize>) -> io::Result<usize> {
        if self.stop.load(Ordering::Acquire) {
            return Err(io::Error::other("the host ends"));
        }
        let done = work(&mut self.file)?;
        std::thread::sleep(self.since.elapsed().min(LONGEST_REST));
        self.since = Instant::now();
        Ok(done)
    }
}

impl Read for Paced<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.pace(|file| file.read(bytes))
    }
}

impl Write for Paced<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pace(|file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn names(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| path.to_string_lossy().ends_with(ENDING)).collect()
}

fn read(path: PathBuf) -> Option<BaseCopy> {
    let header = File::open(&path).map_err(|error| error.to_string()).and_then(|file| {
        let bytes = file.metadata().map_err(|error| error.to_string())?.len();
        let dump = read_dump(BufReader::new(file)).map_err(|error| error.to_string())?;
        Ok((dump.header().stamp, bytes))
    });
    match header {
        Ok((stamp, bytes)) => {
            Some(BaseCopy { position: stamp.position, time_ms: stamp.time_ms, bytes, path, is_whole: false })
        }
        Err(error) => {
            counts_for_nothing(&path, &error);
            None
        }
    }
}

fn verify(path: &Path, stop: &AtomicBool) -> Result<(), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let dump = BufReader::with_capacity(BUFFER_BYTES, Paced::new(file, stop));
    verify_dump(dump, |_| {}).map(drop).map_err(|error| error.to_string())
}

fn counts_for_nothing(path: &Path, error: &str) {
    tracing::warn!(path = %path.display(), error, "no base copy: it counts for nothing");
}
