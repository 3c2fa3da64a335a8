//! Tests of the journal as a whole, and what they share: small files, frames
//! that can be told apart, images of a directory.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod basics;
mod checking;
mod copying;
mod crash;
mod cutting;
mod damage;
mod failing;
mod lag;
mod retaining;
mod sites;
mod starting;
mod torn;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::group::GroupHeader;
use super::segment::{self, PAGE_BYTES};
use super::walk::{Position, SegmentFile, Walk};
use super::{Damage, Error, Journal, Opened, Options};
use crate::model::Lsn;

/// Longer than any test: empty groups are then written on close only.
const NEVER: Duration = Duration::from_secs(3600);

fn small() -> Options {
    Options {
        segment_bytes: 8 * PAGE_BYTES as u64,
        group_bytes: 4 * PAGE_BYTES,
        frame_bytes: 5000,
        queue_bytes: 1 << 20,
        idle_after: NEVER,
        ..Options::default()
    }
}

fn try_open(dir: &Path, options: Options, evidence: u64) -> Result<(Journal, Opened), Error> {
    Journal::open(dir, options, Lsn(evidence), &mut |_| {})
}

fn open(dir: &Path) -> (Journal, Opened) {
    try_open(dir, small(), 0).expect("the journal opens")
}

/// A frame that tells its LSN and `life`, of some 0 to 900 bytes.
fn frame(life: u64, lsn: u64) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(life << 32 | lsn);
    let mut bytes = format!("{life}/{lsn}").into_bytes();
    bytes.extend((0..rng.usize(..900)).map(|_| rng.u8(..)));
    bytes
}

/// Appends frames of `life` until `last`, each batch one group.
fn append_groups(journal: &Journal, life: u64, sizes: &[u64]) {
    for size in sizes {
        let first = journal.last().0 + 1;
        let range = journal.append((first..first + size).map(|l| frame(life, l))).expect("append");
        journal.wait_durable(*range.end()).expect("durable");
    }
}

/// A closed journal with one group per size.
fn written(dir: &Path, sizes: &[u64]) {
    let (journal, _) = open(dir);
    append_groups(&journal, 0, sizes);
    journal.close().expect("close");
}

/// All durable frames; their LSNs must be without a gap from 1.
fn read_all(journal: &Journal) -> Vec<Vec<u8>> {
    read_kept(journal, Lsn(1))
}

/// As [`read_all`], from `first` on, which must be where the journal begins.
fn read_kept(journal: &Journal, first: Lsn) -> Vec<Vec<u8>> {
    assert_eq!(journal.first(), first);
    let read: Result<Vec<_>, _> = journal.read_from(first).collect();
    let mut frames = Vec::new();
    for (lsn, frame) in read.expect("readable") {
        assert_eq!(lsn, Lsn(first.0 + frames.len() as u64));
        frames.push(frame);
    }
    frames
}

fn firsts(journal: &Journal) -> Vec<Lsn> {
    journal.segments().iter().map(|s| s.first).collect()
}

fn frames(life: u64, last: u64) -> Vec<Vec<u8>> {
    (1..=last).map(|l| frame(life, l)).collect()
}

/// The segment files of a directory.
type Image = BTreeMap<PathBuf, Vec<u8>>;

fn image(dir: &Path) -> Image {
    let files = segment::list(dir).expect("list").into_iter();
    files.map(|(_, path)| (path.clone(), fs::read(path).expect("read"))).collect()
}

fn restore(dir: &Path, image: &Image) {
    for (_, path) in segment::list(dir).expect("list") {
        if !image.contains_key(&path) {
            fs::remove_file(path).expect("remove");
        }
    }
    for (path, bytes) in image {
        fs::write(path, bytes).expect("write");
    }
}

/// Every file of a directory but the lock.
fn all_files(dir: &Path) -> Image {
    let paths = fs::read_dir(dir).expect("list").map(|e| e.expect("entry").path());
    let files = paths.filter(|p| p.is_file() && !p.ends_with("LOCK"));
    files.map(|path| (path.clone(), fs::read(path).expect("read"))).collect()
}

/// A group on disk.
#[derive(Debug, Clone)]
struct Found {
    path: PathBuf,
    offset: u64,
    header: GroupHeader,
}

impl Found {
    fn end(&self) -> u64 {
        self.offset + self.header.total_bytes()
    }
}

/// All groups of an undamaged journal.
fn groups(dir: &Path) -> Vec<Found> {
    groups_from(dir, Position::START)
}

/// Where the journal begins.
fn released_start(dir: &Path) -> Position {
    super::released::load(dir).expect("readable").unwrap_or(Position::START)
}

fn groups_from(dir: &Path, start: Position) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = start;
    for (_, path) in segment::list(dir).expect("list") {
        let segment = SegmentFile::open(&path).expect("open");
        let header = segment.header.clone().expect("header");
        let mut walk = Walk::new(&segment, &header, at);
        loop {
            let offset = walk.offset;
            match walk.step().expect("read") {
                Ok(header) => found.push(Found { path: path.clone(), offset, header }),
                Err(_) => break,
            }
        }
        at = walk.at;
    }
    found
}

/// Takes the empty group at the end away: nothing proves the last group then.
fn remove_proof(dir: &Path) -> Found {
    let mut found = groups(dir);
    let empty = found.pop().expect("a group");
    assert_eq!(empty.header.count, 0);
    let mut bytes = fs::read(&empty.path).expect("read");
    bytes[empty.offset as usize..].fill(0);
    fs::write(&empty.path, bytes).expect("write");
    found.pop().expect("a group before the empty one")
}

/// Opening must be refused as damage, and must not change a byte.
fn refused(dir: &Path, evidence: u64) -> Damage {
    refused_with(dir, small(), evidence)
}

fn refused_with(dir: &Path, options: Options, evidence: u64) -> Damage {
    let before = all_files(dir);
    match try_open(dir, options, evidence) {
        Err(Error::Damaged(damage)) => {
            assert!(before == all_files(dir), "a refused open changed the files");
            *damage
        }
        other => panic!("not refused as damaged: {other:?}"),
    }
}
