//! Alerts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/{business}/alerts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertList {
    pub alerts: Vec<AlertView>,
}

/// Something that an operator should know of, and that is not over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertView {
    /// `quarantined`, `paused`, `lag`, `blocked`, `gap` or `worker`.
    pub name: String,
    /// The deployment that it is about, or `host`.
    pub subject: String,
    pub since: String,
    /// Of the frame that raised it.
    pub position: u64,
    pub message: String,
    /// What to do.
    pub advice: String,
}
