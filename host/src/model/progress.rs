//! How far everybody is in one shard at a checkpoint: what a start would otherwise have to find in the whole journal.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{DeploymentId, Lsn, Tick};

/// As of a mark: nothing in it speaks of a position above.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ShardProgress {
    pub times: Times,
    /// The desk has finished everything up to the position, and so many matches of the frame behind it.
    pub desk: (Lsn, u32),
    /// Receive clock of the desk's newest job, milliseconds.
    pub desk_now: u64,
    pub deployments: Vec<(DeploymentId, Standing)>,
}

/// Where a deployment's reader is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// The last position that it has finished.
    pub position: Lsn,
    /// Of the last tick that it has passed, milliseconds; 0 if there was none.
    pub watermark: u64,
    /// Settlements that it has not read: no one is below the first of these positions, none above the second.
    pub settlements: Option<(Lsn, Lsn)>,
}

/// What is known about time, from the journal alone.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Times {
    pub last: Tick,
    pub last_lsn: Lsn,
    /// By intake, as events carry its name. There are as many as were ever configured.
    pub intakes: BTreeMap<Arc<str>, Newest>,
}

/// Of one intake, milliseconds.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Newest {
    /// Greatest min(time, received): one phone that is fast moves nothing.
    pub event: u64,
    pub receipt: u64,
}

impl Times {
    /// A tick of the journal; older ones than the last change nothing.
    pub fn ticked(&mut self, lsn: Lsn, tick: Tick) {
        if lsn > self.last_lsn {
            (self.last, self.last_lsn) = (tick, lsn);
        }
    }

    /// What somebody else knows as well.
    pub fn join(&mut self, other: &Times) {
        self.ticked(other.last_lsn, other.last);
        for (intake, newest) in &other.intakes {
            let own = self.intakes.entry(intake.clone()).or_default();
            (own.event, own.receipt) = (own.event.max(newest.event), own.receipt.max(newest.receipt));
        }
    }

    /// Newest receipt of an event, milliseconds.
    pub fn newest_receipt(&self) -> u64 {
        self.intakes.values().map(|newest| newest.receipt).max().unwrap_or_default()
    }
}
