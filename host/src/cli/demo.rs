//! `fishpond demo`: a whole host at work on made-up events, killed once on the way, up to what an app shows.

mod app;
mod crowd;
mod figures;
mod page;
mod run;
mod send;
mod setup;
mod stay;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

pub use stay::end as asked_to_end;

use super::child::{BUSINESS, LOOK_AGAIN};

pub(super) use run::run;

/// What does not come within this time does not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Show the whole host at work on made-up events
///
/// Starts a host of its own, uploads the shipped rules and filters, streams a seeded crowd of users through them, and
/// shows matches, what became of them, an app that gets a message, and why. The same seed makes the same matches.
///
/// Example:
///
///     fishpond demo --events 50000 --seed 7
#[derive(Args, Debug, Clone)]
#[command(
    verbatim_doc_comment,
    after_help = "Next: `fishpond demo --data ./demo --keep`, then `fishpond serve --data ./demo` goes on from there."
)]
pub struct DemoArgs {
    /// How many events
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub events: u64,
    /// How many users they are about
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub users: u64,
    /// Of the crowd
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Stay up until Ctrl-C, with a page for the browser that gets messages live, and keep the data folder, which is
    /// removed otherwise
    #[arg(long)]
    pub keep: bool,
    /// Address and port of its host [default: a free port of this machine]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// The global `--data` flag, never the environment's: a demo must not write into a real host's folder. None = a
    /// temporary folder.
    #[arg(skip)]
    pub data: Option<PathBuf>,
    /// The global `--json`.
    #[arg(skip)]
    pub json: bool,
}
