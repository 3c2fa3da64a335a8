//! What waits for its delivery, and how deliveries end.

use super::{Action, ActionId, Channel};
use crate::model::DeploymentId;

/// How a delivery ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DeliveryEnd {
    /// By the person's client.
    Acknowledged,
    /// The channel took it and knows no acknowledgement.
    Delivered,
    Failed,
    /// Nobody can say.
    Unknown,
    Expired,
    /// It had to give way: more than `inbox_max_unacked` waited.
    ExpiredUnacked,
}

impl DeliveryEnd {
    pub const ALL: [DeliveryEnd; 6] = [
        DeliveryEnd::Acknowledged,
        DeliveryEnd::Delivered,
        DeliveryEnd::Failed,
        DeliveryEnd::Unknown,
        DeliveryEnd::Expired,
        DeliveryEnd::ExpiredUnacked,
    ];

    pub fn name(self) -> &'static str {
        match self {
            DeliveryEnd::Acknowledged => "acknowledged",
            DeliveryEnd::Delivered => "delivered",
            DeliveryEnd::Failed => "failed",
            DeliveryEnd::Unknown => "unknown",
            DeliveryEnd::Expired => "expired",
            DeliveryEnd::ExpiredUnacked => "expired_unacked",
        }
    }

    /// What a filter is told. What was handed over and never acknowledged may have been seen: nobody knows.
    pub fn settlement(self, handed_over: bool) -> &'static str {
        match self {
            DeliveryEnd::Acknowledged | DeliveryEnd::Delivered => "delivered",
            DeliveryEnd::Failed => "failed",
            DeliveryEnd::Unknown => "unknown",
            DeliveryEnd::Expired | DeliveryEnd::ExpiredUnacked if handed_over => "unknown",
            DeliveryEnd::Expired | DeliveryEnd::ExpiredUnacked => "expired",
        }
    }
}

/// What a person's document keeps of an action that has not ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    pub action: Action,
    pub attempt: u32,
    pub state: WaitingState,
    /// Filters that want to hear of the delivery's end.
    pub asked: Vec<Asked>,
}

impl Waiting {
    /// May somebody have seen it?
    pub fn handed_over(&self) -> bool {
        match self.state {
            WaitingState::Held { .. } => false,
            WaitingState::Inbox { attempted, .. } => attempted,
            WaitingState::Outbox { .. } => true,
        }
    }

    /// Of what waits for a slot the greatest is shown: the highest priority, then the newest.
    pub fn rank(&self) -> (i32, u64) {
        let sequence = match self.state {
            WaitingState::Inbox { sequence, .. } => sequence,
            WaitingState::Held { .. } | WaitingState::Outbox { .. } => 0,
        };
        (self.action.priority, sequence)
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WaitingState {
    /// A filter holds it until then.
    Held { until: u64 },
    /// In the inbox. `attempted`: handed over at least once, and not acknowledged.
    Inbox { sequence: u64, channel: Channel, attempted: bool },
    /// A channel without an inbox has it; tried again at `retry`, `tries` so far.
    Outbox { channel: Channel, retry: u64, tries: u32 },
}

/// A filter that gave a context with its verdict.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    pub deployment: DeploymentId,
    pub context: Box<str>,
    pub state_version: u32,
}

/// What comes back from the way out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    pub business: Box<str>,
    pub person: Box<str>,
    /// Milliseconds, receive clock.
    pub at: u64,
    pub what: Reported,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reported {
    /// The person is there and wants what waits: for the stream, or for one slot.
    Arrived {
        slot: Option<Box<str>>,
    },
    /// By the person's client.
    Acknowledged {
        action: ActionId,
    },
    Delivered {
        action: ActionId,
    },
    /// Worth another try: the host decides when, and how often.
    NotNow {
        action: ActionId,
        reason: Box<str>,
    },
    Failed {
        action: ActionId,
        reason: Box<str>,
    },
    Unknown {
        action: ActionId,
        reason: Box<str>,
    },
}
