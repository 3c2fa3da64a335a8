//! How fast to send: an even rate, and patience with a host that asks for it. Pure: times come in, waits go out.

use std::time::Duration;

/// A paced sender sends at least so many requests a second, so that events trickle instead of coming in heaps.
const REQUESTS_PER_SECOND: u64 = 10;
/// How much of a delay is made up for by sending faster afterwards; what is beyond it is lost to the rate.
const CATCH_UP: Duration = Duration::from_secs(1);

/// Gives each batch its moment. Without a rate every moment is now.
#[derive(Debug)]
pub struct Pacer {
    /// Events per second.
    rate: Option<u64>,
    /// When the next batch is due, since the start.
    due: Duration,
}

impl Pacer {
    pub fn new(rate: Option<u64>) -> Pacer {
        Pacer { rate: rate.filter(|rate| *rate > 0), due: Duration::ZERO }
    }

    /// Events of one request: what was asked for, or less where the rate is small.
    pub fn batch(&self, wanted: usize) -> usize {
        let even = self.rate.map_or(wanted as u64, |rate| rate / REQUESTS_PER_SECOND);
        (wanted as u64).min(even).max(1) as usize
    }

    /// How long a batch of so many events must wait.
    pub fn wait(&mut self, now: Duration, events: usize) -> Duration {
        let Some(rate) = self.rate else { return Duration::ZERO };
        let due = self.due.max(now.saturating_sub(CATCH_UP));
        self.due = due + Duration::from_secs_f64(events as f64 / rate as f64);
        due.saturating_sub(now)
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A host may ask for more than [`LONGEST_PAUSE`], up to this.
const LONGEST_ASKED: Duration = Duration::from_secs(60);
/// One batch waits this long altogether, then the sender gives up.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The pauses between tries of one batch: doubling, spread, never shorter than the host asks.
#[derive(Debug, Default)]
pub struct Backoff {
    tries: u32,
    waited: Duration,
}

impl Backoff {
    /// The pause before the next try; None when patience has ended. `spread` is from 0 to 1.
    pub fn pause(&mut self, asked: Option<Duration>, spread: f64) -> Option<Duration> {
        if self.waited >= PATIENCE {
            return None;
        }
        let doubled = FIRST_PAUSE.saturating_mul(1 << self.tries.min(10)).min(LONGEST_PAUSE);
        // Half fixed, half spread: senders that were refused together do not come back together.
        let own = doubled.mul_f64(0.5 + spread / 2.0);
        let pause = own.max(asked.unwrap_or_default().min(LONGEST_ASKED));
        self.tries += 1;
        self.waited += pause;
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends batches by a virtual clock; answers when each was sent, in milliseconds.
    fn send(pacer: &mut Pacer, now: &mut Duration, batches: usize, events: usize, cost: Duration) -> Vec<u128> {
        let mut times = Vec::new();
        for _ in 0..batches {
            *now += pacer.wait(*now, events);
            times.push(now.as_millis());
            *now += cost;
        }
        times
    }

    #[test]
    fn batches_are_spaced_evenly_whatever_a_request_costs() {
        for cost in [0, 60] {
            let mut now = Duration::ZERO;
            let times = send(&mut Pacer::new(Some(1_000)), &mut now, 5, 100, Duration::from_millis(cost));
            assert_eq!(times, [0, 100, 200, 300, 400], "{cost} ms");
        }
    }

    #[test]
    fn a_long_stop_is_not_followed_by_a_flood() {
        let mut pacer = Pacer::new(Some(1_000));
        let mut now = Duration::ZERO;
        send(&mut pacer, &mut now, 1, 100, Duration::from_secs(60));
        let times = send(&mut pacer, &mut now, 12, 100, Duration::ZERO);
        let at_once = times.iter().filter(|time| **time == 60_000).count();
        assert_eq!(at_once, 11, "one second is made up for: {times:?}");
        assert_eq!(times[11], 60_100);
    }

    #[test]
    fn a_small_rate_makes_small_batches() {
        assert_eq!(Pacer::new(None).batch(500), 500);
        assert_eq!(Pacer::new(Some(100_000)).batch(500), 500);
        assert_eq!(Pacer::new(Some(1_000)).batch(500), 100);
        assert_eq!(Pacer::new(Some(3)).batch(500), 1);
        let mut now = Duration::ZERO;
        assert_eq!(send(&mut Pacer::new(Some(3)), &mut now, 4, 1, Duration::ZERO), [0, 333, 666, 999]);
    }

    #[test]
    fn no_rate_waits_for_nothing() {
        let mut now = Duration::ZERO;
        assert_eq!(send(&mut Pacer::new(None), &mut now, 3, 500, Duration::ZERO), [0, 0, 0]);
    }

    #[test]
    fn pauses_double_up_to_a_bound_and_end() {
        let mut backoff = Backoff::default();
        let pauses: Vec<u128> =
            std::iter::from_fn(|| backoff.pause(None, 1.0)).map(|pause| pause.as_millis()).collect();
        assert_eq!(pauses[..7], [100, 200, 400, 800, 1_600, 3_200, 5_000]);
        assert!(pauses.iter().sum::<u128>() >= PATIENCE.as_millis() && pauses.len() < 50, "{pauses:?}");
        assert_eq!(Backoff::default().pause(None, 0.0), Some(FIRST_PAUSE / 2));
    }

    #[test]
    fn the_host_may_ask_for_longer_pauses() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.pause(Some(Duration::from_secs(7)), 1.0), Some(Duration::from_secs(7)));
        assert_eq!(backoff.pause(Some(Duration::from_secs(3_600)), 1.0), Some(LONGEST_ASKED));
        assert_eq!(backoff.pause(Some(Duration::ZERO), 1.0), Some(Duration::from_millis(400)));
    }
}
