//! `fishpond policy`: what is done about a match.

mod set;
mod show;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::client::Client;
use super::{Global, output};
use crate::api::body::PolicyRemoved;
use crate::model::check_name;

#[derive(Subcommand, Debug)]
pub enum PolicyCommand {
    Set(Box<set::SetArgs>),
    /// List the policies of the business
    ///
    /// Id, revision, match, what is done, priority, and whether it is enabled.
    #[command(verbatim_doc_comment, after_help = "Next: `fishpond policy show ID` shows one as it was given.")]
    List,
    /// Show one policy as it was given
    ///
    /// Example:
    ///
    ///     fishpond policy show welcome
    #[command(
        verbatim_doc_comment,
        after_help = "Next: `fishpond chain show --policy ID` shows who judges its messages."
    )]
    Show(Named),
    /// End a policy
    ///
    /// What it holds is cancelled when its time comes. What was handed over stays.
    ///
    /// Example:
    ///
    ///     fishpond policy remove welcome
    #[command(verbatim_doc_comment, after_help = "Next: `fishpond policy list` shows those that are left.")]
    Remove(Named),
}

#[derive(Args, Debug)]
pub struct Named {
    /// Of the policy
    #[arg(value_parser = policy_id)]
    id: String,
}

pub(super) fn policy_id(text: &str) -> Result<String, String> {
    check_name("policy", text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

pub fn run(command: PolicyCommand, global: &Global) -> anyhow::Result<ExitCode> {
    match command {
        PolicyCommand::Set(arguments) => set::run(*arguments, global)?,
        PolicyCommand::List => show::list(global)?,
        PolicyCommand::Show(named) => show::one(&named.id, global)?,
        PolicyCommand::Remove(named) => remove(&named.id, global)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn remove(id: &str, global: &Global) -> anyhow::Result<()> {
    let client = Client::new(global)?;
    let answer = client.delete(&client.path(&["policies", id]))?;
    if global.json {
        return Ok(output::print(answer.text())?);
    }
    let PolicyRemoved { id, revision, position } = answer.parse()?;
    Ok(output::print(&format!("{id}: removed, revision {revision}, position {position}"))?)
}
