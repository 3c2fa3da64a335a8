//! `fishpond bench http`: what a host takes over HTTP, in batches and one by one, from clients on the same machine.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;

use crate::api::body::EventsAnswer;
use crate::bench::{Line, Usage, machine, print};
use crate::cli::child::{Host, LOOK_AGAIN, free_address, upload};
use crate::cli::client::{Client, Content, MOST_CONNECTIONS};

/// Between two tries of a request that was not taken.
const RETRY: Duration = Duration::from_millis(5);
/// How long a request is tried, and how long the workers may take behind the last one.
const PATIENCE: Duration = Duration::from_secs(120);

/// Measure what a host takes over HTTP: events per second in batches, and one by one
///
/// Starts a host of its own as a process in a temporary folder, with `c2c-blacklist` deployed, and sends events over
/// kept connections, each request behind the answer to the one before. The clients are on the same machine and take their
/// part of its processors: the host's own time is told beside the rates. An answer means that the events are durable.
///
/// Example:
///
///     fishpond bench http --events 500000 --batch 500 --singles 50000
#[derive(Args, Debug, Clone)]
#[command(verbatim_doc_comment, after_help = "Next: with --json the result can be kept and compared.")]
pub struct HttpArgs {
    /// How many events in batches
    #[arg(long, default_value_t = 500_000, value_parser = clap::value_parser!(u64).range(1..))]
    events: u64,
    /// Events in one request
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    batch: u64,
    /// Connections that send batches
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=MOST_CONNECTIONS as u64))]
    connections: u64,
    /// How many events one by one
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..))]
    singles: u64,
    /// Connections that send single events
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=MOST_CONNECTIONS as u64))]
    single_connections: u64,
    /// How many keys they are spread over, evenly
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    keys: u64,
    /// Of the events
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub fn run(arguments: &HttpArgs, json: bool) -> anyhow::Result<ExitCode> {
    let folder = tempfile::tempdir()?;
    let host = Host::start(folder.path(), free_address()?, "")?;
    let client = host.client()?;
    upload(&client, "c2c-blacklist")?;
    let request = Content::json(r#"{"module":"c2c-blacklist","configuration":{}}"#);
    client.put(&client.path(&["deployments", "measured"]), request)?;
    let &HttpArgs { events, batch, connections, singles, single_connections, .. } = arguments;
    let mut lines = vec![machine()];
    for (from, events, batch, connections) in
        [(0, events, batch, connections), (events, singles, 1, single_connections)]
    {
        eprintln!("sending {events} events, {batch} in a request, over {connections} connections ...");
        lines.push(Sending { arguments, host: &host, client: &client, from, events, batch, connections }.measure()?);
    }
    print(&lines, json);
    Ok(ExitCode::SUCCESS)
}

struct Sending<'a> {
    arguments: &'a HttpArgs,
    host: &'a Host,
    client: &'a Client,
    /// Number of the first event.
    from: u64,
    events: u64,
    /// Events in a request.
    batch: u64,
    connections: u64,
}

impl Sending<'_> {
    fn measure(&self) -> anyhow::Result<Line> {
        let next = AtomicU64::new(self.from);
        let begun = (Instant::now(), Usage::of(Some(self.host.id())), Usage::of(None));
        let mut latencies = std::thread::scope(|scope| {
            let senders: Vec<_> = (0..self.connections).map(|_| scope.spawn(|| self.send(&next))).collect();
            let sent = senders.into_iter().map(|sender| sender.join().expect("a sender does not panic"));
            sent.collect::<anyhow::Result<Vec<_>>>().map(|each| each.concat())
        })?;
        let sent = begun.0.elapsed();
        self.drained()?;
        let drained = begun.0.elapsed();
        let cpu =
            |process, before: Usage| (Usage::of(process).cpu_seconds - before.cpu_seconds) * 1e6 / self.events as f64;
        latencies.sort_unstable();
        let at = |share: f64| {
            latencies.get((latencies.len() as f64 * share) as usize).map_or(0.0, |found| found.as_secs_f64() * 1e3)
        };
        let name =
            format!("{} events over HTTP, {} in a request, {} connections", self.events, self.batch, self.connections);
        Ok(Line::new(name)
            .number("events_per_second_acknowledged", self.events as f64 / sent.as_secs_f64())
            .number("events_per_second_handled", self.events as f64 / drained.as_secs_f64())
            .number("request_p50_ms", at(0.5))
            .number("request_p99_ms", at(0.99))
            .number("host_cpu_us_per_event", cpu(Some(self.host.id()), begun.1))
            .number("clients_cpu_us_per_event", cpu(None, begun.2))
            .count("host_peak_memory_mib", Usage::of(Some(self.host.id())).peak_memory_mib))
    }

    /// Sends batches until there are none; answers how long each request took.
    fn send(&self, next: &AtomicU64) -> anyhow::Result<Vec<Duration>> {
        let client = self.host.client()?;
        let path = client.path(&["events"]);
        let mut took = Vec::new();
        loop {
            let first = next.fetch_add(self.batch, Ordering::Relaxed);
            let end = (first + self.batch).min(self.from + self.events);
            if first >= end {
                return Ok(took);
            }
            let events: Vec<String> = (first..end).map(|number| self.event(number)).collect();
            let body = format!("[{}]", events.join(","));
            let content = Content { kind: "application/cloudevents-batch+json", bytes: body.as_bytes() };
            took.push(post(&client, &path, content, end - first)?);
        }
    }

    fn event(&self, number: u64) -> String {
        let HttpArgs { keys, seed, .. } = *self.arguments;
        let mut random = fastrand::Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (subject, actor) = (random.u64(..keys), random.u64(..keys));
        format!(
            r#"{{"specversion":"1.0","id":"{number}","source":"bench","type":"blacklist","subject":"user:{subject}","actorid":"user:{actor}"}}"#
        )
    }

    /// Until the workers have handled everything.
    fn drained(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let metrics = self.client.get("/metrics", &[])?;
            let line = metrics.text().lines().find(|line| line.starts_with("fishpond_lag_events{"));
            let lag = line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
            if lag.context("the host does not tell how far it is")? == 0.0 {
                return Ok(());
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        anyhow::bail!("the workers have not caught up within {} s", PATIENCE.as_secs())
    }
}

/// Until it is taken; answers how long the last try took.
fn post(client: &Client, path: &str, content: Content<'_>, events: u64) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    loop {
        let asked = Instant::now();
        match client.post(path, content) {
            Ok(answer) => {
                let answer: EventsAnswer = answer.parse()?;
                ensure!(answer.accepted() == events, "the host has taken {} of {events} events", answer.accepted());
                return Ok(asked.elapsed());
            }
            Err(error) if begun.elapsed() < PATIENCE && error.is_temporary() => std::thread::sleep(RETRY),
            Err(error) => return Err(error.into()),
        }
    }
}
