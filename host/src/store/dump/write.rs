//! Writes a dump: shard by shard, so that the rows of all directories come out in one order.

use std::io::Write;

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::format::{CHUNK_BYTES, ChunkHeader, Kind, Trailer, encode_header, prelude};
use super::{DumpError, Header, Progress, Stamp, Summary};
use crate::store::Store;
use crate::store::key::{RowKey, shards};

impl Store {
    /// Writes a dump of all rows and blocks and of what a start needs; rows may be written meanwhile. Syncing `to` is the caller's. `progress` is told
    /// now and then. A stamp above the store's checkpoint is refused: redo from there would miss what is not yet in the rows.
    pub fn dump(
        &self,
        to: &mut impl Write,
        stamp: Stamp,
        progress: impl FnMut(Progress),
    ) -> Result<Summary, DumpError> {
        // Before the first row is read: whatever these say is in the rows.
        let checkpoints = self.checkpoints();
        let checkpoint = self.checkpoint();
        if stamp.position > checkpoint {
            return Err(DumpError::Stamp { stamp: stamp.position, checkpoint });
        }
        let header = Header { stamp, directories: self.directories(), checkpoints };
        let mut chunks = Chunks::begin(to, progress)?;
        chunks.chunk(Kind::Header, &encode_header(&header))?;
        self.dump_rows(&mut chunks)?;
        self.dump_blocks(&mut chunks)?;
        self.dump_standing(&mut chunks)?;
        // Behind the last row that was read: a position is recorded before its rows.
        let highest = self.highest();
        let (rows, blocks) = (chunks.rows, chunks.blocks);
        let trailer = Trailer { rows, blocks, highest, whole: chunks.whole.digest() };
        chunks.chunk(Kind::Trailer, &trailer.encode())?;
        chunks.to.flush().map_err(|error| DumpError::Write { offset: chunks.offset, error })?;
        Ok(Summary { header, rows, blocks, bytes: chunks.offset, highest })
    }

    fn dump_rows<W: Write, P: FnMut(Progress)>(&self, chunks: &mut Chunks<'_, W, P>) -> Result<(), DumpError> {
        for shard in shards() {
            let directory = &self.directories[self.directory_of(shard)];
            for item in directory.rows().scan_prefix(shard.0.to_be_bytes()) {
                let (key, bytes) = item.map_err(|error| directory.failed(error))?;
                RowKey::parse(&key).map_err(|error| DumpError::Row { key: key.escape_ascii().to_string(), error })?;
                chunks.rows += 1;
                chunks.entry(Kind::Rows, &key, &bytes)?;
            }
        }
        chunks.end_chunk(Kind::Rows)
    }

    fn dump_blocks<W: Write, P: FnMut(Progress)>(&self, chunks: &mut Chunks<'_, W, P>) -> Result<(), DumpError> {
        for block in self.blocks() {
            let (id, bytes) = block?;
            chunks.blocks += 1;
            chunks.entry(Kind::Blocks, &id.to_be_bytes(), &bytes)?;
        }
        chunks.end_chunk(Kind::Blocks)
    }
}

impl Store {
    /// Behind the rows: it may be newer than they are, and never older than the header's checkpoints.
    fn dump_standing<W: Write, P: FnMut(Progress)>(&self, chunks: &mut Chunks<'_, W, P>) -> Result<(), DumpError> {
        for control in self.controls() {
            let (lsn, bytes) = control?;
            chunks.entry(Kind::Controls, &lsn.0.to_be_bytes(), &bytes)?;
        }
        chunks.end_chunk(Kind::Controls)?;
        for shard in shards() {
            if let Some(bytes) = self.progress(shard)? {
                chunks.entry(Kind::Progress, &shard.0.to_be_bytes(), &bytes)?;
            }
        }
        chunks.end_chunk(Kind::Progress)?;
        for key in self.timer_rows() {
            chunks.entry(Kind::Timers, &key?, &[])?;
        }
        chunks.end_chunk(Kind::Timers)
    }
}

struct Chunks<'a, W, P> {
    to: &'a mut W,
    progress: P,
    /// Entries of the chunk that is not written yet.
    buffer: Vec<u8>,
    number: u32,
    offset: u64,
    whole: Xxh3,
    rows: u64,
    blocks: u64,
}

impl<'a, W: Write, P: FnMut(Progress)> Chunks<'a, W, P> {
    fn begin(to: &'a mut W, progress: P) -> Result<Chunks<'a, W, P>, DumpError> {
        let buffer = Vec::with_capacity(CHUNK_BYTES);
        let mut chunks = Chunks { to, progress, buffer, number: 0, offset: 0, whole: Xxh3::new(), rows: 0, blocks: 0 };
        chunks.put(&prelude())?;
        Ok(chunks)
    }

    /// Two lengths, key, bytes.
    fn entry(&mut self, kind: Kind, key: &[u8], bytes: &[u8]) -> Result<(), DumpError> {
        let length = u32::try_from(8 + key.len() + bytes.len() + self.buffer.len());
        length.map_err(|_| DumpError::TooLarge { bytes: bytes.len() })?;
        self.buffer.extend((key.len() as u32).to_le_bytes());
        self.buffer.extend((bytes.len() as u32).to_le_bytes());
        self.buffer.extend(key);
        self.buffer.extend(bytes);
        if self.buffer.len() >= CHUNK_BYTES { self.end_chunk(kind) } else { Ok(()) }
    }

    fn end_chunk(&mut self, kind: Kind) -> Result<(), DumpError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        self.chunk(kind, &buffer)?;
        buffer.clear();
        self.buffer = buffer;
        Ok(())
    }

    fn chunk(&mut self, kind: Kind, payload: &[u8]) -> Result<(), DumpError> {
        let header =
            ChunkHeader { kind, number: self.number, length: payload.len() as u32, checksum: xxh3_64(payload) };
        self.put(&header.encode())?;
        self.put(payload)?;
        self.number += 1;
        (self.progress)(Progress { rows: self.rows, bytes: self.offset });
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), DumpError> {
        self.to.write_all(bytes).map_err(|error| DumpError::Write { offset: self.offset, error })?;
        self.whole.update(bytes);
        self.offset += bytes.len() as u64;
        Ok(())
    }
}
