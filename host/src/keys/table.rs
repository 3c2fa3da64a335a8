//! The bytes of a key file, version 1 (integers little endian).
//!
//! A header: magic, version `u32`, four bytes of zeros, checksum over the whole header with these eight bytes zero, the
//! segment that the file was made of (first and last position, checksum of the journal behind it), the lowest position that
//! an input of its records came with, the number of blocks, and the first hash of each block. Blocks of [`BLOCK_BYTES`]
//! follow: a checksum over the rest (and over which block of which segment it is), the length of what is used as `u32`, then entries in the order of their hashes. An
//! entry is the distance to the hash before it in the block, how many frames, the first one's number in its segment and the
//! distances from each to the next, all as LEB128. A list that is too long for one block goes on in the next one under the
//! same hash.
//!
//! A lookup reads the blocks that may hold a hash, mostly one, and nothing else; each is verified as it is read.

use std::ops::Range;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::model::Lsn;

/// Also changes with what [`super::mentions`] lists.
const VERSION: u32 = 2;
const MAGIC: [u8; 8] = *b"fishpkey";
/// Of a block, with its checksum and length.
pub const BLOCK_BYTES: usize = 16 << 10;
const BLOCK_HEAD: usize = 12;
/// Of the header before the hashes.
pub const HEAD_BYTES: usize = 64;
/// Of the longest number.
const NUMBER_BYTES: usize = 10;

/// The segment that a file was made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    pub first: Lsn,
    pub last: Lsn,
    /// Checksum over all frames of the journal up to `last`.
    pub chain: u64,
}

impl Stamp {
    /// Begins the checksum of a block: one that lies in another place is not taken for this one.
    fn seed(&self, block: usize) -> u64 {
        let words = [self.first.0, self.last.0, self.chain, block as u64];
        xxh3_64(&words.map(u64::to_le_bytes).concat())
    }
}

/// What a good header says.
#[derive(PartialEq, Eq, Debug)]
pub struct Header {
    pub stamp: Stamp,
    pub lowest_origin: Lsn,
    /// First hash of each block.
    pub table: Vec<u64>,
}

/// Why a file cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its bytes are not what was written")]
pub struct Damaged;

/// The bytes of a file. `entries`: hashes and frame numbers, sorted, each pair once.
pub fn encode(stamp: &Stamp, lowest_origin: Lsn, entries: &[(u64, u32)]) -> Vec<u8> {
    let mut blocks = Blocks { stamp: *stamp, table: Vec::new(), done: Vec::new(), open: Vec::new(), hash: 0 };
    for list in entries.chunk_by(|a, b| a.0 == b.0) {
        blocks.add(list[0].0, list);
    }
    blocks.finish_block();
    let Blocks { table, done, .. } = blocks;
    let words = [stamp.first.0, stamp.last.0, stamp.chain, lowest_origin.0, table.len() as u64];
    let mut file = Vec::with_capacity(HEAD_BYTES + table.len() * 8 + done.len());
    file.extend_from_slice(&MAGIC);
    file.extend_from_slice(&u64::from(VERSION).to_le_bytes());
    file.extend_from_slice(&[0; 8]);
    words.iter().chain(&table).for_each(|word| file.extend_from_slice(&word.to_le_bytes()));
    let sum = xxh3_64(&file);
    file[16..24].copy_from_slice(&sum.to_le_bytes());
    file.extend_from_slice(&done);
    file
}

/// How many bytes the whole header has, by its first [`HEAD_BYTES`]; None if it cannot be one of a file of so many bytes.
pub fn header_bytes(head: &[u8; HEAD_BYTES], file_bytes: u64) -> Option<usize> {
    let blocks = word(head, HEAD_BYTES - 8)?;
    let bytes = blocks.checked_mul(8)?.checked_add(HEAD_BYTES as u64)?;
    let whole = blocks.checked_mul(BLOCK_BYTES as u64)?.checked_add(bytes)?;
    (whole == file_bytes).then(|| usize::try_from(bytes).ok())?
}

/// Reads a whole header. `bytes` loses its checksum.
pub fn decode_header(bytes: &mut [u8]) -> Option<Header> {
    let sum = word(bytes, 16)?;
    bytes[16..24].fill(0);
    let good = bytes[..8] == MAGIC && xxh3_64(bytes) == sum && word(bytes, 8)? == u64::from(VERSION);
    if !good {
        return None;
    }
    let stamp = Stamp { first: Lsn(word(bytes, 24)?), last: Lsn(word(bytes, 32)?), chain: word(bytes, 40)? };
    let table = bytes[HEAD_BYTES..].chunks_exact(8).map_while(|chunk| word(chunk, 0)).collect();
    Some(Header { stamp, lowest_origin: Lsn(word(bytes, 48)?), table })
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// Where a block's entries are, if the block is good.
pub fn check_block(block: &[u8; BLOCK_BYTES], stamp: &Stamp, index: usize) -> Result<Range<usize>, Damaged> {
    let sum = word(block, 0).ok_or(Damaged)?;
    if xxh3_64_with_seed(&block[8..], stamp.seed(index)) != sum {
        return Err(Damaged);
    }
    let used = u32::from_le_bytes([block[8], block[9], block[10], block[11]]) as usize;
    if used > BLOCK_BYTES - BLOCK_HEAD { Err(Damaged) } else { Ok(BLOCK_HEAD..BLOCK_HEAD + used) }
}

/// Adds the frame numbers that a block lists under a hash. Answers whether the list may go on in the next block.
pub fn find(mut entries: &[u8], wanted: u64, into: &mut Vec<u32>) -> Result<bool, Damaged> {
    let mut hash = 0_u64;
    while !entries.is_empty() {
        hash = hash.checked_add(number(&mut entries)?).ok_or(Damaged)?;
        if hash > wanted {
            return Ok(false);
        }
        let mut frame = 0_u64;
        for _ in 0..number(&mut entries)? {
            frame = frame.checked_add(number(&mut entries)?).ok_or(Damaged)?;
            if hash == wanted {
                into.push(u32::try_from(frame).map_err(|_| Damaged)?);
            }
        }
    }
    Ok(true)
}

fn number(bytes: &mut &[u8]) -> Result<u64, Damaged> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(Damaged)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Damaged)
}

fn put(mut value: u64, into: &mut Vec<u8>) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

/// Blocks as they grow.
struct Blocks {
    stamp: Stamp,
    table: Vec<u64>,
    done: Vec<u8>,
    /// Entries of the one that is not done.
    open: Vec<u8>,
    /// Last hash in it.
    hash: u64,
}

impl Blocks {
    /// Lists frames under a hash that is not below those before it.
    fn add(&mut self, hash: u64, mut frames: &[(u64, u32)]) {
        let mut distances = Vec::new();
        while !frames.is_empty() {
            // Both numbers before the frames' own are counted at their longest.
            let room = (BLOCK_BYTES - BLOCK_HEAD).saturating_sub(self.open.len() + 2 * NUMBER_BYTES);
            distances.clear();
            let (mut before, mut taken, mut fits) = (0, 0, 0);
            for (_, frame) in frames {
                put(u64::from(frame - before), &mut distances);
                if distances.len() > room {
                    break;
                }
                (before, taken, fits) = (*frame, taken + 1, distances.len());
            }
            if taken == 0 {
                self.finish_block();
                continue;
            }
            if self.open.is_empty() {
                self.table.push(hash);
            }
            put(hash - self.hash, &mut self.open);
            put(taken as u64, &mut self.open);
            self.open.extend_from_slice(&distances[..fits]);
            self.hash = hash;
            frames = &frames[taken..];
        }
    }

    fn finish_block(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let mut block = [0; BLOCK_BYTES];
        block[8..12].copy_from_slice(&(self.open.len() as u32).to_le_bytes());
        block[BLOCK_HEAD..BLOCK_HEAD + self.open.len()].copy_from_slice(&self.open);
        let sum = xxh3_64_with_seed(&block[8..], self.stamp.seed(self.done.len() / BLOCK_BYTES));
        block[..8].copy_from_slice(&sum.to_le_bytes());
        self.done.extend_from_slice(&block);
        self.open.clear();
        self.hash = 0;
    }
}
