//! Scenario files: events, questions, policies and time in; matches, decisions and refusals out. One form for our tests,
//! for the teams that write modules, and for what `capture` writes.
//!
//! A file has an input part, a line `---`, and the expected output. Everything runs through the real engine, journal
//! and store in a temporary folder; the clock is the scenario's own, and the scheduler is seeded and counted: each
//! step runs to rest before the next.

mod capture;
mod check;
mod command;
mod document;
mod parse;
mod render;
mod run;

pub use capture::Capturer;
pub use check::{Checked, check, check_file};
pub use command::{Played, TestPlan, play};
pub use parse::{Advance, BUSINESS, Deed, DeployStep, EventStep, ParseError, PersonAct, Scenario, Step, Target};
pub use run::{Modules, Run, RunOptions, small_limits};
