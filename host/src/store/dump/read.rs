//! Reads a dump: nothing of a chunk is given away before its checksum was compared, nothing ends well before the trailer.

use std::io::{self, Read};

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::format::{
    CHUNK_HEADER_BYTES, ChunkHeader, Fields, Kind, PRELUDE_BYTES, Trailer, check_prelude, decode_header,
};
use super::{DumpError, Entry, Header, Progress, Summary};
use crate::model::{Lsn, SHARD_COUNT, ShardId};
use crate::store::key::RowKey;

/// Begins to read a dump: checks its beginning and its header.
pub fn read_dump<R: Read>(from: R) -> Result<Dump<R>, DumpError> {
    let mut chunks = Chunks { from, offset: 0, chunk: 0, start: 0, read: 0, whole: Xxh3::new() };
    let mut prelude = [0; PRELUDE_BYTES];
    if chunks.fill(&mut prelude)? < PRELUDE_BYTES {
        return Err(DumpError::NotADump);
    }
    check_prelude(&prelude)?;
    let (kind, payload, _) = chunks.next()?;
    if kind != Kind::Header {
        return Err(chunks.damaged("the first chunk is no header"));
    }
    let header = decode_header(&payload)?.ok_or_else(|| chunks.damaged("the header is not of its length"))?;
    let chunk = Chunk { kind, payload: Vec::new(), at: 0 };
    Ok(Dump { chunks, header, chunk, last: Vec::new(), rows: 0, blocks: 0, end: None })
}

/// Reads all of a dump and compares everything that can be compared.
pub fn verify_dump(from: impl Read, mut progress: impl FnMut(Progress)) -> Result<Summary, DumpError> {
    let mut dump = read_dump(from)?;
    let mut told = 0;
    while let Some(entry) = dump.next() {
        entry?;
        if dump.chunks.offset > told {
            told = dump.chunks.offset;
            progress(dump.progress());
        }
    }
    dump.finish()
}

/// The entries of a dump: rows by their keys, then blocks by their numbers. An error ends it; only when it has ended
/// without one is all of it known to be as it was written.
pub struct Dump<R> {
    chunks: Chunks<R>,
    header: Header,
    chunk: Chunk,
    /// The last key of this kind.
    last: Vec<u8>,
    rows: u64,
    blocks: u64,
    end: Option<End>,
}

enum End {
    Whole(Box<Summary>),
    Broken,
}

/// A verified chunk, and how far it was given away.
struct Chunk {
    kind: Kind,
    payload: Vec<u8>,
    at: usize,
}

impl<R: Read> Dump<R> {
    pub fn header(&self) -> &Header {
        &self.header
    }

    pub fn progress(&self) -> Progress {
        Progress { rows: self.rows, bytes: self.chunks.offset }
    }

    /// What it held; reads on to the end first.
    pub fn finish(mut self) -> Result<Summary, DumpError> {
        for entry in self.by_ref() {
            entry?;
        }
        match self.end {
            Some(End::Whole(summary)) => Ok(*summary),
            _ => Err(self.chunks.damaged("it was given up before its end")),
        }
    }

    /// None at the end.
    fn advance(&mut self) -> Result<Option<Entry>, DumpError> {
        while self.chunk.at == self.chunk.payload.len() {
            let (kind, payload, whole) = self.chunks.next()?;
            if kind < self.chunk.kind || kind == Kind::Header {
                return Err(self.chunks.damaged("chunks are out of order"));
            }
            if kind == Kind::Trailer {
                self.end = Some(End::Whole(Box::new(self.close(&payload, whole)?)));
                return Ok(None);
            }
            if kind != self.chunk.kind {
                self.last.clear();
            }
            self.chunk = Chunk { kind, payload, at: 0 };
        }
        self.entry().map(Some)
    }

    fn entry(&mut self) -> Result<Entry, DumpError> {
        let mut fields = Fields(&self.chunk.payload[self.chunk.at..]);
        let read = |fields: &mut Fields<'_>| {
            let (key, bytes) = (fields.u32()?, fields.u32()?);
            Some((fields.take(key as usize)?.to_vec(), fields.take(bytes as usize)?.to_vec()))
        };
        let (key, bytes) = read(&mut fields).ok_or_else(|| self.chunks.damaged("an entry ends behind its chunk"))?;
        self.chunk.at = self.chunk.payload.len() - fields.0.len();
        if key <= self.last {
            return Err(self.chunks.damaged("entries are not in order"));
        }
        self.last.clone_from(&key);
        if self.chunk.kind == Kind::Rows {
            RowKey::parse(&key).map_err(|error| self.chunks.damaged(&format!("a row that is none: {error}")))?;
            self.rows += 1;
            return Ok(Entry::Row { key, bytes });
        }
        if self.chunk.kind == Kind::Blocks {
            self.blocks += 1;
        }
        standing(self.chunk.kind, key, bytes).ok_or_else(|| self.chunks.damaged("an entry without its number"))
    }

    /// `whole` sums up what came before the trailer.
    fn close(&mut self, payload: &[u8], whole: u64) -> Result<Summary, DumpError> {
        let trailer =
            Trailer::decode(payload).ok_or_else(|| self.chunks.damaged("the trailer is not of its length"))?;
        if trailer.whole != whole {
            return Err(self.chunks.damaged("the chunks are not those that the trailer sums up"));
        }
        if (trailer.rows, trailer.blocks) != (self.rows, self.blocks) {
            let found = format!("{} rows and {} blocks", self.rows, self.blocks);
            let what =
                format!("the trailer counts {} rows and {} blocks, there are {found}", trailer.rows, trailer.blocks);
            return Err(self.chunks.damaged(&what));
        }
        let bytes = self.chunks.offset;
        self.chunks.begin();
        if self.chunks.fill(&mut [0])? > 0 {
            return Err(self.chunks.damaged("something follows the trailer"));
        }
        let (header, highest) = (self.header, trailer.highest);
        Ok(Summary { header, rows: self.rows, blocks: self.blocks, bytes, highest })
    }
}

/// An entry that is no row; None if its key is none of this kind.
fn standing(kind: Kind, key: Vec<u8>, bytes: Vec<u8>) -> Option<Entry> {
    let number = || <[u8; 8]>::try_from(&*key).ok().map(u64::from_be_bytes);
    match kind {
        Kind::Blocks => Some(Entry::Block { id: number()?, bytes }),
        Kind::Controls => Some(Entry::Control { lsn: Lsn(number()?), bytes }),
        Kind::Progress => {
            let shard = u16::from_be_bytes(<[u8; 2]>::try_from(&*key).ok()?);
            (shard < SHARD_COUNT).then_some(Entry::Progress { shard: ShardId(shard), bytes })
        }
        Kind::Timers => RowKey::parse(&key).is_ok().then_some(Entry::Timers { key }),
        Kind::Header | Kind::Rows | Kind::Trailer => None,
    }
}

impl<R: Read> Iterator for Dump<R> {
    type Item = Result<Entry, DumpError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.end.is_some() {
            return None;
        }
        let result = self.advance();
        if result.is_err() {
            self.end = Some(End::Broken);
        }
        result.transpose()
    }
}

/// As many bytes as there are; how many were read, and the error behind them if there is one.
pub(crate) fn fill(from: &mut impl Read, bytes: &mut [u8]) -> (usize, io::Result<()>) {
    let mut filled = 0;
    while filled < bytes.len() {
        match from.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Err(error)),
        }
    }
    (filled, Ok(()))
}

struct Chunks<R> {
    from: R,
    /// Bytes that were read.
    offset: u64,
    /// The number of the chunk at hand, and where it begins.
    chunk: u32,
    start: u64,
    /// Chunks that were read whole.
    read: u32,
    whole: Xxh3,
}

impl<R: Read> Chunks<R> {
    /// Kind and payload of the next chunk, and the sum of all bytes before it.
    fn next(&mut self) -> Result<(Kind, Vec<u8>, u64), DumpError> {
        self.begin();
        let whole = self.whole.digest();
        let mut bytes = [0; CHUNK_HEADER_BYTES];
        if self.fill(&mut bytes)? < CHUNK_HEADER_BYTES {
            return Err(self.cut());
        }
        let header = ChunkHeader::decode(&bytes).map_err(|what| self.damaged(what))?;
        if header.number != self.chunk {
            return Err(self.damaged(&format!("it is chunk {} of the original", header.number)));
        }
        let payload = self.payload(header.length)?;
        if xxh3_64(&payload) != header.checksum {
            return Err(self.damaged("its bytes are not as they were written"));
        }
        self.read += 1;
        Ok((header.kind, payload, whole))
    }

    /// Where the next chunk should be.
    fn begin(&mut self) {
        (self.chunk, self.start) = (self.read, self.offset);
    }

    /// Memory grows with what there is, whatever the length says.
    fn payload(&mut self, length: u32) -> Result<Vec<u8>, DumpError> {
        let mut payload = Vec::new();
        let read = (&mut self.from).take(u64::from(length)).read_to_end(&mut payload);
        self.whole.update(&payload);
        self.offset += payload.len() as u64;
        read.map_err(|error| DumpError::Read { offset: self.offset, error })?;
        if payload.len() < length as usize { Err(self.cut()) } else { Ok(payload) }
    }

    /// As many bytes as there are.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<usize, DumpError> {
        let (filled, read) = fill(&mut self.from, bytes);
        self.whole.update(&bytes[..filled]);
        self.offset += filled as u64;
        read.map_err(|error| DumpError::Read { offset: self.offset, error })?;
        Ok(filled)
    }

    fn cut(&self) -> DumpError {
        self.damaged(&format!("it ends at byte {}, the chunk does not", self.offset))
    }

    fn damaged(&self, what: &str) -> DumpError {
        DumpError::Damaged { chunk: self.chunk, offset: self.start, what: what.to_owned() }
    }
}
