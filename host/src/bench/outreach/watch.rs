//! [`Watch`]: sees decisions become durable, as whoever reads along sees them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::crowd;
use crate::journal::Log;
use crate::model::outreach::{Cause, Decision, Deed, Status};
use crate::model::{Frame, Lsn};

/// Frames that are taken at once.
const FRAMES: u64 = 256;

pub struct Watch {
    log: Log,
    /// Events from this number on are timed.
    timed_from: u64,
    decided: AtomicU64,
    /// The first decision that is not what the bench is set up for.
    surprise: Mutex<Option<String>>,
    times: Mutex<Vec<(u64, Instant)>>,
}

impl Watch {
    pub fn new(log: Log, timed_from: u64) -> Watch {
        Watch { log, timed_from, decided: AtomicU64::new(0), surprise: Mutex::default(), times: Mutex::default() }
    }

    /// Decisions that are durable.
    pub fn decided(&self) -> u64 {
        self.decided.load(Ordering::Acquire)
    }

    /// Every decision must have been to send.
    pub fn check(&self) -> anyhow::Result<()> {
        match &*self.surprise.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(surprise) => anyhow::bail!("{surprise}"),
            None => Ok(()),
        }
    }

    /// When which timed event had its decision durable; each is answered once.
    pub fn times(&self) -> Vec<(u64, Instant)> {
        std::mem::take(&mut *self.times.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Until the journal is closed.
    pub fn run(&self) {
        let mut follower = self.log.follow(Lsn(1));
        let mut frames = Vec::new();
        while self.log.wait_committed(follower.next()).is_ok() {
            let durable = self.log.journal().durable();
            let now = Instant::now();
            let limit = (durable.0 - follower.next().0 + 1).min(FRAMES);
            if let Err(error) = follower.read(limit as usize, &mut frames) {
                return self.surprised(format!("the journal cannot be read: {error}"));
            }
            frames.drain(..).for_each(|(_, frame)| self.frame(&frame, now));
        }
    }

    fn frame(&self, frame: &Frame, now: Instant) {
        let Frame::Outreach(outreach) = frame else { return };
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        for deed in &outreach.deeds {
            // What waits is judged again when its person comes.
            let Deed::Decided(decision) = deed else { continue };
            if decision.cause != Cause::Match {
                continue;
            }
            let number = self.number(decision);
            times.extend(number.filter(|number| *number >= self.timed_from).map(|number| (number, now)));
            self.decided.fetch_add(1, Ordering::Release);
        }
    }

    fn number(&self, decision: &Decision) -> Option<u64> {
        let Status::Sent { .. } = decision.status else {
            self.surprised(format!("an action was not sent: {:?}, {:?}", decision.status, decision.verdicts));
            return None;
        };
        let number = crowd::number(&decision.action.fields);
        if number.is_none() {
            self.surprised(format!("the fields of a match name no event: {}", decision.action.fields));
        }
        number
    }

    fn surprised(&self, surprise: String) {
        self.surprise.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(surprise);
    }
}
