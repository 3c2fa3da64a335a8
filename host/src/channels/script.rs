//! Channels that answer as a scenario says: how an action ends when the way out fails must be testable without one that
//! fails.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use crate::model::outreach::Channel;

/// The reason that a scripted end gives.
pub(super) const REASON: &str = "scripted";

/// What a channel answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ScriptedEnd {
    #[default]
    Ok,
    Fail,
    NotNow,
    Unknown,
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a channel cannot end with `{0}`: use ok, fail, not_now or unknown")]
pub struct UnknownEnd(pub String);

impl FromStr for ScriptedEnd {
    type Err = UnknownEnd;

    fn from_str(text: &str) -> Result<ScriptedEnd, UnknownEnd> {
        match text {
            "ok" => Ok(ScriptedEnd::Ok),
            "fail" => Ok(ScriptedEnd::Fail),
            "not_now" => Ok(ScriptedEnd::NotNow),
            "unknown" => Ok(ScriptedEnd::Unknown),
            other => Err(UnknownEnd(other.to_owned())),
        }
    }
}

/// What each channel answers from now on; `ok` unless it was told otherwise. Only channels without an inbox are asked.
#[derive(Debug, Default)]
pub struct Script {
    ends: Mutex<BTreeMap<Channel, ScriptedEnd>>,
}

impl Script {
    pub fn set(&self, channel: Channel, end: ScriptedEnd) {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).insert(channel, end);
    }

    pub fn end(&self, channel: &Channel) -> ScriptedEnd {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).get(channel).copied().unwrap_or_default()
    }
}
