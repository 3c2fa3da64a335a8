//! `fishpond bench`: what can be asked of it. What it measures in this process is elsewhere; over HTTP it is a client like
//! any other.

mod http;

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

pub use http::HttpArgs;

use super::local;

/// Measure this machine: events per second through journal and rules
///
/// Makes seeded events and measures each stage by itself and all together, in a temporary folder: at full speed, at half
/// of it for latencies, and a start after a crash. Run a release build on a quiet machine; the result says what it ran on.
///
/// Example:
///
///     fishpond bench --events 6000000 --keys 10000,1000000 --rule c2c-blacklist
#[derive(Args, Debug, Clone)]
#[command(verbatim_doc_comment, after_help = "Next: with --json the result can be kept and compared.")]
#[command(args_conflicts_with_subcommands = true)]
pub struct BenchArgs {
    #[command(subcommand)]
    pub part: Option<BenchPart>,
    /// How many events
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub events: u64,
    /// How many keys they are spread over; several numbers, separated by commas, are measured one after the other
    #[arg(long, value_delimiter = ',', default_value = "1000000", value_parser = clap::value_parser!(u64).range(1..))]
    pub keys: Vec<u64>,
    /// Which keys come how often
    #[arg(long, default_value = "zipf")]
    pub spread: BenchSpread,
    /// Events in each second of event time
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub per_second: u64,
    /// How many identities are remembered for finding duplicates
    #[arg(long, default_value_t = 8_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub dedup_ids: u64,
    /// What handles them
    #[arg(long, default_value = "all")]
    pub rule: BenchRule,
    /// Of the events
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder of the built modules
    #[arg(long, value_name = "FOLDER", default_value = "target/components")]
    pub components: std::path::PathBuf,
    /// The global `--json`.
    #[arg(skip)]
    pub json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum BenchRule {
    /// A module that does nothing: the cost of a call
    Noop,
    /// The shipped rule
    #[value(name = "c2c-blacklist")]
    C2cBlacklist,
    /// The shipped filter of lists: every event puts a person on the block list
    Lists,
    /// The same rule as c2c-blacklist without WebAssembly, to compare
    Native,
    /// No-op, c2c-blacklist and native, one after the other
    All,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum BenchSpread {
    /// All keys alike
    Uniform,
    /// Zipf's law with exponent 1: a few keys come most of the time
    Zipf,
    /// One after the other: as many events as keys meet each once
    Turns,
}

#[derive(Subcommand, Debug, Clone)]
pub enum BenchPart {
    Outreach(OutreachArgs),
    Http(HttpArgs),
}

pub(super) fn run(arguments: BenchArgs) -> anyhow::Result<ExitCode> {
    match arguments.part {
        Some(BenchPart::Http(asked)) => http::run(&asked, arguments.json),
        _ => local::bench(arguments),
    }
}

/// Measure the way from an event to a person: decisions per second, and how soon a stream has them
///
/// Every event makes a match, every match a message that three filters judge. First at full speed; then at half of it,
/// for the time from when an event was due to its decision on disk, and until a connected person's client has read the
/// message from its socket.
///
/// Example:
///
///     fishpond bench outreach --events 200000 --persons 100000
#[derive(Args, Debug, Clone)]
#[command(verbatim_doc_comment, after_help = "Next: with --json the result can be kept and compared.")]
pub struct OutreachArgs {
    /// How many events at full speed; at most 100000 more are paced
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub events: u64,
    /// How many persons they are about
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub persons: u64,
    /// How many of them are connected while events are paced
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(..=100_000))]
    pub streams: u64,
    /// Matches per second in the paced part; half of what full speed came to if it is not given
    #[arg(long, value_name = "RATE", value_parser = clap::value_parser!(u64).range(1..))]
    pub paced: Option<u64>,
    /// Events per second beside the paced ones that another rule handles and finds nothing in, of a million users
    #[arg(long, value_name = "RATE", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=1_000_000))]
    pub beside: u64,
    /// Of the events
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder of the built modules
    #[arg(long, value_name = "FOLDER", default_value = "target/components")]
    pub components: std::path::PathBuf,
}
