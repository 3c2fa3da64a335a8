//! `fishpond decision`: what was done about matches, and why not more.

mod list;
mod render;
mod summary;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::client::Client;
use super::{Global, output};
use crate::api::body::DecisionPage;
use crate::model::outreach::ActionId;

/// Looks that are gone through for the newest actions of a person.
const LOOKS: usize = 50;

#[derive(Subcommand, Debug)]
pub enum DecisionCommand {
    List(list::ListArgs),
    Show(ShowArgs),
    Summary(summary::SummaryArgs),
}

/// Show one action: every look at it, and how its delivery ended
///
/// Each look names its policies with their fates, and every filter of the chain in order: what it said with its numbers,
/// or why it was not asked.
///
/// Example:
///
///     fishpond decision show 0123456789abcdef0123456789abcdef --what-if
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_help = "Next: `fishpond trace PERSON` tells how the match came about.")]
pub struct ShowArgs {
    /// Of the action, as `fishpond decision list` has it
    #[arg(value_parser = action)]
    action: String,
    /// Ask every filter again what it would say now; nothing is kept of it
    #[arg(long)]
    what_if: bool,
}

fn action(text: &str) -> Result<String, String> {
    let parsed = ActionId::parse(text).map(|id| id.to_string());
    parsed.ok_or_else(|| "an action has 32 hexadecimal digits: `fishpond decision list` shows some".to_owned())
}

pub fn run(command: DecisionCommand, global: &Global) -> anyhow::Result<ExitCode> {
    match command {
        DecisionCommand::List(arguments) => list::run(&arguments, global)?,
        DecisionCommand::Show(arguments) => show(&arguments, global)?,
        DecisionCommand::Summary(arguments) => summary::run(&arguments, global)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The newest actions of a person up to a time, each with every look at it; empty if there are none.
pub fn stories(client: &Client, person: &str, until: Option<String>, most: usize) -> anyhow::Result<String> {
    let parameters = [("person", Some(person.to_owned())), ("until", until), ("limit", Some(LOOKS.to_string()))];
    let page: DecisionPage = client.get(&client.path(&["decisions"]), &parameters)?.parse()?;
    let mut actions: Vec<&str> = Vec::new();
    for look in &page.decisions {
        if !actions.contains(&&*look.action) {
            actions.push(&look.action);
        }
    }
    let mut text = String::new();
    for action in actions.iter().take(most) {
        text.push_str(&render::story(&client.get(&client.path(&["decisions", action]), &[])?.parse()?));
    }
    Ok(text)
}

fn show(arguments: &ShowArgs, global: &Global) -> anyhow::Result<()> {
    let client = Client::new(global)?;
    let what_if = arguments.what_if.then(|| "true".to_owned());
    let answer = client.get(&client.path(&["decisions", &arguments.action]), &[("what_if", what_if)])?;
    if global.json {
        return Ok(output::print(answer.text())?);
    }
    Ok(output::print(&render::story(&answer.parse()?))?)
}
