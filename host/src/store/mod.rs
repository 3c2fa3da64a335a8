//! The only room that knows sled: current documents as rows, written back behind the journal.
//!
//! A store is a folder of several sled databases, because sled reads a database's whole log when it opens it. Shard
//! modulo the number of directories says where a row lies; the header of each fixes what every row's key depends on.
//! Writes to different directories do not wait for each other's disks.
//!
//! Beside the rows lies what a start needs and rows do not say: `standing` (control frames, how far each shard's readers
//! are, which rows have timers).

mod blocks;
mod check;
mod directory;
mod dump;
mod error;
mod files;
mod key;
mod layout;
mod opening;
mod options;
mod standing;
mod synced;
#[cfg(test)]
mod tests;
mod walk;

use std::path::Path;

use directory::Directory;
use key::shard_in;

use crate::model::{Lsn, SHARD_COUNT, ShardId, ShardSet};

pub use check::{Checked, Fault};
pub(crate) use dump::fill;
pub use dump::{Dump, DumpError, Entry, Header, Progress, Stamp, Summary, load_dump, read_dump, verify_dump};
pub use error::Error;
pub use key::{KeyError, RowKey, row_key, row_place};
pub use layout::Lock;
pub use options::{Failpoint, Failpoints, Moment, Options, Place, SyncHook};

/// An open store; may be used from several threads.
pub struct Store {
    /// Of idempotency keys, in the first directory. Trees go before their directory: they are of its database.
    blocks: sled::Tree,
    /// Control frames by position, in the first directory.
    controls: sled::Tree,
    directories: Vec<Directory>,
    /// Last, so that it is given back last.
    _lock: layout::Lock,
}

/// A document to be written.
#[derive(Debug, Clone)]
pub struct Row {
    pub key: Vec<u8>,
    /// None removes the row. With it goes the position: redo finds an empty document, so only what redo would leave
    /// empty may be removed.
    pub bytes: Option<Vec<u8>>,
    /// Of the last outcome in it; durable in the journal before the row is written.
    pub lsn: Lsn,
    /// The document has timers: its key is noted, so that a start finds it without looking at every row.
    pub timers: bool,
}

/// Positions that a store has promised something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Marks {
    highest: Lsn,
    checkpoints: [Lsn; SHARD_COUNT as usize],
}

impl Default for Marks {
    fn default() -> Marks {
        Marks { highest: Lsn::ZERO, checkpoints: [Lsn::ZERO; SHARD_COUNT as usize] }
    }
}

impl Store {
    /// Opens or makes a store. `directories` counts only when it is made; `cache_bytes` is what sled keeps in memory.
    pub fn open(folder: &Path, directories: usize, cache_bytes: u64) -> Result<Store, Error> {
        Store::open_with(folder, &Options { directories, cache_bytes, failpoints: Failpoints::default() })
    }

    /// As [`Self::open`], with failpoints.
    pub fn open_with(folder: &Path, options: &Options) -> Result<Store, Error> {
        let (directories, lock) = layout::open(folder, options)?;
        let (blocks, controls) = (blocks::tree(&directories[0])?, standing::controls_tree(&directories[0])?);
        Ok(Store { directories, blocks, controls, _lock: lock })
    }

    /// Is there a store, or a part of one? Where there is none a start makes it.
    pub fn is_there(folder: &Path) -> bool {
        layout::is_there(folder)
    }

    /// Keeps every host away from a store that is there, without opening it.
    pub fn lock_if_there(folder: &Path) -> Result<Option<Lock>, Error> {
        if folder.is_dir() { layout::lock(folder).map(Some) } else { Ok(None) }
    }

    /// Number of directories; fixed when the store was made.
    pub fn directories(&self) -> usize {
        self.directories.len()
    }

    /// Where the rows of a shard lie.
    pub fn directory_of(&self, shard: ShardId) -> usize {
        usize::from(shard.0) % self.directories.len()
    }

    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.directories[self.directory_of(shard_in(key))].get(key)
    }

    /// Of all directories, bytes.
    pub fn size_on_disk(&self) -> Result<u64, Error> {
        self.directories.iter().map(Directory::size_on_disk).sum()
    }

    /// Writes rows, directory by directory, and has them on disk when it answers. After an error some may be written;
    /// each carries its own position, so redo is exact whatever is there.
    pub fn write(&self, rows: &[Row]) -> Result<(), Error> {
        let mut groups: Vec<Vec<&Row>> = vec![Vec::new(); self.directories.len()];
        for row in rows {
            groups[self.directory_of(shard_in(&row.key))].push(row);
        }
        self.directories.iter().zip(groups).try_for_each(|(directory, rows)| directory.write(&rows))
    }

    /// As [`Self::write`], for rows of one directory: several threads may write different directories at the same time.
    /// A row of another one is refused, and nothing is written.
    pub fn write_directory(&self, directory: usize, rows: &[Row]) -> Result<(), Error> {
        for row in rows {
            let shard = shard_in(&row.key);
            let belongs = self.directory_of(shard);
            if belongs != directory {
                return Err(Error::OtherDirectory { shard: shard.0, belongs, asked: directory });
            }
        }
        let rows: Vec<&Row> = rows.iter().collect();
        self.directories[directory].write(&rows)
    }

    /// Highest position that any row or checkpoint may hold: evidence of what the journal must still hold.
    pub fn highest(&self) -> Lsn {
        self.directories.iter().map(|directory| directory.marks().highest).max().unwrap_or_default()
    }

    /// For each shard: everything up to here is in its rows.
    pub fn checkpoints(&self) -> [Lsn; SHARD_COUNT as usize] {
        let marks: Vec<Marks> = self.directories.iter().map(|directory| *directory.marks()).collect();
        std::array::from_fn(|shard| marks[shard % marks.len()].checkpoints[shard])
    }

    /// Everything up to here is in the rows, of every shard.
    pub fn checkpoint(&self) -> Lsn {
        self.checkpoints().into_iter().min().unwrap_or_default()
    }

    /// Notes a mark as the checkpoint of these shards, on disk when it answers, and how far their readers were then. All rows
    /// up to it have been written, and all control frames.
    pub fn set_checkpoint(&self, shards: ShardSet, lsn: Lsn, progress: &[(ShardId, Vec<u8>)]) -> Result<(), Error> {
        for (number, directory) in self.directories.iter().enumerate() {
            let own = |shard: &ShardId| self.directory_of(*shard) == number;
            let checkpoints: Vec<(ShardId, Lsn)> = shards.iter().filter(own).map(|shard| (shard, lsn)).collect();
            let progress: Vec<_> = progress.iter().filter(|(shard, _)| own(shard)).collect();
            directory.set_checkpoints(&checkpoints, &progress)?;
        }
        Ok(())
    }
}
