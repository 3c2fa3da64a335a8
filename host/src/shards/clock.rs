//! The receive clock: the wall clock, made steady by the monotonic one. Ticks carry it, so a jump would fire at once what
//! lies in between, and one that is taken back would let time stand still.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::model::Limits;

/// Where the wall clock is behind, the receive clock passes so many tenths of the time: it never stands still, and meets
/// the other one in the end.
const SLOW_TENTHS: u64 = 9;

const NANOS: u64 = 1_000_000;

/// Never goes back. A jump of the wall clock forward is followed at once up to `clock_jump_ms`, a larger one when it has
/// lasted for `clock_settle_ms`; where the wall clock was set back, it goes on slower until that has caught up.
pub struct SteadyClock {
    wall: Box<dyn Fn() -> u64 + Send + Sync>,
    monotonic: Box<dyn Fn() -> u64 + Send + Sync>,
    /// Nanoseconds.
    jump: u64,
    settle: u64,
    state: Mutex<State>,
}

/// Nanoseconds all.
struct State {
    /// Receive clock at the last look, and the monotonic one.
    reading: u64,
    at: u64,
    /// On the monotonic clock, since when the wall clock has been too far ahead.
    ahead_since: Option<u64>,
    /// It was said that the wall clock is behind.
    behind: bool,
}

impl SteadyClock {
    /// Of this machine. `wall`: milliseconds since the Unix epoch.
    pub fn new(wall: impl Fn() -> u64 + Send + Sync + 'static, limits: &Limits) -> SteadyClock {
        let start = Instant::now();
        let monotonic = move || u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        SteadyClock::with(wall, monotonic, limits)
    }

    /// `monotonic`: nanoseconds since some instant.
    pub fn with(
        wall: impl Fn() -> u64 + Send + Sync + 'static,
        monotonic: impl Fn() -> u64 + Send + Sync + 'static,
        limits: &Limits,
    ) -> SteadyClock {
        let state = State { reading: wall().saturating_mul(NANOS), at: monotonic(), ahead_since: None, behind: false };
        SteadyClock {
            wall: Box::new(wall),
            monotonic: Box::new(monotonic),
            jump: limits.clock_jump_ms.saturating_mul(NANOS),
            settle: limits.clock_settle_ms.saturating_mul(NANOS),
            state: Mutex::new(state),
        }
    }

    /// The journal knows this time already (milliseconds): the clock was ahead when the host was stopped.
    pub fn begin_at(&self, known: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.reading = state.reading.max(known.saturating_mul(NANOS));
    }

    /// Milliseconds since the Unix epoch.
    pub fn now(&self) -> u64 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock, so that two readers cannot turn them round.
        let (wall, at) = ((self.wall)().saturating_mul(NANOS), (self.monotonic)());
        let passed = at.saturating_sub(state.at);
        let steady = state.reading.saturating_add(passed);
        state.reading = if wall > steady.saturating_add(self.jump) {
            self.ahead(&mut state, wall, steady, at)
        } else if wall >= steady {
            (state.ahead_since, state.behind) = (None, false);
            wall
        } else {
            state.ahead_since = None;
            let by = steady - wall;
            if by > self.jump && !std::mem::replace(&mut state.behind, true) {
                tracing::warn!(
                    ms = by / NANOS,
                    "the wall clock was set back: the receive clock goes on slower until it has caught up"
                );
            }
            (state.reading + passed / 10 * SLOW_TENTHS).max(wall)
        };
        state.at = at;
        state.reading / NANOS
    }

    fn ahead(&self, state: &mut State, wall: u64, steady: u64, at: u64) -> u64 {
        let ms = (wall - steady) / NANOS;
        let since = *state.ahead_since.get_or_insert_with(|| {
            tracing::warn!(ms, "the wall clock has jumped ahead by more than `clock_jump_ms`: it is followed if that lasts for `clock_settle_ms`");
            at
        });
        if at.saturating_sub(since) < self.settle {
            return steady;
        }
        tracing::warn!(ms, "the wall clock stays ahead: the receive clock follows it");
        state.ahead_since = None;
        wall
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const START: u64 = 1_000_000_000_000;
    const HOUR: u64 = 3_600_000;

    /// A wall and a monotonic clock, milliseconds.
    struct Clocks {
        wall: Arc<AtomicU64>,
        monotonic: Arc<AtomicU64>,
        steady: SteadyClock,
    }

    impl Clocks {
        fn new() -> Clocks {
            let (wall, monotonic) = (Arc::new(AtomicU64::new(START)), Arc::new(AtomicU64::new(0)));
            let (one, other) = (wall.clone(), monotonic.clone());
            let steady = SteadyClock::with(
                move || one.load(Ordering::Relaxed),
                move || other.load(Ordering::Relaxed) * NANOS,
                &Limits::default(),
            );
            Clocks { wall, monotonic, steady }
        }

        fn set(&self, wall: u64) {
            self.wall.store(wall, Ordering::Relaxed);
        }

        /// Time passes on both; what the steady one then says since the start.
        fn pass(&self, ms: u64) -> u64 {
            self.wall.fetch_add(ms, Ordering::Relaxed);
            self.monotonic.fetch_add(ms, Ordering::Relaxed);
            self.steady.now() - START
        }
    }

    #[test]
    fn s1_07_a_jump_that_is_taken_back_moves_nothing() {
        let clocks = Clocks::new();
        assert_eq!(clocks.pass(1_000), 1_000);
        clocks.set(START + HOUR);
        assert_eq!(clocks.pass(1_000), 2_000);
        assert_eq!(clocks.pass(60_000), 62_000);
        clocks.set(START + 62_000);
        assert_eq!(clocks.pass(1_000), 63_000);
        // And the next one has to last for as long.
        clocks.set(START + HOUR);
        assert_eq!(clocks.pass(1_000), 64_000);
    }

    #[test]
    fn a_small_jump_is_followed_at_once_and_a_large_one_when_it_lasts() {
        let limits = Limits::default();
        let clocks = Clocks::new();
        clocks.set(START + limits.clock_jump_ms);
        assert_eq!(clocks.pass(1), limits.clock_jump_ms + 1);
        clocks.set(START + HOUR);
        let first = clocks.pass(1);
        assert_eq!(first, limits.clock_jump_ms + 2);
        assert_eq!(clocks.pass(limits.clock_settle_ms - 1), first + limits.clock_settle_ms - 1);
        assert_eq!(clocks.pass(1), HOUR + limits.clock_settle_ms + 1);
    }

    #[test]
    fn s1_07_time_goes_on_where_the_wall_clock_was_set_back() {
        let clocks = Clocks::new();
        clocks.pass(HOUR);
        clocks.set(START);
        // However often it is asked.
        let (mut last, mut asked) = (HOUR, 0);
        while asked < 1_000 {
            let now = clocks.pass(1);
            assert!(now >= last, "it went back");
            (last, asked) = (now, asked + 1);
        }
        assert_eq!(last, HOUR + 900);
        assert_eq!(clocks.pass(10 * HOUR), 10 * HOUR + 1_000, "they meet");
    }

    #[test]
    fn a_host_that_was_ahead_begins_where_it_was() {
        let clocks = Clocks::new();
        clocks.steady.begin_at(START + HOUR);
        assert_eq!(clocks.pass(1_000), HOUR + 900);
    }
}
