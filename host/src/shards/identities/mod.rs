//! Identities of accepted events: one [`Dedup`] for the host, and its blocks in the store.
//!
//! A thread of its own writes blocks when they are full and durable in the journal; no acceptance waits for the disk. A
//! checkpoint writes the open block as well, before the store may call itself complete up to the mark: so whatever has a
//! checkpoint has the identities up to it, and a start reads the journal no further back for them.

mod restore;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::dedup::{Block, Dedup, Head, Known};
use crate::codec::Kind;
use crate::journal::{Log, ReadError};
use crate::model::ports::SubmitError;
use crate::model::{Event, Frame, Limits, Lsn};
use crate::store::{self, Store};
use crate::tasks::{Bell, Thread};
use crate::telemetry::Metrics;

/// Blocks that were read last: 2 MiB. Whoever sends a file again sends it in its order.
const RECENT: usize = 32;

pub struct Identities {
    log: Log,
    store: Arc<Store>,
    metrics: Arc<Metrics>,
    /// Of full blocks that are not in the store.
    most_unwritten: u64,
    state: Mutex<State>,
    /// Held by whoever writes blocks, so that they are written in their order.
    writing: Mutex<()>,
    /// [`Dedup::floor`], for a look without the lock.
    floor: AtomicU64,
    /// All identities up to here are in the store.
    stored: AtomicU64,
    /// Rings when a block is full.
    bell: Bell,
}

struct State {
    dedup: Dedup,
    recent: VecDeque<Arc<Block>>,
    /// Why no block is written any more.
    failure: Option<Arc<str>>,
}

impl Identities {
    /// As the store has them.
    pub fn open(
        log: Log,
        store: Arc<Store>,
        limits: &Limits,
        metrics: Arc<Metrics>,
    ) -> Result<Identities, store::Error> {
        let (dedup, last) = restore::restore(&store, log.first(), limits)?;
        Ok(Identities {
            log,
            store,
            metrics,
            most_unwritten: limits.dedup_unwritten,
            floor: AtomicU64::new(dedup.floor()),
            state: Mutex::new(State { dedup, recent: VecDeque::with_capacity(RECENT), failure: None }),
            writing: Mutex::default(),
            stored: AtomicU64::new(last.upto.0),
            bell: Bell::default(),
        })
    }

    /// Goes through the events below a position that are not in the store's blocks. If the journal has released some of them,
    /// what may be among them counts as forgotten.
    pub fn catch_up(&self, below: Lsn, limits: &Limits) -> Result<(), ReadError> {
        let (from, first) = (self.needs(), self.log.first());
        if from < first {
            let newest = self.log.written_at(first).unwrap_or(u64::MAX);
            let floor = newest.saturating_add(limits.skew_future_ms);
            tracing::warn!(from = %from, %first, "identities of events that the journal has released are not in the store");
            self.state().dedup.raise_floor(floor);
        }
        let items = self.log.scan_only(from.max(first), Kind::Input);
        for item in items.take_while(|item| item.as_ref().map_or(true, |(lsn, _)| *lsn < below)) {
            if let (lsn, Frame::Input(event)) = item? {
                self.recover(lsn, &event);
            }
        }
        self.measure(&self.state().dedup);
        Ok(())
    }

    /// An event of the journal, in its order, as intake has accepted it.
    pub fn recover(&self, lsn: Lsn, event: &Event) {
        if lsn < self.needs() {
            return;
        }
        let mut state = self.state();
        state.dedup.insert(event, event.identity(), Known { lsn, content: event.content() });
        self.measure(&state.dedup);
        let unwritten = state.dedup.unwritten();
        drop(state);
        if unwritten > self.most_unwritten {
            // It says why itself; intake will be told.
            let _ = self.write(None);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For intake, from look-up to append.
    pub fn lock(&self) -> Locked<'_> {
        Locked { identities: self, state: self.state() }
    }

    /// [`Dedup::floor`] as it is or was a moment ago: it never falls.
    pub fn floor(&self) -> u64 {
        self.floor.load(Ordering::Relaxed)
    }

    /// The first position whose identity may not be in the store.
    pub fn needs(&self) -> Lsn {
        Lsn(self.stored.load(Ordering::Acquire)).next()
    }

    fn measure(&self, dedup: &Dedup) {
        self.floor.store(dedup.floor(), Ordering::Relaxed);
        self.metrics.dedup_ids.set(dedup.len() as i64);
        self.metrics.dedup_horizon.set(dedup.effective_horizon_ms() as f64 / 1_000.0);
    }

    /// Writes full blocks; with a mark all identities up to it. Waits until they are durable in the journal: a block never
    /// speaks of a position that a crash could give to another frame.
    pub fn write(&self, mark: Option<Lsn>) -> Result<(), String> {
        let _in_order = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let blocks = self.state().dedup.to_write(mark);
        let Some(last) = blocks.last().map(|block| block.head) else { return Ok(()) };
        self.log.wait_committed(last.upto).map_err(|error| error.to_string())?;
        let written = catch_unwind(AssertUnwindSafe(|| self.put(&blocks, last)));
        let written = written.unwrap_or_else(|_| Err("the store panicked".to_owned()));
        if let Err(reason) = &written {
            tracing::error!(%reason, "identities cannot be written; nothing is accepted until a restart");
            self.state().failure = Some(reason.as_str().into());
        }
        written
    }

    fn put(&self, blocks: &[Arc<Block>], last: Head) -> Result<(), String> {
        let encoded = blocks.iter().map(|block| (block.head.first, block.encode()));
        self.store.put_blocks(last.upto, encoded).map_err(|error| error.to_string())?;
        if let Some(full) = blocks.iter().rfind(|block| !block.head.open) {
            self.state().dedup.written(full.head.first);
        }
        self.stored.fetch_max(last.upto.0, Ordering::Release);
        // What this block says is forgotten, and not what has been forgotten since: that may be lost with the journal's end.
        self.store.remove_blocks(0..last.oldest).map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// Nobody else accepts anything meanwhile.
pub struct Locked<'a> {
    identities: &'a Identities,
    state: MutexGuard<'a, State>,
}

impl Locked<'_> {
    /// May more be accepted?
    pub fn check(&self) -> Result<(), SubmitError> {
        match &self.state.failure {
            Some(reason) => Err(SubmitError::Store(reason.to_string())),
            None if self.state.dedup.unwritten() > self.identities.most_unwritten => Err(SubmitError::Unwritten),
            None => Ok(()),
        }
    }

    /// The accepted event of this identity.
    pub fn find(&mut self, identity: u128) -> Result<Option<Known>, SubmitError> {
        let State { dedup, recent, .. } = &mut *self.state;
        dedup.find(identity, |number| self.identities.read(recent, number))
    }

    /// [`Dedup::floor`]
    pub fn floor(&self) -> u64 {
        self.state.dedup.floor()
    }

    /// Remembers what has just been accepted.
    pub fn insert(&mut self, event: &Event, identity: u128, known: Known) {
        let before = self.state.dedup.unwritten();
        self.state.dedup.insert(event, identity, known);
        if self.state.dedup.unwritten() > before {
            self.identities.bell.ring();
        }
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.identities.measure(&self.state.dedup);
    }
}

impl Identities {
    fn read(&self, recent: &mut VecDeque<Arc<Block>>, number: u64) -> Result<Arc<Block>, SubmitError> {
        if let Some(at) = recent.iter().position(|block| block.head.first == number)
            && let Some(block) = recent.remove(at)
        {
            recent.push_back(block.clone());
            return Ok(block);
        }
        let bytes = self.store.block(number).map_err(|error| SubmitError::Store(error.to_string()))?;
        let block = bytes.as_deref().and_then(Block::decode).ok_or_else(|| {
            SubmitError::Store(format!(
                "block {number} of the identities is damaged or gone: stop the host and run `fishpond doctor`"
            ))
        })?;
        let block = Arc::new(block);
        if recent.len() >= RECENT {
            recent.pop_front();
        }
        recent.push_back(block.clone());
        Ok(block)
    }
}

/// The thread that writes full blocks.
pub struct Writing {
    identities: Arc<Identities>,
    stop: Arc<AtomicBool>,
    thread: Option<Thread<()>>,
}

impl Writing {
    pub fn start(identities: Arc<Identities>) -> std::io::Result<Writing> {
        let stop = Arc::new(AtomicBool::new(false));
        let (working, stopping) = (identities.clone(), stop.clone());
        let thread = Thread::spawn("identities", move || write_full(&working, &stopping))?;
        Ok(Writing { identities, stop, thread: Some(thread) })
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.identities.bell.ring();
        self.thread.take().map(Thread::join);
    }
}

/// Ends when it is to, or with the journal or the store.
fn write_full(identities: &Identities, stop: &AtomicBool) {
    loop {
        let seen = identities.bell.rings();
        if stop.load(Ordering::Acquire) || identities.write(None).is_err() {
            return;
        }
        identities.bell.wait(seen, Duration::from_secs(3_600));
    }
}
