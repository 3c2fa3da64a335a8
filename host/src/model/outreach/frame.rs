//! One atomic unit of outreach in the journal.

use super::{ActionId, Decision, DeliveryEnd, Origin, Published, Tag};
use crate::model::{DeploymentId, Lsn, Op, ShardSet};

/// One atomic unit of outreach: what was done about some matches, ticks and reports, and how far the reader is.
#[derive(Clone, PartialEq, Debug)]
pub struct Outreach {
    pub shards: ShardSet,
    /// Everything up to here is finished,
    pub position: Lsn,
    /// and so many matches of the frame behind it.
    pub done: u32,
    /// Receive clock, milliseconds.
    pub now: u64,
    pub deeds: Vec<Deed>,
    /// In order. Changes of one document may be several.
    pub changes: Vec<Changed>,
    pub wholes: Vec<OwnedWhole>,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Deed {
    Decided(Box<Decision>),
    Tagged { business: Box<str>, person: Box<str>, tag: Tag },
    Published { business: Box<str>, origin: Origin, policy: Box<str>, policy_revision: u32, event: Published },
    Ended(Ended),
    Settled(Settled),
}

/// A delivery's end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    pub business: Box<str>,
    pub person: Box<str>,
    pub action: ActionId,
    pub match_name: Box<str>,
    pub policy: Box<str>,
    pub end: DeliveryEnd,
    pub reason: Box<str>,
    /// As of the match.
    pub hops: u8,
    /// Milliseconds, receive clock.
    pub time: u64,
}

/// An input of a filter: how a delivery that it asked about has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settled {
    pub deployment: DeploymentId,
    /// The person.
    pub key: Box<str>,
    pub action: ActionId,
    /// As `settlements.settlement` has it.
    pub status: Box<str>,
    pub context: Box<str>,
    /// JSON object.
    pub answer: Box<str>,
    /// Milliseconds, receive clock.
    pub time: u64,
    pub state_version: u32,
    /// As of the match.
    pub hops: u8,
}

/// Whose document it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Owner {
    Deployment(DeploymentId),
    /// The host's own document of a person in a business: inbox, tags, what is held.
    Person(Box<str>),
}

#[derive(Clone, PartialEq, Debug)]
pub struct Changed {
    pub owner: Owner,
    pub key: Box<str>,
    /// Milliseconds: the input's time.
    pub time: u64,
    /// Of the module that wrote; zero for the host's own.
    pub state_version: u32,
    pub ops: Vec<Op>,
}

/// A document at its first change after a mark, whole.
#[derive(Clone, PartialEq, Debug)]
pub struct OwnedWhole {
    pub owner: Owner,
    pub key: Box<str>,
    pub bytes: Box<[u8]>,
}
