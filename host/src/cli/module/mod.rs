//! `fishpond module`: from a folder of Rust to a module in the host.

mod build;
mod check;
mod upload;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::client::Client;
use super::output::{short, table};
use super::{Global, output};
use crate::api::body::{ModuleList, ModuleView};

#[derive(Subcommand, Debug)]
pub enum ModuleCommand {
    New(build::NewArgs),
    Build(build::BuildArgs),
    Check(check::CheckArgs),
    Upload(upload::UploadArgs),
    /// List the modules of the business, oldest first
    #[command(verbatim_doc_comment, after_help = "Next: `fishpond deployment apply NAME --module MODULE` runs one.")]
    List,
}

/// A built module, or the folder of one that is built first.
#[derive(Args, Debug)]
pub struct Source {
    /// A .wasm file (component or core module), or the folder of a Rust module, which is built first
    #[arg(value_name = "FILE.wasm|FOLDER")]
    module: PathBuf,
}

pub fn run(command: ModuleCommand, global: &Global) -> anyhow::Result<ExitCode> {
    match command {
        ModuleCommand::New(arguments) => build::new(&arguments)?,
        ModuleCommand::Build(arguments) => build::build(&arguments)?,
        ModuleCommand::Check(arguments) => check::run(&arguments, global)?,
        ModuleCommand::Upload(arguments) => upload::run(&arguments, global)?,
        ModuleCommand::List => list(global)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(global: &Global) -> anyhow::Result<()> {
    let client = Client::new(global)?;
    let answer = client.get(&client.path(&["modules"]), &[])?;
    if global.json {
        return Ok(output::print(answer.text())?);
    }
    let list: ModuleList = answer.parse()?;
    if list.modules.is_empty() {
        return Ok(output::print("no modules in this business: `fishpond module upload FILE.wasm` brings one")?);
    }
    let rows: Vec<Vec<String>> = list.modules.iter().map(row).collect();
    Ok(output::print(&table(&["MODULE", "DIGEST", "UPLOADED", "BY"], &rows))?)
}

fn row(module: &ModuleView) -> Vec<String> {
    let ModuleView { name, version, digest, uploaded_at, by } = module;
    vec![format!("{name}@{version}"), short(digest).to_owned(), uploaded_at.clone(), by.clone()]
}
