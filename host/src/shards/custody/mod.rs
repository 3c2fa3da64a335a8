//! The keeper: takes base copies of the store and lets go of the journal's beginning, on a thread of its own beside the
//! workers. It decides no outcome, and nothing waits for it.

mod copies;
mod retention;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use copies::Copies;
pub use copies::{BaseCopy, CopyError};

use super::parts::Parts;
use super::progress::Board;
use crate::outreach::Index;
use crate::tasks::{Bell, Thread};

/// How often it looks.
const LOOK: Duration = Duration::from_secs(10);

/// After a base copy that failed: a full disk is not filled again at every look.
const RETRY: Duration = Duration::from_secs(600);

/// Not yet on a thread: tests drive it step by step.
pub struct Keeper {
    parts: Parts,
    board: Arc<Board>,
    decisions: Arc<Index>,
    copies: Copies,
    /// When the next base copy may be tried.
    not_before: Option<Instant>,
    stop: Arc<AtomicBool>,
}

impl Keeper {
    /// `folder`: where base copies lie.
    pub fn new(parts: Parts, board: Arc<Board>, decisions: Arc<Index>, folder: PathBuf) -> Keeper {
        let copies = Copies::find(folder);
        Keeper { parts, board, decisions, copies, not_before: None, stop: Arc::default() }
    }

    /// Takes a base copy if one is due, and lets go of what nobody needs.
    pub fn look(&mut self) {
        if self.not_before.is_none_or(|at| at <= Instant::now()) && self.copies.is_due(&self.parts) {
            self.not_before = self.copy().is_err().then(|| Instant::now() + RETRY);
        }
        self.retain();
    }

    /// Takes a base copy now. None if the store has no checkpoint that the last one has not.
    pub fn copy(&mut self) -> Result<Option<BaseCopy>, CopyError> {
        let taken = self.copies.take(&self.parts, &self.stop);
        match &taken {
            Ok(Some(copy)) => tracing::info!(position = %copy.position, bytes = copy.bytes, "base copy taken"),
            Ok(None) => {}
            // What was begun is removed; the next start takes another.
            Err(_) if self.stop.load(Ordering::Acquire) => {}
            Err(error) => {
                self.parts.metrics.base_copy_failures.inc();
                tracing::error!(%error, "no base copy could be taken: the journal is kept for longer");
            }
        }
        taken
    }
}

/// The keeper on its thread.
pub struct Keeping {
    thread: Thread<()>,
    stop: Arc<AtomicBool>,
    bell: Arc<Bell>,
}

impl Keeping {
    pub fn start(mut keeper: Keeper) -> std::io::Result<Keeping> {
        let (stop, bell) = (keeper.stop.clone(), Arc::new(Bell::default()));
        let (stopping, rung) = (stop.clone(), bell.clone());
        let thread = Thread::spawn("keeper", move || {
            let seen = rung.rings();
            while !stopping.load(Ordering::Acquire) {
                keeper.look();
                rung.wait(seen, LOOK);
            }
        })?;
        Ok(Keeping { thread, stop, bell })
    }

    /// Gives up a base copy that is being taken.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.bell.ring();
        self.thread.join();
    }
}
