//! Counts the faults of modules, of all workers together: too many within a while, and the deployment is quarantined.
//!
//! Faults are traps and spent fuel. Refusals, bad events and failures of the host are none.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::parts::Parts;
use crate::engine::Fault;
use crate::model::ports::{Faulty, Sample};
use crate::model::{DeploymentId, End, InputRecord, Limits, Lsn};
use crate::registry::Deployment;

pub struct Faults {
    limits: Arc<Limits>,
    kept: Mutex<BTreeMap<DeploymentId, Kept>>,
}

#[derive(Default)]
struct Kept {
    /// What the times are about.
    life: Life,
    /// Receive clock of each fault that may still count, milliseconds; oldest first.
    times: VecDeque<u64>,
    /// Of all revisions, oldest first.
    samples: VecDeque<Sample>,
}

/// From one activation, or return from quarantine, to the next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Life {
    pub revision: u32,
    /// Earlier quarantines of the deployment.
    pub quarantines: usize,
}

/// One input that ended with a fault.
pub struct Faulted<'a> {
    pub lsn: Lsn,
    pub key: &'a str,
    pub end: &'a End,
}

impl<'a> Faulted<'a> {
    /// The faults among records, and the one that has stopped the batch behind them.
    pub fn of(records: &'a [InputRecord], stopped: Option<&'a Fault>) -> impl Iterator<Item = Faulted<'a>> {
        let faults = records.iter().filter(|record| record.outcome.end.is_fault());
        let faults = faults.map(|record| Faulted { lsn: record.lsn, key: &record.key, end: &record.outcome.end });
        faults.chain(stopped.map(|fault| Faulted { lsn: fault.lsn, key: &fault.key, end: &fault.end }))
    }
}

impl Parts {
    /// Counts faults of a revision of a deployment. Answers why it is to be quarantined, if so.
    pub(super) fn count_faults<'a>(
        &self,
        deployment: &Deployment,
        revision: u32,
        faults: impl Iterator<Item = Faulted<'a>>,
    ) -> Option<String> {
        let life = Life { revision, quarantines: deployment.quarantined.len() };
        self.faults.count(deployment.id, life, self.time.now(), faults)
    }
}

impl Faults {
    pub fn new(limits: Arc<Limits>) -> Faults {
        Faults { limits, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<DeploymentId, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts faults at a receive clock; those of an earlier life count no more, nor are they remembered. Answers why
    /// the deployment is to be quarantined, if so.
    pub fn count<'a>(
        &self,
        id: DeploymentId,
        life: Life,
        now: u64,
        faults: impl Iterator<Item = Faulted<'a>>,
    ) -> Option<String> {
        let mut faults = faults.peekable();
        faults.peek()?;
        let Limits { quarantine_faults: most, quarantine_ms, fault_samples, .. } = *self.limits;
        let mut kept = self.kept();
        let kept = kept.entry(id).or_default();
        if kept.life < life {
            (kept.life, kept.times) = (life, VecDeque::new());
        }
        for fault in faults {
            if life == kept.life {
                kept.times.push_back(now);
            }
            kept.samples.push_back(Sample {
                lsn: fault.lsn,
                revision: life.revision,
                key: fault.key.into(),
                code: fault.end.code().into(),
                message: fault.end.message().into(),
                at: now,
            });
        }
        let surplus = kept.samples.len().saturating_sub(fault_samples as usize);
        kept.samples.drain(..surplus);
        while kept.times.front().is_some_and(|at| at.saturating_add(quarantine_ms) <= now) {
            kept.times.pop_front();
        }
        let last = kept.samples.back()?;
        (kept.times.len() as u64 >= most).then(|| {
            format!(
                "{} faults within {quarantine_ms} ms (`quarantine_faults`), the last one at input {} of key `{}`: {}: {}",
                kept.times.len(),
                last.lsn,
                last.key,
                last.code,
                last.message
            )
        })
    }

    /// What there is to show, at a receive clock.
    pub fn of(&self, id: DeploymentId, now: u64) -> Faulty {
        let kept = self.kept();
        let Some(kept) = kept.get(&id) else { return Faulty::default() };
        let counts = |at: &&u64| at.saturating_add(self.limits.quarantine_ms) > now;
        Faulty {
            counted: kept.times.iter().filter(counts).count() as u64,
            samples: kept.samples.iter().rev().cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: DeploymentId = DeploymentId(3);

    fn count(faults: &Faults, revision: u32, quarantines: usize, now: u64, n: usize) -> bool {
        let end = End::Trapped { message: "unreachable".into() };
        let each = (0..n).map(|n| Faulted { lsn: Lsn(now + n as u64), key: "ann", end: &end });
        faults.count(ID, Life { revision, quarantines }, now, each).is_some()
    }

    fn faults() -> Faults {
        Faults::new(Arc::new(Limits {
            quarantine_faults: 3,
            quarantine_ms: 100,
            fault_samples: 2,
            ..Limits::default()
        }))
    }

    #[test]
    fn faults_count_for_a_while_and_only_those_of_the_newest_revision() {
        let faults = faults();
        assert!(!count(&faults, 1, 0, 1_000, 2));
        assert!(!count(&faults, 1, 0, 1_100, 1), "the first two are over");
        assert!(!count(&faults, 1, 0, 1_101, 1));
        assert!(count(&faults, 1, 0, 1_199, 1));
        assert!(!count(&faults, 2, 0, 1_199, 2), "a new revision begins at none");
        assert!(!count(&faults, 1, 0, 1_199, 5), "an older one counts no more");
        assert!(count(&faults, 2, 0, 1_200, 1));
        assert!(!count(&faults, 2, 1, 1_200, 2), "who was let go begins at none");
        assert!(!count(&faults, 2, 1, 1_200, 0));
    }

    #[test]
    fn the_last_faults_are_kept_to_be_shown_newest_first() {
        let faults = faults();
        count(&faults, 1, 0, 1_000, 1);
        count(&faults, 1, 0, 1_050, 2);
        let shown = faults.of(ID, 1_100);
        assert_eq!(shown.counted, 2);
        let lsns: Vec<u64> = shown.samples.iter().map(|sample| sample.lsn.0).collect();
        assert_eq!(lsns, [1_051, 1_050]);
        assert_eq!((&*shown.samples[0].key, &*shown.samples[0].code), ("ann", "trap"));
        assert_eq!(faults.of(DeploymentId(4), 0), Faulty::default());
    }
}
