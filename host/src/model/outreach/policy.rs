//! What is to be done about matches: policies, and the chains that judge messages.

use std::fmt;

use crate::model::DeploymentId;

/// What a message is for the person; entries of a chain name the classes that they judge.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Class {
    Critical,
    Transactional,
    #[default]
    Marketing,
}

impl Class {
    pub const ALL: [Class; 3] = [Class::Critical, Class::Transactional, Class::Marketing];

    pub fn name(self) -> &'static str {
        match self {
            Class::Critical => "critical",
            Class::Transactional => "transactional",
            Class::Marketing => "marketing",
        }
    }

    pub fn parse(text: &str) -> Option<Class> {
        Class::ALL.into_iter().find(|class| class.name() == text)
    }
}

/// A way out to people.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Channel {
    /// The stream of the person's app; waits in the inbox.
    App,
    /// A place in the app that asks by itself; waits in the inbox.
    Slot(Box<str>),
    /// The host's log.
    Log,
}

impl Channel {
    /// `app`, `log`, or `slot:NAME`.
    pub fn parse(text: &str) -> Option<Channel> {
        match text {
            "app" => Some(Channel::App),
            "log" => Some(Channel::Log),
            _ => {
                let slot = text.strip_prefix("slot:")?;
                crate::model::check_name("slot", slot).ok().map(|()| Channel::Slot(slot.into()))
            }
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Channel::App => f.write_str("app"),
            Channel::Log => f.write_str("log"),
            Channel::Slot(slot) => write!(f, "slot:{slot}"),
        }
    }
}

/// Binds a match name to what is done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    pub match_name: Box<str>,
    /// Only matches of this deployment; None = of any.
    pub deployment: Option<Box<str>>,
    pub act: Act,
    /// Of several message policies the highest acts; of equals the smallest id.
    pub priority: i32,
    /// Milliseconds, receive clock; inclusive.
    pub valid_from: Option<u64>,
    /// Milliseconds, receive clock; exclusive.
    pub valid_until: Option<u64>,
    pub enabled: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    Tag(TagAct),
    Message(MessageAct),
    Publish(PublishAct),
}

impl Act {
    pub fn name(&self) -> &'static str {
        match self {
            Act::Tag(_) => "tag",
            Act::Message(_) => "message",
            Act::Publish(_) => "publish",
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TagAct {
    pub tag: Box<str>,
    pub value: Box<str>,
    /// Milliseconds; None = for good.
    pub lasts_ms: Option<u64>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MessageAct {
    pub class: Class,
    pub channel: Channel,
    /// Place in the app; may be empty.
    pub scene: Box<str>,
    /// JSON object that the client shows.
    pub content: Box<str>,
    /// Milliseconds from the match until the message is worth nothing any more.
    pub lasts_ms: u64,
    pub offline: Offline,
}

/// What becomes of a message for the app while the person is not connected.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Offline {
    /// It waits in the inbox until it expires.
    #[default]
    Keep,
    /// It is not sent.
    Drop,
    /// It goes another way.
    Fallback(Channel),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublishAct {
    pub event_type: Box<str>,
}

/// Which part of a chain; in this order they run.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ChainPart {
    /// Of the host: nobody can leave it out.
    Platform,
    Business,
    /// Of one policy of the business.
    Policy(Box<str>),
}

impl fmt::Display for ChainPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChainPart::Platform => f.write_str("platform"),
            ChainPart::Business => f.write_str("business"),
            ChainPart::Policy(id) => write!(f, "policy:{id}"),
        }
    }
}

/// One filter of a chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainEntry {
    /// Name in the business, or in the business `platform`.
    pub filter: Box<str>,
    pub deployment: DeploymentId,
    pub on_error: Fail,
    /// None judges all.
    pub classes: Vec<Class>,
    /// An `allow` of this filter ends the chain: what follows is not asked. Never in the platform part.
    pub allow_final: bool,
}

impl ChainEntry {
    pub fn judges(&self, class: Class) -> bool {
        self.classes.is_empty() || self.classes.contains(&class)
    }
}

/// What a filter's error means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fail {
    /// As if it had allowed.
    Open,
    /// As if it had denied.
    Closed,
}

impl Fail {
    pub fn name(self) -> &'static str {
        match self {
            Fail::Open => "open",
            Fail::Closed => "closed",
        }
    }
}
