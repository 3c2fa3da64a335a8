//! What the journal holds, in one order: inputs, ticks, reports, control changes, outcomes, and checkpoint marks.

use std::sync::Arc;

use super::outreach::{ChainEntry, ChainPart, Outreach, Policy, Report};
use super::{DeploymentId, Digest, Event, Gap, Guard, InputOutcome, Lsn, PauseCause, ShardSet};

#[derive(Clone, PartialEq, Debug)]
pub enum Frame {
    Input(Arc<Event>),
    Control(Arc<Control>),
    Outcome(Arc<Outcome>),
    Mark(Mark),
    Tick(Tick),
    Report(Arc<Report>),
    Outreach(Arc<Outreach>),
}

/// Time passes: everyone meets it at the same place. Both clocks never fall.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tick {
    /// Receive clock, milliseconds.
    pub now: u64,
    /// Events up to this time have come, as far as lateness is bounded, milliseconds.
    pub watermark: u64,
}

/// A change of what runs, and who made it.
#[derive(Clone, PartialEq, Debug)]
pub struct Control {
    /// Wall clock at the host, milliseconds.
    pub at: u64,
    /// Token name or `host`.
    pub by: Box<str>,
    pub change: Change,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Change {
    ModuleUploaded {
        business: Box<str>,
        digest: Digest,
        name: Box<str>,
        version: Box<str>,
    },
    /// Inputs below this frame's position run on the revision before, from it on on this one, however late.
    DeploymentRevised {
        business: Box<str>,
        name: Box<str>,
        /// From 1; 1 creates the deployment, whose id is this frame's position.
        revision: u32,
        digest: Digest,
        /// JSON, as the operator gave it.
        configuration: Box<str>,
        /// JSON, as `configure` got it: every later instance gets the same, whatever the limits are by then.
        envelope: Box<str>,
        /// JSON, as `configure` answered it.
        plan: Box<str>,
        permissions: Vec<Box<str>>,
        on_error: OnError,
        guard: Guard,
        /// Where revision 1 begins to read, as it was asked for,
        start: Start,
        /// and as it was found: it has read everything up to here. Zero: up to this frame.
        begins: Lsn,
        /// Repair: in these shards it handles everything behind these positions, where they stood paused, and goes on.
        /// Empty for an ordinary revision.
        backlog: Vec<(ShardSet, Lsn)>,
    },
    /// Acts at each reader's own position at once.
    Paused {
        deployment: DeploymentId,
        shards: ShardSet,
        cause: PauseCause,
        reason: Box<str>,
    },
    /// All shards stop, each at its reader's own position at once: the newest revision has failed too often.
    Quarantined {
        deployment: DeploymentId,
        revision: u32,
        reason: Box<str>,
    },
    /// Shards that stand still go on behind what retention has released before they have read it.
    GapAccepted {
        deployment: DeploymentId,
        gap: Gap,
    },
    /// Something that an operator should know of begins or is over. Which alerts are open is told by these frames alone.
    Alert {
        business: Box<str>,
        /// Of the alert: `quarantined`.
        name: Box<str>,
        /// The deployment that it is about, or `host`.
        subject: Box<str>,
        /// False: it is over.
        raised: bool,
        message: Box<str>,
    },
    Resumed {
        deployment: DeploymentId,
        shards: ShardSet,
    },
    /// Inputs below this frame are handled, none from it on.
    Retired {
        deployment: DeploymentId,
    },
    /// An input that has failed is handled once more, at this frame's position and by the revision in force here. The reader's
    /// place is otherwise untouched.
    Resent(Arc<Resend>),
    /// Acts from this frame on.
    PolicyRevised {
        business: Box<str>,
        id: Box<str>,
        /// From 1.
        revision: u32,
        /// None removes it.
        policy: Option<Box<Policy>>,
    },
    /// Acts from this frame on.
    ChainRevised {
        /// Of the platform part: `platform`.
        business: Box<str>,
        part: ChainPart,
        /// From 1.
        revision: u32,
        entries: Vec<ChainEntry>,
    },
}

/// A failed input that is a declared replay: its identity is the original's, so what it finds has the ids that the original
/// would have had.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resend {
    pub deployment: DeploymentId,
    /// Of the original.
    pub position: Lsn,
    /// Name of the subscription that it came by.
    pub subscription: Box<str>,
    /// As the original's record says; empty where it could not be found.
    pub key: Box<str>,
    /// Carried along, so that no reader looks for it in files.
    pub event: Arc<Event>,
    /// It had waited for its order and failed when it was handed over: it does not come too late now.
    pub handed_over: bool,
}

/// What a trap or spent fuel does to the deployment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnError {
    /// The input is recorded as failed, the next one runs.
    #[default]
    Skip,
    /// The failing shard stops before the input and waits for an operator.
    Pause,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Start {
    /// Events accepted after the deployment.
    #[default]
    Latest,
    /// Everything that the journal still has.
    Earliest,
    /// What the journal still has of what was written at or after a time, milliseconds.
    At(u64),
}

/// One atomic unit: inputs consumed, what they changed, what they found, and how far the reader is.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    pub deployment: DeploymentId,
    pub revision: u32,
    pub digest: Digest,
    /// For these shards all inputs up to `position` are finished.
    pub shards: ShardSet,
    pub position: Lsn,
    /// Receive clock when it was made, milliseconds.
    pub now: u64,
    /// The state version that the module writes.
    pub state_version: u32,
    /// In journal order.
    pub inputs: Vec<InputRecord>,
    /// Documents at their first change after a mark, whole and as they are after this frame.
    pub wholes: Vec<Whole>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct InputRecord {
    pub lsn: Lsn,
    /// Of a declared replay: the position of the original. Then `lsn` is that of the frame that asked for it.
    pub replay_of: Option<Lsn>,
    /// The input's own time, milliseconds.
    pub time: u64,
    pub via: Via,
    /// Derived events and signals between it and an outside event, itself included; a timer has those of the input that
    /// set it.
    pub hops: u8,
    /// Empty where the key could not be found (then `end` says so).
    pub key: Box<str>,
    pub outcome: InputOutcome,
}

/// How an input reached the module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Via {
    /// Number of the subscription in the plan.
    Subscription(u32),
    /// Name of the timer that fired.
    Timer(Box<str>),
    /// Word from another key of the deployment.
    Signal { id: u128, name: Box<str>, sender: Box<str> },
    /// The action whose delivery has ended.
    Settlement(super::outreach::ActionId),
    /// Not yet: number of the subscription, for which the input waits in its document until the watermark has passed it.
    Kept(u32),
    /// A tick has handed over what was kept: number of the subscription (`u32::MAX`: the plan has it no longer), and the
    /// position that the input came with.
    HandedOver { subscription: u32, from: Lsn },
}

impl Via {
    /// Number of the subscription by which an event came, at once or after waiting.
    pub fn subscription(&self) -> Option<u32> {
        match self {
            Via::Subscription(number) | Via::Kept(number) | Via::HandedOver { subscription: number, .. } => {
                Some(*number)
            }
            Via::Timer(_) | Via::Signal { .. } | Via::Settlement(_) => None,
        }
    }

    /// Was it a tick that brought the input?
    pub fn is_by_tick(&self) -> bool {
        matches!(self, Via::Timer(_) | Via::HandedOver { .. })
    }
}

impl InputRecord {
    /// The position that the input came with, a replay's is the original's; `lsn` is where it was handled.
    pub fn origin(&self) -> Lsn {
        match (self.replay_of, &self.via) {
            (Some(original), _) => original,
            (None, Via::HandedOver { from, .. }) => *from,
            (None, _) => self.lsn,
        }
    }

    /// What a change by it makes of the document's clock, milliseconds: what waits has not been seen yet.
    pub fn clock(&self) -> u64 {
        if matches!(self.via, Via::Kept(_)) { 0 } else { self.time }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Whole {
    pub key: Box<str>,
    /// Encoded document.
    pub bytes: Box<[u8]>,
}

/// A checkpoint begins: the first change of each document after it is logged whole. Whoever needs documents without
/// a base, needs the journal from here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    pub shards: ShardSet,
}
