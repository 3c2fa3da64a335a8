//! Modules, deployments and their queries.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// `GET /v1/{business}/modules`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModuleList {
    pub modules: Vec<ModuleView>,
}

/// A stored module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModuleView {
    pub name: String,
    pub version: String,
    /// SHA-256, 64 hexadecimal digits.
    pub digest: String,
    pub uploaded_at: String,
    /// Name of the token that uploaded it.
    pub by: String,
}

/// `PUT /v1/{business}/deployments/{name}`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deploy {
    /// `name` (its newest version), `name@version`, or a digest or the beginning of one.
    pub module: String,
    /// JSON for the module, taken as it is written.
    #[schema(value_type = Object)]
    pub configuration: Box<RawValue>,
    /// Absent: what the module asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<String>>,
    /// `skip` (default) or `pause`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_error: Option<String>,
    /// After too many faults: `stop` (default), or `rollback` to the last revision that was not quarantined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_quarantine: Option<String>,
    /// Too far behind: `park` (default), or `block` intake of its event types until it has caught up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_lag: Option<String>,
    /// Of a new deployment: `latest` (default) or `earliest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// `backlog`: of a deployment that is paused. The new revision handles in each shard what the old one has not, and the
    /// pause is over. Or a time, of a new deployment: it begins with what was written then, as far as that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// With `backlog`: go on behind what retention has released before it was read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accept_gap: bool,
}

/// `POST /v1/{business}/deployments/{name}/rollback`; the body may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// A revision; absent: the one before the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u32>,
}

/// `POST /v1/{business}/deployments/{name}/pause`; the body may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `POST /v1/{business}/deployments/{name}/resume`; the body may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// Go on behind what retention has released before it was read.
    #[serde(default)]
    pub accept_gap: bool,
}

/// `GET /v1/{business}/deployments`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeploymentList {
    pub deployments: Vec<DeploymentView>,
}

/// A deployment as its newest revision makes it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeploymentView {
    pub name: String,
    /// Position of the control frame that created it.
    pub id: u64,
    /// `active`, `paused`, `quarantined` or `retired`.
    pub state: String,
    pub revision: u32,
    pub module: ModuleRef,
    #[schema(value_type = Object)]
    pub configuration: Box<RawValue>,
    pub permissions: Vec<String>,
    /// What the module asks for and was not granted: inputs that need it are refused as `not_permitted`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_granted: Vec<String>,
    /// `skip` or `pause`.
    pub on_error: String,
    /// `stop` or `rollback`.
    #[serde(default)]
    pub on_quarantine: String,
    /// `park` or `block`.
    #[serde(default)]
    pub on_lag: String,
    /// The first position that it may have read.
    #[serde(default)]
    pub begins_at: u64,
    /// How far its slowest shard has read; absent until a worker has met it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// Positions that shard still has to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<u64>,
    /// Their bytes in the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_bytes: Option<u64>,
    /// How long ago the oldest of them was written, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_ms: Option<u64>,
    #[serde(default)]
    pub usage: UsageView,
    /// Traps and spent fuel that count toward quarantine now.
    #[serde(default)]
    pub faults: u64,
    /// The last ones, newest first.
    #[serde(default)]
    pub last_faults: Vec<FaultView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<PausedView>,
    /// Position of the newest revision's control frame.
    pub activated_at_lsn: u64,
    pub activated_at: String,
    /// Name of the token that activated it.
    pub by: String,
}

/// What a deployment has used and done since the start of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageView {
    pub fuel: u64,
    /// Time in the guest, microseconds.
    pub guest_us: u64,
    /// Calls into the guest.
    pub calls: u64,
    /// Inputs by how they ended.
    pub inputs: BTreeMap<String, u64>,
    /// Matches by name.
    pub matches: BTreeMap<String, u64>,
    /// Documents in memory now, and their bytes.
    pub documents: u64,
    pub state_bytes: u64,
}

/// An input that ended with a trap or spent fuel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FaultView {
    /// The input.
    pub position: u64,
    pub key: String,
    pub revision: u32,
    /// `trap` or `fuel`.
    pub code: String,
    pub message: String,
    pub at: String,
}

/// Which module a revision runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModuleRef {
    pub name: String,
    pub version: String,
    pub digest: String,
}

/// What stands still, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PausedView {
    /// How many of the host's shards.
    pub shards: u32,
    /// `operator`, `lag`, `host_failure`, `on_error`, `gap` or `quarantine`.
    #[serde(default)]
    pub cause: String,
    pub reason: String,
    pub since: String,
}

/// `GET /v1/{business}/deployments/{name}/queries/{query}`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct QueryAnswer {
    /// The module's word.
    pub status: String,
    #[schema(value_type = serde_json::Value)]
    pub body: Box<RawValue>,
    /// The module says that asking again may help.
    #[serde(default)]
    pub retry: bool,
    /// How far the deployment has read in the key's shard; durable.
    pub position: u64,
    pub lag: u64,
    pub revision: u32,
}
