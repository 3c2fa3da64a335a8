//! What a start takes from the store's blocks, whole or not: what they do not hold comes again from the journal where
//! it still is, and counts as forgotten where it is not.

use super::super::dedup::{Block, Dedup, Head};
use crate::model::{Limits, Lsn};
use crate::store::{self, Store};

/// Blocks under restoration.
struct Restoring<'a> {
    dedup: Dedup,
    limits: &'a Limits,
    /// Where the journal begins.
    begins: Lsn,
    /// Of the first and of the last block that was taken.
    taken: Option<(Head, Head)>,
    /// Blocks from here on come again from the journal.
    stale: Option<u64>,
    floor: u64,
}

/// Takes the blocks that follow each other, and answers the head of the last one. `begins`: where the journal does.
pub(super) fn restore(store: &Store, begins: Lsn, limits: &Limits) -> Result<(Dedup, Head), store::Error> {
    let dedup = Dedup::new(limits);
    let mut restoring = Restoring { dedup, limits, begins, taken: None, stale: None, floor: 0 };
    let oldest = oldest(store)?;
    for item in store.blocks() {
        let (number, bytes) = item?;
        // A base copy that was taken while blocks were written may have some that were forgotten meanwhile.
        if number >= oldest {
            restoring.block(number, Block::decode(&bytes).filter(|block| block.head.first == number));
        }
    }
    let stale = restoring.stale;
    let restored = restoring.end();
    if let Some(stale) = stale {
        store.remove_blocks(stale..u64::MAX)?;
    }
    Ok(restored)
}

/// Number of the oldest identity that the newest good block speaks of as remembered.
fn oldest(store: &Store) -> Result<u64, store::Error> {
    for item in store.blocks().rev() {
        let (number, bytes) = item?;
        if let Some(block) = Block::decode(&bytes).filter(|block| block.head.first == number) {
            return Ok(block.head.oldest);
        }
    }
    Ok(0)
}

impl Restoring<'_> {
    fn block(&mut self, number: u64, block: Option<Block>) {
        self.floor = block.as_ref().map_or(self.floor, |block| self.floor.max(block.head.floor));
        if self.stale.is_some() {
            return;
        }
        match block {
            Some(block) if self.dedup.is_followed_by(&block.head) => self.take(block),
            _ if self.is_in_the_journal() => {
                tracing::warn!(number, "a block of identities is damaged or gone: it is made again from the journal");
                self.stale = Some(number);
            }
            Some(block) => {
                tracing::warn!(
                    number,
                    "identities before this block are damaged or gone, also from the journal: they count as forgotten"
                );
                (self.dedup, self.taken) = (Dedup::new(self.limits), None);
                self.take(block);
            }
            None => tracing::warn!(number, "a block of identities is damaged, and its events have been released"),
        }
    }

    fn take(&mut self, block: Block) {
        let head = block.head;
        self.dedup.restore(block);
        self.taken = Some((self.taken.map_or(head, |(first, _)| first), head));
    }

    /// Does the journal have everything behind what was taken?
    fn is_in_the_journal(&self) -> bool {
        self.taken.map_or(Lsn::ZERO, |(_, last)| last.upto).next() >= self.begins
    }

    fn end(self) -> (Dedup, Head) {
        let Restoring { mut dedup, limits, taken, floor, .. } = self;
        let (first, last) = taken.unwrap_or_default();
        dedup.restored(last);
        if floor > 0 {
            dedup.raise_floor(floor);
        }
        if last.oldest < first.first {
            // The last block that was taken remembers what is in none of these: a later one, which is lost, had forgotten
            // it, or it is lost itself. All of it was received up to the first one's clock, and no time may be far ahead
            // of that.
            dedup.raise_floor(first.clock.saturating_add(limits.skew_future_ms));
        }
        (dedup, last)
    }
}
