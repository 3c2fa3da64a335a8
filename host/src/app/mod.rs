//! The only wiring: which part gets which, in what order things start and stop.

mod open;
mod serve;

pub use open::{Host, OpenOptions, Report, Step, open};
pub use serve::{Doors, Running, serve, start};
