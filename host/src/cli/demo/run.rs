//! The demo's plot: serve, deploy, stream, activate half-way, kill once, be an app, ask why.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, ensure};

use super::page::Page;
use super::send::Sender;
use super::{DemoArgs, LOOK_AGAIN, PATIENCE, app, crowd, figures, setup, stay};
use crate::api::body;
use crate::cli::child::{Host, free_address};
use crate::cli::client::Client;
use crate::cli::trace;

/// Persons with a message that the page proposes.
const PERSONS_SHOWN: usize = 20;

pub fn run(arguments: DemoArgs) -> anyhow::Result<ExitCode> {
    let (folder, temporary) = folder(&arguments)?;
    let address = arguments.listen.map_or_else(free_address, Ok)?;
    let page = arguments.keep.then(Page::bind).transpose()?;
    println!("1  A host of its own on {address}, with its data in {}", folder.display());
    let host = Host::start(&folder, address, &page.as_ref().map(Page::origins).unwrap_or_default())?;
    let client = host.client()?;
    println!("2  Rules and filters, uploaded and deployed at run time");
    setup::rules(&client)?;
    println!("3  What is done about matches");
    setup::outreach(&client)?;
    println!("4  {} events of {} users over HTTP (seed {})", arguments.events, arguments.users, arguments.seed);
    let (host, sent) = stream(host, client, &arguments)?;
    settle(&host)?;
    println!("     {sent}");
    let matches = matches(&host)?;
    summary(&matches, &host)?;
    println!("6  What became of them (fishpond decision summary)");
    print_indented(&host.says(&["decision", "summary"])?);
    let reached = reached(&matches, &host)?;
    tell(&arguments, host, page, &reached)?;
    if arguments.keep {
        let kept = temporary.map_or(folder, tempfile::TempDir::keep);
        println!("kept: `fishpond serve --data {}` goes on from here", kept.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// How a message reaches a screen, and why.
fn tell(arguments: &DemoArgs, host: Host, page: Option<Page>, reached: &[String]) -> anyhow::Result<()> {
    let Some(person) = reached.first() else {
        println!("7  No message waits for anybody: more events (--events) make more matches");
        return page.map_or(Ok(()), |page| stay::stay(&host, page, &[]));
    };
    let why = |step: u32| -> anyhow::Result<()> {
        println!("{step}  Why was {person} told? (fishpond trace {person})\n");
        print_indented(&trace::text(&host.client()?, person)?);
        println!();
        Ok(())
    };
    match page {
        None => {
            println!("7  The app of {person} (fishpond user actions {person} --ack)");
            app::play(&host, person)?;
            why(8)?;
            next(arguments, &host);
            Ok(())
        }
        Some(page) => {
            why(7)?;
            println!("8  The screen");
            stay::stay(&host, page, reached)
        }
    }
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

/// Sends everything, with an activation half-way and a kill later. Answers the host that is there at the end.
fn stream(mut host: Host, client: Client, arguments: &DemoArgs) -> anyhow::Result<(Host, String)> {
    let end = app::now();
    let settled = crowd::settled(arguments.users, arguments.seed, end);
    let events = crowd::stream(arguments.events, arguments.users, arguments.seed, end);
    let mut sender = Sender::new(client, settled.len() + events.len());
    sender.send(&settled)?;
    sender.say(&format!("     before: {} opt-outs and blocks", settled.len()));
    let (half, three_quarters) = (events.len() / 2, events.len() * 3 / 4);
    sender.send(&events[..half])?;
    let line = setup::deploy(&sender.client, "risk", "c2c-blacklist", r#"{"window_s":90}"#)?;
    sender.say(&format!("     half-way: {line}, while events go on"));
    sender.say(&format!("     so far: {}", figures::outreach(&sender.client)?));
    sender.send(&events[half..three_quarters])?;
    let killed = Instant::now();
    host = host.kill_and_restart()?;
    let took = killed.elapsed().as_secs_f64();
    sender.say(&format!("     killed with SIGKILL, started again, ready after {took:.2} s"));
    sender.client = host.client()?;
    sender.send(&events[three_quarters..])?;
    Ok((host, sender.finish()))
}

/// Until the deployments have read everything and all decisions are counted.
fn settle(host: &Host) -> anyhow::Result<()> {
    let client = host.client()?;
    let started = Instant::now();
    loop {
        let answer: body::DeploymentList = client.get(&client.path(&["deployments"]), &[])?.parse()?;
        let read = answer.deployments.iter().all(|deployment| deployment.lag == Some(0));
        let last = answer.deployments.iter().filter_map(|deployment| deployment.position).max();
        if read && last.is_some_and(|last| figures::summary(&client).is_ok_and(|summary| summary.position >= last)) {
            return Ok(());
        }
        ensure!(
            started.elapsed() < PATIENCE,
            "the deployments have not read everything after {} s",
            PATIENCE.as_secs()
        );
        std::thread::sleep(LOOK_AGAIN);
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
    println!("5  {} matches, each with one revision and the ids of its events", matches.len());
    let mut counts = BTreeMap::new();
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

/// Persons for whom messages wait; first those whose matches rest on the most events. The first one's was not shown yet.
fn reached(matches: &[body::MatchView], host: &Host) -> anyhow::Result<Vec<String>> {
    let client = host.client()?;
    let asked = [
        ("match", Some("high_risk".to_owned())),
        ("reason", Some("waiting".to_owned())),
        ("limit", Some("500".to_owned())),
    ];
    let page: body::DecisionPage = client.get(&client.path(&["decisions"]), &asked)?.parse()?;
    let events: BTreeMap<u64, usize> = matches.iter().map(|found| (found.position, found.events.len())).collect();
    let mut looks = page.decisions;
    looks.sort_by_key(|look| std::cmp::Reverse(events.get(&look.origin.position).copied()));
    let waits = |look: &body::DecisionView| -> anyhow::Result<bool> {
        let story: body::ActionStory = client.get(&client.path(&["decisions", &look.action]), &[])?.parse()?;
        Ok(story.end.is_none())
    };
    // In a folder that was kept some have been acknowledged.
    while looks.first().map(waits).transpose()? == Some(false) {
        looks.remove(0);
    }
    Ok(looks.into_iter().map(|look| look.person).take(PERSONS_SHOWN).collect())
}

fn print_indented(text: &str) {
    text.lines().for_each(|line| println!("     {line}"));
}

fn next(arguments: &DemoArgs, host: &Host) {
    println!("9  What to try next");
    println!(
        "     cargo xtask demo --keep                     the same with a page in your browser, and the data kept"
    );
    if arguments.data.is_some() {
        println!("     fishpond serve --data {}            go on from here", host.data().display());
    }
    println!("     fishpond test plugins/c2c-blacklist         play the rule's scenarios");
    println!("     fishpond module new my-rule                 begin a rule of your own");
    println!("     README.md                                   from there to a running rule");
}
