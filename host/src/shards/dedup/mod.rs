//! Which identities have been accepted: exactly, as far back as they are remembered, and from where on that is not known
//! any more. A function of the events in their order and of the limits alone, so a start that goes through the same events
//! stands where a host stands that never stopped.
//!
//! In memory lie a small entry for each identity (`table`) and the newest identities whole; the rest is in blocks
//! (`block`), which whoever asks reads when an entry is hit. Whole blocks are forgotten, oldest first.

mod block;
mod table;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

pub use block::{BLOCK_IDS, Block, Entry, Head};
use table::Table;

use crate::model::{Event, Limits, Lsn};

/// Blocks that the identities of the horizon, or of the greatest number, are at least spread over: one at a time is forgotten.
const SHARES: u64 = 16;
/// Numbers of identities are told apart by their lower 32 bits.
const MOST_IDS: u64 = 1 << 31;

/// An identity that was accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known {
    pub lsn: Lsn,
    /// Hash of what must not change.
    pub content: u64,
}

/// Identities up to a number and an age: the younger of the two is the effective horizon.
pub struct Dedup {
    table: Table,
    /// Those that nothing is added to, as far as they are remembered, oldest first.
    sealed: VecDeque<Sealed>,
    /// Those of them, and of forgotten ones, that are not in the store.
    pending: VecDeque<Arc<Block>>,
    /// The newest; `floor`, `clock`, `oldest` and `upto` of its head are filled when it is handed out.
    open: Block,
    floor: u64,
    /// Newest receipt, milliseconds.
    clock: u64,
    /// The last accepted position.
    last: Lsn,
    /// Receipt of the very first, milliseconds.
    since: Option<u64>,
    limit: u64,
    horizon_ms: u64,
}

struct Sealed {
    first: u64,
    /// The latest time or receipt in it, milliseconds.
    newest: u64,
}

impl Dedup {
    pub fn new(limits: &Limits) -> Dedup {
        Dedup {
            table: Table::new(),
            sealed: VecDeque::new(),
            pending: VecDeque::new(),
            open: Block::default(),
            floor: 0,
            clock: 0,
            last: Lsn::ZERO,
            since: None,
            limit: limits.dedup_ids.min(MOST_IDS),
            horizon_ms: limits.dedup_horizon_ms,
        }
    }

    /// The accepted event of this identity. `read` brings the block that begins with a number from the store.
    pub fn find<E>(
        &self,
        identity: u128,
        mut read: impl FnMut(u64) -> Result<Arc<Block>, E>,
    ) -> Result<Option<Known>, E> {
        let is_remembered = self.is_remembered();
        for low in self.table.candidates(identity).filter(|low| is_remembered(*low)) {
            let number = self.open.end() - u64::from((self.open.end() as u32).wrapping_sub(low));
            let entry = self.entry(number, &mut read)?;
            if let Some(Entry { content, lsn, .. }) = entry.filter(|entry| entry.identity == identity) {
                return Ok(Some(Known { lsn, content }));
            }
        }
        Ok(None)
    }

    fn entry<E>(&self, number: u64, read: &mut impl FnMut(u64) -> Result<Arc<Block>, E>) -> Result<Option<Entry>, E> {
        let of = |block: &Block| block.entries.get((number - block.head.first) as usize).copied();
        if number >= self.open.head.first {
            return Ok(of(&self.open));
        }
        let before = self.pending.partition_point(|block| block.head.first <= number);
        if let Some(pending) = before.checked_sub(1).and_then(|index| self.pending.get(index)) {
            return Ok(of(pending));
        }
        let before = self.sealed.partition_point(|sealed| sealed.first <= number);
        let Some(sealed) = before.checked_sub(1).and_then(|index| self.sealed.get(index)) else { return Ok(None) };
        Ok(of(&*read(sealed.first)?))
    }

    /// Of the lower half of a number.
    fn is_remembered(&self) -> impl Fn(u32) -> bool + use<> {
        let (next, count) = (self.open.end() as u32, self.len());
        move |low| (1..=count).contains(&u64::from(next.wrapping_sub(low)))
    }

    /// Remembers an accepted event that was not known, and forgets what is over the limit or beyond the horizon.
    pub fn insert(&mut self, event: &Event, identity: u128, known: Known) {
        self.since.get_or_insert(event.received);
        // What comes seldom is not kept for ever by a block that never fills.
        let span = (self.horizon_ms / SHARES).max(1);
        if !self.open.entries.is_empty() && event.received >= self.open.head.begun.saturating_add(span) {
            // Nothing of this event: it need not be durable when the block is. All before it is known.
            self.seal(known.lsn.previous());
        }
        (self.clock, self.last) = (self.clock.max(event.received), known.lsn);
        if self.open.entries.is_empty() {
            (self.open.head.begun, self.open.head.newest) = (event.received, 0);
        }
        self.open.head.newest = self.open.head.newest.max(event.received.max(event.time));
        self.table.insert(identity, self.open.end() as u32, self.is_remembered());
        self.open.entries.push(Entry { identity, content: known.content, lsn: known.lsn });
        if self.open.entries.len() as u64 >= (self.limit / SHARES).clamp(1, BLOCK_IDS) {
            self.seal(known.lsn);
        }
        self.forget();
    }

    /// `upto`: everything that was accepted up to there is in this block or in one before it.
    fn seal(&mut self, upto: Lsn) {
        let next = Block { head: Head { first: self.open.end(), ..Head::default() }, entries: Vec::new() };
        let head = Head { open: false, ..self.head(upto) };
        let sealed = Block { head, ..std::mem::replace(&mut self.open, next) };
        self.sealed.push_back(Sealed { first: sealed.head.first, newest: sealed.head.newest });
        self.pending.push_back(Arc::new(sealed));
    }

    /// Of the open block, as it is now.
    fn head(&self, upto: Lsn) -> Head {
        Head { oldest: self.oldest(), floor: self.floor, clock: self.clock, upto, open: true, ..self.open.head }
    }

    fn forget(&mut self) {
        while let Some(Sealed { newest, .. }) = self.sealed.front() {
            if self.len() <= self.limit && newest.saturating_add(self.horizon_ms) >= self.clock {
                break;
            }
            self.raise_floor(*newest);
            self.sealed.pop_front();
        }
    }

    /// What was dated or received up to then may have been forgotten.
    pub fn raise_floor(&mut self, time: u64) {
        self.floor = self.floor.max(time).max(1);
    }

    /// What is dated or was received up to then may have been forgotten, milliseconds; 0 as long as nothing was.
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// Number of the oldest that is remembered.
    fn oldest(&self) -> u64 {
        self.sealed.front().map_or(self.open.head.first, |sealed| sealed.first)
    }

    /// Identities that are remembered.
    pub fn len(&self) -> u64 {
        self.open.end() - self.oldest()
    }

    /// Identities in full blocks that are not in the store.
    pub fn unwritten(&self) -> u64 {
        self.pending.front().map_or(0, |first| self.open.head.first - first.head.first)
    }

    /// How far back duplicates are found now, milliseconds.
    pub fn effective_horizon_ms(&self) -> u64 {
        let from = if self.floor > 0 { self.floor } else { self.since.unwrap_or(self.clock) };
        self.clock.saturating_sub(from)
    }

    /// Blocks that the store does not have, in their order; with a mark the open one too, so that they hold everything up to
    /// there.
    pub fn to_write(&self, mark: Option<Lsn>) -> Vec<Arc<Block>> {
        let mut blocks: Vec<Arc<Block>> = self.pending.iter().cloned().collect();
        if let Some(mark) = mark {
            let head = self.head(self.last.max(mark));
            blocks.push(Arc::new(Block { head, entries: self.open.entries.clone() }));
        }
        blocks
    }

    /// Full blocks that begin up to this number are in the store.
    pub fn written(&mut self, first: u64) {
        while self.pending.front().is_some_and(|block| block.head.first <= first) {
            self.pending.pop_front();
        }
    }

    /// Does the block go on behind those that were restored, if there are any?
    pub fn is_followed_by(&self, head: &Head) -> bool {
        let is_first = self.sealed.is_empty() && !self.open.head.open;
        is_first || (!self.open.head.open && self.open.head.first == head.first)
    }

    /// Takes the next block from the store. False if it does not follow the ones before.
    pub fn restore(&mut self, block: Block) -> bool {
        let Head { first, begun, newest, open, .. } = block.head;
        if !self.is_followed_by(&block.head) {
            return false;
        }
        if !block.entries.is_empty() {
            self.since.get_or_insert(begun);
        }
        for (entry, number) in block.entries.iter().zip(first..) {
            self.table.insert(entry.identity, number as u32, |_| true);
        }
        if open {
            self.open = block;
        } else {
            self.sealed.push_back(Sealed { first, newest });
            self.open = Block { head: Head { first: block.end(), ..Head::default() }, entries: Vec::new() };
        }
        true
    }

    /// Ends what [`Self::restore`] began: everything is as it was behind the last block, but what forgetting it led to.
    pub fn restored(&mut self, last: Head) {
        self.open.head.open = false;
        (self.clock, self.last) = (last.clock, last.upto);
        self.floor = self.floor.max(last.floor);
        self.forget();
    }
}
