//! Reading a segment group by group, verifying everything. Recovery, the cut
//! tool and readers share this.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::error::{Error, Fault};
use super::group::{self, GROUP_HEADER_BYTES, GroupHeader};
use super::segment::{FORMAT_VERSION, HeaderPage, PAGE_BYTES, SegmentHeader};
use crate::model::Lsn;

const SCAN_BYTES: usize = 256 * PAGE_BYTES;

/// How far the walk through the whole journal has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// The LSN that the next frame must have.
    pub(super) next: Lsn,
    /// Checksum of the last group.
    pub(super) chain: u64,
    /// Time of the last group.
    pub(super) wall_ms: u64,
}

impl Position {
    pub(super) const START: Position = Position { next: Lsn(1), chain: 0, wall_ms: 0 };
}

/// An existing segment file whose header may be good.
#[derive(Debug)]
pub(super) struct SegmentFile {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) len: u64,
    pub(super) header: Option<SegmentHeader>,
}

impl SegmentFile {
    /// # Errors
    /// [`Error::Version`]; an unreadable header is no error but `None`.
    pub(super) fn open(path: &Path) -> Result<SegmentFile, Error> {
        let file = OpenOptions::new().read(true).write(true).open(path);
        SegmentFile::with(file.map_err(Error::io("open", path))?, path)
    }

    /// As [`Self::open`], for a check that changes nothing.
    pub(super) fn open_to_read(path: &Path) -> Result<SegmentFile, Error> {
        SegmentFile::with(File::open(path).map_err(Error::io("open", path))?, path)
    }

    fn with(file: File, path: &Path) -> Result<SegmentFile, Error> {
        let len = file.metadata().map_err(Error::io("read", path))?.len();
        let mut page = [0; PAGE_BYTES];
        let header = if len < PAGE_BYTES as u64 {
            None
        } else {
            file.read_exact_at(&mut page, 0).map_err(Error::io("read", path))?;
            match SegmentHeader::decode(&page) {
                HeaderPage::Good(header) => Some(header),
                HeaderPage::Bad => None,
                HeaderPage::Unsupported(found) => {
                    let segment = path.to_path_buf();
                    return Err(Error::Version { segment, found, supported: FORMAT_VERSION });
                }
            }
        };
        Ok(SegmentFile { path: path.to_path_buf(), file, len, header })
    }

    /// Calls `visit` with every page from `offset` on that is not all zero;
    /// stops when it answers something.
    pub(super) fn scan<T>(
        &self,
        offset: u64,
        mut visit: impl FnMut(u64, &[u8]) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let mut block = vec![0; SCAN_BYTES];
        let mut at = offset;
        while at < self.len {
            let want = (self.len - at).min(SCAN_BYTES as u64) as usize;
            let read = self.file.read_exact_at(&mut block[..want], at);
            read.map_err(Error::io("read", &self.path))?;
            for (i, page) in block[..want].chunks(PAGE_BYTES).enumerate() {
                if page.iter().all(|b| *b == 0) {
                    continue;
                }
                if let Some(found) = visit(at + (i * PAGE_BYTES) as u64, page) {
                    return Ok(Some(found));
                }
            }
            at += want as u64;
        }
        Ok(None)
    }

    /// Zeros every page from `offset` on that holds anything; answers how many
    /// bytes that were, from the first to the last such page.
    pub(super) fn zero_from(&self, offset: u64) -> Result<u64, Error> {
        let mut range: Option<(u64, u64)> = None;
        self.scan(offset, |at, page| {
            let start = range.map_or(at, |(start, _)| start);
            range = Some((start, at + page.len() as u64));
            None::<()>
        })?;
        let Some((start, end)) = range else {
            return Ok(0);
        };
        let zeros = vec![0; SCAN_BYTES];
        let mut at = start;
        while at < end {
            let want = (end - at).min(SCAN_BYTES as u64) as usize;
            let written = self.file.write_all_at(&zeros[..want], at);
            written.map_err(Error::io("zero the rest of", &self.path))?;
            at += want as u64;
        }
        Ok(end - start)
    }
}

/// Reads one group at `offset` into `buffer` and verifies it.
pub(super) fn read_group(
    file: &File,
    len: u64,
    offset: u64,
    salt: u64,
    at: &Position,
    buffer: &mut Vec<u8>,
) -> io::Result<Result<GroupHeader, Fault>> {
    if offset + PAGE_BYTES as u64 > len {
        return Ok(Err(Fault::Short));
    }
    buffer.resize(PAGE_BYTES, 0);
    file.read_exact_at(buffer, offset)?;
    let Some(header) = GroupHeader::decode(buffer, salt) else {
        let zero = buffer.iter().all(|b| *b == 0);
        return Ok(Err(if zero { Fault::NoGroup } else { Fault::GroupHeader }));
    };
    if header.first != at.next {
        return Ok(Err(Fault::GroupOrder));
    }
    if offset + header.total_bytes() > len {
        return Ok(Err(Fault::Short));
    }
    buffer.resize(header.total_bytes() as usize, 0);
    file.read_exact_at(&mut buffer[PAGE_BYTES..], offset + PAGE_BYTES as u64)?;
    Ok(match group::check(buffer, &header, at.chain, salt) {
        Some(fault) => Err(fault),
        None => Ok(header),
    })
}

/// Walks over the groups of one segment.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    pub(super) segment: &'a SegmentFile,
    pub(super) salt: u64,
    end: u64,
    /// Where the next group must start.
    pub(super) offset: u64,
    pub(super) at: Position,
    buffer: Vec<u8>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(segment: &'a SegmentFile, header: &SegmentHeader, at: Position) -> Walk<'a> {
        let (salt, end) = (header.salt, header.bytes);
        Walk { segment, salt, end, offset: PAGE_BYTES as u64, at, buffer: Vec::new() }
    }

    /// Verifies the next group and moves behind it; on a fault nothing moves.
    pub(super) fn step(&mut self) -> Result<Result<GroupHeader, Fault>, Error> {
        if self.offset >= self.end {
            return Ok(Err(Fault::Full));
        }
        let len = self.segment.len.min(self.end);
        let file = &self.segment.file;
        let found = read_group(file, len, self.offset, self.salt, &self.at, &mut self.buffer)
            .map_err(Error::io("read", &self.segment.path))?;
        if let Ok(header) = &found {
            self.offset += header.total_bytes();
            self.at = Position { next: header.end(), chain: header.chain, wall_ms: header.wall_ms };
        }
        Ok(found)
    }

    /// The payload of the group that was read last.
    pub(super) fn payload(&self, header: &GroupHeader) -> &[u8] {
        &self.buffer[GROUP_HEADER_BYTES..][..header.payload_bytes as usize]
    }
}
