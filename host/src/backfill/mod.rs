//! A backfill: what a module with a configuration would have found in past events. A run of its own, in a scratch folder with a
//! journal and a store of its own, under a clock that the events themselves move: live clocks, watermarks, positions and rows
//! are never written, and nothing is sent to anybody.
//!
//! - `source`: past events, of a host's journal or of a file; `scratch`: the host that meets them
//! - `run`: one after the other, with ticks between them as they are due; `report`: what becomes of them, in JSON lines
//! - `listener`: whether anybody still wants it; `pace`: the share of its time that it works; `room`: how much of the disk it has
//! - `serving`: backfills of a serving host

mod error;
mod listener;
mod pace;
mod report;
mod room;
mod run;
mod scratch;
mod serving;
mod source;

pub use error::Error;
pub use run::{Job, Setting, run};
pub use scratch::Place;
pub use serving::{Backfiller, Stop};
pub use source::{Journal, Lines, Source};
