//! The stored answer for one action, with every verdict.

use super::{Action, ChainPart, Channel, Fail};
use crate::model::Digest;

/// What a filter said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    pub kind: VerdictKind,
    pub reason: Box<str>,
    /// JSON object.
    pub numbers: Box<str>,
    /// It wants to hear of the delivery's end, with this.
    pub context: Option<Box<str>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum VerdictKind {
    Allow,
    Deny,
    /// Until then, receive clock.
    Hold(u64),
    Downgrade(Channel),
}

impl VerdictKind {
    pub fn name(&self) -> &'static str {
        match self {
            VerdictKind::Allow => "allow",
            VerdictKind::Deny => "deny",
            VerdictKind::Hold(_) => "hold",
            VerdictKind::Downgrade(_) => "downgrade",
        }
    }
}

/// The stored answer for one action, at one look at it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    pub action: Action,
    /// Milliseconds, receive clock: of the match's frame, of the release tick, of the person's arrival.
    pub time: u64,
    /// From 1.
    pub attempt: u32,
    /// What started this look.
    pub cause: Cause,
    /// All message policies of the match, the best first; then those of other kinds that were not valid. Only at the first look.
    pub candidates: Vec<Candidate>,
    /// Revision of each part of the chain as it was judged; zero = there is none.
    pub chain: ChainRevisions,
    /// In the chain's order, those that were not reached as well.
    pub verdicts: Vec<Reached>,
    pub status: Status,
}

impl Decision {
    /// Why nothing was sent, where a filter or the host said so: the filter's reason, the code of its error, or the host's reason.
    pub fn reason(&self) -> Option<&str> {
        match &self.status {
            Status::Denied => self.verdicts.iter().find_map(|reached| match &reached.answer {
                Answered::Verdict(verdict) if verdict.kind == VerdictKind::Deny => Some(&*verdict.reason),
                Answered::Error { code, fail: Fail::Closed, .. } => Some(&**code),
                _ => None,
            }),
            Status::Cancelled { reason } => Some(reason),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    Match,
    /// A hold was over.
    Release,
    /// A delivery is tried again.
    Retry,
    /// The person came for what waits.
    Arrival,
}

impl Cause {
    pub fn name(self) -> &'static str {
        match self {
            Cause::Match => "match",
            Cause::Release => "release",
            Cause::Retry => "retry",
            Cause::Arrival => "arrival",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ChainRevisions {
    pub platform: u32,
    pub business: u32,
    pub policy: u32,
}

/// A message policy that was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    pub policy: Box<str>,
    pub revision: u32,
    pub priority: i32,
    pub fate: CandidateFate,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CandidateFate {
    Chosen,
    /// Another one has a higher priority, or the same and a smaller id.
    Outranked,
    NotYetValid,
    Expired,
    Disabled,
}

impl CandidateFate {
    pub fn name(self) -> &'static str {
        match self {
            CandidateFate::Chosen => "chosen",
            CandidateFate::Outranked => "outranked",
            CandidateFate::NotYetValid => "not_yet_valid",
            CandidateFate::Expired => "expired",
            CandidateFate::Disabled => "disabled",
        }
    }
}

/// One entry of the chain in a decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reached {
    pub part: ChainPart,
    pub filter: Box<str>,
    /// Of the filter; zero where it was not asked.
    pub revision: u32,
    pub digest: Digest,
    pub answer: Answered,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answered {
    Verdict(Verdict),
    /// The filter's error, and what it was taken for.
    Error {
        code: Box<str>,
        message: Box<str>,
        fail: Fail,
    },
    /// An earlier one has ended the chain.
    NotReached,
    /// It does not judge this class.
    OtherClass,
}

/// How a look at an action ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Status {
    /// On its way: its number in the person's inbox (zero for channels without one), where it goes, and whether it is handed
    /// over now or waits for the person.
    Sent {
        sequence: u64,
        channel: Channel,
        attempted: bool,
    },
    Denied,
    Held {
        until: u64,
    },
    /// No message policy is valid for the match.
    NoRoute,
    /// The app is not connected, and the policy says `drop`.
    Offline,
    /// The same match under the same `once` was acted upon before.
    Repeated,
    /// Its time was over before it was sent.
    Expired,
    /// Its policy ended while it was held.
    Cancelled {
        reason: Box<str>,
    },
}

impl Status {
    pub fn name(&self) -> &'static str {
        match self {
            Status::Sent { attempted: true, .. } => "sent",
            Status::Sent { .. } => "waiting",
            Status::Denied => "denied",
            Status::Held { .. } => "held",
            Status::NoRoute => "no_route",
            Status::Offline => "offline",
            Status::Repeated => "repeated",
            Status::Expired => "expired",
            Status::Cancelled { .. } => "cancelled",
        }
    }
}
