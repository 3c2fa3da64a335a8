//! One key file: its header in memory (8 bytes for each 16 KiB of it), its blocks read when they are asked for.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::Key;
use super::table::{self, BLOCK_BYTES, Damaged, HEAD_BYTES, Header, Stamp};
use crate::model::Lsn;

const ENDING: &str = ".keys";
const TEMPORARY: &str = ".tmp";

/// Digits of a position in a name: names sort as positions do.
const NAME_DIGITS: usize = 20;

/// A file whose header is good.
#[derive(Debug)]
pub struct KeyFile {
    path: PathBuf,
    header: Header,
}

/// Why a lookup gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    #[error(transparent)]
    Damaged(#[from] Damaged),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl LookError {
    /// Is the file to blame? That nothing can be opened or read just now is no reason to make it anew.
    pub fn is_of_file(&self) -> bool {
        match self {
            LookError::Damaged(_) => true,
            LookError::Io(error) => matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::NotFound),
        }
    }
}

/// The file of the segment that begins at a position.
pub fn path(folder: &Path, first: Lsn) -> PathBuf {
    folder.join(format!("{:0NAME_DIGITS$}{ENDING}", first.0))
}

/// The segment's first position by a file's name, also of one that was not finished.
pub fn first_of(name: &str) -> Option<Lsn> {
    let digits = name.strip_suffix(TEMPORARY).unwrap_or(name).strip_suffix(ENDING)?;
    digits.parse().ok().map(Lsn)
}

/// Is it what a stop or a crash left?
pub fn is_unfinished(name: &str) -> bool {
    name.ends_with(TEMPORARY)
}

impl KeyFile {
    /// None if there is none that was made of this very segment and can be used.
    pub fn open(folder: &Path, stamp: &Stamp) -> Option<KeyFile> {
        let path = path(folder, stamp.first);
        let mut file = File::open(&path).ok()?;
        let mut head = [0; HEAD_BYTES];
        file.read_exact(&mut head).ok()?;
        let bytes = table::header_bytes(&head, file.metadata().ok()?.len())?;
        let mut whole = vec![0; bytes];
        whole[..HEAD_BYTES].copy_from_slice(&head);
        file.read_exact(&mut whole[HEAD_BYTES..]).ok()?;
        let header = table::decode_header(&mut whole)?;
        (header.stamp == *stamp).then_some(KeyFile { path, header })
    }

    /// Writes one: under another name first, so that a crash leaves all of it or nothing.
    pub fn create(folder: &Path, stamp: &Stamp, bytes: &[u8]) -> io::Result<KeyFile> {
        let path = path(folder, stamp.first);
        let mut unfinished = path.clone().into_os_string();
        unfinished.push(TEMPORARY);
        let written = File::create(&unfinished).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        if let Err(error) = written.and_then(|()| fs::rename(&unfinished, &path)) {
            // On a full disk every byte counts.
            let _ = fs::remove_file(&unfinished);
            return Err(error);
        }
        KeyFile::open(folder, stamp).ok_or_else(|| io::Error::other("what was written cannot be read again"))
    }

    pub fn stamp(&self) -> &Stamp {
        &self.header.stamp
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn bytes(&self) -> u64 {
        (HEAD_BYTES + self.header.table.len() * (8 + BLOCK_BYTES)) as u64
    }

    /// No input of a record in the segment came with a position below this one.
    pub fn lowest_origin(&self) -> Lsn {
        self.header.lowest_origin
    }

    /// What cannot be removed now is made anew over it.
    pub fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }

    /// Opens it for some lookups.
    pub fn look(&self) -> io::Result<Look<'_>> {
        Ok(Look { key_file: self, file: File::open(&self.path)?, block: Box::new([0; BLOCK_BYTES]), held: None })
    }
}

/// Lookups in one file.
pub struct Look<'a> {
    key_file: &'a KeyFile,
    file: File,
    block: Box<[u8; BLOCK_BYTES]>,
    /// The number of the block that was read last, and where its entries are.
    held: Option<(usize, Range<usize>)>,
}

impl Look<'_> {
    /// Positions of the frames that may speak of something, ascending.
    pub fn find(&mut self, key: Key) -> Result<Vec<Lsn>, LookError> {
        let table = &self.key_file.header.table;
        let mut numbers = Vec::new();
        // The block before the first that begins with the hash may end with it.
        let begin = table.partition_point(|first| *first < key.0).saturating_sub(1);
        for (index, first) in table.iter().enumerate().skip(begin) {
            if *first > key.0 || !table::find(self.block(index)?, key.0, &mut numbers)? {
                break;
            }
        }
        let first = self.key_file.header.stamp.first.0;
        Ok(numbers.into_iter().map(|number| Lsn(first + u64::from(number))).collect())
    }

    fn block(&mut self, index: usize) -> Result<&[u8], LookError> {
        let Header { stamp, table, .. } = &self.key_file.header;
        let used = match &self.held {
            Some((held, used)) if *held == index => used.clone(),
            _ => {
                self.held = None;
                let header = HEAD_BYTES + table.len() * 8;
                self.file.read_exact_at(&mut self.block[..], (header + index * BLOCK_BYTES) as u64)?;
                let used = table::check_block(&self.block, stamp, index)?;
                self.held = Some((index, used.clone()));
                used
            }
        };
        Ok(&self.block[used])
    }
}
