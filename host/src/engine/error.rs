//! Three failures, three fates: the uploader's (refused, nothing stored), the module's (recorded, counted), the
//! host's (retried).

use super::contract::Diagnostic;

/// Why a module was not accepted. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("this is not a WebAssembly module or component: {0}")]
    NotWasm(String),
    #[error(
        "the core module cannot be made a component: {0}. Build it with the SDK, or embed the contract in it (wit-bindgen does)"
    )]
    NotAComponent(String),
    #[error("the module imports `{name}`, which this host does not have. {remedy}")]
    UnknownImport { name: String, remedy: String },
    #[error("the module exports `{name}`, which this host does not know: it was built for a later contract than 0.1")]
    UnknownExport { name: String },
    #[error("the module does not export `fishpond:plugin/lifecycle@0.1.0`, which every module must")]
    NoLifecycle,
    #[error("the module does not fit the contract in `wit/`: {0}")]
    Contract(String),
    #[error("`describe` failed: {0}")]
    Describe(String),
    #[error("the host could not compile or store the module: {0}")]
    Host(String),
}

/// Why a configuration was not accepted. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigureError {
    #[error("the module refuses the configuration")]
    Refused(Vec<Diagnostic>),
    #[error("the module's plan is not a plan of contract 0.1: {0}")]
    BadPlan(String),
    #[error("`configure` failed: {0}")]
    Failed(String),
}

/// The host could not run a call: its watchdog fired, or an instance could not be made. Says nothing about the module.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct HostFailure(pub String);
