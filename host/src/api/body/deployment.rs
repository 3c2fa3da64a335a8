//! Modules, deployments and their queries.

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
    /// Of a new deployment: `latest` (default) or `earliest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// `backlog`: of a deployment that is paused. The new revision handles in each shard what the old one has not, and the
    /// pause is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
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
    /// `active`, `paused` or `retired`.
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
    /// How far its slowest shard has read; absent until a worker has met it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// Positions that shard still has to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<PausedView>,
    /// Position of the newest revision's control frame.
    pub activated_at_lsn: u64,
    pub activated_at: String,
    /// Name of the token that activated it.
    pub by: String,
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
    pub reason: String,
    pub since: String,
}

/// `GET /v1/{business}/deployments/{name}/queries/{query}`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct QueryAnswer {
    /// The module's word.
    pub status: String,
    #[schema(value_type = Object)]
    pub body: Box<RawValue>,
    /// The module says that asking again may help.
    #[serde(default)]
    pub retry: bool,
    /// How far the deployment has read in the key's shard; durable.
    pub position: u64,
    pub lag: u64,
    pub revision: u32,
}
