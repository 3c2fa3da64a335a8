//! `fishpond deployment query`: asks a module about one key.

use clap::Args;

use super::Named;
use crate::api::body::QueryAnswer;
use crate::cli::client::Client;
use crate::cli::{Global, output};

/// Ask a deployment about one key
///
/// The module answers from what it keeps for the key, as far as it has read; position and lag say how far that is.
///
/// Example:
///
///     fishpond deployment query c2c window user:42
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_help = "Next: `fishpond trace KEY` tells which events the answer was made from.")]
pub struct QueryArgs {
    #[command(flatten)]
    named: Named,
    /// As the module names it
    query: String,
    /// As the events carry it, usually the actor: user:42
    key: String,
    /// A JSON object for the module; a text that begins with @ names a file
    #[arg(long, value_name = "JSON|@FILE")]
    parameters: Option<String>,
}

pub(super) fn run(arguments: &QueryArgs, global: &Global) -> anyhow::Result<()> {
    let client = Client::new(global)?;
    let parameters = arguments.parameters.as_ref().map(|text| super::apply::json(text, "--parameters")).transpose()?;
    let query = [("key", Some(arguments.key.clone())), ("parameters", parameters.map(|json| json.get().to_owned()))];
    let path = client.path(&["deployments", &arguments.named.name, "queries", &arguments.query]);
    let answer = client.get(&path, &query)?;
    if global.json {
        return Ok(output::print(answer.text())?);
    }
    Ok(output::print(&render(&answer.parse()?))?)
}

fn render(answer: &QueryAnswer) -> String {
    let QueryAnswer { status, body, retry, position, lag, revision } = answer;
    let retry = if *retry { "; asking again may help" } else { "" };
    let state = format!("{status} (revision {revision}, position {position}, {lag} behind{retry})");
    format!("{}\n{}\n", output::visible(&state), body.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_how_old_it_is() {
        let body = r#"{"status":"ok","body":{"sellers": 2},"position":12,"lag":3,"revision":1}"#;
        let answer = serde_json::from_str(body).expect("a body");
        assert_eq!(render(&answer), "ok (revision 1, position 12, 3 behind)\n{\"sellers\": 2}\n");
    }
}
