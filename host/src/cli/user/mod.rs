//! `fishpond user`: what an app does for one person, from the terminal.

mod actions;
mod sse;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::client::{Client, Content};
use super::{Global, output, seconds};
use crate::api::body::{TOKEN_LASTS_S, UserToken, UserTokenBody};

#[derive(Subcommand, Debug)]
pub enum UserCommand {
    Token(TokenArgs),
    Actions(actions::ActionsArgs),
}

/// Make a token with which an app acts for one person
///
/// It is for this person in this business only: the stream of actions, slots, acknowledgements, tags.
///
/// Example:
///
///     fishpond user token user:42 --lasts 1h
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "Next: `fishpond user actions USER --token TOKEN` uses it, as the app would."
)]
pub struct TokenArgs {
    /// The person, as matches name them
    user: String,
    /// How long it is good: 90s, 10m, 24h [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    lasts: Option<u64>,
}

pub fn run(command: UserCommand, global: &Global) -> anyhow::Result<ExitCode> {
    match command {
        UserCommand::Token(arguments) => token(arguments, global)?,
        UserCommand::Actions(arguments) => actions::run(&arguments, global)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn token(arguments: TokenArgs, global: &Global) -> anyhow::Result<()> {
    let client = Client::new(global)?;
    let body = UserTokenBody { user: arguments.user, lasts_s: arguments.lasts.unwrap_or(TOKEN_LASTS_S) };
    let body = serde_json::to_string(&body)?;
    let answer = client.post(&client.path(&["user-tokens"]), Content::json(&body))?;
    if global.json {
        return Ok(output::print(answer.text())?);
    }
    let UserToken { token, expires, .. } = answer.parse()?;
    // The token alone on standard output, for `$(...)`.
    eprintln!("good until {expires}");
    Ok(output::print(&token)?)
}
