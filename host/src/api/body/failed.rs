//! Failed inputs one by one, and resending them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::EventView;

/// `GET /v1/{business}/failed-events/{name}/{position}`: what one position came to in one deployment, as far as it failed, or
/// came late.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FailedShown {
    pub position: u64,
    pub deployment: String,
    /// With all attributes; absent for what is no outside event, and where the journal no longer has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventView>,
    /// One for each subscription and key that it came by.
    pub inputs: Vec<FailedInputView>,
}

/// One failed input with its replays.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FailedInputView {
    /// `event`, `derived event`, `timer NAME`, `signal NAME from KEY`, `settlement ACTION`.
    pub input: String,
    /// Of an event: by which subscription it came.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subscription: String,
    /// Empty where it could not be found.
    pub key: String,
    pub revision: u32,
    pub digest: String,
    /// `trap`, `fuel`, the code of the refusal; `done` for what was only late.
    pub code: String,
    pub reason: String,
    /// Units, where it was spent: other ends do not say how much they used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// A window found it too old.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// When it was handled.
    pub at: String,
    /// Oldest first.
    pub replays: Vec<ReplayView>,
}

/// One time that an input was resent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayView {
    /// Of the control frame that asked for it.
    pub position: u64,
    pub at: String,
    /// Name of the token.
    pub by: String,
    /// `pending`, `done`, or the code that it failed with again.
    pub code: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Absent while it is pending, as are the ones below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// A window found it too old again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<ReplayedMatchView>,
}

/// What a replay has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayedMatchView {
    pub name: String,
    /// The one that the original would have had.
    pub id: String,
}

/// `POST /v1/{business}/failed-events/resend`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResendBody {
    pub deployment: String,
    /// Only what failed at this position; else `all` must be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
    /// Only inputs that failed with this code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Only inputs of this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Of all: only what failed behind this position, as the last answer's `next` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResendAnswer {
    /// How many inputs were resent now.
    pub resent: u64,
    /// In the order of the journal.
    pub inputs: Vec<ResentView>,
    /// There may be more: what `after` is for the next request. Absent if all were looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// What became of one input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResentView {
    pub position: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subscription: String,
    pub key: String,
    /// `resent`, `replayed` (it was, and that ended well), `pending` (it was, and that has not ended), `refused`.
    pub status: String,
    /// Position of the replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<u64>,
    /// Of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
