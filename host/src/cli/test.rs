//! `fishpond test`: what can be asked of it. What it does is elsewhere.

use std::path::PathBuf;

use clap::Args;

/// Play scenario files: events in, matches out
///
/// A scenario is a text of events and the answers that are expected; it runs in virtual time through the same
/// code as a host. A folder of a module is built and all its scenarios are played.
///
/// Example:
///
///     fishpond test plugins/c2c-blacklist
#[derive(Args, Debug, Clone)]
#[command(
    verbatim_doc_comment,
    after_help = "Next: after a wanted change of behaviour, --bless writes the new answers into the files; read the diff."
)]
pub struct TestArgs {
    /// Scenario files, or folders of modules
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// A built module that scenarios name, or a folder of such files; may be repeated
    #[arg(long = "module", visible_alias = "modules", value_name = "FILE.wasm|FOLDER")]
    pub modules: Vec<PathBuf>,
    /// Write the answers into the files instead of comparing
    #[arg(long)]
    pub bless: bool,
    /// Also run every input alone on a fresh instance, and compare: finds modules that remember what they must not
    #[arg(long, conflicts_with = "bless")]
    pub singly: bool,
    /// The global `--json`.
    #[arg(skip)]
    pub json: bool,
}
