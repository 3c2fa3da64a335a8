//! `--keep`: the page stays up, and while somebody watches something happens to that person every few seconds.

use std::sync::PoisonError;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use super::figures::Metrics;
use super::page::{Page, Settings};
use super::{app, crowd, send, setup};
use crate::cli::child::Host;

/// Between two events about the person who watches.
const TRICKLE: Duration = Duration::from_secs(5);
/// Ctrl-C ends the host as well, perhaps a little earlier.
const GRACE: Duration = Duration::from_secs(1);

/// Serves the page until Ctrl-C.
pub fn stay(host: &Host, page: Page, persons: &[String]) -> anyhow::Result<()> {
    let client = host.client()?;
    setup::live(&client)?;
    let end = end()?;
    let user = persons.first().map_or("user:1", String::as_str).to_owned();
    let business = super::BUSINESS.to_owned();
    println!("     the app of {user}, with a new message every few seconds while you watch, until Ctrl-C:");
    println!("     page: {}", page.url());
    let signed_in =
        page.serve(client.clone(), &Settings { base: host.url(), business, user, users: persons.to_owned() })?;
    loop {
        match end.recv_timeout(TRICKLE) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => return Ok(()),
        }
        let person = signed_in.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let happened = || -> anyhow::Result<()> {
            if Metrics::of(&client)?.streams() > 0.0 {
                send::post(&client, &crowd::trouble(&person, app::now()))?;
            }
            Ok(())
        };
        if let Err(error) = happened() {
            return end.recv_timeout(GRACE).map_err(|_| error);
        }
    }
}

/// Speaks at Ctrl-C, or when the process is asked to end.
pub fn end() -> anyhow::Result<Receiver<()>> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().build().context("cannot wait for signals")?;
    let handle = |kind| runtime.block_on(async { signal(kind) }).context("cannot handle signals");
    let (mut interrupt, mut terminate) = (handle(SignalKind::interrupt())?, handle(SignalKind::terminate())?);
    let (say, end) = channel();
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        say.send(())
    });
    Ok(end)
}
