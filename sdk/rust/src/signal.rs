//! Why: one key's input cannot reach another key's document. A signal is the word that one sends to the other: sent by
//! name, it comes back as a [`Signalled`].

use serde::de::DeserializeOwned;

use crate::Refusal;

/// A signal of the plan. From `plan.signal("name")`, for `cx.signal(..)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal(String);

impl Signal {
    pub(crate) fn new(name: String) -> Self {
        Self(name)
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }
}

/// A signal that has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signalled {
    /// Who it was sent to; windows and values belong to it.
    pub key: String,
    /// Its name in the plan; see [`Signalled::is`].
    pub name: String,
    /// Milliseconds since the Unix epoch: the time of the input that sent it, and of this one.
    pub time: u64,
    /// The key of the input that sent it.
    pub sender: String,
    /// What was given along when it was sent.
    pub payload: String,
    /// The state version of the module that sent it.
    pub state_version: u32,
}

impl Signalled {
    /// Whether it is this signal of the plan.
    pub fn is(&self, signal: &Signal) -> bool {
        self.name == signal.0
    }

    /// The payload, where it is JSON.
    ///
    /// # Errors
    /// `bad_state` if it does not fit the type: another version of the module sent it.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let unreadable = |error| Refusal::new("bad_state", format!("payload of signal `{}`: {error}", self.name));
        serde_json::from_str(&self.payload).map_err(unreadable)
    }
}
