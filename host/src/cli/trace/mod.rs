//! `fishpond trace`: why one user did or did not match.

mod render;

use std::process::ExitCode;

use clap::Args;

use super::client::Client;
use super::{Global, decision, output};
use crate::api::body::{EventShown, TraceAnswer};

/// Actions that are shown, the newest.
const ACTIONS: usize = 3;

/// Tell what became of one user's events, and why
///
/// For the events of one key, oldest first: what each deployment made of them, the numbers of its windows, the
/// matches with the events they were made from, refusals and traps, and the module that decided. Then what changed
/// meanwhile, what is kept for the key now, for each deployment without a match why not, and the newest actions with
/// every verdict.
///
/// Example:
///
///     fishpond trace user:42 --at 2026-07-01T10:31:00Z
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "Next: `fishpond deployment show NAME` shows the configuration whose numbers decided."
)]
pub struct TraceArgs {
    /// As the events carry it, usually the actor: user:42
    key: String,
    /// As it was at this time (RFC 3339); now if not given
    #[arg(long, value_name = "TIME", value_parser = super::time)]
    at: Option<String>,
    /// At most so many events, the newest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

pub fn run(arguments: TraceArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = Client::new(global)?;
    let limit = arguments.limit.map(|limit| limit.to_string());
    let parameters = [("at", arguments.at.clone()), ("limit", limit)];
    let answer = client.get(&client.path(&["trace", &arguments.key]), &parameters)?;
    if global.json {
        output::print(answer.text())?;
    } else {
        output::print(&whole(&client, &arguments.key, arguments.at, &answer.parse()?)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A person's trace as this command shows it.
pub fn text(client: &Client, key: &str) -> anyhow::Result<String> {
    let answer = client.get(&client.path(&["trace", key]), &[])?;
    whole(client, key, None, &answer.parse()?)
}

/// One event and what became of it.
pub fn event_text(shown: &EventShown) -> String {
    render::event_shown(shown)
}

/// From the events to the screen: what was found, and what was done about it.
fn whole(client: &Client, key: &str, at: Option<String>, answer: &TraceAnswer) -> anyhow::Result<String> {
    let mut text = render::render(answer);
    let actions = decision::stories(client, key, at, ACTIONS)?;
    if !actions.is_empty() {
        text.push_str(&format!("\nThe newest actions for {key}, up to {ACTIONS}:\n{actions}"));
    }
    Ok(text)
}
