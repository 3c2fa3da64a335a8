//! Flipped bits in journal files. Groups begin at pages of 4 KiB behind the header page, zeros fill their last page.

use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const PAGE: usize = 4_096;

/// A group's first bytes, and the length of its header (journal format 1).
const MAGIC: &[u8] = b"fishgrp1";
const HEADER_BYTES: u64 = 56;

/// The segment with the highest first position.
pub fn last_segment(journal: &Path) -> PathBuf {
    let files = std::fs::read_dir(journal).expect("a journal").map(|entry| entry.expect("an entry").path());
    let mut segments: Vec<PathBuf> =
        files.filter(|path| std::fs::metadata(path).is_ok_and(|file| file.len() > PAGE as u64)).collect();
    segments.sort();
    segments.pop().expect("a segment")
}

/// The bytes of each group, without the zeros behind it.
pub fn groups(segment: &Path) -> Vec<Range<u64>> {
    let bytes = std::fs::read(segment).expect("a segment");
    let begins = |page: &usize| bytes[*page..].starts_with(MAGIC);
    let starts: Vec<usize> = (PAGE..bytes.len()).step_by(PAGE).filter(begins).collect();
    let end = |index: usize, start: usize| {
        let behind = starts.get(index + 1).copied().unwrap_or(bytes.len());
        start + bytes[start..behind].iter().rposition(|byte| *byte != 0).expect("a group is not empty") + 1
    };
    starts.iter().enumerate().map(|(index, start)| *start as u64..end(index, *start) as u64).collect()
}

/// Flips the lowest bit of one byte.
pub fn flip(file: &Path, at: u64) {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(file).expect("a file");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("a byte");
    file.write_all_at(&[byte[0] ^ 1], at).expect("a byte");
}

/// Flips a bit in the payload of the last group.
pub fn flip_in_last_group(segment: &Path) {
    let last = groups(segment).pop().expect("a group");
    assert!(last.end > last.start + HEADER_BYTES, "the last group has no payload");
    flip(segment, last.end - 1);
}
