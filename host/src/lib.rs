//! The Fishpond host: events in, WebAssembly modules over them, what they find out again, and nothing lost between.
//!
//! # Layout
//! The rooms below are in reading order, from the nouns up to the doors; imports go down only (the floors are in
//! ARCHITECTURE.md, a test holds them). Empty lines keep rustfmt from sorting them by name.
//!
//! To follow one event: `api::events` reads it, `shards::intake` gives it a position, `journal` makes that durable,
//! `shards::worker` meets it, `engine` runs the module, `shards::commit` turns the outcome into frames,
//! `shards::checkpoint` brings the document to the `store`, `trace` tells of it; where a policy wants to act on what was
//! found, `outreach::Dispatcher` hands it to `channels`.

/// Floor 0. The nouns: event, document, outcome, frame, plan, limits; and the ports between rooms of one floor.
pub mod model;

/// The stored bytes of frames and documents.
pub mod codec;

/// Named threads, and the bell that wakes them.
pub mod tasks;

/// Metrics.
pub mod telemetry;

/// Floor 1. One order of frames, durable.
pub mod journal;

/// The only room that knows wasmtime: runs modules, yields values.
pub mod engine;

/// Which events reach a deployment, and under which key.
pub mod router;

/// The only room that knows sled: current documents.
pub mod store;

/// The ways out to people: streams of the app, the log.
pub mod channels;

/// Which frames speak of whom: key files of sealed segments.
pub mod keys;

/// Floor 2. Modules, deployments, revisions: what control frames say.
pub mod registry;

/// From match to screen: policies, chains, what was decided, and handing over.
pub mod outreach;

/// What the journal tells about the past: matches, failures, why and why not.
pub mod trace;

/// Floor 3. Where events become outcomes: intake, worker, documents, checkpoints, recovery.
pub mod shards;

/// The only room that knows axum: the HTTP doors.
pub mod api;

/// Floor 4. The one printable tree of settings.
pub mod config;

/// The only wiring: opening, serving, ending.
pub mod app;

/// One file with everything of a running host, and a data folder made of it.
pub mod backup;

/// What is damaged in a data folder, and what can be made again.
pub mod doctor;

/// What a module would have found in past events, beside everything that is live.
pub mod backfill;

/// Scenario files: the one test form.
pub mod scenario;

/// The journal of a stopped host as lines of JSON.
pub mod export;

/// What this machine does, measured.
pub mod bench;

/// The command line.
pub mod cli;
