//! Makes a store from a dump, in an empty folder. It is no store before the end, and nothing opens it before that.

use std::io::Read;
use std::path::Path;

use super::read::read_dump;
use super::{DumpError, Entry, Progress, Summary};
use crate::model::{Lsn, ShardId};
use crate::store::blocks;
use crate::store::directory::Directory;
use crate::store::error::Error;
use crate::store::key::{shard_in, shards};
use crate::store::layout::{self, LOADING};
use crate::store::options::Options;
use crate::store::standing;

/// Makes a fresh store from a dump: rows, blocks, the checkpoints from before the dump, and the highest position as
/// evidence. The number of directories is that of `options`, which need not be that of the dump. After an error the
/// folder is as empty as before.
pub fn load_dump(
    from: impl Read,
    folder: &Path,
    options: &Options,
    progress: impl FnMut(Progress),
) -> Result<Summary, DumpError> {
    std::fs::create_dir_all(folder).map_err(Error::io("make", folder))?;
    let mut entries = std::fs::read_dir(folder).map_err(Error::io("read", folder))?;
    if let Some(entry) = entries.next() {
        let name = entry.map_err(Error::io("read", folder))?.file_name().to_string_lossy().into_owned();
        return Err(Error::NotEmpty { folder: folder.to_owned(), name }.into());
    }
    let lock = layout::lock(folder)?;
    let loaded = load(from, folder, options, progress);
    if loaded.is_err()
        && let Err(error) = layout::abandon(folder, LOADING, lock)
    {
        tracing::warn!(%error, "what was loaded cannot be removed");
    }
    loaded
}

fn load(
    from: impl Read,
    folder: &Path,
    options: &Options,
    mut progress: impl FnMut(Progress),
) -> Result<Summary, DumpError> {
    let mut dump = read_dump(from)?;
    let directories = layout::make(folder, options, LOADING)?;
    let (blocks, controls) = (blocks::tree(&directories[0])?, standing::controls_tree(&directories[0])?);
    let of = |shard: ShardId| &directories[usize::from(shard.0) % directories.len()];
    let mut told = dump.progress();
    while let Some(entry) = dump.next() {
        match entry? {
            Entry::Row { key, bytes } => {
                let directory = of(shard_in(&key));
                directory.load(directory.rows(), &key, &bytes)?;
            }
            Entry::Block { id, bytes } => directories[0].load(&blocks, &id.to_be_bytes(), &bytes)?,
            Entry::Control { lsn, bytes } => directories[0].load(&controls, &lsn.0.to_be_bytes(), &bytes)?,
            Entry::Progress { shard, bytes } => {
                of(shard).load(of(shard).progress(), &shard.0.to_be_bytes(), &bytes)?;
            }
            Entry::Timers { key } => {
                let directory = of(shard_in(&key));
                directory.load(directory.timers(), &key, &[])?;
            }
        }
        if dump.progress().bytes > told.bytes {
            told = dump.progress();
            progress(told);
        }
    }
    let summary = dump.finish()?;
    for (number, directory) in directories.iter().enumerate() {
        close(directory, number, directories.len(), &summary)?;
    }
    drop((blocks, controls, directories));
    layout::finish(folder, LOADING)?;
    Ok(summary)
}

/// Marks, and everything on disk.
fn close(directory: &Directory, number: usize, count: usize, summary: &Summary) -> Result<(), Error> {
    directory.set_highest(summary.highest)?;
    let own = shards().filter(|shard| usize::from(shard.0) % count == number);
    let checkpoint = |shard: ShardId| (shard, summary.header.checkpoints[usize::from(shard.0)]);
    let checkpoints: Vec<(ShardId, Lsn)> = own.map(checkpoint).collect();
    directory.set_checkpoints(&checkpoints, &[])
}
