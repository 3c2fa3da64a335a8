//! Whose turn is next: deficit round robin (Shreedhar and Varghese, 1995) over guest time, one batch at a time. A deployment
//! that overdraws its share in one call pays it back before it is called again, if others have something to do.

use super::worker::{Worker, gate_of};
use crate::engine::Ran;
use crate::model::{DeploymentId, Limits};

/// How many inputs a batch takes.
#[derive(Clone, Copy, Debug)]
pub enum Batching {
    /// As many as fit `batch_us` of guest time.
    ByTime,
    /// Seeded numbers from 1 to `most`, for tests: outcomes may not depend on them.
    Seeded { seed: u64, most: usize },
}

impl Batching {
    /// What a deployment may spend in each round: microseconds of guest time, or inputs.
    fn quantum(&self, limits: &Limits) -> i64 {
        match self {
            Batching::ByTime => limits.batch_us as i64,
            Batching::Seeded { most, .. } => *most as i64,
        }
    }

    /// What a batch has spent of it. Where batches are seeded no clock decides anything.
    pub(super) fn cost(&self, ran: &Ran, inputs: usize) -> i64 {
        match self {
            Batching::ByTime => ran.guest_time.as_micros() as i64,
            Batching::Seeded { .. } => inputs as i64,
        }
    }
}

impl Worker {
    /// The deployment that goes on: the last one while it has credit left, else the next one that has something to read
    /// and any credit. None if nobody has anything to read.
    pub(super) fn next_turn(&mut self) -> Option<DeploymentId> {
        let last = self.parts.log.last();
        let order = self.turn_order();
        let has_work = |id: &DeploymentId| {
            let active = &self.active[id];
            active.next_reader(last, gate_of(active, &self.desk)).is_some()
        };
        let waiting: Vec<DeploymentId> = order.into_iter().filter(has_work).collect();
        let quantum = self.batching.quantum(&self.parts.limits).max(1);
        let current = self.active.get(&self.last).is_some_and(|active| active.credit > 0);
        if current && waiting.last() == Some(&self.last) {
            return Some(self.last);
        }
        // As many rounds at once as the least indebted needs.
        let debt = waiting.iter().map(|id| -self.active[id].credit).min()?;
        let skipped = (debt / quantum).max(0) * quantum;
        for id in &waiting {
            self.active.get_mut(id)?.credit += skipped;
        }
        for id in waiting {
            let active = self.active.get_mut(&id)?;
            active.credit = (active.credit + quantum).min(quantum);
            if active.credit > 0 {
                self.last = id;
                return Some(id);
            }
        }
        None
    }

    /// All deployments, beginning behind the one whose turn was last.
    fn turn_order(&self) -> Vec<DeploymentId> {
        let ids = self.active.keys().copied();
        let (before, after): (Vec<_>, Vec<_>) = ids.partition(|id| *id <= self.last);
        after.into_iter().chain(before).collect()
    }
}
