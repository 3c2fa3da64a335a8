//! The data folder as files: copying it, and whether a folder is free for a new one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// In a data folder that is being restored.
pub const MARKER: &str = "restoring";

/// What every new file system holds.
const LOST_AND_FOUND: &str = "lost+found";

/// What is not copied: the store is made anew or copied apart, native code is compiled again.
const LEFT_OUT: [&str; 2] = ["store", "native"];
/// Of one process.
const LOCK: &str = "LOCK";

/// Refuses a folder that holds anything.
pub fn is_free(folder: &Path) -> anyhow::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", folder.display())),
    };
    for entry in entries {
        let name = entry.with_context(|| format!("cannot read {}", folder.display()))?.file_name();
        if name != LOST_AND_FOUND {
            bail!(
                "{} is not empty (it holds `{}`): name a folder that is empty or not there yet",
                folder.display(),
                name.to_string_lossy()
            );
        }
    }
    Ok(())
}

/// A data folder has a journal.
pub(super) fn journal_of(data: &Path) -> anyhow::Result<PathBuf> {
    let journal = data.join("journal");
    if !journal.is_dir() {
        bail!("{} is no data folder: there is no `journal` in it. Name one with DATA or --data", data.display());
    }
    Ok(journal)
}

/// Copies everything but the store and what is made again by itself; files and folders are on disk when it answers.
pub(super) fn copy_data(data: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in entries(data)? {
        let name = name(&entry);
        // Stores that were replaced are named after it.
        if !LEFT_OUT.iter().any(|left| name == *left || name.starts_with(&format!("{left}."))) {
            copy(&entry, &to.join(name))?;
        }
    }
    sync(to)
}

/// Makes a data folder: until that is done it is marked, so that no host starts on it; after an error it is emptied.
pub fn making<T>(to: &Path, make: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    let marker = to.join(MARKER);
    fs::write(&marker, b"what is here is not whole\n").with_context(|| format!("cannot write {}", marker.display()))?;
    sync(&marker)?;
    sync(to)?;
    match make() {
        Ok(made) => {
            fs::remove_file(&marker).with_context(|| format!("cannot remove {}", marker.display()))?;
            sync(to)?;
            Ok(made)
        }
        Err(error) => {
            clear(to)?;
            Err(error)
        }
    }
}

/// Removes everything in a folder that was free.
pub fn clear(folder: &Path) -> anyhow::Result<()> {
    for path in entries(folder)?.iter().filter(|path| name(path) != LOST_AND_FOUND) {
        let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        removed.with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

/// Copies a file, or a folder with everything in it.
pub(super) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    if !from.is_dir() {
        fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
        return sync(to);
    }
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in entries(from)? {
        let name = name(&entry);
        if name != LOCK {
            copy(&entry, &to.join(name))?;
        }
    }
    sync(to)
}

/// Everything in a folder, by name.
pub(super) fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let read = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut paths: Vec<PathBuf> = read.with_context(|| format!("cannot read {}", folder.display()))?;
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A file or folder is on disk.
pub(super) fn sync(path: &Path) -> anyhow::Result<()> {
    File::open(path).and_then(|file| file.sync_all()).with_context(|| format!("cannot sync {}", path.display()))
}
