//! `fishpond events send`: a file of events into a running host, in batches, over several connections. Events keep
//! their ids, so whatever is sent twice is accepted once.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::lines::{Batch, Lines};
use super::pace::{Backoff, PATIENCE, Pacer};
use super::report::{Rejection, Report};
use crate::api::body::{EventsAnswer, Rejected};
use crate::cli::client::{self, Client, Content, MOST_CONNECTIONS};
use crate::cli::{Global, output};

/// Send events from a file of JSON lines
///
/// Each line is one CloudEvent in structured JSON: `specversion`, `id`, `source`, `type`, usually `time`, `actorid`,
/// `subject`, `data`. Lines go out in batches. A busy or absent host is waited for, and because every event keeps its
/// `source` and `id`, what arrives twice is accepted once: after an abort send the same file again.
///
/// With several connections batches may overtake each other; `--connections 1` keeps the order of the file.
///
/// Example:
///
///     fishpond events send visits.jsonl --rate 1000
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "Next: `fishpond trace KEY` tells what became of one user's events, `fishpond matches` what was found."
)]
pub struct SendArgs {
    /// JSON lines; `-` reads standard input
    file: PathBuf,
    /// Events per second, evenly; as fast as the host takes them if not given
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    /// Events in one request; with a small --rate fewer, so that they are spread
    #[arg(long, default_value = "500")]
    batch: NonZeroUsize,
    /// Requests at the same time
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=MOST_CONNECTIONS as i64))]
    connections: u16,
}

pub fn run(arguments: SendArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = Client::new(global)?;
    let (reader, length, name) = open(&arguments)?;
    let bar = progress(length);
    let start = Instant::now();
    let clock = Clock { now: &|| start.elapsed(), sleep: &std::thread::sleep };
    let path = client.path(&["events"]);
    let post = |body: &str| {
        let content = Content { kind: "application/cloudevents-batch+json", bytes: body.as_bytes() };
        client.post(&path, content)?.parse::<EventsAnswer>()
    };
    let options = Options { name: &name, rate: arguments.rate, batch: arguments.batch.get() };
    let sender = Sender::new(reader, &options, clock, &bar, &post);
    let ended = sender.run(arguments.connections);
    bar.finish_and_clear();
    let report = sender.into_report();
    if let Err(error) = ended {
        return Err(error.context(format!("stopped after {}; the same file can be sent again", report.summary())));
    }
    let seconds = start.elapsed().as_secs_f64();
    output::print(&conclude(&report, seconds, global.json)?)?;
    Ok(if report.rejected == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn conclude(report: &Report, seconds: f64, json: bool) -> anyhow::Result<String> {
    if json {
        return Ok(serde_json::to_string(report)?);
    }
    let sent = report.accepted + report.duplicates;
    Ok(format!("{}; {seconds:.1} s, {:.0} events/s", report.summary(), sent as f64 / seconds.max(0.001)))
}

type Reader = Box<dyn BufRead + Send>;

fn open(arguments: &SendArgs) -> anyhow::Result<(Reader, Option<u64>, String)> {
    let name = arguments.file.display().to_string();
    if name == "-" {
        return Ok((Box::new(BufReader::new(io::stdin())), None, "standard input".to_owned()));
    }
    let file = File::open(&arguments.file).with_context(|| format!("cannot open {name}"))?;
    let metadata = file.metadata().with_context(|| format!("cannot read {name}"))?;
    let length = metadata.is_file().then_some(metadata.len());
    Ok((Box::new(BufReader::with_capacity(1 << 20, file)), length, name))
}

fn progress(length: Option<u64>) -> ProgressBar {
    let (bar, template) = match length {
        Some(length) => (ProgressBar::new(length), "{bar:24} {percent:>3}%  {msg}  {elapsed_precise}, {eta} left"),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes}  {msg}  {elapsed_precise}"),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Time as the sender knows it; tests bring one that costs nothing.
#[derive(Clone, Copy)]
struct Clock<'a> {
    /// Since the start.
    now: &'a (dyn Fn() -> Duration + Sync),
    sleep: &'a (dyn Fn(Duration) + Sync),
}

struct Options<'a> {
    /// For messages.
    name: &'a str,
    rate: Option<u64>,
    batch: usize,
}

type Post<'a> = &'a (dyn Fn(&str) -> Result<EventsAnswer, client::Error> + Sync);

struct Sender<'a, R> {
    source: Mutex<Source<R>>,
    report: Mutex<Report>,
    name: &'a str,
    batch: usize,
    clock: Clock<'a>,
    bar: &'a ProgressBar,
    post: Post<'a>,
}

struct Source<R> {
    lines: Lines<R>,
    pacer: Pacer,
    /// Somebody has failed for good: nobody takes another batch.
    stopped: bool,
}

impl<'a, R: BufRead + Send> Sender<'a, R> {
    fn new(reader: R, options: &Options<'a>, clock: Clock<'a>, bar: &'a ProgressBar, post: Post<'a>) -> Sender<'a, R> {
        let pacer = Pacer::new(options.rate);
        let batch = pacer.batch(options.batch);
        let source = Source { lines: Lines::new(reader), pacer, stopped: false };
        Sender { source: Mutex::new(source), report: Mutex::default(), name: options.name, batch, clock, bar, post }
    }

    fn into_report(self) -> Report {
        self.report.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first failure of any connection ends all of them.
    fn run(&self, connections: u16) -> anyhow::Result<()> {
        let connection = || {
            let ended = self.send_all();
            if ended.is_err() {
                self.source.lock().unwrap_or_else(PoisonError::into_inner).stopped = true;
            }
            ended
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..connections).map(|_| scope.spawn(connection)).collect();
            let panicked = |_| Err(anyhow::anyhow!("a sender panicked"));
            let ended: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap_or_else(panicked)).collect();
            ended.into_iter().collect()
        })
    }

    fn send_all(&self) -> anyhow::Result<()> {
        while let Some(mut batch) = self.next_batch()? {
            let bad = std::mem::take(&mut batch.bad).into_iter().map(Rejection::of_line).collect();
            self.count(0, 0, bad);
            if !batch.events.is_empty() {
                let outcome = self.send(&batch)?;
                self.count(outcome.accepted, outcome.duplicates, outcome.rejections(&batch));
            }
        }
        Ok(())
    }

    /// The lock is held while the batch waits for its moment: those behind it must wait longer anyway.
    fn next_batch(&self) -> anyhow::Result<Option<Batch>> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        if source.stopped {
            return Ok(None);
        }
        let batch = source.lines.next_batch(self.batch).with_context(|| format!("cannot read {}", self.name))?;
        if let Some(batch) = &batch {
            self.bar.set_position(batch.read);
            let wait = source.pacer.wait((self.clock.now)(), batch.events.len());
            if !wait.is_zero() {
                (self.clock.sleep)(wait);
            }
        }
        Ok(batch)
    }

    /// Until the host has answered, or patience ends.
    fn send(&self, batch: &Batch) -> anyhow::Result<Outcome> {
        let body = batch.body();
        let mut backoff = Backoff::default();
        let mut told = false;
        loop {
            let error = match Outcome::of((self.post)(&body), batch.events.len()) {
                Ok(outcome) => return Ok(outcome),
                Err(error) => error,
            };
            let pause = error.is_temporary().then(|| backoff.pause(error.retry_after(), fastrand::f64())).flatten();
            let Some(pause) = pause else {
                let first = batch.events.first().map_or(0, |line| line.number);
                let patience =
                    if error.is_temporary() { format!(", tried for {} s", PATIENCE.as_secs()) } else { String::new() };
                return Err(anyhow::Error::new(error).context(format!("batch from {}:{first}{patience}", self.name)));
            };
            if !told && !matches!(&error, client::Error::Refused(_)) {
                self.bar.suspend(|| eprintln!("{error}\n  trying again for {} s ...", PATIENCE.as_secs()));
                told = true;
            }
            (self.clock.sleep)(pause);
        }
    }

    fn count(&self, accepted: u64, duplicates: u64, rejections: Vec<Rejection>) {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.accepted += accepted;
        report.duplicates += duplicates;
        let shown = report.reject(rejections);
        let seconds = (self.clock.now)().as_secs_f64().max(0.001);
        let rate = (report.accepted + report.duplicates) as f64 / seconds;
        let (accepted, duplicates, rejected) = (report.accepted, report.duplicates, report.rejected);
        self.bar.set_message(format!(
            "{rate:.0} events/s  {accepted} accepted  {duplicates} duplicates  {rejected} rejected"
        ));
        if !shown.is_empty() {
            self.bar.suspend(|| shown.iter().for_each(|rejection| eprintln!("{}", rejection.show(self.name))));
        }
    }
}

/// What the host made of one batch.
#[derive(Debug)]
struct Outcome {
    accepted: u64,
    duplicates: u64,
    rejected: Vec<Rejected>,
}

impl Outcome {
    /// A refusal that names every event of the batch is an answer about them, not a failure to ask.
    fn of(answer: Result<EventsAnswer, client::Error>, events: usize) -> Result<Outcome, client::Error> {
        match answer {
            Ok(answer) => Ok(Outcome {
                accepted: answer.accepted(),
                duplicates: answer.duplicates(),
                rejected: answer.rejected().to_vec(),
            }),
            Err(client::Error::Refused(refusal)) if refusal.problem.rejected.len() == events => {
                Ok(Outcome { accepted: 0, duplicates: 0, rejected: refusal.problem.rejected })
            }
            Err(error) => Err(error),
        }
    }

    fn rejections(&self, batch: &Batch) -> Vec<Rejection> {
        let line = |rejected: &Rejected| batch.events.get(rejected.item).map_or(0, |line| line.number);
        self.rejected.iter().map(|rejected| Rejection::of_host(line(rejected), rejected)).collect()
    }
}

#[cfg(test)]
mod tests;
