//! Instances that a worker keeps between calls stay within a memory mark: the least recently used leave first, and are made
//! again when their deployment has its next input.

use std::time::Instant;

use super::documents::share;
use super::worker::Worker;
use crate::engine::Runner;

impl Worker {
    /// Drops instances beyond the worker's share of `instances_memory_bytes`, but for the one that was used last.
    pub(super) fn drop_instances(&mut self) {
        let mark = share(self.parts.limits.instances_memory_bytes, self.shards);
        let runners = || self.active.values().flat_map(|active| &active.loaded).map(|loaded| &loaded.runner);
        let (mut count, mut bytes) = (0, 0);
        for (kept, _) in runners().filter_map(Runner::kept) {
            (count, bytes) = (count + 1, bytes + kept);
        }
        if bytes > mark {
            let mut used: Vec<(Instant, usize)> =
                runners().filter_map(Runner::kept).map(|(kept, at)| (at, kept)).collect();
            used.sort_unstable();
            used.pop();
            for (at, kept) in used {
                if bytes <= mark {
                    break;
                }
                let runners = self.active.values_mut().flat_map(|active| &mut active.loaded);
                let mut runners = runners.map(|loaded| &mut loaded.runner);
                if let Some(runner) = runners.find(|runner| runner.kept() == Some((kept, at))) {
                    runner.let_go();
                    (count, bytes) = (count - 1, bytes - kept);
                }
            }
        }
        let before = std::mem::replace(&mut self.instances, (count, bytes as i64));
        self.parts.metrics.instances.add(count - before.0);
        self.parts.metrics.instance_bytes.add(bytes as i64 - before.1);
    }
}
