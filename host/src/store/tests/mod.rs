//! The store's promises, file by file; what they share is here.

mod blocks;
mod check;
mod crafted;
mod damage;
mod dump;
mod failing;
mod headers;
mod key;
mod layout;
mod standing;
mod writes;

use std::path::Path;
use std::sync::Arc;

use super::*;

const CACHE: u64 = 8 << 20;

fn open(folder: &Path, directories: usize) -> Store {
    Store::open(folder, directories, CACHE).expect("a store")
}

fn options(directories: usize, failpoints: Failpoints) -> Options {
    Options { directories, cache_bytes: CACHE, failpoints }
}

fn refused(folder: &Path) -> Error {
    Store::open(folder, 4, CACHE).err().expect("it is refused")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn key(number: u64) -> Vec<u8> {
    row_key("demo", "risk", &format!("user:{number}"))
}

fn row(number: u64, lsn: u64) -> Row {
    Row { key: key(number), bytes: Some(format!("{number} at {lsn}").into_bytes()), lsn: Lsn(lsn), timers: false }
}

/// Rows of users 0 to `count`, at positions 1 to `count`.
fn rows(count: u64) -> Vec<Row> {
    (0..count).map(|number| row(number, number + 1)).collect()
}

fn put_block(store: &Store, id: u64, bytes: &[u8]) -> Result<(), Error> {
    store.put_blocks(Lsn::ZERO, [(id, bytes.to_vec())])
}

fn stored(store: &Store, number: u64) -> Option<String> {
    let bytes = store.get(&key(number)).expect("it can be read");
    bytes.map(|bytes| String::from_utf8(bytes).expect("text"))
}

/// The directory of a user's row.
fn home(store: &Store, number: u64) -> usize {
    store.directory_of(crate::model::shard_of(&format!("user:{number}")))
}

/// A user in this directory.
fn user_in(store: &Store, directory: usize) -> u64 {
    (0..).find(|number| home(store, *number) == directory).expect("there are many users")
}

fn point(hook: impl Fn(Place) -> std::io::Result<()> + Send + Sync + 'static) -> Option<Failpoint> {
    Some(Arc::new(hook))
}
