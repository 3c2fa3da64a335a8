//! What is known about time, from the journal alone: the watermark is the minimum over the intakes that are not idle.

use crate::model::progress::{Newest, Times};
use crate::model::{Event, Limits, Lsn, Tick};

impl Newest {
    /// From then on the intake holds nothing back, if nothing comes by it.
    fn idle_from(&self, limits: &Limits) -> u64 {
        self.receipt.saturating_add(limits.idle_ms)
    }
}

impl Times {
    pub fn saw(&mut self, event: &Event) {
        let newest = match self.intakes.get_mut(&event.intake) {
            Some(newest) => newest,
            None => self.intakes.entry(event.intake.clone()).or_default(),
        };
        newest.event = newest.event.max(event.time.min(event.received));
        newest.receipt = newest.receipt.max(event.received);
    }

    /// Events up to this time have come by every intake that is not idle, if it is `now`: the least of their newest
    /// ones, less the lateness; while all are idle the clock less the lateness.
    pub fn watermark(&self, now: u64, limits: &Limits) -> u64 {
        let busy = self.intakes.values().filter(|newest| now < newest.idle_from(limits));
        let newest = busy.map(|newest| newest.event).min();
        let newest = newest.unwrap_or_else(|| self.intakes.values().map(|newest| newest.event).fold(now, u64::max));
        newest.saturating_sub(limits.lateness_ms).max(self.last.watermark)
    }

    /// When a timer of the event clock fires if nothing comes any more: at once (0), when the intakes that are behind are
    /// idle, or by the clock when all are.
    pub fn event_due(&self, due: u64, limits: &Limits) -> u64 {
        let wanted = due.saturating_add(limits.lateness_ms);
        let mut intakes: Vec<Newest> = self.intakes.values().copied().collect();
        intakes.sort_unstable_by_key(|newest| newest.receipt);
        // Those that are idle last decide as long as one of them is busy.
        let behind = intakes.iter().rposition(|newest| newest.event < wanted);
        let Some(behind) = behind else { return if intakes.is_empty() { wanted } else { 0 } };
        let idle = intakes[behind].idle_from(limits);
        if behind + 1 < intakes.len() { idle } else { idle.max(wanted) }
    }
}

/// The ticks that raised the watermark, for readers that go on behind them: those that a start has read, and the last one
/// before.
#[derive(Default, Debug)]
pub struct Ticks(Vec<(Lsn, u64)>);

impl Ticks {
    /// The next tick of the journal.
    pub fn note(&mut self, lsn: Lsn, tick: Tick) {
        if self.0.last().is_none_or(|(_, watermark)| *watermark < tick.watermark) {
            self.0.push((lsn, tick.watermark));
        }
    }

    /// Older ones, in their order, before those that are known.
    pub fn before(mut self, older: Ticks) -> Ticks {
        let known = self.0.first().map_or(Lsn(u64::MAX), |(lsn, _)| *lsn);
        let mut all: Vec<_> = older.0.into_iter().filter(|(lsn, _)| *lsn < known).collect();
        all.append(&mut self.0);
        Ticks(all)
    }

    /// What a reader at a position has passed, if it began at `start`: milliseconds.
    pub fn watermark(&self, start: Lsn, position: Lsn) -> u64 {
        let passed = &self.0[..self.0.partition_point(|(lsn, _)| *lsn <= position)];
        passed.last().filter(|(lsn, _)| *lsn > start).map_or(0, |(_, watermark)| *watermark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: fn() -> Limits = Limits::default;

    fn event(intake: &str, time: u64, received: u64) -> Event {
        Event { intake: intake.into(), time, received, ..Event::default() }
    }

    fn times(events: &[(&str, u64, u64)]) -> Times {
        let mut times = Times::default();
        events.iter().for_each(|(intake, time, received)| times.saw(&event(intake, *time, *received)));
        times
    }

    #[test]
    fn the_slowest_intake_that_is_not_idle_holds_the_watermark() {
        let limits = Limits { lateness_ms: 5, idle_ms: 100, ..LIMITS() };
        let mut times = times(&[("a", 1_000, 1_000), ("b", 900, 1_050), ("a", 1_060, 1_060)]);
        assert_eq!(times.watermark(1_060, &limits), 895);
        assert_eq!(times.watermark(1_149, &limits), 895, "b is still busy");
        assert_eq!(times.watermark(1_150, &limits), 1_055, "b is idle");
        assert_eq!(times.watermark(1_160, &limits), 1_155, "all are idle: the clock");
        times.saw(&event("c", 2_000, 1_100));
        assert_eq!(times.watermark(1_151, &limits), 1_055, "a time counts at most as its receipt");
        times.last.watermark = 1_080;
        assert_eq!(times.watermark(1_100, &limits), 1_080, "it never falls");
    }

    /// The watermark reaches a time exactly when it was foretold.
    #[test]
    fn a_timer_is_due_when_the_watermark_reaches_it() {
        let limits = Limits { lateness_ms: 7, idle_ms: 40, ..LIMITS() };
        for seed in 0..500 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut known = Times::default();
            let mut now = 1_000;
            for _ in 0..rng.usize(0..6) {
                now += rng.u64(0..30);
                known.saw(&event(["", "a", "b"][rng.usize(0..3)], now - rng.u64(0..80), now));
            }
            let due = now - 100 + rng.u64(0..200);
            let foretold = known.event_due(due, &limits).max(now);
            let reached = (now..).find(|at| known.watermark(*at, &limits) >= due).expect("it rises");
            assert_eq!(foretold, reached, "seed {seed}: {known:?}, due {due}, now {now}");
        }
    }
}
