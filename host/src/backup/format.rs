//! The bytes of a backup, and writing them.
//!
//! Magic and version (16 bytes), then records: a header of 32 bytes (kind, number, length, checksum of the payload, checksum
//! of the header) and a payload of at most 256 KiB. A part begins with its name and the length of its file, goes on with
//! data, and ends with a sum of it; the manifest ends the file. Records are numbered, so none can be missing, doubled or
//! moved. Numbers are little-endian.

use std::io::{self, Write};

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::manifest::{Manifest, PartSum};

pub(super) const MAGIC: [u8; 8] = *b"fishbkup";
/// The version that this code writes and reads.
pub(super) const VERSION: u32 = 1;
pub(super) const PRELUDE_BYTES: usize = 16;
pub(super) const RECORD_HEADER_BYTES: usize = 32;
/// Longest payload.
pub(super) const PAYLOAD_BYTES: usize = 256 << 10;
/// The manifest: a line for each part, some 200 bytes.
pub(super) const MANIFEST_BYTES: usize = 256 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Part,
    Data,
    End,
    Manifest,
    /// The host gave up; the payload says why.
    Failed,
}

impl Kind {
    const ALL: [Kind; 5] = [Kind::Part, Kind::Data, Kind::End, Kind::Manifest, Kind::Failed];

    fn of(byte: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u8 + 1 == byte)
    }

    pub fn most_bytes(self) -> usize {
        if self == Kind::Manifest { MANIFEST_BYTES } else { PAYLOAD_BYTES }
    }
}

/// Why a file is refused as a backup.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    #[error("this is no backup: it does not begin as one")]
    NotABackup,
    #[error(
        "the backup has format version {found}, this program supports version {VERSION}: use the fishpond that made it"
    )]
    Version { found: u32 },
    /// It was cut or altered. `offset`: where the record begins in the file.
    #[error("the backup is damaged in {part} at byte {offset}: {what}. Use another backup")]
    Damaged { part: String, offset: u64, what: String },
    #[error("the host gave up while it wrote {part}: {reason}")]
    GivenUp { part: String, reason: String },
    #[error("the backup cannot be read at byte {offset}: {error}")]
    Read { offset: u64, error: io::Error },
}

pub(super) struct RecordHeader {
    pub kind: Kind,
    pub number: u32,
    pub length: u32,
    pub checksum: u64,
}

impl RecordHeader {
    fn encode(&self) -> [u8; RECORD_HEADER_BYTES] {
        let mut bytes = [0; RECORD_HEADER_BYTES];
        bytes[0] = self.kind as u8 + 1;
        bytes[4..8].copy_from_slice(&self.number.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.length.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.checksum.to_le_bytes());
        let sum = xxh3_64(&bytes[..24]);
        bytes[24..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// None if the header is not as it was written.
    pub fn decode(bytes: &[u8; RECORD_HEADER_BYTES]) -> Option<RecordHeader> {
        let u32_at = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        if xxh3_64(&bytes[..24]) != u64_at(24) {
            return None;
        }
        let kind = Kind::of(bytes[0])?;
        Some(RecordHeader { kind, number: u32_at(4), length: u32_at(8), checksum: u64_at(16) })
    }
}

pub(super) fn prelude() -> [u8; PRELUDE_BYTES] {
    let mut bytes = [0; PRELUDE_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes
}

/// Writes a backup part by part. What is written to it goes into the part that was begun last.
pub(super) struct Writer<W> {
    to: W,
    number: u32,
    /// Data of the record that is not written yet.
    buffer: Vec<u8>,
    parts: Vec<PartSum>,
    sum: Xxh3,
}

impl<W: Write> Writer<W> {
    pub fn begin(mut to: W) -> io::Result<Writer<W>> {
        to.write_all(&prelude())?;
        Ok(Writer { to, number: 0, buffer: Vec::with_capacity(PAYLOAD_BYTES), parts: Vec::new(), sum: Xxh3::new() })
    }

    /// `file_bytes`: how long the file will be; what is not written of it is zeros. Zero if it is just what is written.
    pub fn part(&mut self, name: &str, file_bytes: u64) -> io::Result<()> {
        let mut payload = file_bytes.to_le_bytes().to_vec();
        payload.extend(name.as_bytes());
        self.parts.push(PartSum { name: name.to_owned(), bytes: 0, checksum: String::new() });
        self.sum = Xxh3::new();
        self.record(Kind::Part, &payload)
    }

    pub fn end_part(&mut self) -> io::Result<()> {
        self.data()?;
        let sum = self.sum.digest();
        if let Some(part) = self.parts.last_mut() {
            part.checksum = format!("{sum:016x}");
        }
        self.record(Kind::End, &sum.to_le_bytes())
    }

    /// A part that is in memory.
    pub fn whole(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.part(name, 0)?;
        self.write_all(bytes)?;
        self.end_part()
    }

    /// The manifest gets the parts that were written.
    pub fn finish(mut self, manifest: Manifest) -> io::Result<Manifest> {
        let manifest = Manifest { parts: std::mem::take(&mut self.parts), ..manifest };
        let text = serde_json::to_vec(&manifest)?;
        self.record(Kind::Manifest, &text)?;
        self.to.flush()?;
        Ok(manifest)
    }

    /// Tells the reader why there is no more.
    pub fn give_up(mut self, reason: &str) -> io::Result<()> {
        let most = reason.len().min(PAYLOAD_BYTES);
        self.record(Kind::Failed, &reason.as_bytes()[..most])?;
        self.to.flush()
    }

    fn data(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let buffer = std::mem::take(&mut self.buffer);
        self.sum.update(&buffer);
        if let Some(part) = self.parts.last_mut() {
            part.bytes += buffer.len() as u64;
        }
        self.record(Kind::Data, &buffer)?;
        self.buffer = buffer;
        self.buffer.clear();
        Ok(())
    }

    fn record(&mut self, kind: Kind, payload: &[u8]) -> io::Result<()> {
        let header =
            RecordHeader { kind, number: self.number, length: payload.len() as u32, checksum: xxh3_64(payload) };
        self.number += 1;
        self.to.write_all(&header.encode())?;
        self.to.write_all(payload)
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PAYLOAD_BYTES - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == PAYLOAD_BYTES {
            self.data()?;
        }
        Ok(taken)
    }

    /// Parts are whole records: nothing is hurried.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
