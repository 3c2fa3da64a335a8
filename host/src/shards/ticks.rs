//! Time passes by ticks in the journal. One is written when something waits for it, so an idle host writes none.

use super::worker::{Fatal, Worker};
use crate::model::{Event, Frame, Limits, Lsn, Tick, TimerClock};

/// What is known about time, from the journal alone.
#[derive(Clone, Copy, Default, Debug)]
pub struct Times {
    pub last: Tick,
    pub last_lsn: Lsn,
    /// Greatest min(time, received) of all events, milliseconds: one phone that is fast moves nothing.
    pub newest_event: u64,
    /// Newest receipt of an event, milliseconds.
    pub newest_receipt: u64,
}

impl Times {
    pub fn saw(&mut self, event: &Event) {
        self.newest_event = self.newest_event.max(event.time.min(event.received));
        self.newest_receipt = self.newest_receipt.max(event.received);
    }

    /// Events up to this time have come, if it is `now`: the newest one less the lateness; after a while without any the
    /// clock less the lateness.
    fn watermark(&self, now: u64, limits: &Limits) -> u64 {
        let idle = now >= self.newest_receipt.saturating_add(limits.idle_ms);
        let newest = if idle { now.max(self.newest_event) } else { self.newest_event };
        newest.saturating_sub(limits.lateness_ms).max(self.last.watermark)
    }

    /// When a timer of the event clock fires if nothing comes any more.
    fn event_due(&self, due: u64, limits: &Limits) -> u64 {
        if self.newest_event >= due.saturating_add(limits.lateness_ms) {
            return 0;
        }
        due.saturating_add(limits.lateness_ms).max(self.newest_receipt.saturating_add(limits.idle_ms))
    }
}

impl Worker {
    /// The receive clock at which the next tick is due, if anything waits for one.
    pub fn next_tick(&self) -> Option<u64> {
        let times = &self.desk.times;
        let own = self.active.values().map(|active| &active.shelf.agenda);
        let agendas = own.chain(self.desk.persons.shelves().map(|(_, shelf)| &shelf.agenda));
        let due = agendas.flat_map(|agenda| {
            let receive = agenda.unfired(TimerClock::Receive, times.last.now, times.last_lsn);
            let event = agenda.unfired(TimerClock::Event, times.last.watermark, times.last_lsn);
            [receive, event.map(|due| times.event_due(due, &self.parts.limits))]
        });
        let due = due.flatten().min()?;
        Some(due.max(times.last.now.saturating_add(self.parts.limits.tick_ms)))
    }

    /// Writes a tick if one is due.
    pub fn tick(&mut self) -> Result<bool, Fatal> {
        let now = self.clock();
        if self.next_tick().is_none_or(|due| now < due) {
            return Ok(false);
        }
        let times = &mut self.desk.times;
        let tick = Tick { now: now.max(times.last.now), watermark: times.watermark(now, &self.parts.limits) };
        times.last_lsn = self.parts.log.append(Frame::Tick(tick))?;
        times.last = tick;
        Ok(true)
    }
}
