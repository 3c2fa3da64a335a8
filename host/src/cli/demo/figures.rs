//! What the host says about itself while it works, in few words.

use std::collections::BTreeMap;

use crate::api::body::DecisionSummary;
use crate::cli::client::{Client, Error};
use crate::cli::output::{count, visible};

/// Reasons of refusals that are shown, the most frequent.
const REASONS_SHOWN: usize = 4;

/// The host's metrics at one moment.
pub struct Metrics(String);

impl Metrics {
    pub fn of(client: &Client) -> Result<Metrics, Error> {
        Ok(Metrics(client.get("/metrics", &[])?.text().to_owned()))
    }

    /// Sum of a metric over its labels; `name` is the beginning of its lines.
    pub fn sum(&self, name: &str) -> f64 {
        let lines = self.0.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Open streams of actions.
    pub fn streams(&self) -> f64 {
        self.sum("fishpond_streams ")
    }
}

/// What was done about all matches.
pub fn outreach(client: &Client) -> Result<String, Error> {
    Ok(line(&summary(client)?))
}

/// Since the journal begins.
pub fn summary(client: &Client) -> Result<DecisionSummary, Error> {
    client.get(&client.path(&["decisions", "summary"]), &[])?.parse()
}

/// `4 matches, 3 tags; messages: 2 sent, 1 waiting, 0 held; refused: 1 opted_out`
fn line(summary: &DecisionSummary) -> String {
    let matches: u64 = summary.matches.iter().map(|counts| counts.seen).sum();
    let tags = summary.matches.iter().map(|counts| counts.tagged).sum();
    let status = |name| summary.matches.iter().filter_map(|counts| counts.statuses.get(name)).sum::<u64>();
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for (reason, times) in summary.matches.iter().flat_map(|counts| &counts.reasons) {
        *reasons.entry(reason).or_default() += times;
    }
    let mut reasons: Vec<(&str, u64)> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    let refused: Vec<String> =
        reasons.iter().take(REASONS_SHOWN).map(|(reason, times)| format!("{times} {}", visible(reason))).collect();
    let (sent, waiting, held) = (status("sent"), status("waiting"), status("held"));
    let refused = if refused.is_empty() { "none".to_owned() } else { refused.join(", ") };
    let tags = count(tags, "tag");
    format!("{matches} matches, {tags}; messages: {sent} sent, {waiting} waiting, {held} held; refused: {refused}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_added_up_and_names_are_not_confused() {
        let metrics = Metrics(
            "# HELP fishpond_streams Open\nfishpond_streams 2\nfishpond_streams_overrun_total 7\na{b=\"1\"} 3\na{b=\"2\"} 4\n"
                .to_owned(),
        );
        assert_eq!((metrics.streams(), metrics.sum("a{")), (2.0, 7.0));
    }

    #[test]
    fn counts_of_all_matches_are_one_line() {
        let text = r#"{"position":9,"matches":[
            {"match":"a","seen":9,"tagged":1,"published":0,"statuses":{"denied":5,"sent":2},
             "reasons":{"r1":1,"r2":2,"r3":1,"r4":1},"ends":{}},
            {"match":"b","seen":1,"tagged":0,"published":0,"statuses":{"sent":1,"held":1},"reasons":{"r1":3,"r5":9},
             "ends":{}}]}"#;
        let summary = serde_json::from_str(text).expect("a body");
        assert_eq!(
            line(&summary),
            "10 matches, 1 tag; messages: 3 sent, 0 waiting, 1 held; refused: 9 r5, 4 r1, 2 r2, 1 r3"
        );
    }
}
