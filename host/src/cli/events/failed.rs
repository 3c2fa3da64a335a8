//! `fishpond events failed`: inputs that a module refused, that made it trap, or that used up its fuel.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;

use crate::api::body::{FailedPage, FailedView};
use crate::cli::client::{Client, Error};
use crate::cli::output::{self, short, visible};
use crate::cli::pages::{self, Page, Pages};
use crate::cli::{Global, deployment_name};

/// List events that a deployment could not handle
///
/// The event itself is accepted and kept; this deployment's outcome for it is a refusal (with its code), a trap or
/// spent fuel. Oldest first. With --json one object in each line.
///
/// Example:
///
///     fishpond events failed --deployment c2c --follow
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "Next: `fishpond events show --deployment D --position N` tells all about one, `fishpond events resend` \
                  handles it once more."
)]
pub struct FailedArgs {
    /// Only of this deployment
    #[arg(long, value_parser = deployment_name)]
    deployment: Option<String>,
    /// Only with this code: `trap`, `fuel`, or that of a refusal
    #[arg(long)]
    code: Option<String>,
    /// Only of this key
    #[arg(long)]
    key: Option<String>,
    /// Those that came too late instead: for their order (`event-time`), or for a window
    #[arg(long)]
    late: bool,
    /// Only how many there are, by deployment and code
    #[arg(long, conflicts_with = "follow")]
    count: bool,
    #[command(flatten)]
    pages: Pages,
}

pub fn run(arguments: &FailedArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = Client::new(global)?;
    let path = client.path(&["failed-events"]);
    let mut counts = Counts::default();
    let fetch = |after: u64, limit: u64| -> Result<Page, Error> {
        let parameters = [
            ("after", Some(after.to_string())),
            ("limit", Some(limit.to_string())),
            ("deployment", arguments.deployment.clone()),
            ("late", arguments.late.then(|| "true".to_owned())),
            ("code", arguments.code.clone()),
            ("key", arguments.key.clone()),
        ];
        let page: FailedPage = client.get(&path, &parameters)?.parse()?;
        counts.add(&page.failed);
        let lines = page.failed.iter().map(|failed| line(failed, global.json)).collect();
        Ok(Page { lines, next: page.next })
    };
    if !arguments.count {
        pages::print(&arguments.pages, fetch)?;
        return Ok(ExitCode::SUCCESS);
    }
    pages::each(&arguments.pages, fetch)?;
    output::print(&counts.lines(global.json).join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Inputs by deployment and code.
#[derive(Default)]
struct Counts(BTreeMap<(String, String), u64>);

impl Counts {
    fn add(&mut self, failed: &[FailedView]) {
        for failed in failed {
            *self.0.entry((failed.deployment.clone(), failed.code.clone())).or_default() += 1;
        }
    }

    fn lines(&self, json: bool) -> Vec<String> {
        let line = |((deployment, code), count): (&(String, String), &u64)| match json {
            true => pages::json_line(&serde_json::json!({"deployment": deployment, "code": code, "count": count})),
            false => visible(&format!("{count:>8}  {deployment}  {code}")),
        };
        if self.0.is_empty() && !json { vec!["none".to_owned()] } else { self.0.iter().map(line).collect() }
    }
}

fn line(failed: &FailedView, json: bool) -> String {
    if json {
        return pages::json_line(failed);
    }
    let FailedView { position, replay, deployment, revision, digest, key, code, reason, input, at, event } = failed;
    let event = match event {
        Some(event) => format!("{} {} {}/{}", event.time, event.kind, event.source, event.id),
        None if input.is_empty() || input == "event" => "the event is no longer kept".to_owned(),
        None => input.clone(),
    };
    let key = if key.is_empty() { "(no key)" } else { key };
    let again = replay.map_or(String::new(), |replay| format!(" (resent at {replay})"));
    let head = format!("{position}{again}  {deployment}  {key}  {code}: {reason}");
    let origin = format!("{event}  [at {at}, revision {revision}, module {}]", short(digest));
    format!("{}\n    {}", visible(&head), visible(&origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_by_deployment_and_code() {
        let failed = |deployment: &str, code: &str| -> FailedView {
            serde_json::from_value(
                serde_json::json!({"position": 1, "deployment": deployment, "revision": 1, "digest": "0",
                "key": "k", "code": code, "reason": "r", "at": "2026-07-01T10:00:02Z"}),
            )
            .expect("a body")
        };
        let mut counts = Counts::default();
        assert_eq!(counts.lines(false), ["none"]);
        counts.add(&[failed("a", "late"), failed("b", "late")]);
        counts.add(&[failed("a", "late")]);
        assert_eq!(counts.lines(false), ["       2  a  late", "       1  b  late"]);
        assert_eq!(counts.lines(true)[1], r#"{"code":"late","count":1,"deployment":"b"}"#);
    }

    #[test]
    fn a_failed_event_says_what_where_and_why() {
        let failed: FailedView = serde_json::from_str(
            r#"{"position":12,"deployment":"c2c","revision":2,"digest":"0123456789abcdef","key":"","code":"bad_event",
               "reason":"data.seller is missing","at":"2026-07-01T10:00:02Z","event":{"position":12,"source":"app","id":"e-1","type":"goods.viewed",
               "time":"2026-07-01T10:00:00Z","received":"2026-07-01T10:00:01Z"}}"#,
        )
        .expect("a body");
        assert_eq!(
            line(&failed, false),
            "12  c2c  (no key)  bad_event: data.seller is missing\n    2026-07-01T10:00:00Z goods.viewed app/e-1  \
             [at 2026-07-01T10:00:02Z, revision 2, module 0123456789ab]"
        );
        assert!(line(&failed, true).starts_with(r#"{"position":12,"deployment":"c2c""#));
        let signalled = FailedView { event: None, input: "signal word from u:2".to_owned(), ..failed.clone() };
        assert!(
            line(&signalled, false)
                .ends_with("\n    signal word from u:2  [at 2026-07-01T10:00:02Z, revision 2, module 0123456789ab]")
        );
        let gone = FailedView { event: None, key: "u:1".to_owned(), ..failed };
        assert!(line(&gone, false).contains("u:1  bad_event") && line(&gone, false).contains("no longer kept"));
    }
}
