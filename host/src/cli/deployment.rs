//! `fishpond deployment`: which module runs with which configuration.

mod apply;
pub(super) use apply::json;
mod query;
mod show;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::client::{Client, Content};
use super::{Global, deployment_name, output};
use crate::api::body::{DeploymentView, Pause};

#[derive(Subcommand, Debug)]
pub enum DeploymentCommand {
    Apply(apply::ApplyArgs),
    /// List the deployments of the business
    ///
    /// Name, state, revision, module, and how far each is behind the newest event.
    #[command(
        verbatim_doc_comment,
        after_help = "Next: `fishpond deployment show NAME` shows one with its configuration."
    )]
    List,
    /// Show one deployment with its configuration
    ///
    /// Example:
    ///
    ///     fishpond deployment show c2c
    #[command(
        verbatim_doc_comment,
        after_help = "Next: `fishpond deployment apply NAME ...` changes it, as a new revision."
    )]
    Show(Named),
    Pause(PauseArgs),
    /// Let a paused deployment go on where it stopped
    ///
    /// Every event that came meanwhile is still handled, in order.
    ///
    /// Example:
    ///
    ///     fishpond deployment resume c2c
    #[command(verbatim_doc_comment, after_help = "Next: `fishpond deployment show NAME` shows it catching up (lag).")]
    Resume(Named),
    Query(query::QueryArgs),
}

#[derive(Args, Debug)]
pub struct Named {
    /// Of the deployment
    #[arg(value_parser = deployment_name)]
    name: String,
}

/// Stop a deployment at the event it has reached
///
/// Events are accepted and kept as before; this deployment handles them when it is resumed. Others do not wait.
///
/// Example:
///
///     fishpond deployment pause c2c --reason "checking a complaint"
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_help = "Next: `fishpond deployment resume NAME` lets it go on.")]
pub struct PauseArgs {
    #[command(flatten)]
    named: Named,
    /// For those who will wonder
    #[arg(long)]
    reason: Option<String>,
}

pub fn run(command: DeploymentCommand, global: &Global) -> anyhow::Result<ExitCode> {
    match command {
        DeploymentCommand::Apply(arguments) => apply::run(arguments, global)?,
        DeploymentCommand::List => show::list(global)?,
        DeploymentCommand::Show(named) => show::one(&named.name, global)?,
        DeploymentCommand::Pause(arguments) => pause(arguments, global)?,
        DeploymentCommand::Resume(named) => resume(&named.name, global)?,
        DeploymentCommand::Query(arguments) => query::run(&arguments, global)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn pause(arguments: PauseArgs, global: &Global) -> anyhow::Result<()> {
    let body = serde_json::to_string(&Pause { reason: arguments.reason })?;
    change(&arguments.named.name, "pause", &body, global)
}

fn resume(name: &str, global: &Global) -> anyhow::Result<()> {
    change(name, "resume", "{}", global)
}

fn change(name: &str, verb: &str, body: &str, global: &Global) -> anyhow::Result<()> {
    let client = Client::new(global)?;
    let answer = client.post(&client.path(&["deployments", name, verb]), Content::json(body))?;
    if global.json {
        return Ok(output::print(answer.text())?);
    }
    Ok(output::print(&show::state(&answer.parse::<DeploymentView>()?))?)
}
