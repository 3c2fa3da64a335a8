//! What the parts of a host share.

use std::sync::Arc;

use super::blocking::Blocking;
use super::faults::Faults;
use super::identities::Identities;
use super::ticks::Timekeeper;
use crate::journal::Log;
use crate::model::Limits;
use crate::model::ports::Presence;
use crate::registry::{Clock, Registry};
use crate::store::Store;
use crate::telemetry::Metrics;

/// Handles; clones are the same parts.
#[derive(Clone)]
pub struct Parts {
    pub log: Log,
    pub registry: Arc<Registry>,
    pub store: Arc<Store>,
    /// Which events have been accepted.
    pub identities: Arc<Identities>,
    pub metrics: Arc<Metrics>,
    pub limits: Arc<Limits>,
    /// Wall clock, milliseconds.
    pub clock: Clock,
    /// Who writes ticks.
    pub time: Arc<Timekeeper>,
    /// Those of all workers.
    pub faults: Arc<Faults>,
    /// What intake refuses for now.
    pub blocking: Arc<Blocking>,
    /// Who is connected.
    pub presence: Arc<dyn Presence>,
}
