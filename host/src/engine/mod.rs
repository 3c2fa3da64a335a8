//! The only room that knows wasmtime: compiles modules, checks what they import, and runs their exports.
//!
//! Running yields values ([`crate::model::InputOutcome`]); nothing here writes anything but the cache of native code.
//! Per process: [`Engine`] (compiler settings, linker, watchdog). Per module: [`Module`] (native code, pre-linked).
//! Per worker and deployment revision: [`Runner`] (a long-lived instance). Per call: `call::Call` (inputs, documents,
//! buffered effects).

mod bindings;
mod call;
mod compile;
mod contract;
mod error;
mod host;
mod instance;
mod module;
mod plan;
mod runner;
mod schema;
mod settings;

pub use call::{Input, QueryInput};
pub use compile::Engine;
pub use contract::{Description, Diagnostic, envelope};
pub use error::{ConfigureError, HostFailure, UploadError};
pub use module::{Configured, Module};
pub use runner::{Fault, Ran, Runner};
pub use settings::QueryFailure;
