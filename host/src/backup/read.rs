//! Reads a backup: nothing of a record is given away before its checksum was compared, nothing ends well before the manifest.

use std::io::{self, Read};

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::format::{FormatError, Kind, MAGIC, PRELUDE_BYTES, RECORD_HEADER_BYTES, RecordHeader, VERSION};
use super::manifest::{Manifest, PartSum};
use crate::store::fill;

/// A part that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PartHead {
    pub name: String,
    /// How long the file is; zero if it is just its data.
    pub file_bytes: u64,
}

/// Reads part by part: [`Reader::next_part`], then the part's data through `Read`, to its end.
pub(super) struct Reader<R> {
    from: R,
    number: u32,
    /// Bytes that were read.
    pub offset: u64,
    /// Where the record at hand begins.
    start: u64,
    /// Of the part at hand, for messages.
    name: String,
    parts: Vec<PartSum>,
    sum: Xxh3,
    /// Data that was compared and is not given away yet.
    data: Vec<u8>,
    at: usize,
    open: bool,
    /// What ended reading, for those who got it as an error of `Read`.
    broken: Option<FormatError>,
}

impl<R: Read> Reader<R> {
    pub fn begin(from: R) -> Result<Reader<R>, FormatError> {
        let mut reader = Reader {
            from,
            number: 0,
            offset: 0,
            start: 0,
            name: "the beginning".to_owned(),
            parts: Vec::new(),
            sum: Xxh3::new(),
            data: Vec::new(),
            at: 0,
            open: false,
            broken: None,
        };
        let mut prelude = [0; PRELUDE_BYTES];
        if reader.fill(&mut prelude)? < PRELUDE_BYTES || prelude[..8] != MAGIC {
            return Err(FormatError::NotABackup);
        }
        match u32::from_le_bytes(std::array::from_fn(|i| prelude[8 + i])) {
            VERSION if prelude[12..] == [0; 4] => Ok(reader),
            VERSION => Err(reader.damaged("what is zero is not")),
            found => Err(FormatError::Version { found }),
        }
    }

    /// The next part; None at the manifest, see [`Self::finish`].
    pub fn next_part(&mut self) -> Result<Option<PartHead>, FormatError> {
        let (kind, payload) = self.record()?;
        match kind {
            Kind::Part => self.part(&payload).map(Some),
            Kind::Manifest => {
                self.data = payload;
                Ok(None)
            }
            _ => Err(self.damaged("a part should begin here")),
        }
    }

    fn part(&mut self, payload: &[u8]) -> Result<PartHead, FormatError> {
        let split = payload.split_first_chunk::<8>();
        let head =
            split.and_then(|(bytes, name)| Some((u64::from_le_bytes(*bytes), String::from_utf8(name.to_vec()).ok()?)));
        let (file_bytes, name) = head.ok_or_else(|| self.damaged("the part has no name"))?;
        self.name.clone_from(&name);
        self.parts.push(PartSum { name: name.clone(), bytes: 0, checksum: String::new() });
        (self.sum, self.open, self.at) = (Xxh3::new(), true, 0);
        self.data.clear();
        Ok(PartHead { name, file_bytes })
    }

    /// The manifest, behind the last part; it says what was read, and nothing follows it.
    pub fn finish(mut self) -> Result<Manifest, FormatError> {
        let text = std::mem::take(&mut self.data);
        let manifest: Manifest = serde_json::from_slice(&text)
            .map_err(|error| self.damaged(&format!("the manifest cannot be read: {error}")))?;
        if manifest.parts != self.parts {
            return Err(self.damaged("the parts are not those of the manifest"));
        }
        self.start = self.offset;
        if self.fill(&mut [0])? > 0 {
            return Err(self.damaged("something follows the manifest"));
        }
        Ok(manifest)
    }

    /// What ended a `Read` of this, if it was the backup.
    pub fn broken(&mut self) -> Option<FormatError> {
        self.broken.take()
    }

    /// Data of the part; false at its end.
    fn more(&mut self) -> Result<bool, FormatError> {
        while self.open && self.at == self.data.len() {
            let (kind, payload) = self.record()?;
            match kind {
                Kind::Data => {
                    self.sum.update(&payload);
                    if let Some(part) = self.parts.last_mut() {
                        part.bytes += payload.len() as u64;
                    }
                    (self.data, self.at) = (payload, 0);
                }
                Kind::End => self.end(&payload)?,
                _ => return Err(self.damaged("the part does not end")),
            }
        }
        Ok(self.open)
    }

    fn end(&mut self, payload: &[u8]) -> Result<(), FormatError> {
        let sum = self.sum.digest();
        if payload != sum.to_le_bytes() {
            return Err(self.damaged("its data is not what its end sums up"));
        }
        if let Some(part) = self.parts.last_mut() {
            part.checksum = format!("{sum:016x}");
        }
        self.open = false;
        Ok(())
    }

    fn record(&mut self) -> Result<(Kind, Vec<u8>), FormatError> {
        self.start = self.offset;
        let mut bytes = [0; RECORD_HEADER_BYTES];
        if self.fill(&mut bytes)? < RECORD_HEADER_BYTES {
            return Err(self.cut());
        }
        let header =
            RecordHeader::decode(&bytes).ok_or_else(|| self.damaged("a record's header is not as it was written"))?;
        if header.number != self.number {
            return Err(self.damaged(&format!("record {} stands where {} should", header.number, self.number)));
        }
        self.number += 1;
        if header.length as usize > header.kind.most_bytes() {
            return Err(self.damaged("a record is longer than any may be"));
        }
        // Memory grows with what there is, whatever the length says.
        let mut payload = Vec::new();
        let read = (&mut self.from).take(u64::from(header.length)).read_to_end(&mut payload);
        self.offset += payload.len() as u64;
        read.map_err(|error| FormatError::Read { offset: self.offset, error })?;
        if payload.len() < header.length as usize {
            return Err(self.cut());
        }
        if xxh3_64(&payload) != header.checksum {
            return Err(self.damaged("its bytes are not as they were written"));
        }
        if header.kind == Kind::Failed {
            let reason = String::from_utf8_lossy(&payload).into_owned();
            return Err(FormatError::GivenUp { part: self.name.clone(), reason });
        }
        Ok((header.kind, payload))
    }

    /// As many bytes as there are.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<usize, FormatError> {
        let (filled, read) = fill(&mut self.from, bytes);
        self.offset += filled as u64;
        read.map_err(|error| FormatError::Read { offset: self.offset, error })?;
        Ok(filled)
    }

    fn cut(&self) -> FormatError {
        self.damaged(&format!("it ends at byte {}, the record does not", self.offset))
    }

    fn damaged(&self, what: &str) -> FormatError {
        FormatError::Damaged { part: self.name.clone(), offset: self.start, what: what.to_owned() }
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self.more() {
            Ok(false) => Ok(0),
            Ok(true) => {
                let count = bytes.len().min(self.data.len() - self.at);
                bytes[..count].copy_from_slice(&self.data[self.at..self.at + count]);
                self.at += count;
                Ok(count)
            }
            Err(error) => {
                let told = io::Error::other(error.to_string());
                self.broken = Some(error);
                Err(told)
            }
        }
    }
}
