//! A write group: what is written and synced at once. Header, then frames of
//! `u32` length and payload, then zeros to the next page border.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::error::Fault;
use super::segment::PAGE_BYTES;
use crate::model::Lsn;

/// Bytes of the header; the payload follows at once, so that a small group is
/// one page.
pub(super) const GROUP_HEADER_BYTES: usize = 56;
/// Bytes in front of each frame.
pub(super) const FRAME_PREFIX_BYTES: usize = 4;

const MAGIC: u64 = u64::from_le_bytes(*b"fishgrp1");

/// The header of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GroupHeader {
    /// LSN of the first frame; of an empty group: of the next frame to come.
    pub(super) first: Lsn,
    pub(super) count: u32,
    pub(super) payload_bytes: u32,
    /// What was durable when this was written: the proof for all before it.
    pub(super) durable: Lsn,
    pub(super) wall_ms: u64,
    /// Checksum of the payload, seeded by the previous group's and the salt.
    pub(super) chain: u64,
}

impl GroupHeader {
    /// First LSN behind the group.
    pub(super) fn end(&self) -> Lsn {
        Lsn(self.first.0 + u64::from(self.count))
    }

    /// Bytes on disk, with header and padding.
    pub(super) fn total_bytes(&self) -> u64 {
        padded(self.payload_bytes as usize) as u64
    }

    fn words(&self) -> [u64; 6] {
        let sizes = u64::from(self.count) | u64::from(self.payload_bytes) << 32;
        [MAGIC, self.first.0, self.durable.0, self.wall_ms, sizes, self.chain]
    }

    fn encode(&self, salt: u64, into: &mut [u8]) {
        for (place, word) in into.chunks_exact_mut(8).zip(self.words()) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let checksum = xxh3_64_with_seed(&into[..GROUP_HEADER_BYTES - 8], salt);
        into[GROUP_HEADER_BYTES - 8..GROUP_HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
    }

    /// The header at the start of `page` if its own checksum holds.
    pub(super) fn decode(page: &[u8], salt: u64) -> Option<GroupHeader> {
        let page = page.get(..GROUP_HEADER_BYTES)?;
        let word = |i: usize| u64::from_le_bytes(std::array::from_fn(|b| page[i * 8 + b]));
        let sum = xxh3_64_with_seed(&page[..GROUP_HEADER_BYTES - 8], salt);
        if word(0) != MAGIC || word(6) != sum {
            return None;
        }
        Some(GroupHeader {
            first: Lsn(word(1)),
            durable: Lsn(word(2)),
            wall_ms: word(3),
            count: word(4) as u32,
            payload_bytes: (word(4) >> 32) as u32,
            chain: word(5),
        })
    }
}

/// Bytes on disk of a group with that payload.
pub(super) fn padded(payload_bytes: usize) -> usize {
    (GROUP_HEADER_BYTES + payload_bytes).next_multiple_of(PAGE_BYTES)
}

/// The checksum that the next group is seeded with.
pub(super) fn chain(payload: &[u8], previous: u64, salt: u64) -> u64 {
    xxh3_64_with_seed(payload, previous ^ salt)
}

/// Turns `buffer` (space for the header, then the payload) into the bytes on
/// disk: sizes and checksums are filled in, zeros appended. Returns the header.
pub(super) fn seal(buffer: &mut Vec<u8>, header: GroupHeader, previous: u64, salt: u64) -> GroupHeader {
    let payload = &buffer[GROUP_HEADER_BYTES..];
    let header = GroupHeader { payload_bytes: payload.len() as u32, chain: chain(payload, previous, salt), ..header };
    header.encode(salt, buffer);
    buffer.resize(header.total_bytes() as usize, 0);
    header
}

/// Checks everything behind the header: payload against the chain, padding,
/// frame lengths. `bytes` is the whole group.
pub(super) fn check(bytes: &[u8], header: &GroupHeader, previous: u64, salt: u64) -> Option<Fault> {
    let (payload, padding) = bytes[GROUP_HEADER_BYTES..].split_at(header.payload_bytes as usize);
    if chain(payload, previous, salt) != header.chain {
        return Some(Fault::Payload);
    }
    if padding.iter().any(|b| *b != 0) {
        return Some(Fault::Padding);
    }
    let mut rest = payload;
    for _ in 0..header.count {
        match split_frame(rest) {
            Some((_, behind)) => rest = behind,
            None => return Some(Fault::Frames),
        }
    }
    if rest.is_empty() { None } else { Some(Fault::Frames) }
}

/// The first frame of a payload and what follows it.
pub(super) fn split_frame(payload: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = payload.split_first_chunk::<FRAME_PREFIX_BYTES>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// Appends a frame with its length.
pub(super) fn push_frame(buffer: &mut Vec<u8>, frame: &[u8]) {
    buffer.extend_from_slice(&(frame.len() as u32).to_le_bytes());
    buffer.extend_from_slice(frame);
}
