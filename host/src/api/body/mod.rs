//! What goes over the wire as JSON: bodies of requests and answers, for the server and for the command line.
//!
//! Times are RFC 3339 texts in UTC, positions are numbers of the journal. What is absent is left out.

mod deployment;
mod events;
mod problem;
mod records;
mod trace;

pub use deployment::{
    Deploy, DeploymentList, DeploymentView, ModuleList, ModuleRef, ModuleView, Pause, PausedView, QueryAnswer,
};
pub use events::{EventsAnswer, Rejected};
pub use problem::{DiagnosticView, Problem};
pub use records::{EventView, FailedPage, FailedView, MatchPage, MatchView, UsedEventView};
pub use trace::{
    ChangeView, DocumentBody, EntryView, TraceAnswer, TracedEventView, ValueView, VerdictView, WindowTotalsView,
    WindowView,
};

use serde::{Deserialize, Serialize};

/// `GET /v1/limits`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitList {
    pub limits: Vec<LimitView>,
}

/// One bound of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitView {
    pub name: String,
    /// In force.
    pub value: u64,
    pub default: u64,
    pub unit: String,
    pub meaning: String,
}
