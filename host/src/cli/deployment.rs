//! `fishpond deployment`: which module runs with which configuration.

mod apply;
pub(super) use apply::json;
mod query;
mod show;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::client::{Client, Content};
use super::{Global, deployment_name, output};
use crate::api::body::{DeploymentView, Pause, Resume, Rollback};

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
    Resume(ResumeArgs),
    Rollback(RollbackArgs),
    /// End a deployment for good
    ///
    /// It handles what came before, and keeps its documents and its name. One that a chain names is refused.
    ///
    /// Example:
    ///
    ///     fishpond deployment retire c2c
    #[command(verbatim_doc_comment, after_help = "Next: `fishpond deployment list` still shows it, as retired.")]
    Retire(Named),
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

/// Let a paused or quarantined deployment go on where it stopped
///
/// Every event that came meanwhile is still handled, in order. Where retention has released some of them, it is refused
/// unless that is accepted.
///
/// Example:
///
///     fishpond deployment resume c2c
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_help = "Next: `fishpond deployment show NAME` shows it catching up (lag).")]
pub struct ResumeArgs {
    #[command(flatten)]
    named: Named,
    /// Go on behind what retention has released before it was read
    #[arg(long)]
    accept_gap: bool,
}

/// Go back to an older revision
///
/// Its module, configuration, permissions and on-error become a new revision, by the same checks as any other.
///
/// Example:
///
///     fishpond deployment rollback c2c --to 3
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_help = "Next: `fishpond deployment show NAME` shows what runs now.")]
pub struct RollbackArgs {
    #[command(flatten)]
    named: Named,
    /// A revision [default: the one before the newest]
    #[arg(long, value_name = "REVISION", value_parser = clap::value_parser!(u32).range(1..))]
    to: Option<u32>,
}

pub fn run(command: DeploymentCommand, global: &Global) -> anyhow::Result<ExitCode> {
    match command {
        DeploymentCommand::Apply(arguments) => apply::run(arguments, global)?,
        DeploymentCommand::List => show::list(global)?,
        DeploymentCommand::Show(named) => show::one(&named.name, global)?,
        DeploymentCommand::Pause(arguments) => pause(arguments, global)?,
        DeploymentCommand::Resume(arguments) => resume(&arguments, global)?,
        DeploymentCommand::Rollback(RollbackArgs { named, to }) => rollback(&named.name, to, global)?,
        DeploymentCommand::Retire(named) => change(&named.name, "retire", "", global)?,
        DeploymentCommand::Query(arguments) => query::run(&arguments, global)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn pause(arguments: PauseArgs, global: &Global) -> anyhow::Result<()> {
    let body = serde_json::to_string(&Pause { reason: arguments.reason })?;
    change(&arguments.named.name, "pause", &body, global)
}

fn resume(arguments: &ResumeArgs, global: &Global) -> anyhow::Result<()> {
    let body = serde_json::to_string(&Resume { accept_gap: arguments.accept_gap })?;
    change(&arguments.named.name, "resume", &body, global)
}

fn rollback(name: &str, to: Option<u32>, global: &Global) -> anyhow::Result<()> {
    change(name, "rollback", &serde_json::to_string(&Rollback { to })?, global)
}

fn change(name: &str, verb: &str, body: &str, global: &Global) -> anyhow::Result<()> {
    let client = Client::new(global)?;
    let answer = client.upload(&client.path(&["deployments", name, verb]), Content::json(body))?;
    if global.json {
        return Ok(output::print(answer.text())?);
    }
    Ok(output::print(&show::state(&answer.parse::<DeploymentView>()?))?)
}
