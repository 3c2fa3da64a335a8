//! `fishpond decision summary`: how many there were, once or live.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::api::body::{DecisionSummary, MatchCountsView};
use crate::cli::client::{Client, Error};
use crate::cli::output::{table, visible};
use crate::cli::{Global, output};

/// How often the live table is renewed.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Reasons of one match that are shown, the most frequent.
const REASONS_SHOWN: usize = 4;

/// Count what was decided, by match, status and reason
///
/// Since the journal begins: matches seen, tags and events made, looks by status, deliveries by their end, and the most
/// frequent reasons of what was denied or cancelled.
///
/// Example:
///
///     fishpond decision summary --follow
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_help = "Next: `fishpond decision list --reason REASON` shows which they were.")]
pub struct SummaryArgs {
    /// Renew the table until interrupted; with --json, or where there is no terminal, print each change
    #[arg(long)]
    follow: bool,
}

pub(super) fn run(arguments: &SummaryArgs, global: &Global) -> anyhow::Result<()> {
    let client = Client::new(global)?;
    let path = client.path(&["decisions", "summary"]);
    let fetch = || -> Result<(String, DecisionSummary), Error> {
        let answer = client.get(&path, &[])?;
        Ok((answer.text().trim_end().to_owned(), answer.parse()?))
    };
    let shown = |(text, summary): &(String, DecisionSummary)| match global.json {
        true => text.clone(),
        false => render(summary),
    };
    let mut last = fetch()?;
    if !arguments.follow {
        return Ok(output::print(&shown(&last))?);
    }
    let live = ProgressBar::new_spinner().with_style(ProgressStyle::with_template("{msg}")?);
    let on_screen = !live.is_hidden() && !global.json;
    loop {
        match on_screen {
            true => live.set_message(shown(&last)),
            false => output::print(&shown(&last))?,
        }
        last = next(&last.1, fetch)?;
    }
}

/// The first answer with other counts. A host that is restarted is waited for.
fn next(
    last: &DecisionSummary,
    fetch: impl Fn() -> Result<(String, DecisionSummary), Error>,
) -> Result<(String, DecisionSummary), Error> {
    loop {
        std::thread::sleep(LOOK_AGAIN);
        match fetch() {
            Ok(new) if new.1.matches == last.matches => {}
            Err(error) if error.is_temporary() => {}
            answer => return answer,
        }
    }
}

fn render(summary: &DecisionSummary) -> String {
    if summary.matches.is_empty() {
        return format!("nothing was decided yet, position {}\n", summary.position);
    }
    let names = |of: fn(&MatchCountsView) -> Vec<&String>| -> BTreeSet<&String> {
        summary.matches.iter().flat_map(of).collect()
    };
    let statuses = names(|counts| counts.statuses.keys().collect());
    let ends = names(|counts| counts.ends.keys().collect());
    let mut header: Vec<String> = ["MATCH", "SEEN", "TAGGED", "PUBLISHED"].map(str::to_owned).into();
    header.extend(statuses.iter().map(|name| name.to_uppercase()));
    header.extend(ends.iter().map(|name| format!("ENDED {}", name.to_uppercase())));
    header.push("REASONS".to_owned());
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let row = |counts: &MatchCountsView| {
        let mut row = vec![counts.match_name.clone()];
        row.extend([counts.seen, counts.tagged, counts.published].map(|number| number.to_string()));
        let number = |number: Option<&u64>| number.map_or_else(|| "-".to_owned(), u64::to_string);
        row.extend(statuses.iter().map(|name| number(counts.statuses.get(*name))));
        row.extend(ends.iter().map(|name| number(counts.ends.get(*name))));
        row.push(reasons(counts));
        row
    };
    let rows: Vec<Vec<String>> = summary.matches.iter().map(row).collect();
    format!("{}position {}\n", table(&header, &rows), summary.position)
}

fn reasons(counts: &MatchCountsView) -> String {
    let mut reasons: Vec<(&String, &u64)> = counts.reasons.iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let more = reasons.len().saturating_sub(REASONS_SHOWN);
    let mut text: Vec<String> =
        reasons.iter().take(REASONS_SHOWN).map(|(reason, count)| format!("{} {count}", visible(reason))).collect();
    if more > 0 {
        text.push(format!("{more} more"));
    }
    text.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_stand_in_columns_of_what_there_is() {
        let body = r#"{"position":99,"matches":[
            {"match":"a","seen":9,"tagged":2,"published":0,"statuses":{"denied":7,"sent":2},
             "reasons":{"r1":1,"r2":2,"r3":3,"r4":4,"r5":5},"ends":{"acknowledged":1}},
            {"match":"bb","seen":1,"tagged":0,"published":1,"statuses":{"no_route":1},"reasons":{},"ends":{}}]}"#;
        let summary = serde_json::from_str(body).expect("a body");
        assert_eq!(
            render(&summary),
            "MATCH  SEEN  TAGGED  PUBLISHED  DENIED  NO_ROUTE  SENT  ENDED ACKNOWLEDGED  REASONS\n\
             a      9     2       0          7       -         2     1                   r5 5, r4 4, r3 3, r2 2, 1 more\n\
             bb     1     0       1          -       1         -     -\n\
             position 99\n"
        );
        let empty = DecisionSummary { position: 3, matches: vec![] };
        assert_eq!(render(&empty), "nothing was decided yet, position 3\n");
    }
}
