//! `fishpond events resend`: failed events are handled once more.

use std::process::ExitCode;

use clap::Args;

use crate::api::body::{ResendAnswer, ResendBody, ResentView};
use crate::cli::client::{Client, Content};
use crate::cli::output::{self, visible};
use crate::cli::{Global, deployment_name};

/// Handle failed events once more
///
/// By the revision that is in force now, with the identity that they have had: ids of matches, and of what is paid for
/// them, are those that the original would have had. Only this deployment sees it, and its place in the journal stays as
/// it is. What was resent and ended well is answered `replayed` and not handled again; what failed again may be resent.
/// An event that is late by now counts as late again.
///
/// Examples:
///
///     fishpond events resend --deployment c2c --position 1042
///     fishpond events resend --deployment c2c --all --code trap
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "Next: `fishpond events show --deployment D --position N` tells how a replay ended."
)]
pub struct ResendArgs {
    /// The deployment that could not handle them
    #[arg(long, value_parser = deployment_name)]
    deployment: String,
    /// What failed at this position, as `fishpond events failed` lists it
    #[arg(long, required_unless_present = "all", conflicts_with = "all")]
    position: Option<u64>,
    /// All that failed, up to `resend_inputs` of the limits at once
    #[arg(long)]
    all: bool,
    /// Only with this code: `trap`, `fuel`, or that of a refusal
    #[arg(long)]
    code: Option<String>,
    /// Only of this key
    #[arg(long)]
    key: Option<String>,
    /// Of all: only what failed behind this position, as the last answer said
    #[arg(long, requires = "all")]
    after: Option<u64>,
}

pub fn run(arguments: ResendArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = Client::new(global)?;
    let ResendArgs { deployment, position, all, code, key, after } = arguments;
    let body = serde_json::to_string(&ResendBody { deployment, position, all, code, key, after })?;
    let answer = client.post(&client.path(&["failed-events", "resend"]), Content::json(&body))?;
    if global.json {
        output::print(answer.text())?;
    } else {
        output::print(&render(&answer.parse()?))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn render(answer: &ResendAnswer) -> String {
    let mut text: String = answer.inputs.iter().map(|input| format!("{}\n", visible(&line(input)))).collect();
    text.push_str(&format!("{} of {} resent\n", answer.resent, answer.inputs.len()));
    if let Some(next) = answer.next {
        text.push_str(&format!("there may be more: the same again with --after {next}\n"));
    }
    text
}

fn line(input: &ResentView) -> String {
    let key = if input.key.is_empty() { "(no key)" } else { &input.key };
    let replay = input.replay.map_or(String::new(), |replay| format!(" at {replay}"));
    let reason = match (&input.code, &input.reason) {
        (Some(code), Some(reason)) => format!(" ({code}): {reason}"),
        _ => String::new(),
    };
    format!("{}  {key}  {}{replay}{reason}", input.position, input.status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_input_says_what_became_of_it() {
        let answer: ResendAnswer = serde_json::from_str(
            r#"{"resent":1,"next":40,"inputs":[{"position":7,"key":"ann","status":"resent","replay":50},
               {"position":8,"key":"","status":"replayed","replay":30},
               {"position":9,"key":"bob","status":"refused","code":"timer","reason":"it is a timer"}]}"#,
        )
        .expect("a body");
        assert_eq!(
            render(&answer),
            "7  ann  resent at 50\n8  (no key)  replayed at 30\n9  bob  refused (timer): it is a timer\n1 of 3 resent\n\
             there may be more: the same again with --after 40\n"
        );
    }
}
