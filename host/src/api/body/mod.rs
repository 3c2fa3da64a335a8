//! What goes over the wire as JSON: bodies of requests and answers, for the server and for the command line.
//!
//! Times are RFC 3339 texts in UTC, positions are numbers of the journal. What is absent is left out.

mod alert;
mod backfill;
mod capture;
mod decision;
mod deployment;
mod events;
mod failed;
mod person;
mod policy;
mod problem;
mod records;
mod trace;

pub use alert::{AlertList, AlertView};
pub use backfill::{
    BackfillBody, BackfillError, BackfillEvent, BackfillFailed, BackfillInput, BackfillLine, BackfillMatch,
    BackfillProgress, BackfillSummary,
};
pub use capture::{CaptureAnswer, CapturedModuleView};
pub use decision::{
    ActionStory, CandidateView, ChainRevisionsView, DecisionPage, DecisionSummary, DecisionView, EndView,
    MatchCountsView, OriginView, ReachedView, SentView,
};
pub use deployment::{
    Deploy, DeploymentList, DeploymentView, FaultView, ModuleList, ModuleRef, ModuleView, Pause, PausedView,
    QueryAnswer, Resume, Rollback, UsageView,
};
pub use events::{CloudEvent, EventsAnswer, Rejected};
pub use failed::{FailedInputView, FailedShown, ReplayView, ReplayedMatchView, ResendAnswer, ResendBody, ResentView};
pub use person::{ActionAcknowledged, ActionView, ByeView, TOKEN_LASTS_S, TagList, TagView, UserToken, UserTokenBody};
pub use policy::{
    ChainBody, ChainEntryBody, ChainStepView, ChainView, FallbackBody, MESSAGE_LASTS_S, MessageBody, OfflineBody,
    PolicyBody, PolicyList, PolicyRemoved, PolicyView, PublishBody, TagBody,
};
pub use problem::{DiagnosticView, Problem};
pub use records::{EventView, ExpiredView, FailedPage, FailedView, MatchPage, MatchView, UsedEventView};
pub use trace::{
    ChangeView, DocumentBody, EntryView, EventShown, TimerView, TraceAnswer, TracedEventView, TracedInputView,
    ValueView, VerdictView, WindowTotalsView, WindowView,
};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::Limits;

/// `GET /v1/limits`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LimitList {
    pub limits: Vec<LimitView>,
}

impl LimitList {
    /// The bounds in force, in the order of an event's way.
    pub fn of(limits: &Limits) -> LimitList {
        let view = |(name, value, default, unit, meaning): (&str, u64, u64, &str, &str)| LimitView {
            name: name.to_owned(),
            value,
            default,
            unit: unit.to_owned(),
            meaning: meaning.to_owned(),
        };
        LimitList { limits: limits.table().into_iter().map(view).collect() }
    }
}

/// One bound of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LimitView {
    pub name: String,
    /// In force.
    pub value: u64,
    pub default: u64,
    pub unit: String,
    pub meaning: String,
}
