//! What the journal tells: events, matches, failed inputs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// An accepted event.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    pub position: u64,
    pub source: String,
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub actor: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scene: String,
    /// The intake that it came by, where that is not the default one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub intake: String,
    pub time: String,
    pub received: String,
    /// What it claimed as its time, where that was beyond the skew bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_time: Option<String>,
    /// Its own time was absent or beyond the skew bound.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub time_replaced: bool,
    /// It came beyond the dedup horizon: it may have been accepted before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undeduplicated: bool,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub data: Option<Box<RawValue>>,
}

/// Retention has taken the journal's beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExpiredView {
    /// The oldest position that is kept.
    pub first: u64,
    /// When it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

/// An event that a match was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsedEventView {
    pub source: String,
    pub id: String,
    pub position: u64,
    /// Only in a trace, and only if the journal still has the event.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The journal has it no more: these identities are what is left of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub expired: bool,
}

/// One match, with what made it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MatchView {
    /// Of the frame that it was committed with; other matches may share it.
    pub position: u64,
    /// Position of the event that completed it.
    pub input: u64,
    pub deployment: String,
    pub revision: u32,
    pub digest: String,
    pub name: String,
    pub person: String,
    #[schema(value_type = Object)]
    pub fields: Box<RawValue>,
    /// Oldest first.
    pub events: Vec<UsedEventView>,
    /// Ids of further events that the module named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// Repeats with the same text are one fact for whoever acts on them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<String>,
    /// Of the event that completed it.
    pub time: String,
    /// That event came beyond the dedup horizon: the match may have been made before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undeduplicated: bool,
}

/// `GET /v1/{business}/matches`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MatchPage {
    pub matches: Vec<MatchView>,
    /// What `after` is for the next page, also when this one is empty.
    pub next: u64,
    /// What was asked for begins with something that has expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired: Option<ExpiredView>,
}

/// An input that was refused, trapped or ran out of fuel.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FailedView {
    /// Of the event, or of the frame that led to the input.
    pub position: u64,
    /// It was resent and failed again: the position of the replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<u64>,
    pub deployment: String,
    pub revision: u32,
    pub digest: String,
    /// Empty where it could not be found.
    pub key: String,
    /// `trap`, `fuel`, or the code of the refusal; `late` also where a window did not observe it.
    pub code: String,
    pub reason: String,
    /// `event`, `derived event`, `timer NAME`, `signal NAME from KEY`, `settlement ACTION`.
    #[serde(default)]
    pub input: String,
    /// When it was handled.
    pub at: String,
    /// Of an event, unless the journal no longer has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventView>,
}

/// `GET /v1/{business}/failed-events`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FailedPage {
    pub failed: Vec<FailedView>,
    /// What `after` is for the next page, also when this one is empty.
    pub next: u64,
    /// What was asked for begins with something that has expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired: Option<ExpiredView>,
}
