//! The demo as an app: `fishpond user actions` in a process of its own gets a person's messages, loses its connection,
//! and gets nothing twice that it has acknowledged.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Instant, SystemTime};

use anyhow::{Context, ensure};

use super::figures::Metrics;
use super::{LOOK_AGAIN, PATIENCE, crowd, send, setup};
use crate::api::body::{ActionStory, ActionView, UserToken, UserTokenBody};
use crate::cli::child::Host;
use crate::cli::client::{Client, Content};
use crate::cli::output::visible;

/// Seconds that an app's token is good for.
const TOKEN_S: u64 = 600;

/// Plays the app of a person for whom a message waits.
pub fn play(host: &Host, person: &str) -> anyhow::Result<()> {
    let client = host.client()?;
    let token = token(&client, person, TOKEN_S)?;
    let first = {
        let app = App::open(host, person, &token, false)?;
        app.next()?
    };
    println!("     {}", line(&first));
    let again = {
        let app = App::open(host, person, &token, true)?;
        let again = app.next()?;
        acknowledged(&client, &again.action)?;
        again
    };
    ensure!(again.action == first.action, "another action came: {} instead of {}", again.action, first.action);
    println!("     cut off before it said so: the same action came again, and is acknowledged now");
    setup::live(&client)?;
    streams(&client, 0.0)?;
    let app = App::open(host, person, &token, true)?;
    streams(&client, 1.0)?;
    let happened = Instant::now();
    send::post(&client, &crowd::trouble(person, now()))?;
    let next = app.next()?;
    let took = happened.elapsed().as_millis();
    ensure!(next.action != first.action, "action {} came twice, although it was acknowledged", first.action);
    println!("     connected a third time: nothing comes twice, and what happens now is here after {took} ms:");
    println!("     {}", line(&next));
    acknowledged(&client, &next.action)
}

/// As an app's own server asks for it.
pub fn token(client: &Client, person: &str, lasts_s: u64) -> anyhow::Result<String> {
    let body = serde_json::to_string(&UserTokenBody { user: person.to_owned(), lasts_s })?;
    let answer: UserToken = client.post(&client.path(&["user-tokens"]), Content::json(&body))?.parse()?;
    Ok(answer.token)
}

/// Milliseconds since the Unix epoch.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}

fn line(action: &ActionView) -> String {
    let ActionView { sequence, content, policy, .. } = action;
    visible(&format!("number {sequence} by `{policy}`: {}", content.get()))
}

fn streams(client: &Client, wanted: f64) -> anyhow::Result<()> {
    until("the streams do not open and close", || Ok(Metrics::of(client)?.streams() == wanted))
}

fn acknowledged(client: &Client, action: &str) -> anyhow::Result<()> {
    until("the acknowledgement is not noted", || {
        let story: ActionStory = client.get(&client.path(&["decisions", action]), &[])?.parse()?;
        Ok(story.end.is_some_and(|end| end.end == "acknowledged"))
    })
}

fn until(otherwise: &str, mut done: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let started = Instant::now();
    while !done()? {
        ensure!(started.elapsed() < PATIENCE, "{otherwise} within {} s", PATIENCE.as_secs());
        std::thread::sleep(LOOK_AGAIN);
    }
    Ok(())
}

/// The command at work.
struct App {
    child: Child,
    lines: Receiver<String>,
}

impl App {
    fn open(host: &Host, person: &str, token: &str, acknowledges: bool) -> anyhow::Result<App> {
        let mut command = host.command(&["user", "actions", person, "--json"])?;
        if acknowledges {
            command.arg("--ack");
        }
        command.env("FISHPOND_TOKEN", token).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().context("cannot start an app")?;
        let (found, lines) = channel();
        if let Some(out) = child.stdout.take() {
            // Ends with the command.
            std::thread::spawn(move || {
                BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| found.send(line))
            });
        }
        Ok(App { child, lines })
    }

    fn next(&self) -> anyhow::Result<ActionView> {
        let line = self.lines.recv_timeout(PATIENCE).context("no action has come")?;
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
