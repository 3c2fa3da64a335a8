//! Time passes by ticks in the journal. One is written when something waits for it, so an idle host writes none.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::worker::Worker;
use crate::journal::{self, Log};
use crate::model::progress::Times;
use crate::model::{Event, Frame, Limits, Lsn, Mark, ShardSet, Tick, TimerClock};
use crate::registry::Clock;

/// Earliest timers of one worker that no tick has fired yet, by clock; and the tick that was the last when it looked.
#[derive(Clone, Copy, Default)]
struct Waiting {
    due: [Option<u64>; 2],
    as_of: Lsn,
}

/// The one who writes ticks, for all workers: each says what it waits for, and whoever looks when one is due writes it.
pub struct Timekeeper {
    log: Log,
    clock: Clock,
    limits: Arc<Limits>,
    /// Held from an event's append until it was seen here.
    appending: Mutex<()>,
    state: Mutex<State>,
}

struct State {
    times: Times,
    /// By worker.
    waiting: Vec<Waiting>,
}

impl Timekeeper {
    /// For so many workers, from what the journal tells.
    pub fn new(log: Log, clock: Clock, limits: Arc<Limits>, times: Times, workers: usize) -> Timekeeper {
        let state = Mutex::new(State { times, waiting: vec![Waiting::default(); workers] });
        Timekeeper { log, clock, limits, appending: Mutex::default(), state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Receive clock, milliseconds: never behind the last tick.
    pub fn now(&self) -> u64 {
        (self.clock)().max(self.state().times.last.now)
    }

    /// The last tick.
    pub fn last(&self) -> Tick {
        self.state().times.last
    }

    /// Newest receipt of an event, milliseconds.
    pub fn newest_receipt(&self) -> u64 {
        self.state().times.newest_receipt()
    }

    /// To be held by whoever appends events, until they were seen: so what is known at a mark is all that is below it.
    pub fn appending(&self) -> MutexGuard<'_, ()> {
        self.appending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a checkpoint's mark. Answers its position, and what the journal below it tells about time.
    pub fn mark(&self, shards: ShardSet) -> Result<(Lsn, Times), journal::Error> {
        let _none_between = self.appending();
        let state = self.state();
        Ok((self.log.append(Frame::Mark(Mark { shards }))?, state.times.clone()))
    }

    /// Events that have a position now.
    pub fn saw<'a>(&self, events: impl Iterator<Item = &'a Event>) {
        let mut state = self.state();
        events.for_each(|event| state.times.saw(event));
    }

    /// What a worker's agendas wait for, as of the last tick.
    fn wants(&self, worker: usize, earliest: impl FnOnce(Tick, Lsn) -> [Option<u64>; 2]) {
        let (last, last_lsn) = self.state().last();
        // Looked up without the lock: agendas are long, and a tick that comes meanwhile makes it void.
        let due = earliest(last, last_lsn);
        self.state().waiting[worker] = Waiting { due, as_of: last_lsn };
    }

    /// The receive clock at which the next tick is due, if anything waits for one.
    pub fn next(&self) -> Option<u64> {
        self.state().next(&self.limits)
    }

    /// Writes a tick as another host has written it, for captured scenarios. The last tick stays the newest.
    pub fn replay(&self, tick: Tick) -> Result<(), journal::Error> {
        let mut state = self.state();
        state.times.last_lsn = self.log.append(Frame::Tick(tick))?;
        state.times.last = tick;
        Ok(())
    }

    /// Writes a tick if one is due.
    pub fn tick(&self) -> Result<bool, journal::Error> {
        let mut state = self.state();
        let now = (self.clock)().max(state.times.last.now);
        if state.next(&self.limits).is_none_or(|due| now < due) {
            return Ok(false);
        }
        let tick = Tick { now, watermark: state.times.watermark(now, &self.limits) };
        state.times.last_lsn = self.log.append(Frame::Tick(tick))?;
        state.times.last = tick;
        Ok(true)
    }
}

impl State {
    fn last(&self) -> (Tick, Lsn) {
        (self.times.last, self.times.last_lsn)
    }

    fn next(&self, limits: &Limits) -> Option<u64> {
        let times = &self.times;
        // What was said before the last tick may have been fired by it: that worker is about to look again.
        let current = self.waiting.iter().filter(|waiting| waiting.as_of == times.last_lsn);
        let due = current.flat_map(|waiting| {
            let event = waiting.due[TimerClock::Event as usize].map(|due| times.event_due(due, limits));
            [waiting.due[TimerClock::Receive as usize], event]
        });
        let due = due.flatten().min()?;
        Some(due.max(times.last.now.saturating_add(limits.tick_ms)))
    }
}

impl Worker {
    /// Says what this worker's timers wait for.
    pub(super) fn say_due(&self) {
        let own = self.active.values().map(|active| &active.shelf.agenda);
        let agendas: Vec<_> = own.chain(self.desk.persons.shelves().map(|(_, shelf)| &shelf.agenda)).collect();
        self.parts.time.wants(self.index, |last, lsn| {
            let earliest = |clock, last| agendas.iter().filter_map(|agenda| agenda.unfired(clock, last, lsn)).min();
            let mut due = [None; 2];
            due[TimerClock::Receive as usize] = earliest(TimerClock::Receive, last.now);
            due[TimerClock::Event as usize] = earliest(TimerClock::Event, last.watermark);
            due
        });
    }

    /// Writes a tick if one is due, for this worker or another.
    pub(super) fn tick(&self) -> Result<bool, journal::Error> {
        self.say_due();
        self.parts.time.tick()
    }
}
