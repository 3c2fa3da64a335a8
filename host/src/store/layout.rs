//! The folder of a store: numbered directories, each of which says where it belongs; making one, and refusing what does
//! not fit together.
//!
//! A store is made under a marker file, so that a crash in between leaves no half of one: what is marked holds no rows
//! and is made again.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::Path;

use super::directory::{Directory, Label};
use super::error::Error;
use super::files::DATABASE;
use super::options::Options;
use crate::model::{SHARD_COUNT, SHARD_HASH};
use crate::tasks::patiently;

/// There while a store is made: nothing is in it yet.
pub(super) const MAKING: &str = "making";
/// There while a base copy is loaded: what is in it is not whole.
pub(super) const LOADING: &str = "loading";
const LOCK: &str = "LOCK";

/// One process for each store; the kernel drops it when its holder dies.
pub struct Lock(#[expect(dead_code, reason = "held, not read")] File);

/// Opens what is there, or makes a store.
pub(super) fn open(folder: &Path, options: &Options) -> Result<(Vec<Directory>, Lock), Error> {
    if folder.join(DATABASE).exists() {
        return Err(Error::OldLayout { folder: folder.to_owned() });
    }
    std::fs::create_dir_all(folder).map_err(Error::io("make", folder))?;
    let lock = lock(folder)?;
    if folder.join(LOADING).exists() {
        return Err(Error::Unfinished { folder: folder.to_owned() });
    }
    if folder.join(MAKING).exists() {
        clear(folder)?;
    }
    let numbers = numbers(folder)?;
    if numbers.is_empty() {
        let directories = make(folder, options, MAKING)?;
        finish(folder, MAKING)?;
        return Ok((directories, lock));
    }
    let directories = open_all(folder, &numbers, options)?;
    fit(folder, &directories)?;
    Ok((directories.into_values().collect(), lock))
}

/// Is there anything that an open would read, or refuse? What is only being made counts as nothing.
pub(super) fn is_there(folder: &Path) -> bool {
    let database = |path: &Path| path.join(DATABASE).exists();
    let below = std::fs::read_dir(folder).into_iter().flatten().flatten();
    !folder.join(MAKING).exists() && (database(folder) || below.map(|entry| entry.path()).any(|path| database(&path)))
}

pub(super) fn lock(folder: &Path) -> Result<Lock, Error> {
    let path = folder.join(LOCK);
    let file =
        File::options().write(true).create(true).truncate(false).open(&path).map_err(Error::io("open", &path))?;
    match patiently(|| file.try_lock(), |error| matches!(error, TryLockError::WouldBlock)) {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { folder: folder.to_owned() }),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", &path)(error)),
    }
}

/// Numbers of the directories that are there. Other folders that hold a database are named, anything else is not ours.
fn numbers(folder: &Path) -> Result<Vec<usize>, Error> {
    let mut numbers = Vec::new();
    let mut others = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let entry = entry.map_err(Error::io("read", folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let database = entry.path().join(DATABASE).exists();
        match name.parse::<usize>().ok().filter(|number| number.to_string() == name) {
            Some(number) if database => numbers.push(number),
            _ if database => others.push(name),
            _ => {}
        }
    }
    match others.pop() {
        Some(name) => Err(Error::Surplus { folder: folder.to_owned(), name, count: numbers.len() }),
        None => {
            numbers.sort_unstable();
            Ok(numbers)
        }
    }
}

/// Opens databases side by side: each reads its whole log.
fn open_all(folder: &Path, numbers: &[usize], options: &Options) -> Result<BTreeMap<usize, Directory>, Error> {
    let cache = (options.cache_bytes / numbers.len() as u64).max(1 << 20);
    let open = |number: usize| Directory::open(&name(folder, number), number, cache, options.failpoints.clone());
    std::thread::scope(|scope| {
        let threads: Vec<_> = numbers.iter().map(|number| (*number, scope.spawn(move || open(*number)))).collect();
        let opened = threads.into_iter().map(|(number, thread)| {
            let joined = thread.join();
            let failed = |payload: Box<dyn std::any::Any + Send>| Error::panicked(&name(folder, number), &*payload);
            Ok((number, joined.map_err(failed)??))
        });
        // All are joined before the first error is told: a scope panics for a thread that nobody asked.
        opened.collect::<Vec<_>>().into_iter().collect()
    })
}

/// Each says where it belongs, and all of them are there.
fn fit(folder: &Path, directories: &BTreeMap<usize, Directory>) -> Result<(), Error> {
    let mut labels = BTreeMap::new();
    for (number, directory) in directories {
        labels.insert(*number, directory.label()?);
    }
    let (count, store) = most(labels.values().flatten().filter_map(|label| Some((count(&label.header)?, label.store))))
        .ok_or_else(|| nothing_said(folder, &labels))?;
    if let Some(number) = labels.keys().find(|number| **number >= count) {
        return Err(Error::Surplus { folder: folder.to_owned(), name: number.to_string(), count });
    }
    if let Some(number) = (0..count).find(|number| !labels.contains_key(number)) {
        return Err(Error::Missing { folder: folder.to_owned(), number, count });
    }
    for (number, label) in labels {
        let expected = Label { header: header(number, count), store };
        if label.as_ref() != Some(&expected) {
            return Err(foreign(folder, number, label, &expected));
        }
    }
    Ok(())
}

/// What is said most often: one directory of another store is then the one that is named. The first, if all differ.
fn most<T: PartialEq>(said: impl Iterator<Item = T>) -> Option<T> {
    let mut votes: Vec<(T, usize)> = Vec::new();
    for said in said {
        match votes.iter_mut().find(|(known, _)| *known == said) {
            Some((_, votes)) => *votes += 1,
            None => votes.push((said, 1)),
        }
    }
    votes.into_iter().rev().max_by_key(|(_, votes)| *votes).map(|(said, _)| said)
}

/// No directory has a header that this host can read.
fn nothing_said(folder: &Path, labels: &BTreeMap<usize, Option<Label>>) -> Error {
    let found = labels.values().flatten().next().map_or_else(|| "nothing".to_owned(), |label| label.header.clone());
    if found.starts_with("fishpond 1, ") {
        // As no release has made it: it does not say how far readers are.
        return Error::OldLayout { folder: folder.to_owned() };
    }
    Error::Header { folder: folder.to_owned(), found, expected: format!("{}N of N", prefix()) }
}

fn foreign(folder: &Path, number: usize, label: Option<Label>, expected: &Label) -> Error {
    let says = |label: &Label| match label.header == expected.header {
        true => format!("{} of store {}", label.header, hex(&label.store)),
        false => label.header.clone(),
    };
    let (found, expected) = match &label {
        Some(label) if label.header == expected.header => (says(label), says(expected)),
        Some(label) => (says(label), expected.header.clone()),
        None => ("nothing".to_owned(), expected.header.clone()),
    };
    Error::Foreign { folder: name(folder, number), found, expected }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes all directories; the marker stays until [`finish`]. The folder is empty, or holds what an unfinished making
/// left and [`clear`] has removed.
pub(super) fn make(folder: &Path, options: &Options, marker: &str) -> Result<Vec<Directory>, Error> {
    let count = options.directories;
    if count == 0 || count > usize::from(SHARD_COUNT) {
        return Err(Error::Directories { asked: count, most: SHARD_COUNT });
    }
    let path = folder.join(marker);
    File::create(&path).and_then(|file| file.sync_all()).map_err(Error::io("write", &path))?;
    sync_folder(folder)?;
    let mut store = [0; 16];
    getrandom::fill(&mut store)
        .map_err(|error| Error::io("name a store in", folder)(std::io::Error::other(error.to_string())))?;
    let numbers: Vec<usize> = (0..count).collect();
    let directories = open_all(folder, &numbers, options)?;
    for (number, directory) in &directories {
        directory.put_label(&Label { header: header(*number, count), store })?;
    }
    sync_folder(folder)?;
    folder.parent().filter(|above| !above.as_os_str().is_empty()).map_or(Ok(()), sync_folder)?;
    Ok(directories.into_values().collect())
}

/// The store is whole from here on.
pub(super) fn finish(folder: &Path, marker: &str) -> Result<(), Error> {
    let path = folder.join(marker);
    std::fs::remove_file(&path).map_err(Error::io("remove", &path))?;
    sync_folder(folder)
}

/// Removes the directories of a store that is marked as unfinished.
pub(super) fn clear(folder: &Path) -> Result<(), Error> {
    for number in 0..usize::from(SHARD_COUNT) {
        let path = name(folder, number);
        if path.exists() {
            std::fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
        }
    }
    sync_folder(folder)
}

/// Removes what is left of a load that failed: the marker last, so that a crash in between is still told.
pub(super) fn abandon(folder: &Path, marker: &str, lock: Lock) -> Result<(), Error> {
    clear(folder)?;
    let path = folder.join(LOCK);
    std::fs::remove_file(&path).map_err(Error::io("remove", &path))?;
    drop(lock);
    // There is none if it failed before anything was made.
    if folder.join(marker).exists() { finish(folder, marker) } else { Ok(()) }
}

fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))
}

fn name(folder: &Path, number: usize) -> std::path::PathBuf {
    folder.join(number.to_string())
}

/// What every key depends on, and what lies beside the rows.
fn prefix() -> String {
    format!("fishpond 2, {SHARD_COUNT} shards by {SHARD_HASH}, directory ")
}

fn header(number: usize, count: usize) -> String {
    format!("{}{number} of {count}", prefix())
}

/// The number of directories in a header, if this host can use it.
fn count(header: &str) -> Option<usize> {
    let (_, count) = header.strip_prefix(&prefix())?.split_once(" of ")?;
    count.parse().ok().filter(|count| (1..=usize::from(SHARD_COUNT)).contains(count))
}
