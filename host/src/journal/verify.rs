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
use super::index::{Index, SegmentPlace};
use super::open::Progress;
use super::segment::{self, PAGE_BYTES, SegmentHeader};
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

/// A journal without damage.
pub(super) struct Verified {
    pub(super) index: Index,
    pub(super) at: Position,
    /// `None` if there is no segment yet.
    pub(super) end: Option<End>,
    /// A last segment whose creation was not finished.
    pub(super) torn: Option<SegmentFile>,
}

/// Reads and verifies all segments in `dir`.
///
/// # Errors
/// [`Error::Damaged`], [`Error::Version`], [`Error::Io`].
pub(super) fn verify(dir: &Path, evidence: Lsn, progress: &mut dyn FnMut(Progress)) -> Result<Verified, Error> {
    let files = segment::list(dir)?;
    let mut bytes_total = 0;
    for (_, path) in &files {
        bytes_total += fs::metadata(path).map_err(Error::io("read", path))?.len();
    }
    let found = Verified { index: Index::default(), at: Position::START, end: None, torn: None };
    let done = Progress { bytes_done: 0, bytes_total };
    let mut scan = Scan { files: &files, progress, done, found };
    for i in 0..files.len() {
        scan.segment(i)?;
    }
    scan.found.judge(dir, evidence)?;
    Ok(scan.found)
}

struct Scan<'a> {
    files: &'a [(Lsn, PathBuf)],
    progress: &'a mut dyn FnMut(Progress),
    done: Progress,
    found: Verified,
}

impl Scan<'_> {
    fn segment(&mut self, i: usize) -> Result<(), Error> {
        let (first, path) = &self.files[i];
        let segment = SegmentFile::open(path)?;
        if *first != self.found.at.next {
            return Err(self.found.gap(*first, path));
        }
        if i + 1 == self.files.len() {
            read_from_disk(&segment)?;
        }
        match segment.header.clone() {
            None => self.bad_header(i, segment),
            Some(header) if header.first != *first => Err(damage(path, 0, *first, Fault::SegmentOrder, Proof::Order)),
            Some(header) if header.chain != self.found.at.chain => Err(self.found.gap(*first, path)),
            Some(header) => self.groups(segment, header),
        }
    }

    /// Only the last segment's creation can be unfinished, and only if nothing
    /// was written behind the header, which is synced before any group.
    fn bad_header(&mut self, i: usize, segment: SegmentFile) -> Result<(), Error> {
        let (first, path) = &self.files[i];
        let proof = match self.files.get(i + 1) {
            Some((_, later)) => Some(Proof::LaterSegment(later.clone())),
            None => segment.scan(PAGE_BYTES as u64, |_, _| Some(Proof::Order))?,
        };
        if let Some(proof) = proof {
            return Err(damage(path, 0, *first, Fault::SegmentHeader, proof));
        }
        self.found.torn = Some(segment);
        Ok(())
    }

    fn groups(&mut self, segment: SegmentFile, header: SegmentHeader) -> Result<(), Error> {
        let found = &mut self.found;
        let (salt, bytes) = (header.salt, header.bytes);
        found.index.add_segment(SegmentPlace { path: segment.path.clone(), salt, bytes });
        let (base, mut proved) = (self.done.bytes_done, false);
        let mut walk = Walk::new(&segment, &header, found.at);
        let fault = loop {
            let (offset, previous) = (walk.offset, walk.at.chain);
            match walk.step()? {
                Err(fault) => break fault,
                Ok(group) => {
                    proved = group.count == 0;
                    found.index.add_group(&group, offset, previous);
                    self.done.bytes_done = base + walk.offset;
                    (self.progress)(self.done);
                }
            }
        };
        let offset = walk.offset;
        found.at = walk.at;
        self.done.bytes_done = base + segment.len;
        (self.progress)(self.done);
        found.end = Some(End { segment, header, offset, fault, proved });
        Ok(())
    }
}

impl Verified {
    /// The segment at `path` exists, but what should lie before it does not.
    fn gap(&self, first: Lsn, path: &Path) -> Error {
        let next = self.at.next;
        let proof = Proof::LaterSegment(path.to_path_buf());
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
    fn judge(&self, dir: &Path, evidence: Lsn) -> Result<(), Error> {
        let lsn = self.at.next;
        let by_store = (evidence >= lsn).then_some(Proof::Store(evidence));
        if let (Some(torn), Some(proof)) = (&self.torn, &by_store) {
            return Err(damage(&torn.path, 0, lsn, Fault::SegmentHeader, proof.clone()));
        }
        let Some(end) = &self.end else {
            let missing = segment::path(dir, lsn);
            return by_store.map_or(Ok(()), |proof| Err(damage(&missing, 0, lsn, Fault::NoSegment, proof)));
        };
        match end.later_group(lsn)?.or(by_store).or(end.shortened()?) {
            Some(proof) => Err(damage(&end.segment.path, end.offset, lsn, end.fault, proof)),
            None => Ok(()),
        }
    }
}

impl End {
    /// A group further on that was written when `lsn` was durable.
    fn later_group(&self, lsn: Lsn) -> Result<Option<Proof>, Error> {
        self.segment.scan(self.offset, |offset, page| {
            let durable = GroupHeader::decode(page, self.header.salt)?.durable;
            (durable >= lsn).then_some(Proof::LaterGroup { offset, durable })
        })
    }

    /// The full length is synced with the header, before any group is written.
    fn shortened(&self) -> Result<Option<Proof>, Error> {
        let groups = self.offset > PAGE_BYTES as u64;
        let used = groups || self.segment.scan(self.offset, |_, _| Some(()))?.is_some();
        Ok((self.segment.len < self.header.bytes && used).then_some(Proof::Order))
    }
}

/// Pages that the kernel failed to write stay in its cache and read well until
/// they are dropped. A restart after a failed sync must see what the disk has.
fn read_from_disk(segment: &SegmentFile) -> Result<(), Error> {
    segment.file.sync_data().map_err(Error::io("sync", &segment.path))?;
    fadvise(&segment.file, 0, None, Advice::DontNeed)
        .map_err(|e| Error::io("drop cached pages of", &segment.path)(e.into()))
}

fn damage(segment: &Path, offset: u64, lsn: Lsn, fault: Fault, proof: Proof) -> Error {
    let segment = segment.to_path_buf();
    Error::Damaged(Box::new(Damage { segment, offset, lsn, fault, proof }))
}
