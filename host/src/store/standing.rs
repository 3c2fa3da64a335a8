//! What a start needs and rows do not say: the control frames, how far the readers of each shard are, and which rows have
//! timers. What is in the bytes is their owner's business.

use super::Store;
use super::directory::Directory;
use super::error::Error;
use super::key::shards;
use crate::model::{Lsn, ShardId};

const CONTROLS: &str = "controls";

pub(super) fn controls_tree(first: &Directory) -> Result<sled::Tree, Error> {
    first.tree(CONTROLS)
}

impl Store {
    /// Keeps control frames, and has them on disk when it answers. They are durable in the journal, which may forget them
    /// from then on.
    pub fn put_controls(&self, controls: &[(Lsn, Vec<u8>)]) -> Result<(), Error> {
        let Some(highest) = controls.iter().map(|(lsn, _)| *lsn).max() else { return Ok(()) };
        let first = &self.directories[0];
        first.writable()?;
        first.pass(&first.failpoints().before_checkpoint, highest).map_err(Error::io("write to", first.folder()))?;
        // As a row: what the journal must hold.
        first.set_highest(highest)?;
        for (lsn, bytes) in controls {
            first.load(&self.controls, &lsn.0.to_be_bytes(), bytes)?;
        }
        first.sync(highest)
    }

    /// The control frames that are kept, in their order.
    pub fn controls(&self) -> impl Iterator<Item = Result<(Lsn, Vec<u8>), Error>> + '_ {
        self.controls.iter().map(|item| {
            let first = &self.directories[0];
            let (key, bytes) = item.map_err(|error| first.failed(error))?;
            let lsn = <[u8; 8]>::try_from(&*key).map_err(|_| first.broken("position of a control frame"))?;
            Ok((Lsn(u64::from_be_bytes(lsn)), bytes.to_vec()))
        })
    }

    /// How far the readers of a shard were at its checkpoint or behind it; None while it has no checkpoint.
    ///
    /// # Errors
    /// [`Error::Broken`] if there is a checkpoint without it.
    pub fn progress(&self, shard: ShardId) -> Result<Option<Vec<u8>>, Error> {
        let directory = &self.directories[self.directory_of(shard)];
        // First: a checkpoint is noted behind its progress, also while this reads.
        let checkpoint = directory.marks().checkpoints[usize::from(shard.0)];
        let found = directory.progress().get(shard.0.to_be_bytes()).map_err(|error| directory.failed(error))?;
        match found {
            None if checkpoint > Lsn::ZERO => Err(directory.broken("progress")),
            found => Ok(found.map(|bytes| bytes.to_vec())),
        }
    }

    /// Keys of the rows whose documents have timers, by shard. Some may have none any more, or be gone.
    pub fn timer_rows(&self) -> impl Iterator<Item = Result<Vec<u8>, Error>> + '_ {
        shards().flat_map(|shard| {
            let directory = &self.directories[self.directory_of(shard)];
            let keys = directory.timers().scan_prefix(shard.0.to_be_bytes()).keys();
            keys.map(|key| key.map(|key| key.to_vec()).map_err(|error| directory.failed(error)))
        })
    }
}
