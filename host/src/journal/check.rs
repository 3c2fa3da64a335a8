//! A tool for a closed journal: verifies everything and names every damaged
//! place, where an open stops at the first. Changes nothing.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::{Damage, Error, Fault, Proof};
use super::group::GroupHeader;
use super::index::{Index, SegmentPlace};
use super::lock::DirLock;
use super::open::{Cut, Progress};
use super::released;
use super::segment::{self, PAGE_BYTES, SegmentHeader};
use super::sidecar;
use super::verify::{End, Files, damage, drop_cached};
use super::walk::{Position, SegmentFile, Walk};
use crate::model::Lsn;

/// What a full verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Position of the first frame kept.
    pub first: Lsn,
    /// Position of the last good frame, `first - 1` if there is none.
    pub last: Lsn,
    /// Number of segments.
    pub segments: usize,
    /// Bytes of all segments.
    pub bytes: u64,
    /// Every damaged place, in order. An open is refused because of the first.
    pub damaged: Vec<Damage>,
    /// An unfinished write at the end, which an open would cut.
    pub unfinished: Option<Cut>,
    /// Sealed segments whose index file is missing or bad: the next open reads
    /// them and writes it.
    pub unindexed: Vec<PathBuf>,
}

/// Reads all of the journal in `dir`, which must not be open. `evidence` as in
/// [`Journal::open`](super::Journal::open). What follows a damaged group is
/// verified as far as it can be: the first group behind an unreadable header has
/// only its own header checked.
///
/// # Errors
/// [`Error::Locked`], [`Error::Version`]; [`Error::Io`] if a file cannot be
/// listed or opened. What cannot be read back from the disk is damage.
pub fn verify_all(dir: &Path, evidence: Lsn, progress: &mut dyn FnMut(Progress)) -> Result<Checked, Error> {
    let _lock = DirLock::acquire_to_read(dir)?;
    let mut damaged = Vec::new();
    let released = match released::load(dir) {
        Err(Error::Damaged(found)) => {
            damaged.push(*found);
            None
        }
        other => other?,
    };
    let guessed = !damaged.is_empty();
    let files = Files::list(dir, released)?.kept;
    let mut bytes = 0;
    for (_, path) in &files {
        bytes += fs::metadata(path).map_err(Error::io("read", path))?.len();
    }
    let start = released.unwrap_or(Position::START);
    // Without a good `released` the first segment may begin anywhere.
    let at = (!guessed).then_some(start);
    let first = if guessed { files.first().map_or(Lsn(1), |f| f.0) } else { start.next };
    let (segments, last) = (files.len(), Lsn(first.0 - 1));
    let found = Checked { first, last, segments, bytes, damaged, unfinished: None, unindexed: Vec::new() };
    let done = Progress { bytes_done: 0, bytes_total: bytes };
    let mut check = Check { files: &files, released, evidence, at, progress, done, found };
    for i in 0..files.len() {
        check.segment(i)?;
    }
    check.evidence(dir);
    Ok(check.found)
}

struct Check<'a> {
    files: &'a [(Lsn, PathBuf)],
    released: Option<Position>,
    evidence: Lsn,
    /// Where the next segment must go on; `None` behind damage.
    at: Option<Position>,
    progress: &'a mut dyn FnMut(Progress),
    done: Progress,
    found: Checked,
}

impl Check<'_> {
    fn add(&mut self, path: &Path, offset: u64, lsn: Lsn, fault: Fault, proof: Proof) {
        if let Error::Damaged(found) = damage(path, offset, lsn, fault, proof) {
            self.found.damaged.push(*found);
        }
        self.at = None;
    }

    fn segment(&mut self, i: usize) -> Result<(), Error> {
        let (first, path) = (self.files[i].0, self.files[i].1.as_path());
        let segment = SegmentFile::open_to_read(path)?;
        drop_cached(&segment)?;
        let base = self.done.bytes_done;
        let length = segment.len;
        match segment.header.clone() {
            None => self.bad_header(i, &segment),
            Some(header) if header.first != first => self.add(path, 0, first, Fault::SegmentOrder, Proof::Order),
            Some(header) => self.groups(i, segment, &header)?,
        }
        self.report(base + length);
        Ok(())
    }

    fn report(&mut self, bytes_done: u64) {
        self.done.bytes_done = bytes_done;
        (self.progress)(self.done);
    }

    fn bad_header(&mut self, i: usize, segment: &SegmentFile) {
        let first = self.files[i].0;
        self.border(i);
        let proof = match (self.files.get(i + 1), self.released) {
            (Some((_, later)), _) => Some(Proof::LaterSegment(later.clone())),
            (None, Some(released)) if released.next == first => Some(Proof::Released(first)),
            (None, _) if self.evidence >= first => Some(Proof::Store(self.evidence)),
            (None, _) => match segment.scan(PAGE_BYTES as u64, |_, _| Some(Proof::Order)) {
                Ok(proof) => proof,
                Err(_) => Some(Proof::Order),
            },
        };
        match proof {
            Some(proof) => self.add(&segment.path, 0, first, Fault::SegmentHeader, proof),
            None => {
                let (segment, bytes) = (segment.path.clone(), segment.len);
                self.found.unfinished = Some(Cut { segment, offset: 0, lsn: first, bytes });
            }
        }
    }

    /// Between two segments nothing may be missing. That the groups of the one
    /// before end too early was noticed there.
    fn border(&mut self, i: usize) {
        let (first, path) = &self.files[i];
        let Some(at) = self.at else { return };
        if *first > at.next && i == 0 {
            let missing = path.with_file_name(segment::name(at.next));
            let proof = self.released.map_or(Proof::LaterSegment(path.clone()), |r| Proof::Released(r.next));
            self.add(&missing, 0, at.next, Fault::NoSegment, proof);
        }
    }

    fn groups(&mut self, i: usize, segment: SegmentFile, header: &SegmentHeader) -> Result<(), Error> {
        self.border(i);
        if self.at.is_some_and(|at| at.next != header.first || at.chain != header.chain) {
            self.add(&segment.path, 0, header.first, Fault::SegmentOrder, Proof::Order);
        }
        let start = self.at.unwrap_or(Position { next: header.first, chain: header.chain, wall_ms: 0 });
        let place = SegmentPlace { path: segment.path.clone(), salt: header.salt, bytes: header.bytes };
        let mut index = Index::new(start);
        index.add_segment(place, start);
        let (base, damaged) = (self.done.bytes_done, self.found.damaged.len());
        let mut walk = Walk::new(&segment, header, start);
        let fault = loop {
            let offset = walk.offset;
            match walk.step() {
                Ok(Ok(group)) => {
                    index.add_group(&group, offset);
                    self.report(base + walk.offset);
                }
                fault => {
                    let fault = fault.map_or(Fault::Unreadable, |found| found.err().unwrap_or(Fault::Unreadable));
                    if !self.resume(&mut walk, fault) {
                        break fault;
                    }
                }
            }
        };
        let (offset, at) = (walk.offset, walk.at);
        self.found.last = self.found.last.max(Lsn(at.next.0 - 1));
        let whole = self.found.damaged.len() == damaged;
        let end = End { segment, header: header.clone(), offset, fault, proved: false };
        match self.files.get(i + 1) {
            Some(later) => self.sealed(&end, at, later, whole.then_some(&index))?,
            None => self.last(end, at)?,
        }
        Ok(())
    }

    /// Goes on behind a bad place if a later group proves that it had been
    /// synced.
    fn resume(&mut self, walk: &mut Walk<'_>, fault: Fault) -> bool {
        let (salt, lsn, bad) = (walk.salt, walk.at.next, walk.offset);
        let mut own = None;
        let later = walk.segment.scan(bad, |offset, page| {
            let header = GroupHeader::decode(page, salt)?;
            if offset == bad {
                own = Some(header);
                return None;
            }
            (header.durable >= lsn).then_some((offset, header))
        });
        // What the disk does not give back ends the search in this segment.
        let Ok(Some((offset, header))) = later else { return false };
        let proof = Proof::LaterGroup { offset, durable: header.durable };
        self.add(&walk.segment.path, bad, lsn, fault, proof);
        let seed = own.filter(|own| own.end() == header.first && bad + own.total_bytes() == offset);
        let behind = Position { next: header.end(), chain: header.chain, wall_ms: header.wall_ms };
        (walk.offset, walk.at) = match seed {
            Some(own) => (offset, Position { next: header.first, chain: own.chain, wall_ms: own.wall_ms }),
            None => (offset + header.total_bytes(), behind),
        };
        true
    }

    /// The groups must reach up to the next segment.
    fn sealed(&mut self, end: &End, at: Position, later: &(Lsn, PathBuf), index: Option<&Index>) -> Result<(), Error> {
        let (first, path) = later;
        let next = SegmentFile::open_to_read(path)?.header;
        let reaches = match next.filter(|next| next.first == *first) {
            Some(next) => at.next == next.first && at.chain == next.chain,
            // Its own header is named as damaged; this end can be judged by the name alone.
            None => at.next == *first,
        };
        if !reaches {
            self.add(&end.segment.path, end.offset, at.next, end.fault, Proof::LaterSegment(path.clone()));
            return Ok(());
        }
        self.at = Some(at);
        if let Some(segment) = index.and_then(Index::active)
            && !sidecar::is_current(segment)
        {
            self.found.unindexed.push(end.segment.path.clone());
        }
        Ok(())
    }

    /// The end of the journal: damaged, unfinished, or just the end.
    fn last(&mut self, end: End, at: Position) -> Result<(), Error> {
        self.at = Some(at);
        let by_store = (self.evidence >= at.next).then_some(Proof::Store(self.evidence));
        let proof = match end.fault {
            Fault::Unreadable => Some(by_store.unwrap_or(Proof::Order)),
            _ => by_store.or(end.shortened()?),
        };
        if let Some(proof) = proof {
            self.add(&end.segment.path, end.offset, at.next, end.fault, proof);
            return Ok(());
        }
        let mut bytes = 0;
        end.segment.scan(end.offset, |offset, page| {
            bytes = offset + page.len() as u64 - end.offset;
            None::<()>
        })?;
        let End { segment, offset, .. } = end;
        let cut = Cut { segment: segment.path, offset, lsn: at.next, bytes };
        self.found.unfinished = (bytes > 0).then_some(cut);
        Ok(())
    }

    /// No segment at all, although there must be one.
    fn evidence(&mut self, dir: &Path) {
        let lsn = Lsn(self.found.last.0 + 1);
        let by_store = (self.evidence >= lsn).then_some(Proof::Store(self.evidence));
        let proof = by_store.or(self.released.map(|r| Proof::Released(r.next)));
        if let (true, Some(proof)) = (self.files.is_empty(), proof) {
            self.add(&segment::path(dir, lsn), 0, lsn, Fault::NoSegment, proof);
        }
    }
}
