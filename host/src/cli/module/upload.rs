//! `fishpond module upload`: the host checks, compiles and keeps a module, or refuses it with the reason.

use clap::Args;

use super::{Source, build};
use crate::api::body::ModuleView;
use crate::cli::client::{Client, Content};
use crate::cli::output::short;
use crate::cli::{Global, output};

/// Bring a module to the host
///
/// The host checks it against the contract, compiles it and keeps it under its name and version, which it says
/// itself. Nothing runs yet. The same bytes again change nothing; other bytes need another version.
///
/// Example:
///
///     fishpond module upload plugins/c2c-blacklist
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_help = "Next: `fishpond deployment apply NAME --module MODULE` runs it.")]
pub struct UploadArgs {
    #[command(flatten)]
    source: Source,
}

pub(super) fn run(arguments: &UploadArgs, global: &Global) -> anyhow::Result<()> {
    let client = Client::new(global)?;
    let bytes = build::read(&arguments.source)?;
    let answer = client.upload(&client.path(&["modules"]), Content { kind: "application/wasm", bytes: &bytes })?;
    if global.json {
        return Ok(output::print(answer.text())?);
    }
    let ModuleView { name, version, digest, uploaded_at, by } = answer.parse()?;
    Ok(output::print(&format!("{name}@{version} ({}), uploaded {uploaded_at} by {by}", short(&digest)))?)
}
