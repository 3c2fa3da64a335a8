//! `fishpond backfill`: what a deployment, or another module or configuration of it, would have found in past events.
//!
//! - `file`: events of a file, run by this process; `shown`: lines for people or programs, and whether they are a result

mod file;
mod shown;

use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::Global;
use super::client::{Client, Content};
use super::deployment::json;
use super::{deployment_name, seconds, time};
use crate::api::body::BackfillBody;
use shown::Shown;

/// Find what a rule would have found in past events
///
/// A run of its own beside everything that is live: empty documents, a clock that the events move, timers as they would have
/// fired. Nothing is sent to anybody, and no live position, document or clock is touched. Without --events the host runs it
/// over what its journal still has of the events, with a part of one core; with --events this process does, over the lines
/// of a file (one CloudEvent in each, received at its own time), in a folder below TMPDIR that it removes. Without a summary
/// at the end there is no result, and the command fails.
///
/// Examples:
///
///     fishpond backfill c2c --since 2026-11-20T00:00:00Z
///     fishpond backfill c2c --config '{"different_users": 3}'
///     fishpond backfill c2c --module c2c-blacklist@0.2.0 --advance 1h
///     fishpond backfill c2c --events november.jsonl
///     fishpond backfill --local --module c2c-blacklist.wasm --events november.jsonl
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "Next: `fishpond deployment apply` makes live what has proved itself here."
)]
pub struct BackfillArgs {
    /// The deployment; with --local any name, which matches are known by
    #[arg(value_parser = deployment_name, required_unless_present = "local")]
    name: Option<String>,
    /// Only what the host received at or after this time
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "events")]
    since: Option<String>,
    /// Only what the host received at or before this time
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "events")]
    until: Option<String>,
    /// Instead of the newest revision's: name, name@version, or a digest; with --events the file of a built one
    #[arg(long, value_name = "MODULE|FILE.wasm")]
    module: Option<String>,
    /// Instead of the newest revision's; a text that begins with @ names a file
    #[arg(long, value_name = "JSON|@FILE")]
    config: Option<String>,
    /// CloudEvents, one in each line, instead of the host's journal
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// How far the clock goes on behind the last event, so that timers fire: 90s, 10m, 1h
    #[arg(long, value_name = "SPAN", value_parser = seconds)]
    advance: Option<u64>,
    /// Ask no host: limits are those of the settings here
    #[arg(long, requires = "module", requires = "events")]
    local: bool,
}

pub fn run(arguments: &BackfillArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let mut shown = Shown::new(global.json);
    match &arguments.events {
        Some(events) => file::run(arguments, global, events, &mut shown)?,
        None => over_journal(arguments, global, &mut shown)?,
    }
    shown.finish()
}

/// Over the journal of the host, by the host.
fn over_journal(arguments: &BackfillArgs, global: &Global, shown: &mut Shown) -> anyhow::Result<()> {
    let client = Client::new(global)?;
    let name = arguments.name.as_deref().context("which deployment?")?;
    let body = BackfillBody {
        module: arguments.module.clone(),
        configuration: arguments.config.as_deref().map(|text| json(text, "--config")).transpose()?,
        permissions: None,
        since: arguments.since.clone(),
        until: arguments.until.clone(),
        advance_s: arguments.advance,
    };
    let body = serde_json::to_string(&body)?;
    let mut lines = client.stream(&client.path(&["deployments", name, "backfill"]), Content::json(&body))?;
    let mut block = vec![0; 64 << 10];
    loop {
        match lines.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(read) => shown.write_all(&block[..read])?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if shown.is_cut() => return Err(error).context("the backfill has no result: it was cut off"),
            Err(_) => return Ok(()),
        }
    }
}
