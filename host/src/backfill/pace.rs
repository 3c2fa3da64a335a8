//! How much of its time a backfill works: live workers have the processor.

use std::time::{Duration, Instant};

/// Work is collected up to this before it is rested for: shorter sleeps are no shorter.
const SLICE: Duration = Duration::from_millis(5);

pub struct Pace {
    /// Of its time, 1 to 100.
    percent: u32,
    since: Instant,
}

impl Pace {
    pub fn new(percent: u64) -> Pace {
        Pace { percent: percent.clamp(1, 100) as u32, since: Instant::now() }
    }

    /// Between two pieces of work.
    pub fn rest(&mut self) {
        let worked = self.since.elapsed();
        if worked < SLICE {
            return;
        }
        std::thread::sleep(self.rest_after(worked));
        self.since = Instant::now();
    }

    fn rest_after(&self, worked: Duration) -> Duration {
        worked * (100 - self.percent) / self.percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backfill_works_its_share_of_the_time() {
        let rest = |percent| Pace::new(percent).rest_after(Duration::from_millis(30));
        assert_eq!([25, 50, 100, 1_000].map(rest), [90, 30, 0, 0].map(Duration::from_millis));
        let begun = Instant::now();
        let mut pace = Pace { percent: 20, since: begun - SLICE };
        pace.rest();
        assert!(begun.elapsed() >= 4 * SLICE, "{:?}", begun.elapsed());
    }
}
