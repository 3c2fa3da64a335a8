//! `fishpond matches`: what rules have found.

use std::process::ExitCode;

use clap::Args;

use super::Global;
use super::client::{Client, Error};
use super::output::{short, visible};
use super::pages::{self, Page, Pages};
use crate::api::body::{MatchPage, MatchView, UsedEventView};

/// List matches, oldest first
///
/// Each match names its person, its fields, the events that it was made from, and the deployment, revision and module
/// that made it. With --json one object in each line.
///
/// Example:
///
///     fishpond matches --name high_risk --follow
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_help = "Next: `fishpond trace PERSON` tells how a match came about.")]
pub struct MatchesArgs {
    /// Only matches of this name
    #[arg(long)]
    name: Option<String>,
    /// Only matches about this person
    #[arg(long)]
    person: Option<String>,
    #[command(flatten)]
    pages: Pages,
}

pub fn run(arguments: &MatchesArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = Client::new(global)?;
    let path = client.path(&["matches"]);
    let fetch = |after: u64, limit: u64| -> Result<Page, Error> {
        let parameters = [
            ("after", Some(after.to_string())),
            ("limit", Some(limit.to_string())),
            ("name", arguments.name.clone()),
            ("person", arguments.person.clone()),
        ];
        let page: MatchPage = client.get(&path, &parameters)?.parse()?;
        let lines = page.matches.iter().map(|found| line(found, global.json)).collect();
        Ok(Page { lines, next: page.next })
    };
    pages::print(&arguments.pages, fetch)?;
    Ok(ExitCode::SUCCESS)
}

fn line(found: &MatchView, json: bool) -> String {
    if json {
        return pages::json_line(found);
    }
    let head = format!("{}  {}  {}  {}", found.time, found.name, found.person, found.fields.get());
    let origin = format!("{}  [{}]", used(found), maker(found));
    format!("{}\n    {}", visible(&head), visible(&origin))
}

/// The events of a match: `from app/e-1, app/e-2; also e-9`.
fn used(found: &MatchView) -> String {
    let name = |event: &UsedEventView| format!("{}/{}", event.source, event.id);
    let events: Vec<String> = found.events.iter().map(name).collect();
    let also = if found.also.is_empty() { String::new() } else { format!("; also {}", found.also.join(", ")) };
    format!("from {}{also}", events.join(", "))
}

/// Who made a match, and where it is in the journal.
fn maker(found: &MatchView) -> String {
    let MatchView { deployment, revision, digest, position, .. } = found;
    format!("{deployment} revision {revision}, module {}, position {position}", short(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_match_names_its_events_and_its_maker() {
        let found: MatchView = serde_json::from_str(
            r#"{"position":44,"input":40,"deployment":"c2c","revision":1,"digest":"0123456789abcdef","name":"high_risk",
               "person":"u:1","fields":{"sellers":3},"events":[{"source":"app","id":"e-1","position":38},
               {"source":"app","id":"e-2","position":40}],"also":["x-9"],"time":"2026-07-01T10:00:00Z"}"#,
        )
        .expect("a body");
        assert_eq!(
            line(&found, false),
            "2026-07-01T10:00:00Z  high_risk  u:1  {\"sellers\":3}\n    from app/e-1, app/e-2; also x-9  \
             [c2c revision 1, module 0123456789ab, position 44]"
        );
        assert!(line(&found, true).contains(r#""fields":{"sellers":3}"#));
    }
}
