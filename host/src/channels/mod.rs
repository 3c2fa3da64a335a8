//! The ways out to people. A way takes a delivery and says what it knows of its end; what that means for the action,
//! and whether there is another try, is for others to decide.

mod hub;
mod log;
mod script;

use std::sync::Arc;

pub use hub::{Full, Hub, STREAM_BUFFER, Stream};
pub use log::deliver_log;
pub use script::{Script, ScriptedEnd, UnknownEnd};

use crate::model::outreach::{Action, Channel};

/// One action on its way, one time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// Its number in the person's inbox; zero for channels without one.
    pub sequence: u64,
    pub action: Arc<Action>,
    /// Where it goes; the action's own channel is what the policy says.
    pub channel: Channel,
    /// From 1.
    pub attempt: u32,
}

/// What a way knows after it was given a delivery.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Handed {
    /// It waits in the inbox; so many streams have it already. It ends when the person's client acknowledges it.
    Waits {
        streams: usize,
    },
    Delivered,
    /// Worth another try.
    NotNow(&'static str),
    Failed(&'static str),
    /// Nobody can say whether it has arrived.
    Unknown(&'static str),
}

impl Handed {
    /// As a metric's label.
    pub fn name(&self) -> &'static str {
        match self {
            Handed::Waits { streams: 0 } => "waiting",
            Handed::Waits { .. } => "pushed",
            Handed::Delivered => "delivered",
            Handed::NotNow(_) => "not_now",
            Handed::Failed(_) => "failed",
            Handed::Unknown(_) => "unknown",
        }
    }
}

/// All ways out of this host.
#[derive(Clone)]
pub struct Ways {
    pub hub: Arc<Hub>,
    /// For scenario files and tests: what channels without an inbox answer instead of delivering.
    pub script: Option<Arc<Script>>,
}

impl Ways {
    /// Gives a delivery to its channel. Never waits for a person.
    pub fn hand_over(&self, delivery: Delivery) -> Handed {
        match delivery.channel {
            Channel::App => {
                let action = delivery.action.clone();
                Handed::Waits { streams: self.hub.push(&action.business, &action.person, delivery) }
            }
            // The place in the app comes for it by itself.
            Channel::Slot(_) => Handed::Waits { streams: 0 },
            Channel::Log => self.log(&delivery),
        }
    }

    fn log(&self, delivery: &Delivery) -> Handed {
        let scripted = self.script.as_ref().map(|script| script.end(&delivery.channel));
        match scripted.unwrap_or_default() {
            ScriptedEnd::Ok => {
                deliver_log(delivery);
                Handed::Delivered
            }
            ScriptedEnd::Fail => Handed::Failed(script::REASON),
            ScriptedEnd::NotNow => Handed::NotNow(script::REASON),
            ScriptedEnd::Unknown => Handed::Unknown(script::REASON),
        }
    }
}

/// A metric's label: slots are many, so they have one.
pub fn label(channel: &Channel) -> &'static str {
    match channel {
        Channel::App => "app",
        Channel::Slot(_) => "slot",
        Channel::Log => "log",
    }
}

#[cfg(test)]
mod tests;
