//! `fishpond bench`: what can be asked of it. What it does is elsewhere.

use clap::{Args, ValueEnum};

/// Measure this machine: events per second through journal and rules
///
/// Makes seeded events and measures each stage by itself and all together, in a temporary folder. Run a release
/// build on a quiet machine; the result says what it ran on.
///
/// Example:
///
///     fishpond bench --events 1000000 --rule c2c-blacklist
#[derive(Args, Debug, Clone)]
#[command(verbatim_doc_comment, after_help = "Next: with --json the result can be kept and compared.")]
pub struct BenchArgs {
    /// How many events
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub events: u64,
    /// How many keys they are spread over
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub keys: u64,
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
    /// The same rule without WebAssembly, to compare
    Native,
    /// One after the other
    All,
}
