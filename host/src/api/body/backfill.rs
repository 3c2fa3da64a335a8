//! A backfill: what may be asked for, and the lines that come back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::ExpiredView;

/// `POST /v1/{business}/deployments/{name}/backfill`; the body may be absent.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackfillBody {
    /// `name` (its newest version), `name@version`, or a digest or the beginning of one; absent: that of the newest revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// For the module; absent: that of the newest revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub configuration: Option<Box<RawValue>>,
    /// Absent: those of the newest revision, or what the module asks for if another one is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<String>>,
    /// Only events that were received at or after this time; absent: all that the journal still has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Only events that were received at or before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Seconds by which the clock goes on behind the last event, so that timers fire; 0 if absent. At most `backfill_advance_ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advance_s: Option<u64>,
}

/// One line of a backfill; empty lines between them say that it goes on. The last one is a `summary`; without it there is no result, whatever came before.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackfillLine {
    Match(BackfillMatch),
    Failed(BackfillFailed),
    Progress(BackfillProgress),
    Summary(Box<BackfillSummary>),
    Error(BackfillError),
}

/// An event by its identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackfillEvent {
    pub source: String,
    pub id: String,
}

/// The input that something was found by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackfillInput {
    /// `event`, `derived event`, `timer NAME`, `signal NAME from KEY`.
    pub kind: String,
    /// Of an event in the journal of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// Of an event in a file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Of an event from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<BackfillEvent>,
    /// Empty where it could not be found.
    pub key: String,
    /// The input's own time.
    pub time: String,
}

/// What would have been found.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BackfillMatch {
    pub name: String,
    pub person: String,
    /// That of the live match, if the deployment has found the same there.
    pub id: String,
    #[schema(value_type = Object)]
    pub fields: Box<RawValue>,
    pub input: BackfillInput,
    /// Those that it was made from, oldest first.
    pub events: Vec<BackfillEvent>,
    /// Ids of further events that the module named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undeduplicated: bool,
}

/// An input that could not be handled, or that came late.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackfillFailed {
    /// `trap`, `fuel`, the code of the refusal; `late` also where a window did not observe it.
    pub code: String,
    pub reason: String,
    pub input: BackfillInput,
}

/// How far it is: after every thousand events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackfillProgress {
    pub events: u64,
    pub matches: u64,
    /// The clock of the backfill.
    pub time: String,
}

/// What it came to.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BackfillSummary {
    pub deployment: String,
    /// Digest of the module.
    pub module: String,
    #[schema(value_type = Object)]
    pub configuration: Box<RawValue>,
    pub permissions: Vec<String>,
    /// Events of the business that were read.
    pub events: u64,
    /// Those of types that the plan subscribes to.
    pub subscribed: u64,
    /// Lines of a file that had come before: same identity, same content,
    pub duplicates: u64,
    /// or other content.
    pub id_reused: u64,
    /// Those that were given another time than they said, or that said none: too far from their receipt. In a file: one that
    /// is not in the order of time.
    #[serde(default)]
    pub replaced: u64,
    /// What was handled: events, once for each subscription, timers, signals.
    pub inputs: u64,
    /// By name.
    pub matches: BTreeMap<String, u64>,
    /// Different keys.
    pub keys: u64,
    /// Keys for which something was stored.
    pub documents: u64,
    pub late: u64,
    /// By code.
    pub failed: BTreeMap<String, u64>,
    /// Events that would have been published, by type.
    pub published: BTreeMap<String, u64>,
    /// Units.
    pub fuel: u64,
    /// Receipt of the first event that was read, and of the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// Where the clock of the backfill ended.
    pub ended: String,
    /// What was asked for begins with something that retention had released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<ExpiredView>,
}

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackfillError {
    /// `bad_line`, `released`, `paused`, `stopped`, `disk_low`, `host_failure`, `refused`, or the name of a limit.
    pub code: String,
    pub message: String,
}
