//! The lines of a backfill as they come: for people or, as they are, for programs. How far it is goes to standard error.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::bail;

use crate::api::body::{BackfillFailed, BackfillInput, BackfillLine, BackfillMatch, BackfillSummary};
use crate::cli::output::{self, count, short, visible};
use crate::cli::progress::Progress;

/// Takes bytes; everything is told when a line is whole.
pub struct Shown {
    json: bool,
    progress: Progress,
    line: Vec<u8>,
    /// How it ended, once that was told.
    end: Option<Result<(), String>>,
}

impl Shown {
    pub fn new(json: bool) -> Shown {
        Shown { json, progress: Progress::default(), line: Vec::new(), end: None }
    }

    /// Has nothing told how it ended?
    pub fn is_cut(&self) -> bool {
        self.end.is_none()
    }

    /// Was it a result?
    ///
    /// # Errors
    /// Why not.
    pub fn finish(mut self) -> anyhow::Result<ExitCode> {
        self.progress.end();
        match self.end {
            Some(Ok(())) => Ok(ExitCode::SUCCESS),
            Some(Err(reason)) => bail!("the backfill has no result: {reason}"),
            None => bail!(
                "the backfill has no result: it ended before its summary, so what was told is not all. The host's log says more"
            ),
        }
    }

    fn take(&mut self) -> io::Result<()> {
        // It goes on, and there is nothing to tell.
        if self.line.is_empty() {
            return Ok(());
        }
        let line: BackfillLine = serde_json::from_slice(&self.line)?;
        let text = match &line {
            BackfillLine::Progress(progress) => {
                self.progress.tell("events", progress.events, 0);
                return Ok(());
            }
            BackfillLine::Error(error) => {
                self.end = Some(Err(format!("{} ({})", error.message, error.code)));
                // People are told at the end, on standard error.
                self.text(String::new)
            }
            BackfillLine::Summary(summary) => {
                self.end = Some(Ok(()));
                self.text(|| sum(summary))
            }
            BackfillLine::Match(found) => self.text(|| matched(found)),
            BackfillLine::Failed(failed) => self.text(|| failure(failed)),
        };
        if text.is_empty() { Ok(()) } else { output::print(&text) }
    }

    fn text(&self, shown: impl FnOnce() -> String) -> String {
        if self.json { String::from_utf8_lossy(&self.line).into_owned() } else { shown() }
    }
}

impl Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.line.pop();
                self.take()?;
                self.line.clear();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn matched(found: &BackfillMatch) -> String {
    let head = format!("{}  {}  {}  {}", found.input.time, found.name, found.person, found.fields.get());
    let events: Vec<String> = found.events.iter().map(|event| format!("{}/{}", event.source, event.id)).collect();
    let from = if events.is_empty() { String::new() } else { format!("from {}  ", events.join(", ")) };
    format!("{}\n    {}\n", visible(&head), visible(&format!("{from}[{}]", input(&found.input))))
}

fn failure(failed: &BackfillFailed) -> String {
    let head = format!("{}  failed {}: {}", failed.input.time, failed.code, failed.reason);
    let event = failed.input.event.as_ref().map(|event| format!("{}/{}  ", event.source, event.id));
    format!(
        "{}\n    {}\n",
        visible(&head),
        visible(&format!("{}[{}]", event.unwrap_or_default(), input(&failed.input)))
    )
}

fn input(input: &BackfillInput) -> String {
    let place = match (input.position, input.line) {
        (Some(position), _) => format!(", position {position}"),
        (None, Some(line)) => format!(", line {line}"),
        (None, None) => String::new(),
    };
    let key = if input.key.is_empty() { "no key".to_owned() } else { format!("key {}", input.key) };
    format!("{}, {key}{place}", input.kind)
}

fn sum(summary: &BackfillSummary) -> String {
    let mut text = format!(
        "\n{} read, {} of types that {} subscribes to",
        count(summary.events, "event"),
        summary.subscribed,
        summary.deployment
    );
    if let Some((first, last)) = summary.first.as_ref().zip(summary.last.as_ref()) {
        text += &format!(", received {first} to {last}");
    }
    if summary.duplicates + summary.id_reused > 0 {
        text += &format!("; {} had come before, {} with other content", summary.duplicates, summary.id_reused);
    }
    if summary.replaced > 0 {
        text += &format!("\n{} got another time than they say: too far from their receipt", summary.replaced);
    }
    if let Some(gap) = &summary.gap {
        let since = gap.since.as_deref().map(|since| format!(", written {since}")).unwrap_or_default();
        text += &format!("\nretention has released what lies before position {}{since}: it is missing here", gap.first);
    }
    text += &format!("\nmatches: {}; published: {}", named(&summary.matches), named(&summary.published));
    text += &format!("\nfailed: {}; late: {}", named(&summary.failed), summary.late);
    text += &format!(
        "\n{} of {}, {} stored, {} fuel\nmodule {}, configuration {}\n",
        count(summary.inputs, "input"),
        count(summary.keys, "key"),
        count(summary.documents, "document"),
        summary.fuel,
        short(&summary.module),
        visible(summary.configuration.get())
    );
    text
}

fn named(counts: &BTreeMap<String, u64>) -> String {
    let counts: Vec<String> = counts.iter().map(|(name, count)| format!("{} {count}", visible(name))).collect();
    if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUMMARY: &str = r#"{"summary":{"deployment":"c2c","module":"0123456789abcdef","configuration":{"n":1},"permissions":[],
        "events":12,"subscribed":3,"duplicates":0,"id_reused":0,"replaced":5,"inputs":3,"matches":{"high_risk":1},"keys":2,"documents":1,
        "late":0,"failed":{},"published":{},"fuel":9,"ended":"2026-07-01T10:00:00Z","gap":{"first":7}}}"#;

    fn told(lines: &[&str]) -> Result<(), String> {
        let mut shown = Shown::new(true);
        for line in lines {
            shown.write_all(line.replace('\n', "").as_bytes()).expect("it is read");
            shown.write_all(b"\n").expect("it is read");
        }
        shown.finish().map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn only_a_summary_makes_a_result() {
        let progress = r#"{"progress":{"events":1000,"matches":0,"time":"2026-07-01T10:00:00Z"}}"#;
        assert_eq!(told(&[progress, "", SUMMARY]), Ok(()));
        let cut = told(&[progress]).expect_err("there is no summary");
        assert!(cut.contains("ended before its summary"), "{cut}");
        let error = told(&[progress, r#"{"error":{"code":"bad_line","message":"line 3: no JSON"}}"#]);
        assert_eq!(error, Err("the backfill has no result: line 3: no JSON (bad_line)".to_owned()));
        let mut half = Shown::new(false);
        half.write_all(SUMMARY.replace('\n', "").as_bytes()).expect("it is read");
        assert!(half.finish().is_err(), "half a line was taken for a summary");
        assert!(Shown::new(false).write_all(b"no line of ours\n").is_err());
    }

    #[test]
    fn people_are_told_what_was_found_and_what_is_missing() {
        let line = |text: &str| serde_json::from_str(&text.replace('\n', "")).expect("a line");
        let BackfillLine::Summary(summary) = line(SUMMARY) else { panic!("no summary") };
        let text = sum(&summary);
        assert!(text.contains("before position 7") && text.contains("matches: high_risk 1; published: none"), "{text}");
        assert!(text.contains("12 events read, 3 of types that c2c subscribes to\n"), "{text}");
        assert!(text.contains("\n5 got another time than they say"), "{text}");
        let BackfillLine::Match(found) = line(
            r#"{"match":{"name":"high_risk","person":"u:1","id":"00","fields":{"n":3},"input":{"kind":"event","position":40,
            "event":{"source":"app","id":"e-2"},"key":"u:1","time":"2026-07-01T10:00:00Z"},"events":[{"source":"app","id":"e-2"}]}}"#,
        ) else {
            panic!("no match")
        };
        let shown =
            "2026-07-01T10:00:00Z  high_risk  u:1  {\"n\":3}\n    from app/e-2  [event, key u:1, position 40]\n";
        assert_eq!(matched(&found), shown);
    }
}
