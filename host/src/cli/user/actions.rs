//! `fishpond user actions`: the stream of a person's actions in the terminal, as an app has it.

use std::time::Duration;

use anyhow::Context;
use clap::Args;

use super::sse::{Event, Reader};
use crate::api::body::{ActionView, ByeView};
use crate::cli::client::{Client, Content, Error};
use crate::cli::output::visible;
use crate::cli::{Global, output};

/// How long a client waits before it connects again, as the host asks of all.
const RECONNECT: Duration = Duration::from_secs(2);

/// Follow the actions of one person, as an app does
///
/// First what was handed over and not acknowledged, then what comes, until interrupted. While this runs the person counts
/// as connected. With --json one object in each line.
///
/// Example:
///
///     fishpond user actions user:42 --ack
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "Next: `fishpond decision show ACTION` tells why it came, and how its delivery ended."
)]
pub struct ActionsArgs {
    /// The person, as matches name them
    user: String,
    /// Acknowledge each action when it is printed, so that it does not come again
    #[arg(long)]
    ack: bool,
}

pub(super) fn run(arguments: &ActionsArgs, global: &Global) -> anyhow::Result<()> {
    let client = Client::new(global)?;
    let path = client.path(&["users", &arguments.user, "actions"]);
    let mut last_id: Option<String> = None;
    let mut connected = false;
    loop {
        let lines = match client.events(&path, last_id.as_deref()) {
            Ok(lines) => lines,
            // A host that is restarted is followed on.
            Err(error) if connected && error.is_temporary() => {
                std::thread::sleep(RECONNECT);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        connected = true;
        let mut events = Reader::new(lines);
        let mut bye: Option<ByeView> = None;
        let ended = loop {
            match events.next() {
                Ok(Some(event)) if event.name == "bye" => bye = serde_json::from_str(&event.data).ok(),
                Ok(Some(event)) => take(&event, arguments, global, &client)?,
                Ok(None) => break bye.map_or("the host has ended it".to_owned(), |bye| bye.message),
                Err(error) => break error.to_string(),
            }
        };
        eprintln!("the stream ended ({ended}); connecting again");
        last_id = events.last_id.or(last_id);
        std::thread::sleep(RECONNECT);
    }
}

fn take(event: &Event, arguments: &ActionsArgs, global: &Global, client: &Client) -> anyhow::Result<()> {
    if event.name != "action" {
        return Ok(());
    }
    let action: ActionView = serde_json::from_str(&event.data).context("the host sent an action that is none")?;
    output::print(&if global.json { event.data.clone() } else { line(&action) })?;
    if arguments.ack {
        let path = client.path(&["users", &arguments.user, "actions", &action.action, "ack"]);
        let rest = || std::thread::sleep(RECONNECT);
        acknowledge(|| client.post(&path, Content::json("")).map(drop), rest)?;
    }
    Ok(())
}

/// What was printed is acknowledged, however long the host is away meanwhile: it would not come again behind its number.
fn acknowledge(mut tell: impl FnMut() -> Result<(), Error>, mut rest: impl FnMut()) -> Result<(), Error> {
    loop {
        match tell() {
            // Another client was quicker, or it has expired meanwhile.
            Err(Error::Refused(refusal)) if refusal.status == 404 => return Ok(()),
            Err(error) if error.is_temporary() => {
                eprintln!("not acknowledged yet ({error}); trying again");
                rest();
            }
            told => return told,
        }
    }
}

fn line(action: &ActionView) -> String {
    let scene = if action.scene.is_empty() { String::new() } else { format!(", scene {}", action.scene) };
    let ActionView { sequence, time, match_name, policy, class, content, expires, .. } = action;
    let head = format!("{sequence}  {time}  {match_name}  {}", content.get());
    let origin = format!("{class} message of {policy}{scene}, until {expires}  [action {}]", action.action);
    format!("{}\n    {}", visible(&head), visible(&origin))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::body::Problem;
    use crate::cli::client::Refusal;

    fn refused(status: u16) -> Error {
        let (problem, remedy) = (Problem::default(), String::new());
        Error::Refused(Box::new(Refusal { status, problem, retry_after: None, remedy }))
    }

    #[test]
    fn an_acknowledgement_outlives_a_restart_of_the_host() {
        let away = || Error::Unreachable { url: "u".to_owned(), reason: "restart".to_owned() };
        for (last, ends) in [(Ok(()), true), (Err(refused(404)), true), (Err(refused(401)), false)] {
            let mut answers = vec![Err(away()), Err(refused(503)), last].into_iter();
            let mut rests = 0;
            let told = acknowledge(|| answers.next().expect("no further try"), || rests += 1);
            assert_eq!((told.is_ok(), rests, answers.len()), (ends, 2, 0));
        }
    }

    #[test]
    fn an_action_is_shown_with_what_made_it() {
        let action = serde_json::from_str(
            r#"{"action":"00ff","sequence":7,"match":"m","policy":"p","class":"marketing","channel":"app","scene":"home",
                "content":{"t":1},"fields":{},"time":"T","expires":"E","attempt":1}"#,
        )
        .expect("a body");
        assert_eq!(line(&action), "7  T  m  {\"t\":1}\n    marketing message of p, scene home, until E  [action 00ff]");
    }
}
