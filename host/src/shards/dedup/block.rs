//! A block: whole identities in the order of acceptance, as the store keeps them, and what was known when its last one came:
//! so a start goes on exactly where a host that never stopped would be.
//!
//! A head of 96 bytes (version, checksum of the rest, numbers), then 32 bytes for each identity; little-endian.

use xxhash_rust::xxh3::xxh3_64;

use crate::model::Lsn;

const VERSION: u64 = 1;
const HEAD_BYTES: usize = 96;
const ENTRY_BYTES: usize = 32;
/// Identities in a block at most: one is below 64 KiB, which the store handles cheaply.
pub const BLOCK_IDS: u64 = 2_000;

/// Identities that were accepted one behind the other.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Block {
    pub head: Head,
    pub entries: Vec<Entry>,
}

/// Times are milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Head {
    /// Number of its first identity; those of all blocks are without gaps.
    pub first: u64,
    /// Number of the oldest identity that was remembered.
    pub oldest: u64,
    /// What was dated or received up to then may have been forgotten; 0 as long as nothing was.
    pub floor: u64,
    /// Newest receipt of all.
    pub clock: u64,
    /// Receipt of its first identity.
    pub begun: u64,
    /// The latest time or receipt of its identities.
    pub newest: u64,
    /// All identities up to this position are in this block and those before it.
    pub upto: Lsn,
    /// More may come into it.
    pub open: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    pub identity: u128,
    pub content: u64,
    pub lsn: Lsn,
}

impl Block {
    /// Number behind its last identity.
    pub fn end(&self) -> u64 {
        self.head.first + self.entries.len() as u64
    }

    pub fn encode(&self) -> Vec<u8> {
        let Head { first, oldest, floor, clock, begun, newest, upto, open } = self.head;
        let count = self.entries.len();
        let numbers = [first, oldest, floor, clock, begun, newest, upto.0, u64::from(open), count as u64, 0]
            .map(u64::to_le_bytes);
        let mut bytes = Vec::with_capacity(HEAD_BYTES + count * ENTRY_BYTES);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        numbers.iter().for_each(|number| bytes.extend_from_slice(number));
        for Entry { identity, content, lsn } in &self.entries {
            bytes.extend_from_slice(&identity.to_le_bytes());
            bytes.extend_from_slice(&content.to_le_bytes());
            bytes.extend_from_slice(&lsn.0.to_le_bytes());
        }
        let sum = xxh3_64(&bytes[16..]);
        bytes[8..16].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// None of what was not encoded here, or altered since.
    pub fn decode(bytes: &[u8]) -> Option<Block> {
        let (head, rest) = bytes.split_at_checked(HEAD_BYTES)?;
        let mut numbers = head.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
        let mut number = || numbers.next().unwrap_or_default();
        if number() != VERSION || number() != xxh3_64(&bytes[16..]) {
            return None;
        }
        let head = Head {
            first: number(),
            oldest: number(),
            floor: number(),
            clock: number(),
            begun: number(),
            newest: number(),
            upto: Lsn(number()),
            open: number() == 1,
        };
        let (entries, remainder) = rest.as_chunks::<ENTRY_BYTES>();
        let whole = remainder.is_empty() && number() == entries.len() as u64;
        whole.then(|| Block { head, entries: entries.iter().map(entry).collect() })
    }
}

fn entry(bytes: &[u8; ENTRY_BYTES]) -> Entry {
    let mut numbers = bytes.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
    let mut number = || numbers.next().unwrap_or_default();
    Entry { identity: u128::from(number()) | u128::from(number()) << 64, content: number(), lsn: Lsn(number()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_comes_back_whole_or_not_at_all() {
        let head = Head {
            first: 1 << 40,
            oldest: 7,
            floor: 5,
            clock: u64::MAX,
            begun: 3,
            newest: 4,
            upto: Lsn(90),
            open: true,
        };
        let entry = |n: u64| Entry { identity: u128::MAX - u128::from(n), content: n << 50, lsn: Lsn(n) };
        let block = Block { head, entries: (0..5).map(entry).collect() };
        let bytes = block.encode();
        assert_eq!(Block::decode(&bytes), Some(block));
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 0x10;
            assert_eq!(Block::decode(&altered), None, "byte {at}");
            assert_eq!(Block::decode(&bytes[..at]), None, "cut at {at}");
        }
        let empty = Block { head: Head { open: false, ..head }, entries: Vec::new() };
        assert_eq!(Block::decode(&empty.encode()), Some(empty));
        let most = Block { head, entries: (0..BLOCK_IDS).map(entry).collect() };
        assert!(most.encode().len() <= 64 << 10);
    }
}
