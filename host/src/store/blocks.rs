//! Blocks of idempotency keys: numbered bytes in the first directory, written and synced as carefully as rows. What is
//! in them is their owner's business.
//!
//! A block has no position of its own: its owner writes it only when what it speaks of is durable in the journal.

use std::ops::Range;

use super::Store;
use super::directory::Directory;
use super::error::Error;
use crate::model::Lsn;

const IDENTITIES: &str = "identities";

/// Opens the tree.
pub(super) fn tree(first: &Directory) -> Result<sled::Tree, Error> {
    first.tree(IDENTITIES)
}

impl Store {
    /// Writes blocks, over older ones of their numbers, and has them on disk when it answers. They speak of positions up to
    /// `reach`, which is evidence as the positions of rows are. sled rewrites up to 16 neighbours with a block now and then:
    /// blocks of up to 64 KiB are cheap.
    pub fn put_blocks(&self, reach: Lsn, blocks: impl IntoIterator<Item = (u64, Vec<u8>)>) -> Result<(), Error> {
        self.change_blocks("write blocks to", reach, |first| {
            first.set_highest(reach)?;
            for (id, bytes) in blocks {
                self.blocks.insert(id.to_be_bytes(), bytes).map_err(|error| first.refused(error))?;
                first.given()?;
            }
            Ok(())
        })
    }

    /// Removes the blocks of these numbers, and answers how many there were.
    pub fn remove_blocks(&self, numbers: Range<u64>) -> Result<u64, Error> {
        let keys = numbers.start.to_be_bytes()..numbers.end.to_be_bytes();
        if self.blocks.range(keys.clone()).next().is_none() {
            return Ok(0);
        }
        let mut removed = 0;
        self.change_blocks("remove blocks from", Lsn::ZERO, |first| {
            for key in self.blocks.range(keys).keys() {
                let key = key.map_err(|error| first.failed(error))?;
                self.blocks.remove(key).map_err(|error| first.refused(error))?;
                first.given()?;
                removed += 1;
            }
            Ok(())
        })?;
        Ok(removed)
    }

    /// One block.
    pub fn block(&self, id: u64) -> Result<Option<Vec<u8>>, Error> {
        let found = self.blocks.get(id.to_be_bytes()).map_err(|error| self.first().failed(error))?;
        Ok(found.map(|bytes| bytes.to_vec()))
    }

    /// All blocks, by their numbers. What is written meanwhile may or may not be among them.
    pub fn blocks(&self) -> impl DoubleEndedIterator<Item = Result<(u64, Vec<u8>), Error>> + '_ {
        self.blocks.iter().map(|item| {
            let (key, bytes) = item.map_err(|error| self.first().failed(error))?;
            let id = <[u8; 8]>::try_from(&*key).map_err(|_| self.first().broken("number of a block"))?;
            Ok((u64::from_be_bytes(id), bytes.to_vec()))
        })
    }

    fn change_blocks(
        &self,
        what: &'static str,
        reach: Lsn,
        change: impl FnOnce(&Directory) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let first = self.first();
        first.writable()?;
        first.pass(&first.failpoints().before_blocks, reach).map_err(Error::io(what, first.folder()))?;
        change(first)?;
        first.sync(reach)
    }

    fn first(&self) -> &Directory {
        &self.directories[0]
    }
}
