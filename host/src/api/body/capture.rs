//! A captured scenario.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/{business}/capture`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CaptureAnswer {
    /// The scenario file.
    pub scenario: String,
    /// Those that it deploys: `GET /v1/{business}/modules/{digest}` has their components.
    pub modules: Vec<CapturedModuleView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CapturedModuleView {
    /// `name@version`, as the scenario names it.
    pub name: String,
    pub digest: String,
}
