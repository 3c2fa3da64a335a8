//! What policies do for one person: messages on their way, tags, derived events; and where they come from.

use std::fmt;

use super::{Channel, Class, Offline};
use crate::model::{Digest, Lsn};

/// One thing that a policy does for one person. Made from the match's identity, the policy and the person, so a replay,
/// a release and a retry name the same action.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ActionId(pub u128);

impl ActionId {
    /// Parses 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<ActionId> {
        let plain = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        plain.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(ActionId)
    }
}

impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A message on its way to one person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Action {
    pub id: ActionId,
    pub business: Box<str>,
    pub person: Box<str>,
    pub origin: Origin,
    pub policy: Box<str>,
    pub policy_revision: u32,
    pub class: Class,
    /// As the policy says; a decision says where it went.
    pub channel: Channel,
    pub scene: Box<str>,
    pub priority: i32,
    /// JSON object, the policy's.
    pub content: Box<str>,
    /// JSON object, the match's.
    pub fields: Box<str>,
    /// Milliseconds, receive clock of the match's frame.
    pub time: u64,
    /// Milliseconds, receive clock.
    pub expires: u64,
    pub offline: Offline,
}

/// The match behind an action, a tag or a published event, and what made it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// Of the outcome frame that holds the match.
    pub lsn: Lsn,
    pub match_id: u128,
    pub match_name: Box<str>,
    pub deployment: Box<str>,
    pub revision: u32,
    pub digest: Digest,
    /// Derived events between the match's input and an outside one.
    pub hops: u8,
}

/// An attribute of a person that a policy gave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tag {
    pub name: Box<str>,
    pub value: Box<str>,
    pub origin: Origin,
    pub policy: Box<str>,
    pub policy_revision: u32,
    /// Milliseconds, receive clock.
    pub since: u64,
    pub expires: Option<u64>,
}

/// A derived event: what a module or a policy publishes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Published {
    pub id: u128,
    pub event_type: Box<str>,
    pub subject: Box<str>,
    pub actor: Box<str>,
    /// JSON object.
    pub data: Box<str>,
    /// Milliseconds, event time.
    pub time: u64,
    /// Derived events between it and an outside one, itself included.
    pub hops: u8,
}

/// Fixed cost of a published event beside its texts.
const EVENT_BYTES: usize = 48;

impl Published {
    /// Upper bound of the encoded size, bytes.
    pub fn bytes(&self) -> usize {
        EVENT_BYTES + self.event_type.len() + self.subject.len() + self.actor.len() + self.data.len()
    }
}
