//! The only room that knows wasmtime: compiles modules, checks what they import, and runs their exports.
//!
//! Running yields values ([`crate::model::InputOutcome`]); nothing here writes anything but the cache of native code.
//! Per process: [`Engine`] (compiler settings, linker, watchdog). Per module: [`Module`] (native code, pre-linked).
//! Per worker and deployment revision: [`Runner`] (a long-lived instance). Per call: `call::Call` ([`Input`]s of one kind,
//! documents, buffered effects); `host/` has what a guest may ask for meanwhile, one file for each interface.

mod bindings;
mod calendar;
mod call;
mod compile;
mod contract;
mod error;
mod handlers;
mod host;
mod identity;
mod input;
mod instance;
mod module;
mod plan;
mod runner;
mod schema;
mod settings;

pub use compile::Engine;
pub use contract::{Description, Diagnostic, envelope};
pub use error::{ConfigureError, HostFailure, UploadError};
pub use identity::Scope;
pub use input::{HandedOver, Input, Judged, Keep, QueryInput, What};
pub use module::{Configured, Module};
pub use runner::{Fault, Ran, Runner};
pub use settings::QueryFailure;
