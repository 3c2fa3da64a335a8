//! The small files beside the segments: written under a temporary name, synced,
//! and only then renamed, so that a crash leaves the old one or the new one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::error::Error;
use super::failpoints::{Failpoints, Site};
use super::released;
use super::segment;

const TEMPORARY: &str = ".tmp";
const PREFIX_BYTES: usize = 24;

/// Where one kind of small file passes its failpoints.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sites {
    pub(super) write: Site,
    pub(super) sync: Site,
    pub(super) rename: Site,
}

/// Puts `bytes` in the place of the file at `path`. The directory is not synced.
pub(super) fn replace(path: &Path, bytes: &[u8], points: &Failpoints, sites: Sites) -> Result<(), Error> {
    let temporary = temporary(path);
    let mut file = points.run(sites.write, &temporary, || {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        Ok(file)
    })?;
    points.run(sites.sync, &temporary, || file.flush().and_then(|()| file.sync_all()))?;
    points.run(sites.rename, path, || fs::rename(&temporary, path))
}

/// The name under which [`replace`] writes first.
pub(super) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY);
    PathBuf::from(name)
}

/// The whole file, `None` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io("read", path)(e)),
    }
}

/// Removes the file if there is one; answers whether there was.
pub(super) fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

/// Temporary files that a crash left, and index files without a segment.
pub(super) fn remove_leftovers(dir: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
        let path = entry.map_err(Error::io("list", dir))?.path();
        let Some(name) = path.file_name().and_then(|n| n.to_str()) else { continue };
        let stale = match name.strip_suffix(TEMPORARY) {
            Some(full) => full == released::NAME || segment::is_name(full),
            None => segment::first_of_index(name).is_some_and(|first| !segment::path(dir, first).exists()),
        };
        if stale {
            remove(&path).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}

/// What a small file turned out to be.
pub(super) enum Content<'a> {
    /// The words behind the prefix.
    Good(&'a [u8]),
    Unsupported(u32),
    Bad,
}

/// Magic, version (byte 8) and checksum (byte 16, over all with these eight
/// bytes zero) in front of `body`, as in the header page of a segment.
pub(super) fn seal(magic: [u8; 8], version: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; PREFIX_BYTES];
    bytes[..8].copy_from_slice(&magic);
    bytes[8..12].copy_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(body);
    let sum = xxh3_64(&bytes);
    bytes[16..24].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// Undoes [`seal`]. `bytes` loses its checksum.
pub(super) fn open(magic: [u8; 8], version: u32, bytes: &mut [u8]) -> Content<'_> {
    let Some(sum) = bytes.get(16..24).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes) else {
        return Content::Bad;
    };
    bytes[16..24].fill(0);
    if bytes[..8] != magic || xxh3_64(bytes) != sum {
        return Content::Bad;
    }
    match u32::from_le_bytes(std::array::from_fn(|i| bytes[8 + i])) {
        found if found == version => Content::Good(&bytes[PREFIX_BYTES..]),
        found => Content::Unsupported(found),
    }
}

/// The little endian numbers of a body, one after another.
pub(super) struct Words<'a>(pub(super) &'a [u8]);

impl Words<'_> {
    pub(super) fn u64(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*word))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*word))
    }
}
