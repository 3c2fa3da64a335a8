//! The one form of every refusal.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Rejected;

/// Why a request was refused: a code for programs, a message for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    pub code: String,
    pub message: String,
    /// The bound that was exceeded, as `GET /v1/limits` lists it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// Where the JSON of the request cannot be read, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// Events that were not accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<Rejected>,
    /// What a module says about a configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<DiagnosticView>,
}

/// One thing wrong in a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DiagnosticView {
    pub message: String,
    /// JSON pointer into the configuration.
    #[serde(default)]
    pub place: String,
    #[serde(default)]
    pub hint: String,
}
