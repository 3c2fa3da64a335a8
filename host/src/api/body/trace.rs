//! Why a user did or did not match.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{EventView, ExpiredView, MatchView};

/// `GET /v1/{business}/trace/{key}`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TraceAnswer {
    pub business: String,
    pub key: String,
    /// The time that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Everything up to here is in the answer.
    pub position: u64,
    /// Older events of the key were left out (`trace_items`).
    pub truncated: bool,
    /// Retention has taken the journal's beginning: what is older is not in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired: Option<ExpiredView>,
    /// Oldest first.
    pub events: Vec<TracedEventView>,
    /// What deployments handled under the key besides: timers, signals, settlements, derived events. Oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<TracedInputView>,
    /// Of the deployments of the business, from the first event above on.
    pub changes: Vec<ChangeView>,
    /// What is kept for the key, as it is at `position`.
    pub documents: Vec<DocumentBody>,
}

/// `GET /v1/{business}/events/{source}/{event}`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EventShown {
    pub business: String,
    pub source: String,
    pub id: String,
    /// Everything up to here is in the answer.
    pub position: u64,
    /// Retention has taken the journal's beginning: it may have had more of this identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired: Option<ExpiredView>,
    /// Mostly one; oldest first. Sent again when the identity was no longer remembered, it is another event.
    pub events: Vec<TracedEventView>,
    /// Of the deployments of the business, from the first event above on.
    pub changes: Vec<ChangeView>,
}

/// An event of the key and what each deployment made of it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TracedEventView {
    pub event: EventView,
    pub deployments: Vec<VerdictView>,
}

/// An input that is no event from outside, and what its deployment made of it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TracedInputView {
    /// Of the frame that led to it: a tick, or what a signal or event was sent with.
    pub position: u64,
    pub time: String,
    /// `derived event`, `timer NAME`, `signal NAME from KEY`, `settlement ACTION`.
    pub input: String,
    /// Derived events and signals between it and an event from outside.
    pub hops: u8,
    pub verdict: VerdictView,
}

/// What one deployment made of one event.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct VerdictView {
    pub deployment: String,
    /// `matched`, `no_match`, `refused`, `trap`, `fuel`, `not_subscribed`, `filtered`, `lagging`, `waiting`, `paused`,
    /// `deployed_later`.
    pub answer: String,
    /// The same in a sentence, with its numbers.
    pub why: String,
    /// The key that it was handled under; absent if there is no record (and so is all below).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Of the frame with the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// `name@version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription: Option<String>,
    /// The event was older than its window accepts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// Changes of the document, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<String>,
    /// What the windows it touched added up to after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<WindowTotalsView>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<MatchView>,
}

/// A window around an event, with the event in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WindowTotalsView {
    pub name: String,
    pub count: u64,
    pub distinct: u64,
    pub sum: i64,
}

/// A change of what runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeView {
    pub position: u64,
    pub at: String,
    /// Name of the token, or `host`.
    pub by: String,
    /// A sentence.
    pub change: String,
}

/// What one deployment keeps for the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentBody {
    pub deployment: String,
    /// How far the deployment has read in the key's shard.
    pub position: u64,
    /// Positions it still has to read; absent for a time in the past.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<u64>,
    pub windows: Vec<WindowView>,
    pub values: Vec<ValueView>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timers: Vec<TimerView>,
}

/// A timer that will fire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimerView {
    pub name: String,
    pub due: String,
    /// `receive clock` or `event time`.
    pub clock: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WindowView {
    pub name: String,
    /// Oldest first. Entries are kept for twice the window's length, so that late events meet their neighbours.
    pub entries: Vec<EntryView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntryView {
    pub time: String,
    pub member: String,
    pub amount: i64,
    pub source: String,
    pub id: String,
    pub position: u64,
}

/// A state value: as text where it is UTF-8, else as hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValueView {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hex: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}
