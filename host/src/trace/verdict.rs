//! What a deployment made of an event.

use std::sync::Arc;

use crate::model::{DeploymentId, Digest, End, InputRecord, Lsn, Totals, Via};

/// One deployment's answer to one event.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub deployment: Arc<str>,
    pub answer: Answer,
    /// None if the journal has no record of it up to the horizon.
    pub handled: Option<Handled>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Matched,
    NoMatch,
    /// Refused, trapped or out of fuel; the record says more.
    Failed,
    /// It waits in its document until the watermark has passed its time (`order: event-time`).
    Waiting,
    /// It does not subscribe to this type, but to these.
    NotSubscribed {
        types: Vec<Box<str>>,
    },
    /// It subscribes to the type, but a predicate of the subscription did not hold.
    Filtered,
    /// It begins to read behind the event.
    DeployedLater {
        start: Lsn,
    },
    /// Its frames reach up to this position in the shard of the key that the event has there.
    Lagging {
        key: Box<str>,
        position: Lsn,
    },
    /// As lagging, because it stands still.
    Paused {
        key: Box<str>,
        position: Lsn,
        reason: Box<str>,
        since: u64,
    },
}

/// A record of the journal.
#[derive(Clone, Debug)]
pub struct Handled {
    /// Of the outcome frame.
    pub lsn: Lsn,
    pub deployment: DeploymentId,
    pub revision: u32,
    pub digest: Digest,
    /// `name@version`; None if the registry does not know the digest.
    pub module: Option<Arc<str>>,
    pub subscription: Box<str>,
    pub record: InputRecord,
    /// The key's windows around the event, after it; empty for a record under another key.
    pub windows: Vec<WindowTotals>,
}

impl Handled {
    pub fn answer(&self) -> Answer {
        match &self.record.outcome.end {
            End::Done if matches!(self.record.via, Via::Kept(_)) => Answer::Waiting,
            End::Done if self.record.outcome.matches.is_empty() => Answer::NoMatch,
            End::Done => Answer::Matched,
            End::Refused { .. } | End::Trapped { .. } | End::OutOfFuel { .. } => Answer::Failed,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowTotals {
    pub name: Arc<str>,
    pub totals: Totals,
}
