//! Verifying a journal without changing it, and deciding about the first bad
//! place.
//!
//! It is *damaged*, and the journal refused, if anything proves that it had been
//! synced: a later group that calls its LSN durable, a later segment (created
//! only when all before it is synced), the store's evidence, or a file shape
//! that no crash can leave. Otherwise it is an unfinished write, nobody was told
//! that it is durable, and `open` cuts it off.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, fadvise};

use super::error::{Damage, Error, Fault, Proof};
use super::group::GroupHeader;
use super::index::{Index, Segment, SegmentPlace};
use super::open::Progress;
use super::segment::{self, PAGE_BYTES, SegmentHeader};
use super::sidecar;
use super::walk::{Position, SegmentFile, Walk};
use crate::model::Lsn;

/// The segment in which the good groups end.
pub(super) struct End {
    pub(super) segment: SegmentFile,
    pub(super) header: SegmentHeader,
    /// Behind the last good group.
    pub(super) offset: u64,
    /// What is wrong there; at a clean end that there is no group, or no room.
    pub(super) fault: Fault,
    /// Whether the last group is an empty one, the proof of all before it.
    pub(super) proved: bool,
}

/// What is known before anything is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// Where the file `released` says that the journal begins.
    pub(super) released: Option<Position>,
    /// What is known from elsewhere to have been durable.
    pub(super) evidence: Lsn,
    /// Sealed segments wholly below it need not be read.
    pub(super) verify_from: Lsn,
}

/// A journal without damage.
pub(super) struct Verified {
    pub(super) index: Index,
    pub(super) at: Position,
    /// `None` if there is no segment yet.
    pub(super) end: Option<End>,
    /// A last segment whose creation was not finished.
    pub(super) torn: Option<SegmentFile>,
    /// Segments below what `released` names: their removal was not finished.
    pub(super) covered: Vec<PathBuf>,
    /// First LSNs of segments that were read and whose index file is missing or
    /// bad.
    pub(super) unindexed: Vec<Lsn>,
    /// Number of segments that were not read.
    pub(super) unread: usize,
}

/// Reads and verifies the segments in `dir`.
///
/// # Errors
/// [`Error::Damaged`], [`Error::Version`], [`Error::Io`].
pub(super) fn verify(dir: &Path, known: Known, progress: &mut dyn FnMut(Progress)) -> Result<Verified, Error> {
    let Files { covered, kept: files } = Files::list(dir, known.released)?;
    let mut bytes_total = 0;
    for (_, path) in &files {
        bytes_total += fs::metadata(path).map_err(Error::io("read", path))?.len();
    }
    let at = known.released.unwrap_or(Position::START);
    let (index, unindexed) = (Index::new(at), Vec::new());
    let found = Verified { index, at, end: None, torn: None, covered, unindexed, unread: 0 };
    let done = Progress { bytes_done: 0, bytes_total };
    let mut scan = Scan { files: &files, known, progress, done, found };
    for i in 0..files.len() {
        scan.segment(i)?;
    }
    scan.found.judge(dir, known)?;
    Ok(scan.found)
}

/// The segment files of a directory, oldest first.
pub(super) struct Files {
    /// What `released` covers: it is no part of the journal any more.
    pub(super) covered: Vec<PathBuf>,
    pub(super) kept: Vec<(Lsn, PathBuf)>,
}

impl Files {
    pub(super) fn list(dir: &Path, released: Option<Position>) -> Result<Files, Error> {
        let mut files = segment::list(dir)?;
        let first = released.map_or(Lsn(1), |r| r.next);
        let kept = files.split_off(files.partition_point(|(lsn, _)| *lsn < first));
        Ok(Files { covered: files.into_iter().map(|(_, path)| path).collect(), kept })
    }
}

struct Scan<'a> {
    files: &'a [(Lsn, PathBuf)],
    known: Known,
    progress: &'a mut dyn FnMut(Progress),
    done: Progress,
    found: Verified,
}

impl Scan<'_> {
    fn segment(&mut self, i: usize) -> Result<(), Error> {
        let (first, path) = &self.files[i];
        let segment = SegmentFile::open(path)?;
        if *first != self.found.at.next {
            return Err(self.found.gap(*first, path, self.known.released));
        }
        if i + 1 == self.files.len() {
            read_from_disk(&segment)?;
        }
        match segment.header.clone() {
            None => self.bad_header(i, segment),
            Some(header) if header.first != *first => Err(damage(path, 0, *first, Fault::SegmentOrder, Proof::Order)),
            Some(header) if header.chain != self.found.at.chain => {
                Err(self.found.gap(*first, path, self.known.released))
            }
            Some(header) => match self.trusted(i, &segment, &header)? {
                Some(known) => self.skip(&segment, known),
                None => self.groups(i, segment, header),
            },
        }
    }

    /// What the index file of a sealed segment says, if that is good, fits its
    /// neighbours, and the segment need not be read.
    fn trusted(&self, i: usize, segment: &SegmentFile, header: &SegmentHeader) -> Result<Option<Segment>, Error> {
        let Some((next, later)) = self.files.get(i + 1) else { return Ok(None) };
        if *next > self.known.verify_from || segment.len != header.bytes {
            return Ok(None);
        }
        let Some(known) = sidecar::load(&segment.path, header, &self.found.at) else { return Ok(None) };
        let later = SegmentFile::open(later)?.header;
        let fits = later.is_some_and(|l| l.first == *next && l.first == known.end.next && l.chain == known.end.chain);
        Ok(fits.then_some(known))
    }

    fn skip(&mut self, segment: &SegmentFile, known: Segment) -> Result<(), Error> {
        self.found.at = known.end;
        self.found.end = None;
        self.found.unread += 1;
        self.found.index.add_sealed(known);
        self.done.bytes_done += segment.len;
        (self.progress)(self.done);
        Ok(())
    }

    /// Only the last segment's creation can be unfinished, and only if nothing
    /// was written behind the header, which is synced before any group.
    fn bad_header(&mut self, i: usize, segment: SegmentFile) -> Result<(), Error> {
        let (first, path) = &self.files[i];
        let proof = match self.files.get(i + 1) {
            Some((_, later)) => Some(Proof::LaterSegment(later.clone())),
            None => match self.known.released {
                Some(released) if released.next == *first => Some(Proof::Released(*first)),
                _ => segment.scan(PAGE_BYTES as u64, |_, _| Some(Proof::Order))?,
            },
        };
        if let Some(proof) = proof {
            return Err(damage(path, 0, *first, Fault::SegmentHeader, proof));
        }
        self.found.torn = Some(segment);
        Ok(())
    }

    fn groups(&mut self, i: usize, segment: SegmentFile, header: SegmentHeader) -> Result<(), Error> {
        let found = &mut self.found;
        let (salt, bytes) = (header.salt, header.bytes);
        found.index.add_segment(SegmentPlace { path: segment.path.clone(), salt, bytes }, found.at);
        let (base, mut proved) = (self.done.bytes_done, false);
        let mut walk = Walk::new(&segment, &header, found.at);
        let fault = loop {
            let offset = walk.offset;
            match walk.step()? {
                Err(fault) => break fault,
                Ok(group) => {
                    proved = group.count == 0;
                    found.index.add_group(&group, offset);
                    self.done.bytes_done = base + walk.offset;
                    (self.progress)(self.done);
                }
            }
        };
        let offset = walk.offset;
        found.at = walk.at;
        if i + 1 < self.files.len() && !found.index.active().is_some_and(sidecar::is_current) {
            found.unindexed.push(header.first);
        }
        self.done.bytes_done = base + segment.len;
        (self.progress)(self.done);
        found.end = Some(End { segment, header, offset, fault, proved });
        Ok(())
    }
}

impl Verified {
    /// The segment at `path` exists, but what should lie before it does not.
    fn gap(&self, first: Lsn, path: &Path, released: Option<Position>) -> Error {
        let next = self.at.next;
        let proof = match released {
            Some(released) if released.next == next => Proof::Released(next),
            _ => Proof::LaterSegment(path.to_path_buf()),
        };
        match &self.end {
            Some(end) if first >= next => damage(&end.segment.path, end.offset, next, end.fault, proof),
            None if first > next => {
                let missing = path.with_file_name(segment::name(next));
                damage(&missing, 0, next, Fault::NoSegment, proof)
            }
            _ => damage(path, 0, first, Fault::SegmentOrder, Proof::Order),
        }
    }

    /// Refuses if anything proves that more had been synced than was found.
    fn judge(&self, dir: &Path, known: Known) -> Result<(), Error> {
        let (lsn, evidence) = (self.at.next, known.evidence);
        let by_store = (evidence >= lsn).then_some(Proof::Store(evidence));
        if let (Some(torn), Some(proof)) = (&self.torn, &by_store) {
            return Err(damage(&torn.path, 0, lsn, Fault::SegmentHeader, proof.clone()));
        }
        let Some(end) = &self.end else {
            let missing = segment::path(dir, lsn);
            let proof = by_store.or(known.released.map(|_| Proof::Released(lsn)));
            return proof.map_or(Ok(()), |proof| Err(damage(&missing, 0, lsn, Fault::NoSegment, proof)));
        };
        match end.later_group(lsn)?.or(by_store).or(end.shortened()?) {
            Some(proof) => Err(damage(&end.segment.path, end.offset, lsn, end.fault, proof)),
            None => Ok(()),
        }
    }
}

impl End {
    /// A group further on that was written when `lsn` was durable.
    pub(super) fn later_group(&self, lsn: Lsn) -> Result<Option<Proof>, Error> {
        self.segment.scan(self.offset, |offset, page| {
            let durable = GroupHeader::decode(page, self.header.salt)?.durable;
            (durable >= lsn).then_some(Proof::LaterGroup { offset, durable })
        })
    }

    /// The full length is synced with the header, before any group is written.
    pub(super) fn shortened(&self) -> Result<Option<Proof>, Error> {
        let groups = self.offset > PAGE_BYTES as u64;
        let used = groups || self.segment.scan(self.offset, |_, _| Some(()))?.is_some();
        Ok((self.segment.len < self.header.bytes && used).then_some(Proof::Order))
    }
}

/// Pages that the kernel failed to write stay in its cache and read well until
/// they are dropped. A restart after a failed sync must see what the disk has.
fn read_from_disk(segment: &SegmentFile) -> Result<(), Error> {
    segment.file.sync_data().map_err(Error::io("sync", &segment.path))?;
    drop_cached(segment)
}

/// What is read next comes from the disk, as far as it has been written there.
pub(super) fn drop_cached(segment: &SegmentFile) -> Result<(), Error> {
    fadvise(&segment.file, 0, None, Advice::DontNeed)
        .map_err(|e| Error::io("drop cached pages of", &segment.path)(e.into()))
}

pub(super) fn damage(segment: &Path, offset: u64, lsn: Lsn, fault: Fault, proof: Proof) -> Error {
    let segment = segment.to_path_buf();
    Error::Damaged(Box::new(Damage { segment, offset, lsn, fault, proof }))
}
