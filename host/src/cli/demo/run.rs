//! The demo's plot: serve, upload, deploy, stream, activate half-way, kill once, ask why.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use indicatif::{ProgressBar, ProgressStyle};

use super::child::{Host, free_address};
use super::{DemoArgs, crowd};
use crate::api::body;
use crate::cli::client::{Client, Content};
use crate::cli::trace;

/// Events of one request.
const BATCH: usize = 500;
/// Between two looks at the host's metrics.
const LOOK: Duration = Duration::from_millis(250);
/// Between two tries of a request that failed.
const RETRY: Duration = Duration::from_millis(50);
/// A host that is killed must be back within this.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn run(arguments: DemoArgs) -> anyhow::Result<ExitCode> {
    let (folder, temporary) = folder(&arguments)?;
    let address = arguments.listen.map_or_else(free_address, Ok)?;
    println!("1  A host of its own on {address}, with its data in {}", folder.display());
    let mut host = Host::start(&folder, address)?;
    let client = host.client()?;
    println!("2  Two modules, uploaded and deployed at run time");
    for (module, deployment) in [("c2c-blacklist", "risk"), ("rental-browse", "rental")] {
        upload(&client, module)?;
        println!("     {}", deploy(&client, deployment, module, "{}")?);
    }
    println!("3  {} events of {} users over HTTP (seed {})", arguments.events, arguments.users, arguments.seed);
    let end = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let events = crowd::stream(arguments.events, arguments.users, arguments.seed, end);
    let mut sender = Sender::new(client, events.len());
    let (half, three_quarters) = (events.len() / 2, events.len() * 3 / 4);
    sender.send(&events[..half])?;
    let line = deploy(&sender.client, "risk", "c2c-blacklist", r#"{"window_s":90}"#)?;
    sender.say(&format!("     half-way: {line}, while events go on"));
    sender.send(&events[half..three_quarters])?;
    let killed = Instant::now();
    host = host.kill_and_restart()?;
    sender
        .say(&format!("     killed with SIGKILL, started again, ready after {:.2} s", killed.elapsed().as_secs_f64()));
    sender.client = host.client()?;
    sender.send(&events[three_quarters..])?;
    let sent = sender.finish();
    settle(&host)?;
    println!("     {sent}");
    let matches = matches(&host)?;
    summary(&matches, &host)?;
    why(&matches, &host)?;
    next(&arguments, &host);
    drop(host);
    if let Some(temporary) = temporary.filter(|_| arguments.keep) {
        println!("kept: {}", temporary.keep().display());
    }
    Ok(ExitCode::SUCCESS)
}

/// The given folder, or a temporary one that goes with the demo.
fn folder(arguments: &DemoArgs) -> anyhow::Result<(PathBuf, Option<tempfile::TempDir>)> {
    match &arguments.data {
        Some(data) => Ok((data.clone(), None)),
        None => {
            let temporary = tempfile::Builder::new()
                .prefix("fishpond-demo-")
                .tempdir()
                .context("cannot make a temporary folder")?;
            Ok((temporary.path().to_owned(), Some(temporary)))
        }
    }
}

fn upload(client: &Client, module: &str) -> anyhow::Result<()> {
    let root = fishpond_build::workspace_root(&std::env::current_dir()?).context("run the demo inside the checkout")?;
    let file = fishpond_build::components_dir(&root).join(format!("{module}.wasm"));
    let wasm = std::fs::read(&file).with_context(|| {
        format!("cannot read {}: build the modules first with `cargo xtask guests`", file.display())
    })?;
    client.upload(&client.path(&["modules"]), Content { kind: "application/wasm", bytes: &wasm })?;
    Ok(())
}

/// Answers what now runs, for people.
fn deploy(client: &Client, name: &str, module: &str, configuration: &str) -> anyhow::Result<String> {
    let request = format!(r#"{{"module":"{module}","configuration":{configuration}}}"#);
    let answer = client.put(&client.path(&["deployments", name]), Content::json(&request))?;
    let view: body::DeploymentView = answer.parse()?;
    Ok(format!(
        "`{name}` runs {}@{} with {configuration} as revision {}",
        view.module.name, view.module.version, view.revision
    ))
}

/// Sends batches in order, each until it is acknowledged.
struct Sender {
    client: Client,
    bar: ProgressBar,
    started: Instant,
    looked: Instant,
    accepted: u64,
    duplicates: u64,
    sent: u64,
}

impl Sender {
    fn new(client: Client, events: usize) -> Sender {
        let style = ProgressStyle::with_template("     {bar:24} {pos}/{len} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(events as u64).with_style(style);
        let now = Instant::now();
        Sender { client, bar, started: now, looked: now, accepted: 0, duplicates: 0, sent: 0 }
    }

    fn send(&mut self, events: &[String]) -> anyhow::Result<()> {
        for batch in events.chunks(BATCH) {
            let answer = self.post(&format!("[{}]", batch.join(",")))?;
            ensure!(answer.rejected().is_empty(), "the host rejects an event: {:?}", answer.rejected().first());
            self.accepted += answer.accepted();
            self.duplicates += answer.duplicates();
            self.sent += batch.len() as u64;
            self.bar.set_position(self.sent);
            if self.looked.elapsed() >= LOOK {
                self.looked = Instant::now();
                self.bar.set_message(self.figures());
            }
        }
        Ok(())
    }

    /// The same ids again are the same events, so what was not acknowledged is simply sent again.
    fn post(&self, batch: &str) -> anyhow::Result<body::EventsAnswer> {
        let content = Content { kind: "application/cloudevents-batch+json", bytes: batch.as_bytes() };
        let started = Instant::now();
        loop {
            match self.client.post(&self.client.path(&["events"]), content) {
                Ok(answer) => return Ok(answer.parse()?),
                Err(error) if started.elapsed() < PATIENCE && error.is_temporary() => std::thread::sleep(RETRY),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn figures(&self) -> String {
        let rate = self.sent as f64 / self.started.elapsed().as_secs_f64();
        let metrics = self.client.get("/metrics", &[]).map(|answer| answer.text().to_owned()).unwrap_or_default();
        let matches = sum(&metrics, "fishpond_matches_total");
        let p99 = sum(&metrics, r#"fishpond_journal_commit_microseconds{quantile="0.99"}"#) / 1e3;
        format!("{rate:.0} events/s, {matches} matches, commit p99 {p99:.1} ms")
    }

    fn say(&self, line: &str) {
        // Without a terminal the bar prints nothing, and the story is told all the same.
        self.bar.suspend(|| println!("{line}"));
    }

    fn finish(self) -> String {
        let seconds = self.started.elapsed().as_secs_f64();
        let rate = self.sent as f64 / seconds;
        self.bar.finish_and_clear();
        format!(
            "{} sent in {seconds:.1} s ({rate:.0}/s): {} accepted, {} duplicates",
            self.sent, self.accepted, self.duplicates
        )
    }
}

/// Sum of a metric over its labels.
fn sum(metrics: &str, name: &str) -> f64 {
    let values = metrics
        .lines()
        .filter(|line| line.starts_with(name))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum()
}

/// Until the deployments have read everything.
fn settle(host: &Host) -> anyhow::Result<()> {
    let client = host.client()?;
    let started = Instant::now();
    loop {
        let answer: body::DeploymentList = client.get(&client.path(&["deployments"]), &[])?.parse()?;
        if answer.deployments.iter().all(|deployment| deployment.lag == Some(0)) {
            return Ok(());
        }
        ensure!(
            started.elapsed() < PATIENCE,
            "the deployments have not read everything after {} s",
            PATIENCE.as_secs()
        );
        std::thread::sleep(RETRY);
    }
}

/// All matches, as a consumer would page through them.
fn matches(host: &Host) -> anyhow::Result<Vec<body::MatchView>> {
    let client = host.client()?;
    let (mut all, mut after) = (Vec::new(), 0u64);
    loop {
        let parameters = [("after", Some(after.to_string())), ("limit", Some("1000".to_owned()))];
        let page: body::MatchPage = client.get(&client.path(&["matches"]), &parameters)?.parse()?;
        if page.matches.is_empty() {
            return Ok(all);
        }
        after = page.next;
        all.extend(page.matches);
    }
}

fn summary(matches: &[body::MatchView], host: &Host) -> anyhow::Result<()> {
    println!("4  {} matches, each with one revision and the ids of its events", matches.len());
    let mut counts = std::collections::BTreeMap::new();
    for found in matches {
        *counts.entry((&found.name, &found.deployment, found.revision)).or_insert(0u64) += 1;
    }
    for ((name, deployment, revision), count) in counts {
        println!("     {count:>6}  {name} by `{deployment}` revision {revision}");
    }
    let client = host.client()?;
    let failed: body::FailedPage =
        client.get(&client.path(&["failed-events"]), &[("limit", Some("1000".to_owned()))])?.parse()?;
    if let Some(first) = failed.failed.first() {
        println!(
            "     {:>6}  events that no rule could handle; the first: {}: {}",
            failed.failed.len(),
            first.code,
            first.reason
        );
    }
    Ok(())
}

/// The trace of the person whose match rests on the most events.
fn why(matches: &[body::MatchView], host: &Host) -> anyhow::Result<()> {
    let risks = matches.iter().filter(|found| found.name == "high_risk");
    let Some(found) = risks.max_by_key(|found| (found.events.len(), found.position)) else { return Ok(()) };
    println!("5  Why is {} tagged? (fishpond trace {})\n", found.person, found.person);
    let client = host.client()?;
    let text = trace::text(&client, &found.person)?;
    text.lines().for_each(|line| println!("     {line}"));
    println!();
    Ok(())
}

fn next(arguments: &DemoArgs, host: &Host) {
    println!("6  What to try next");
    if arguments.data.is_some() || arguments.keep {
        println!("     fishpond serve --data {}            go on from here", host.data().display());
    } else {
        println!("     cargo xtask demo --keep                     the same, and keep the data folder");
    }
    println!("     fishpond test plugins/c2c-blacklist         play the rule's scenarios");
    println!("     fishpond module new my-rule                 begin a rule of your own");
    println!("     README.md                                   from there to a running rule");
}
