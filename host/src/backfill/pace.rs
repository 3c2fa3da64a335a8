//! How much of its time a backfill works: live workers have the processor.

use std::time::{Duration, Instant};

/// Work is collected up to this before it is rested for: shorter sleeps are no shorter.
const SLICE: Duration = Duration::from_millis(5);

/// The most work that is rested for at once: what took longer was no work of the processor, or a machine that stood still.
const LONGEST: Duration = Duration::from_secs(1);

pub struct Pace {
    /// Of its time, 1 to 100.
    percent: u32,
    since: Instant,
    /// Of the time since then: others were waited for.
    waited: Duration,
}

impl Pace {
    pub fn new(percent: u64) -> Pace {
        Pace { percent: percent.clamp(1, 100) as u32, since: Instant::now(), waited: Duration::ZERO }
    }

    /// So long somebody else was waited for, which is no work.
    pub fn waited(&mut self, time: Duration) {
        self.waited += time;
    }

    /// How long it has to rest now, between two pieces of work; zero: not yet.
    pub fn owed(&self) -> Duration {
        let worked = self.since.elapsed().saturating_sub(self.waited);
        if worked < SLICE { Duration::ZERO } else { self.rest_after(worked) }
    }

    /// It has rested: work begins.
    pub fn begin(&mut self) {
        (self.since, self.waited) = (Instant::now(), Duration::ZERO);
    }

    fn rest_after(&self, worked: Duration) -> Duration {
        worked.min(LONGEST) * (100 - self.percent) / self.percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backfill_works_its_share_of_the_time() {
        let rest = |percent| Pace::new(percent).rest_after(Duration::from_millis(30));
        assert_eq!([25, 50, 100, 1_000].map(rest), [90, 30, 0, 0].map(Duration::from_millis));
        let mut pace = Pace { since: Instant::now() - 4 * SLICE, ..Pace::new(50) };
        assert!(pace.owed() >= 4 * SLICE, "{:?}", pace.owed());
        pace.begin();
        assert!(pace.owed() < 4 * SLICE, "{:?}", pace.owed());
    }

    #[test]
    fn neither_a_client_that_is_waited_for_nor_a_machine_that_stood_still_is_rested_for() {
        let hour = Duration::from_secs(3_600);
        assert_eq!(Pace::new(50).rest_after(hour), LONGEST);
        let mut pace = Pace { since: Instant::now() - Duration::from_millis(900), ..Pace::new(50) };
        pace.waited(Duration::from_millis(600));
        assert!(pace.owed() < Duration::from_millis(900), "{:?}", pace.owed());
        pace.waited(hour);
        assert_eq!(pace.owed(), Duration::ZERO);
    }
}
