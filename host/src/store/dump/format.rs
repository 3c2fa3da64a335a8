//! The bytes of a dump: magic, chunk headers, the payloads of the first and the last chunk.

use xxhash_rust::xxh3::xxh3_64;

use super::{DumpError, Header, Stamp};
use crate::model::{Lsn, SHARD_COUNT, SHARD_HASH};

pub const MAGIC: [u8; 8] = *b"fishdump";
pub const VERSION: u32 = 2;
/// Magic and version.
pub const PRELUDE_BYTES: usize = 12;
pub const CHUNK_HEADER_BYTES: usize = 32;
/// A chunk ends with the entry that makes it as long; what a reader holds in memory, unless an entry is longer.
pub const CHUNK_BYTES: usize = 256 << 10;

/// What a chunk holds. Kinds come in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Kind {
    Header = 1,
    Rows = 2,
    Blocks = 3,
    Controls = 4,
    Progress = 5,
    Timers = 6,
    Trailer = 7,
}

/// What stands before a chunk's payload.
#[derive(Debug, Clone, Copy)]
pub struct ChunkHeader {
    pub kind: Kind,
    pub number: u32,
    /// Of the payload, bytes.
    pub length: u32,
    /// Of the payload, xxh3-64.
    pub checksum: u64,
}

const CHUNK_MAGIC: [u8; 4] = *b"chnk";

impl ChunkHeader {
    /// The last eight bytes sum up the others, so that a wrong length is never believed.
    pub fn encode(&self) -> [u8; CHUNK_HEADER_BYTES] {
        let mut bytes = [0; CHUNK_HEADER_BYTES];
        bytes[..4].copy_from_slice(&CHUNK_MAGIC);
        bytes[4..8].copy_from_slice(&(self.kind as u32).to_le_bytes());
        bytes[8..12].copy_from_slice(&self.number.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.length.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.checksum.to_le_bytes());
        let sum = xxh3_64(&bytes[..24]);
        bytes[24..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8; CHUNK_HEADER_BYTES]) -> Result<ChunkHeader, &'static str> {
        let mut fields = Fields(&bytes[4..]);
        let (Some(kind), Some(number), Some(length), Some(checksum), Some(sum)) =
            (fields.u32(), fields.u32(), fields.u32(), fields.u64(), fields.u64())
        else {
            return Err("its header is too short");
        };
        if bytes[..4] != CHUNK_MAGIC || sum != xxh3_64(&bytes[..24]) {
            return Err("its header is not as it was written");
        }
        let kinds = [Kind::Header, Kind::Rows, Kind::Blocks, Kind::Controls, Kind::Progress, Kind::Timers];
        let kind = kinds
            .into_iter()
            .chain([Kind::Trailer])
            .find(|known| *known as u32 == kind)
            .ok_or("its kind is not known")?;
        Ok(ChunkHeader { kind, number, length, checksum })
    }
}

pub fn prelude() -> [u8; PRELUDE_BYTES] {
    let mut bytes = [0; PRELUDE_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..].copy_from_slice(&VERSION.to_le_bytes());
    bytes
}

pub fn check_prelude(bytes: &[u8; PRELUDE_BYTES]) -> Result<(), DumpError> {
    let mut fields = Fields(bytes);
    if fields.take(8) != Some(&MAGIC) {
        return Err(DumpError::NotADump);
    }
    match fields.u32().unwrap_or_default() {
        VERSION => Ok(()),
        found => Err(DumpError::Version { found, supported: VERSION }),
    }
}

/// Shard count, hash, directories, stamp, checkpoints.
pub fn encode_header(header: &Header) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(SHARD_COUNT.to_le_bytes());
    bytes.extend((SHARD_HASH.len() as u16).to_le_bytes());
    bytes.extend(SHARD_HASH.as_bytes());
    bytes.extend((header.directories as u32).to_le_bytes());
    bytes.extend(header.stamp.position.0.to_le_bytes());
    bytes.extend(header.stamp.time_ms.to_le_bytes());
    header.checkpoints.iter().for_each(|lsn| bytes.extend(lsn.0.to_le_bytes()));
    bytes
}

/// None if it is too short or too long; an error if its rows cannot be found here.
pub fn decode_header(bytes: &[u8]) -> Result<Option<Header>, DumpError> {
    let mut fields = Fields(bytes);
    let Some((count, hash)) = fields.layout() else { return Ok(None) };
    if count != SHARD_COUNT || hash != SHARD_HASH.as_bytes() {
        let found = format!("{count} shards by {}", String::from_utf8_lossy(hash));
        return Err(DumpError::Layout { found, expected: format!("{SHARD_COUNT} shards by {SHARD_HASH}") });
    }
    Ok(fields.header())
}

/// What was written, and the sum of all bytes before the trailer's chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trailer {
    pub rows: u64,
    pub blocks: u64,
    pub highest: Lsn,
    pub whole: u64,
}

impl Trailer {
    pub fn encode(&self) -> Vec<u8> {
        [self.rows, self.blocks, self.highest.0, self.whole].iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    pub fn decode(bytes: &[u8]) -> Option<Trailer> {
        let mut fields = Fields(bytes);
        let (rows, blocks, highest, whole) = (fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?);
        fields.0.is_empty().then_some(Trailer { rows, blocks, highest: Lsn(highest), whole })
    }
}

/// Reads fields from the front.
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    pub fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N).and_then(|bytes| bytes.try_into().ok())
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn layout(&mut self) -> Option<(u16, &'a [u8])> {
        let count = self.u16()?;
        let length = self.u16()?;
        Some((count, self.take(usize::from(length))?))
    }

    fn header(&mut self) -> Option<Header> {
        let directories = self.u32()? as usize;
        let stamp = Stamp { position: Lsn(self.u64()?), time_ms: self.u64()? };
        let mut checkpoints = [Lsn::ZERO; SHARD_COUNT as usize];
        for checkpoint in &mut checkpoints {
            *checkpoint = Lsn(self.u64()?);
        }
        self.0.is_empty().then_some(Header { stamp, directories, checkpoints })
    }
}
