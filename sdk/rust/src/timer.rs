//! Why: the time that a rule waits for. A timer belongs to a key, is set by name and comes back as a [`Due`].

use serde::Serialize;

/// A timer of the plan. From `plan.timer_receive("name")` or `plan.timer_event("name")`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timer(String);

impl Timer {
    pub(crate) fn new(name: String) -> Self {
        Self(name)
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }
}

/// The clock that a timer is set on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Clock {
    Receive,
    Event,
}

/// A timer whose clock has passed it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Due {
    /// Whose timer it is; windows and values belong to it.
    pub key: String,
    /// Its name in the plan; see [`Due::is`].
    pub name: String,
    /// The time that it was set for, milliseconds since the Unix epoch: the time of this input. The attribute `now` is
    /// what its clock shows.
    pub time: u64,
    /// What was given along when it was set.
    pub context: String,
    /// The state version of the module that set it.
    pub state_version: u32,
}

impl Due {
    /// Whether it is this timer of the plan.
    pub fn is(&self, timer: &Timer) -> bool {
        self.name == timer.0
    }
}
