//! [`Dispatcher`]: hands over what was decided, as soon as the decision is durable and never before, and reports what the
//! channels say. It feeds the index on its way.
//!
//! A crash between handing over and the report means another try: one decision, at least one attempt, under one id.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Index;
use crate::channels::{Delivery, Handed, Ways, label};
use crate::journal::{self, Encoded, Follower, Log, ReadError};
use crate::model::outreach::{Channel, Decision, Deed, Outreach, Report, Reported, Status};
use crate::model::{Frame, Lsn};
use crate::registry::Clock;
use crate::tasks::{Bell, Thread};
use crate::telemetry::Metrics;

/// Frames that are taken at once.
const FRAMES: u64 = 256;

/// Longest sleep while nothing comes; every append ends it early.
const IDLE: Duration = Duration::from_secs(1);

/// Why nothing is handed over any more.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Journal(#[from] journal::Error),
}

/// Not yet on a thread: tests and scenario files drive it step by step. The index counts as stopped when it is dropped.
pub struct Dispatcher {
    log: Log,
    follower: Follower,
    ways: Ways,
    index: Arc<Index>,
    metrics: Arc<Metrics>,
    /// Receive clock for reports, milliseconds.
    clock: Clock,
    frames: Vec<(Lsn, Frame)>,
}

impl Dispatcher {
    /// Hands over from a position on. What is below it was offered to the index at the start of the host, and is tried
    /// again by the worker when its time comes.
    pub fn new(log: Log, ways: Ways, index: Arc<Index>, metrics: Arc<Metrics>, clock: Clock, from: Lsn) -> Dispatcher {
        index.reach(from.previous());
        Dispatcher { follower: log.follow(from), log, ways, index, metrics, clock, frames: Vec::new() }
    }

    /// Handles some of what is durable; false if there is nothing new. Appends reports, so it may wait for room in the
    /// journal's queue.
    pub fn step(&mut self) -> Result<bool, Fatal> {
        let (next, durable) = (self.follower.next(), self.log.journal().durable());
        if durable < next {
            return Ok(false);
        }
        let limit = (durable.0 - next.0 + 1).min(FRAMES);
        let mut frames = std::mem::take(&mut self.frames);
        self.follower.read(limit as usize, &mut frames)?;
        let any = !frames.is_empty();
        for (lsn, frame) in frames.drain(..) {
            if let Frame::Outreach(outreach) = &frame {
                self.index.frame(lsn, outreach);
            }
            // Before anything is handed over, so that whoever gets it can ask about it.
            self.index.reach(lsn);
            if let Frame::Outreach(outreach) = frame {
                self.hand_over(&outreach)?;
            }
        }
        self.frames = frames;
        self.index.release(self.log.first());
        Ok(any)
    }

    fn hand_over(&self, outreach: &Outreach) -> Result<(), Fatal> {
        let mut reports = Vec::new();
        for deed in &outreach.deeds {
            let Deed::Decided(decision) = deed else { continue };
            let business = &*decision.action.business;
            self.metrics.decisions.with_label_values(&[business, decision.status.name()]).inc();
            let Some(delivery) = delivery(decision) else { continue };
            let channel = label(&delivery.channel);
            let handed = self.ways.hand_over(delivery);
            self.metrics.deliveries.with_label_values(&[business, channel, handed.name()]).inc();
            reports.extend(reported(decision, handed).map(|what| self.report(decision, what)));
        }
        if !reports.is_empty() {
            self.log.append_all(reports)?;
        }
        Ok(())
    }

    fn report(&self, decision: &Decision, what: Reported) -> Encoded {
        let (business, person) = (decision.action.business.clone(), decision.action.person.clone());
        Encoded::new(Frame::Report(Arc::new(Report { business, person, at: (self.clock)(), what })))
    }
}

/// None if nothing is handed over now.
fn delivery(decision: &Decision) -> Option<Delivery> {
    let Status::Sent { sequence, channel, attempted: true } = &decision.status else { return None };
    let action = Arc::new(decision.action.clone());
    Some(Delivery { sequence: *sequence, action, channel: channel.clone(), attempt: decision.attempt })
}

/// What comes back of it at once; None if its end comes later, or from the person.
fn reported(decision: &Decision, handed: Handed) -> Option<Reported> {
    let action = decision.action.id;
    match handed {
        // Nobody was there any more: what was not handed over is judged again before it is.
        Handed::Waits { streams: 0 } if matches!(decision.status, Status::Sent { channel: Channel::App, .. }) => {
            Some(Reported::NotNow { action, reason: "nobody was connected any more".into() })
        }
        Handed::Waits { .. } => None,
        Handed::Delivered => Some(Reported::Delivered { action }),
        Handed::NotNow(reason) => Some(Reported::NotNow { action, reason: reason.into() }),
        Handed::Failed(reason) => Some(Reported::Failed { action, reason: reason.into() }),
        Handed::Unknown(reason) => Some(Reported::Unknown { action, reason: reason.into() }),
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        self.index.stop();
    }
}

/// The dispatcher on its thread. After an error it has ended and the index is stopped; the log says why.
pub struct Dispatching {
    thread: Thread<bool>,
    stop: Arc<AtomicBool>,
    bell: Arc<Bell>,
}

impl Dispatching {
    pub fn start(dispatcher: Dispatcher) -> std::io::Result<Dispatching> {
        let (stop, bell) = (Arc::new(AtomicBool::new(false)), dispatcher.log.bell());
        let stopping = stop.clone();
        let thread = Thread::spawn("dispatcher", move || dispatcher.run(&stopping))?;
        Ok(Dispatching { thread, stop, bell })
    }

    /// Hands over what the journal holds by now and ends: to be called before the journal is closed. Answers whether
    /// all of that worked.
    pub fn stop(self) -> bool {
        self.stop.store(true, Ordering::Release);
        self.bell.ring();
        self.thread.join().unwrap_or(false)
    }
}

impl Dispatcher {
    fn run(mut self, stop: &AtomicBool) -> bool {
        let ended = self.run_until(stop);
        if let Err(error) = &ended {
            tracing::error!(%error, "nothing is handed over until the host is restarted");
        }
        ended.is_ok()
    }

    fn run_until(&mut self, stop: &AtomicBool) -> Result<(), Fatal> {
        let bell = self.log.bell();
        let mut target = None;
        loop {
            let seen = bell.rings();
            if stop.load(Ordering::Acquire) {
                target.get_or_insert_with(|| self.log.last());
            }
            if self.step()? {
                continue;
            }
            let next = self.follower.next();
            if target.is_some_and(|target| target < next) {
                return Ok(());
            }
            if self.log.last() >= next {
                // It was given, so it will be durable, or the journal has failed.
                self.log.wait_committed(next)?;
            } else {
                bell.wait(seen, IDLE);
            }
        }
    }
}
