//! A segment file: its name, its header page, how it is created.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;
use xxhash_rust::xxh3::xxh3_64;

use super::error::Error;
use super::failpoints::{Failpoints, Site};
use crate::model::Lsn;

/// Groups and the header start at multiples of this.
pub(super) const PAGE_BYTES: usize = 4096;
/// The version of the format that this code reads and writes.
pub(super) const FORMAT_VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"fishpond";
const EXTENSION: &str = ".seg";
const INDEX_EXTENSION: &str = ".index";
const NAME_DIGITS: usize = 20;

/// The header page. Magic, version (byte 8) and checksum (byte 16, over the
/// whole page with these eight bytes zero) keep their place in every version, so
/// that an older program can tell a newer format from damage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// Random; seeds every checksum, so that stale bytes of another segment on
    /// reused blocks never pass.
    pub(super) salt: u64,
    pub(super) first: Lsn,
    /// Wall clock, for people only.
    pub(super) created_ms: u64,
    /// Payload checksum of the group before this segment, 0 before the first.
    pub(super) chain: u64,
    /// Length of the file.
    pub(super) bytes: u64,
}

/// What a header page turned out to be.
pub(super) enum HeaderPage {
    Good(SegmentHeader),
    Unsupported(u32),
    Bad,
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> [u8; PAGE_BYTES] {
        let mut page = [0; PAGE_BYTES];
        page[..8].copy_from_slice(&MAGIC);
        page[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        let words = [self.salt, self.first.0, self.created_ms, self.chain, self.bytes];
        for (place, word) in page[24..].chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let checksum = xxh3_64(&page);
        page[16..24].copy_from_slice(&checksum.to_le_bytes());
        page
    }

    pub(super) fn decode(page: &[u8; PAGE_BYTES]) -> HeaderPage {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| page[at + i]));
        let mut unsigned = *page;
        unsigned[16..24].fill(0);
        if page[..8] != MAGIC || xxh3_64(&unsigned) != word(16) {
            return HeaderPage::Bad;
        }
        let version = word(8) as u32;
        if version != FORMAT_VERSION {
            return HeaderPage::Unsupported(version);
        }
        HeaderPage::Good(SegmentHeader {
            salt: word(24),
            first: Lsn(word(32)),
            created_ms: word(40),
            chain: word(48),
            bytes: word(56),
        })
    }
}

/// The file name of the segment that starts at `first`.
pub(super) fn name(first: Lsn) -> String {
    format!("{:0width$}{EXTENSION}", first.0, width = NAME_DIGITS)
}

/// The file of the segment that starts at `first`.
pub(super) fn path(dir: &Path, first: Lsn) -> PathBuf {
    dir.join(name(first))
}

/// The index file beside a segment.
pub(super) fn index_path(segment: &Path) -> PathBuf {
    segment.with_extension(&INDEX_EXTENSION[1..])
}

fn first_of(name: &str, extension: &str) -> Option<Lsn> {
    let digits = name.strip_suffix(extension)?;
    let plain = digits.len() == NAME_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
    if plain { digits.parse().ok().map(Lsn) } else { None }
}

/// Whether a segment or its index file has this name.
pub(super) fn is_name(name: &str) -> bool {
    first_of(name, EXTENSION).or(first_of_index(name)).is_some()
}

/// The segment's first LSN by the name of its index file.
pub(super) fn first_of_index(name: &str) -> Option<Lsn> {
    first_of(name, INDEX_EXTENSION)
}

/// All segment files in LSN order; other files are none of the journal's business.
pub(super) fn list(dir: &Path) -> Result<Vec<(Lsn, PathBuf)>, Error> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
        let entry = entry.map_err(Error::io("list", dir))?;
        if let Some(first) = entry.file_name().to_str().and_then(|name| first_of(name, EXTENSION)) {
            found.push((first, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

/// Creates, preallocates and syncs a segment, then its directory entry. Only
/// when this returns may a group be written into it.
///
/// # Errors
/// The file exists, the disk is full, or anything else of the file system.
pub(super) fn create(dir: &Path, header: &SegmentHeader, points: &Failpoints) -> Result<File, Error> {
    let path = path(dir, header.first);
    let file = points
        .run(Site::SegmentCreate, &path, || OpenOptions::new().read(true).write(true).create_new(true).open(&path))?;
    points.run(Site::SegmentReserve, &path, || extend(&file, header.bytes))?;
    points.run(Site::SegmentHeader, &path, || file.write_all_at(&header.encode(), 0))?;
    points.run(Site::SegmentSync, &path, || file.sync_all())?;
    sync_dir(dir, points, Site::SegmentEntry)?;
    Ok(file)
}

/// Gives the file its full length with space reserved, where the file system
/// can: a sync of a group then never has to save a new length.
pub(super) fn extend(file: &File, bytes: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Err(rustix::io::Errno::OPNOTSUPP) => file.set_len(bytes),
        result => Ok(result?),
    }
}

/// Syncs the directory entries.
pub(super) fn sync_dir(dir: &Path, points: &Failpoints, site: Site) -> Result<(), Error> {
    points.run(site, dir, || File::open(dir)?.sync_all())
}

/// A new salt.
pub(super) fn salt() -> io::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|e| io::Error::other(e.to_string()))?;
    Ok(u64::from_le_bytes(bytes))
}
