//! The only room that knows sled: current documents as rows, written back behind the journal.
//!
//! sled's `flush` is `sync_file_range`, not fsync: power cuts tore one store in two. So each batch is flushed and
//! then synced through a handle of our own on sled's file. The header fixes what every row's key depends on.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::model::{Lsn, SHARD_COUNT, SHARD_HASH, ShardId, ShardSet, shard_of};

const HEADER: &[u8] = b"header";
const HIGHEST: &[u8] = b"highest-row-lsn";

/// What sled keeps in memory of its file, bytes. Documents have their own cache above it.
const CACHE_BYTES: u64 = 64 << 20;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the store {folder} cannot be used: {error}")]
    Sled { folder: PathBuf, error: sled::Error },
    #[error(
        "the store {folder} is in use by another process: stop that host first, or give this one another data folder (--data)"
    )]
    InUse { folder: PathBuf },
    #[error("the store {folder} cannot be synced: {error}")]
    Sync { folder: PathBuf, error: std::io::Error },
    #[error(
        "the store {folder} was made with `{found}`, this host uses `{expected}`: rows cannot be found under other keys. Use the fishpond that made it"
    )]
    Header { folder: PathBuf, found: String, expected: String },
    #[error(
        "the store {folder} holds a broken {name} record: restore the folder, or remove it to have it rebuilt from the journal"
    )]
    Broken { folder: PathBuf, name: &'static str },
}

/// One sled directory.
pub struct Store {
    folder: PathBuf,
    /// Keeps the database open; trees work on it.
    _db: sled::Db,
    rows: sled::Tree,
    meta: sled::Tree,
    /// sled's own file, to sync what sled only flushes.
    file: File,
}

/// A document to be written.
#[derive(Debug, Clone)]
pub struct Row {
    pub key: Vec<u8>,
    pub bytes: Vec<u8>,
    /// Of the last outcome in it; durable in the journal before the row is written.
    pub lsn: Lsn,
}

/// Shard, business, deployment, key: rows of one shard lie together.
pub fn row_key(business: &str, deployment: &str, key: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 + business.len() + deployment.len() + key.len());
    bytes.extend(shard_of(key).0.to_be_bytes());
    for name in [business, deployment] {
        // Names have at most 63 bytes, see `model::check_name`.
        bytes.push(name.len() as u8);
        bytes.extend(name.as_bytes());
    }
    bytes.extend(key.as_bytes());
    bytes
}

fn checkpoint_name(shard: ShardId) -> Vec<u8> {
    [b"checkpoint-lsn/", &shard.0.to_be_bytes()[..]].concat()
}

/// Somebody else holds sled's lock: sled says so in words only.
fn is_lock(error: &sled::Error) -> bool {
    let text = error.to_string();
    text.contains("could not acquire lock") && text.contains("WouldBlock")
}

impl Store {
    /// Opens or makes a store. Reads sled's log once: keep a directory at 1 to 2 GB.
    pub fn open(folder: &Path) -> Result<Store, Error> {
        let failed = |error| Error::Sled { folder: folder.to_owned(), error };
        let config = sled::Config::default().path(folder).flush_every_ms(None).cache_capacity(CACHE_BYTES);
        let db = config.open().map_err(|error| {
            if is_lock(&error) { Error::InUse { folder: folder.to_owned() } } else { failed(error) }
        })?;
        let rows = db.open_tree("documents").map_err(failed)?;
        let meta = db.open_tree("meta").map_err(failed)?;
        let unsynced = |error| Error::Sync { folder: folder.to_owned(), error };
        let file = File::open(folder.join("db")).map_err(unsynced)?;
        let store = Store { folder: folder.to_owned(), _db: db, rows, meta, file };
        store.check_header()?;
        Ok(store)
    }

    fn check_header(&self) -> Result<(), Error> {
        let expected = format!("fishpond 1, {SHARD_COUNT} shards by {}", SHARD_HASH);
        let found = self.meta.get(HEADER).map_err(|error| self.failed(error))?;
        match found {
            None => {
                self.meta.insert(HEADER, expected.as_bytes()).map_err(|error| self.failed(error))?;
                self.sync()
            }
            Some(found) if *found == *expected.as_bytes() => Ok(()),
            Some(found) => {
                let found = String::from_utf8_lossy(&found).into_owned();
                Err(Error::Header { folder: self.folder.clone(), found, expected })
            }
        }
    }

    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let found = self.rows.get(key).map_err(|error| self.failed(error))?;
        Ok(found.map(|bytes| bytes.to_vec()))
    }

    /// Writes rows and has them on disk when it answers. The highest position among them is recorded in the same
    /// store, as evidence of what the journal must still hold; it goes first, so that no row is ever above it.
    pub fn write(&self, rows: &[Row]) -> Result<(), Error> {
        let highest = rows.iter().map(|row| row.lsn).max().unwrap_or_default();
        if highest > self.highest()? {
            self.put_lsn(HIGHEST, highest)?;
        }
        let mut batch = sled::Batch::default();
        rows.iter().for_each(|row| batch.insert(&*row.key, &*row.bytes));
        self.rows.apply_batch(batch).map_err(|error| self.failed(error))?;
        self.sync()
    }

    /// Highest position that any row or the checkpoint may hold.
    pub fn highest(&self) -> Result<Lsn, Error> {
        self.lsn(HIGHEST, "highest position")
    }

    /// For each shard: everything up to here is in its rows.
    pub fn checkpoints(&self) -> Result<[Lsn; SHARD_COUNT as usize], Error> {
        let mut found = [Lsn::ZERO; SHARD_COUNT as usize];
        for shard in ShardSet::ALL.iter() {
            found[usize::from(shard.0)] = self.lsn(&checkpoint_name(shard), "checkpoint")?;
        }
        Ok(found)
    }

    /// The mark is durable in the journal, so it is evidence as a row is.
    pub fn set_checkpoint(&self, shards: ShardSet, lsn: Lsn) -> Result<(), Error> {
        if lsn > self.highest()? {
            self.put_lsn(HIGHEST, lsn)?;
        }
        for shard in shards.iter() {
            self.put_lsn(&checkpoint_name(shard), lsn)?;
        }
        self.sync()
    }

    fn put_lsn(&self, name: &[u8], lsn: Lsn) -> Result<(), Error> {
        self.meta.insert(name, &lsn.0.to_be_bytes()).map(drop).map_err(|error| self.failed(error))
    }

    fn lsn(&self, name: &[u8], what: &'static str) -> Result<Lsn, Error> {
        let Some(bytes) = self.meta.get(name).map_err(|error| self.failed(error))? else { return Ok(Lsn::ZERO) };
        let bytes =
            <[u8; 8]>::try_from(&*bytes).map_err(|_| Error::Broken { folder: self.folder.clone(), name: what })?;
        Ok(Lsn(u64::from_be_bytes(bytes)))
    }

    fn sync(&self) -> Result<(), Error> {
        self.rows.flush().map_err(|error| self.failed(error))?;
        self.file.sync_data().map_err(|error| Error::Sync { folder: self.folder.clone(), error })
    }

    fn failed(&self, error: sled::Error) -> Error {
        Error::Sled { folder: self.folder.clone(), error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_positions_and_the_header_survive_a_reopen() {
        let folder = tempfile::tempdir().expect("a folder");
        let key = row_key("demo", "risk", "user:1");
        {
            let store = Store::open(folder.path()).expect("a store");
            assert_eq!(store.highest().expect("highest"), Lsn::ZERO);
            let row = |lsn| Row { key: key.clone(), bytes: vec![lsn as u8], lsn: Lsn(lsn) };
            store.write(&[row(7)]).expect("written");
            store.write(&[row(5)]).expect("written");
            store.set_checkpoint(ShardSet::ALL, Lsn(6)).expect("checkpoint");
        }
        let store = Store::open(folder.path()).expect("a store");
        assert_eq!(store.get(&key).expect("row"), Some(vec![5]));
        assert_eq!(
            (store.highest().expect("highest"), store.checkpoints().expect("checkpoints")[63]),
            (Lsn(7), Lsn(6))
        );
        assert_eq!(store.get(b"none").expect("row"), None);
    }

    #[test]
    fn a_store_of_another_shard_count_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        store.meta.insert(HEADER, "fishpond 1, 32 shards by xxh3-64").expect("written");
        drop(store);
        assert!(matches!(Store::open(folder.path()), Err(Error::Header { .. })));
    }

    #[test]
    fn row_keys_keep_names_apart() {
        assert_ne!(row_key("a", "bc", "k"), row_key("ab", "c", "k"));
        assert_eq!(row_key("a", "b", "k")[..2], shard_of("k").0.to_be_bytes());
    }
}
