//! Numbers of a running journal, kept without locks.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Steps per doubling of the latency histogram: a quantile is at most a quarter
/// too high.
const STEPS: u64 = 4;
/// What lies below this many microseconds is one range of `STEPS` buckets.
const FLOOR_US: u64 = 16;
/// Doublings above it: up to some 67 s.
const DOUBLINGS: u64 = 22;
const BUCKETS: usize = ((DOUBLINGS + 1) * STEPS) as usize;

/// Live counters, written by the writer thread only.
#[derive(Debug)]
pub(super) struct Counters {
    pub(super) syncs: AtomicU64,
    pub(super) groups: AtomicU64,
    pub(super) frames: AtomicU64,
    pub(super) bytes: AtomicU64,
    latency_sum_us: AtomicU64,
    latency: [AtomicU64; BUCKETS],
}

impl Counters {
    pub(super) fn new() -> Counters {
        Counters {
            syncs: AtomicU64::new(0),
            groups: AtomicU64::new(0),
            frames: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            latency_sum_us: AtomicU64::new(0),
            latency: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    pub(super) fn observe_latency(&self, latency: Duration) {
        let us = latency.as_micros() as u64;
        self.latency[bucket(us)].fetch_add(1, Relaxed);
        self.latency_sum_us.fetch_add(us, Relaxed);
    }

    pub(super) fn snapshot(&self, queue_bytes: u64) -> Stats {
        Stats {
            syncs: self.syncs.load(Relaxed),
            groups: self.groups.load(Relaxed),
            frames: self.frames.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            queue_bytes,
            commit_latency: Latency {
                sum_us: self.latency_sum_us.load(Relaxed),
                counts: self.latency.iter().map(|c| c.load(Relaxed)).collect(),
            },
        }
    }
}

/// A snapshot; everything but `queue_bytes` counts since the journal was opened.
#[derive(Debug, Clone)]
pub struct Stats {
    /// Syncs of group data, those of empty groups included.
    pub syncs: u64,
    /// Groups with frames.
    pub groups: u64,
    /// Frames made durable.
    pub frames: u64,
    /// Bytes written: headers, padding and empty groups included.
    pub bytes: u64,
    /// Bytes that wait for the writer now.
    pub queue_bytes: u64,
    /// Per group: from its oldest frame's append to durable.
    pub commit_latency: Latency,
}

/// A histogram with four buckets per doubling.
#[derive(Debug, Clone)]
pub struct Latency {
    /// Sum of all observations in microseconds.
    pub sum_us: u64,
    counts: Vec<u64>,
}

impl Latency {
    /// (upper bound in microseconds, observations in this bucket), ascending;
    /// the last bucket also holds what is above its bound.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.counts.iter().enumerate().map(|(i, n)| (upper_us(i), *n))
    }

    /// Number of observations.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Upper bound of the bucket that holds the quantile `q` (0 to 1), in
    /// microseconds; `None` without observations.
    pub fn quantile_us(&self, q: f64) -> Option<u64> {
        let rank = (self.count() as f64 * q).ceil().max(1.0) as u64;
        let mut seen = 0;
        self.buckets().find_map(|(upper, n)| {
            seen += n;
            (seen >= rank).then_some(upper)
        })
    }
}

/// Buckets are linear within each doubling, as in an HDR histogram.
fn bucket(us: u64) -> usize {
    let us = us.min(upper_us(BUCKETS - 1));
    if us <= FLOOR_US {
        return (us.saturating_sub(1) * STEPS / FLOOR_US) as usize;
    }
    let doubling = ((us - 1) / FLOOR_US).ilog2() as u64;
    let base = FLOOR_US << doubling;
    ((doubling + 1) * STEPS + (us - 1 - base) * STEPS / base) as usize
}

fn upper_us(bucket: usize) -> u64 {
    let (doubling, step) = (bucket as u64 / STEPS, bucket as u64 % STEPS + 1);
    match doubling {
        0 => FLOOR_US * step / STEPS,
        d => (FLOOR_US << (d - 1)) * (STEPS + step) / STEPS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latency_falls_into_the_bucket_that_bounds_it() {
        for us in (0..5_000).chain([60_000_000, 67_000_000]) {
            let i = bucket(us);
            assert!(us <= upper_us(i), "{us} us above bucket {i}");
            assert!(i == 0 || us > upper_us(i - 1), "{us} us belongs below bucket {i}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_come_from_the_counts() {
        let counters = Counters::new();
        assert_eq!(counters.snapshot(0).commit_latency.quantile_us(0.5), None);
        for us in [100, 100, 100, 5_000] {
            counters.observe_latency(Duration::from_micros(us));
        }
        let latency = counters.snapshot(0).commit_latency;
        assert_eq!((latency.count(), latency.sum_us), (4, 5_300));
        assert_eq!(latency.quantile_us(0.5), Some(112));
        assert_eq!(latency.quantile_us(0.99), Some(5_120));
    }
}
