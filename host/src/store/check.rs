//! Goes over everything that is stored and says what does not fit: for `fishpond doctor`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Store;
use super::directory::Directory;
use super::error::Error;
use super::key::RowKey;

/// Faults that are listed; all are counted.
const LISTED: usize = 1_000;

/// What a check found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Checked {
    pub rows: u64,
    /// Keys and documents.
    pub row_bytes: u64,
    pub blocks: u64,
    /// Rows with a fault.
    pub faulty: u64,
    /// The first thousand of them.
    pub faults: Vec<Fault>,
}

/// A row that should not be there as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub directory: usize,
    /// With escapes for what is no text.
    pub key: String,
    pub what: String,
}

impl Store {
    /// Reads all rows and blocks. Each row's key must decode, say the shard of its text, and lie in that shard's
    /// directory; `visit` judges the rest, given key and bytes. Faults are listed; what sled cannot read is an error.
    pub fn check(&self, mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), String>) -> Result<Checked, Error> {
        let mut checked = Checked::default();
        for directory in &self.directories {
            // sled asserts where it finds what it did not write.
            let read = catch_unwind(AssertUnwindSafe(|| self.check_directory(directory, &mut visit, &mut checked)));
            read.unwrap_or_else(|payload| Err(Error::panicked(directory.folder(), &*payload)))?;
        }
        for block in self.blocks() {
            block?;
            checked.blocks += 1;
        }
        Ok(checked)
    }

    fn check_directory(
        &self,
        directory: &Directory,
        visit: &mut impl FnMut(&[u8], &[u8]) -> Result<(), String>,
        checked: &mut Checked,
    ) -> Result<(), Error> {
        for item in directory.rows() {
            let (key, bytes) = item.map_err(|error| directory.failed(error))?;
            checked.rows += 1;
            checked.row_bytes += (key.len() + bytes.len()) as u64;
            if let Err(what) = self.fits(directory, &key).and_then(|()| visit(&key, &bytes)) {
                checked.fault(Fault { directory: directory.number(), key: key.escape_ascii().to_string(), what });
            }
        }
        Ok(())
    }

    fn fits(&self, directory: &Directory, key: &[u8]) -> Result<(), String> {
        let parsed = RowKey::parse(key).map_err(|error| error.to_string())?;
        let belongs = self.directory_of(parsed.shard);
        if belongs != directory.number() {
            return Err(format!("a row of shard {} belongs to directory {belongs}", parsed.shard.0));
        }
        Ok(())
    }
}

impl Checked {
    fn fault(&mut self, fault: Fault) {
        self.faulty += 1;
        if self.faults.len() < LISTED {
            self.faults.push(fault);
        }
    }
}
