//! `fishpond module new` and `build`: the author's side, on this machine only.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::Source;
use crate::cli::output;

/// Start a new rule
///
/// Makes the folder `plugins/NAME` of the Fishpond checkout you are in: a rule that works, with a scenario that tests
/// it. Change it from there.
///
/// Example:
///
///     fishpond module new night-owl
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_help = "Next: `fishpond test plugins/NAME` builds it and plays its scenarios.")]
pub struct NewArgs {
    /// a-z, 0-9 and -
    name: String,
}

/// Build a module written in Rust
///
/// Finds a compiler for WebAssembly, or says how to get one, and writes a component that can be uploaded.
///
/// Example:
///
///     fishpond module build plugins/c2c-blacklist
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "Next: `fishpond test FOLDER` plays its scenarios, `fishpond module upload FOLDER` brings it to a host."
)]
pub struct BuildArgs {
    /// With the module's Cargo.toml
    folder: PathBuf,
}

pub(super) fn new(arguments: &NewArgs) -> anyhow::Result<()> {
    let folder = fishpond_build::workspace_root(&std::env::current_dir()?)?.join("plugins");
    let made = fishpond_build::new_module(&folder, &arguments.name)?;
    Ok(output::print(&made.display().to_string())?)
}

pub(super) fn build(arguments: &BuildArgs) -> anyhow::Result<()> {
    let built = fishpond_build::build_guest(&arguments.folder)?;
    Ok(output::print(&built.display().to_string())?)
}

/// A module's bytes; a folder is built first.
pub(super) fn read(source: &Source) -> anyhow::Result<Vec<u8>> {
    let path: &Path = &source.module;
    let file = if path.is_dir() { fishpond_build::build_guest(path)? } else { path.to_owned() };
    std::fs::read(&file).with_context(|| format!("cannot read the module {}", file.display()))
}
