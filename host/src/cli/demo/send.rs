//! Events on their way to the host, with what it makes of them shown live.

use std::time::{Duration, Instant};

use anyhow::ensure;
use indicatif::{ProgressBar, ProgressStyle};

use super::PATIENCE;
use super::figures::{self, Metrics};
use crate::api::body::EventsAnswer;
use crate::cli::client::{Client, Content, Error};

/// Events of one request.
const BATCH: usize = 500;
/// Between two looks at the host's figures.
const LOOK: Duration = Duration::from_millis(250);
/// Between two tries of a request that failed.
const RETRY: Duration = Duration::from_millis(50);

/// Sends batches in order, each until it is acknowledged.
pub struct Sender {
    pub client: Client,
    bar: ProgressBar,
    started: Instant,
    looked: Instant,
    accepted: u64,
    duplicates: u64,
    sent: u64,
}

impl Sender {
    pub fn new(client: Client, events: usize) -> Sender {
        let style = ProgressStyle::with_template("     {bar:24} {pos}/{len} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(events as u64).with_style(style);
        let now = Instant::now();
        Sender { client, bar, started: now, looked: now, accepted: 0, duplicates: 0, sent: 0 }
    }

    pub fn send(&mut self, events: &[String]) -> anyhow::Result<()> {
        for batch in events.chunks(BATCH) {
            let answer = post(&self.client, batch)?;
            self.accepted += answer.accepted();
            self.duplicates += answer.duplicates();
            self.sent += batch.len() as u64;
            self.bar.set_position(self.sent);
            if self.looked.elapsed() >= LOOK && !self.bar.is_hidden() {
                self.looked = Instant::now();
                // Figures that do not come are no reason to stop.
                let figures = self.figures().unwrap_or_default();
                self.bar.set_message(figures);
            }
        }
        Ok(())
    }

    fn figures(&self) -> Result<String, Error> {
        let rate = self.sent as f64 / self.started.elapsed().as_secs_f64();
        let metrics = Metrics::of(&self.client)?;
        let p99 = metrics.sum(r#"fishpond_journal_commit_microseconds{quantile="0.99"}"#) / 1e3;
        let outreach = figures::outreach(&self.client)?;
        Ok(format!("{rate:.0} events/s, commit p99 {p99:.1} ms\n     {outreach}"))
    }

    pub fn say(&self, line: &str) {
        // Without a terminal the bar prints nothing, and the story is told all the same.
        self.bar.suspend(|| println!("{line}"));
    }

    pub fn finish(self) -> String {
        let seconds = self.started.elapsed().as_secs_f64();
        let rate = self.sent as f64 / seconds;
        self.bar.finish_and_clear();
        format!(
            "{} sent in {seconds:.1} s ({rate:.0}/s): {} accepted, {} duplicates",
            self.sent, self.accepted, self.duplicates
        )
    }
}

/// The same ids again are the same events, so what was not acknowledged is simply sent again.
pub fn post(client: &Client, events: &[String]) -> anyhow::Result<EventsAnswer> {
    let batch = format!("[{}]", events.join(","));
    let content = Content { kind: "application/cloudevents-batch+json", bytes: batch.as_bytes() };
    let started = Instant::now();
    loop {
        match client.post(&client.path(&["events"]), content) {
            Ok(answer) => {
                let answer: EventsAnswer = answer.parse()?;
                ensure!(answer.rejected().is_empty(), "the host rejects an event: {:?}", answer.rejected().first());
                return Ok(answer);
            }
            Err(error) if started.elapsed() < PATIENCE && error.is_temporary() => std::thread::sleep(RETRY),
            Err(error) => return Err(error.into()),
        }
    }
}
