//! What can go wrong in the store, said so that an operator knows which folder and what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Every failure of the store. What is damaged can be made again: from the base copy and the journal behind it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the store {folder} cannot be used: {error}")]
    Sled { folder: PathBuf, error: sled::Error },
    /// What sled reads is not what it wrote.
    #[error(
        "the store {folder} is damaged: {reason}. Stop the host, keep a copy, and run `fishpond doctor rebuild`: it rebuilds the store from the base copy and the journal"
    )]
    Corrupt { folder: PathBuf, reason: String },
    #[error(
        "the store {folder} is in use by another process: stop that host first, or give this one another data folder (--data)"
    )]
    InUse { folder: PathBuf },
    #[error("cannot {what} {path}: {error}")]
    Io { what: &'static str, path: PathBuf, error: io::Error },
    /// Whether the last rows are on disk is not known; nothing more is written there by this process.
    #[error("the store {folder} cannot be synced: {error}")]
    Sync { folder: PathBuf, error: io::Error },
    #[error(
        "the store {folder} takes no more writes, because an earlier write or sync failed ({reason}): mend the disk, restart the host"
    )]
    Failed { folder: PathBuf, reason: String },
    #[error(
        "the store {folder} was made with `{found}`, this host uses `{expected}`: rows cannot be found under other keys. Use the fishpond that made it"
    )]
    Header { folder: PathBuf, found: String, expected: String },
    /// A store as no release has made it: one database in the folder itself, or without what a start needs beside rows.
    #[error("the store {folder} is of an older layout: remove the folder, it is rebuilt from the journal")]
    OldLayout { folder: PathBuf },
    #[error("store_directories is {asked}: a store has between 1 and {most} directories")]
    Directories { asked: usize, most: u16 },
    #[error(
        "the store {folder} has {count} directories, and `{number}` is missing: put it back where it was, or run `fishpond doctor rebuild`, which rebuilds the store"
    )]
    Missing { folder: PathBuf, number: usize, count: usize },
    #[error("the store {folder} has {count} directories, and `{name}` is none of them: move it out of the folder")]
    Surplus { folder: PathBuf, name: String, count: usize },
    #[error(
        "directory {folder} says `{found}` and should say `{expected}`: it belongs elsewhere. Put the right one in its place, or run `fishpond doctor rebuild`, which rebuilds the store"
    )]
    Foreign { folder: PathBuf, found: String, expected: String },
    /// A crash or an error ended a load; there is no telling what is in it.
    #[error("loading a base copy into the store {folder} was not finished: remove the folder and load it again")]
    Unfinished { folder: PathBuf },
    #[error("{folder} is not empty (it holds `{name}`): a base copy is loaded into an empty folder only")]
    NotEmpty { folder: PathBuf, name: String },
    #[error(
        "the store {folder} holds a broken {name} record: run `fishpond doctor rebuild`, which rebuilds it from the base copy and the journal"
    )]
    Broken { folder: PathBuf, name: &'static str },
    /// A caller's mistake: nothing was written.
    #[error("a row of shard {shard} belongs to directory {belongs}, not to directory {asked}")]
    OtherDirectory { shard: u16, belongs: usize, asked: usize },
}

impl Error {
    /// sled says in words only that somebody else holds its lock, and hides damage behind some kinds of file errors.
    pub(super) fn sled(folder: &Path, error: sled::Error) -> Error {
        let folder = folder.to_owned();
        let text = error.to_string();
        match &error {
            sled::Error::Corruption { .. } => Error::Corrupt { folder, reason: text },
            sled::Error::Io(inner) if is_damage(inner.kind()) => Error::Corrupt { folder, reason: text },
            _ if text.contains("could not acquire lock") && text.contains("WouldBlock") => Error::InUse { folder },
            _ => Error::Sled { folder, error },
        }
    }

    /// sled asserts while it reads what is damaged.
    pub(super) fn panicked(folder: &Path, payload: &(dyn std::any::Any + Send)) -> Error {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without a word");
        Error::Corrupt { folder: folder.to_owned(), reason: format!("sled gave up: {text}") }
    }

    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        move |error| Error::Io { what, path: path.to_owned(), error }
    }
}

/// A part of the file, or a value in a file of its own, is not there or too short.
fn is_damage(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData)
}
