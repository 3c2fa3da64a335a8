//! Fishpond.
pub mod codec;
pub mod engine;
pub mod journal;
pub mod model;
pub mod registry;
pub mod router;
pub mod tasks;
pub mod telemetry;
