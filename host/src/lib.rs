//! Fishpond.
pub mod api;
pub mod app;
pub mod cli;
pub mod bench;
pub mod codec;
pub mod config;
pub mod engine;
pub mod journal;
pub mod model;
pub mod registry;
pub mod router;
pub mod scenario;
pub mod shards;
pub mod store;
pub mod tasks;
pub mod telemetry;
pub mod trace;
