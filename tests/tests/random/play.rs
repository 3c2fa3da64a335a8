//! Plays steps on a host in a folder, is the producer and the operator, and compares.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use fishpond::journal;
use fishpond::model::ports::Ask;
use fishpond::model::{Document, Frame, Limits, Lsn, Start, TimerClock};
use fishpond::registry::DeployRequest;
use fishpond::scenario::{BUSINESS, Run, RunOptions, Scenario, small_limits};
use fishpond::shards::Batching;
use fishpond::store::Store;
use fishpond_tests::{component, frames, modules};

use super::facts::{Told, json};
use super::generate::{Action, PEOPLE, Sent};
use super::model::{Deployment, Expected, Memory, ticks};

/// Source and id.
type Identity = (String, String);

struct Play<'f> {
    folder: &'f Path,
    seed: u64,
    run: Run<'static>,
    workers: u64,
    /// Content of what was accepted.
    known: BTreeMap<Identity, String>,
    /// What was sent and not answered yet.
    unanswered: Vec<Sent>,
    /// The last frame that a producer or an operator was told of.
    told: Lsn,
}

/// Plays steps; the error is the first difference. Leaves the host's folder for whoever looks at it.
pub fn play(folder: &Path, seed: u64, steps: &[Action]) -> anyhow::Result<Counts> {
    let run = Run::open(folder, modules(), options(seed, 1)).context("a new folder")?;
    let (known, unanswered) = (BTreeMap::new(), Vec::new());
    let mut play = Play { folder, seed, run, workers: 1, known, unanswered, told: Lsn::ZERO };
    for step in steps {
        play.step(step).with_context(|| format!("at `{step}`"))?;
    }
    play.compare()
}

/// How much there was to compare.
#[derive(Default, Debug)]
pub struct Counts {
    pub events: usize,
    pub handled: usize,
    pub done: usize,
}

fn options(seed: u64, workers: u64) -> RunOptions {
    let limits = Limits { workers, store_directories: 1, ..small_limits() };
    let batching = Batching::Seeded { seed, most: 1 + seed as usize % 9 };
    RunOptions { limits, batching, singly: seed % 11 == 10, ..RunOptions::default() }
}

impl Play<'_> {
    fn step(&mut self, step: &Action) -> anyhow::Result<()> {
        match step {
            Action::Line(line) => drop(self.line(line)?),
            Action::Send { event, queued } => return self.send(event, event.received, *queued),
            Action::FromEarliest { name, module, configuration } => {
                self.deploy_from_earliest(name, module, configuration)?
            }
            Action::Ask { key } => self.ask(key)?,
            Action::Crash { thousandths, workers } => return self.crash(*thousandths, *workers),
            Action::Stop { workers } => {
                drop(self.line("checkpoint")?);
                self.answered()?;
                self.run.close()?;
                self.open(*workers)?;
            }
        }
        self.answered()
    }

    fn line(&mut self, line: &str) -> anyhow::Result<Vec<String>> {
        self.run.output.clear();
        for (_, step) in Scenario::parse(line)?.steps {
            self.run.step(&step)?;
        }
        Ok(std::mem::take(&mut self.run.output))
    }

    /// Any step that is no queued event lets everything come to rest.
    fn rest(&mut self) -> anyhow::Result<()> {
        self.line("tags nobody").map(drop)
    }

    /// Everything so far was acknowledged: it must survive.
    fn answered(&mut self) -> anyhow::Result<()> {
        self.unanswered.clear();
        let parts = &self.run.host()?.parts;
        let (mut follower, mut read) = (parts.log.follow(self.told.next()), Vec::new());
        loop {
            read.clear();
            follower.read(1_024, &mut read)?;
            if read.is_empty() {
                return Ok(());
            }
            let outside = read.iter().filter(|(_, frame)| matches!(frame, Frame::Input(_) | Frame::Control(_)));
            self.told = outside.map(|(lsn, _)| *lsn).max().unwrap_or(self.told);
        }
    }

    fn send(&mut self, event: &Sent, received: u64, queued: bool) -> anyhow::Result<()> {
        let output = self.line(&event.line(received, queued))?;
        let answered = |word: &str| output.iter().any(|line| line.ends_with(&format!(" {word} event={}", event.id)));
        let answer = ["duplicate", "id_reused"].into_iter().find(|word| answered(word)).unwrap_or("accepted");
        let identity = (event.source.to_owned(), event.id.clone());
        let expected = match self.known.get(&identity) {
            None => "accepted",
            Some(content) if *content == event.content() => "duplicate",
            Some(_) => "id_reused",
        };
        ensure!(answer == expected, "{identity:?} was answered {answer}, it is {expected}");
        if answer == "accepted" {
            self.known.insert(identity, event.content());
        }
        self.unanswered.push(event.clone());
        if queued { Ok(()) } else { self.answered() }
    }

    fn deploy_from_earliest(&mut self, name: &str, module: &str, configuration: &str) -> anyhow::Result<()> {
        let registry = self.run.host()?.parts.registry.clone();
        let uploaded = registry.upload(BUSINESS, &component(module), "test")?;
        let request =
            DeployRequest { start: Start::Earliest, ..DeployRequest::new(uploaded.digest.to_string(), configuration) };
        registry.deploy(BUSINESS, name, request, "test")?;
        Ok(())
    }

    fn ask(&mut self, key: &str) -> anyhow::Result<()> {
        self.rest()?;
        let risk = self.run.host()?.parts.registry.deployment(BUSINESS, "risk");
        if risk.is_none_or(|risk| !risk.paused.shards.is_empty()) {
            return Ok(());
        }
        let output = self.line(&format!("query risk window {key}"))?;
        let told = Told::of(&frames(&self.run.host()?.parts));
        let model = Expected::of(&told.facts);
        let by = model.deployments["risk"].window(key, ticks::last(&told.facts)).expect("it is a risk rule");
        let answer = output.iter().find_map(|line| line.split_once(" -> ok ")).context("an answer")?.1;
        ensure!(json(answer)["by"] == serde_json::json!(by), "{key}: the host answers {answer}, the model {by:?}");
        Ok(())
    }

    fn crash(&mut self, thousandths: u64, workers: u64) -> anyhow::Result<()> {
        let last = self.run.host()?.parts.log.last();
        self.run.close()?;
        // Nothing that somebody was told of may be lost, nor what a row in the store proves to have been durable.
        let store = Store::open(&self.folder.join("store"), 1, 1 << 20)?;
        let floor = self.told.max(store.highest());
        drop(store);
        let cut = Lsn(floor.0 + (last.0 - floor.0) * thousandths / 1_000);
        journal::cut(&self.folder.join("journal"), cut)?;
        self.open(workers)?;
        let survived = Told::of(&frames(&self.run.host()?.parts));
        let survived: Vec<Identity> = survived.events().map(|given| (given.source.clone(), given.id.clone())).collect();
        let sent: Vec<Identity> =
            self.unanswered.iter().map(|event| (event.source.to_owned(), event.id.clone())).collect();
        for identity in self.known.keys().filter(|identity| !sent.contains(identity)) {
            ensure!(survived.contains(identity), "{identity:?} was acknowledged and is gone after a cut behind {cut}");
        }
        self.known.retain(|identity, _| survived.contains(identity));
        let now = self.run.now() % 86_400_000;
        for event in std::mem::take(&mut self.unanswered) {
            self.send(&event, now, true)?;
        }
        Ok(())
    }

    fn open(&mut self, workers: u64) -> anyhow::Result<()> {
        let now = self.run.now();
        self.workers = workers;
        let options = || options(self.seed, workers);
        self.run = Run::open_at(self.folder, modules(), options(), now).context("it opens again")?;
        Ok(())
    }

    fn compare(mut self) -> anyhow::Result<Counts> {
        self.rest()?;
        let told = Told::of(&frames(&self.run.host()?.parts));
        let model = Expected::of(&told.facts);
        let mut accepted: Vec<Identity> = told.events().map(|given| (given.source.clone(), given.id.clone())).collect();
        accepted.sort_unstable();
        ensure!(accepted.iter().eq(self.known.keys()), "accepted: {accepted:?}, answered: {:?}", self.known.keys());
        same("handled", model.handled.clone(), told.handled.clone())?;
        same("said", model.said.clone(), told.said.clone())?;
        same("done", model.done(), told.done.clone())?;
        ticks::check(&told.facts).map_err(anyhow::Error::msg)?;
        for person in PEOPLE {
            self.compare_memories(person, &model.deployments)?;
        }
        let counts = Counts { events: accepted.len(), handled: told.handled.len(), done: told.done.len() };
        self.run.close()?;
        Ok(counts)
    }

    fn compare_memories(&mut self, key: &str, deployments: &BTreeMap<String, Deployment>) -> anyhow::Result<()> {
        let (send, receive) = std::sync::mpsc::channel();
        let host = self.run.host()?;
        host.workers.asker().documents(BUSINESS, key, Box::new(move |views| drop(send.send(views))));
        host.workers.run_to_rest()?;
        let views = receive.try_recv().context("an answer")?;
        for (name, deployment) in deployments {
            let wanted = deployment.keys.get(key).map(memory_lines).unwrap_or_default();
            let view = views.iter().find(|view| *view.deployment == **name);
            let seen = view.map(|view| document_lines(&view.document)).unwrap_or_default();
            same(&format!("{name} of {key}"), wanted, seen)?;
            let now = self.run.now();
            if let Some(late) = wanted_by_now(deployment, key, now) {
                bail!("{name} of {key}: the timer `{late}` was due before {now} and has not fired");
            }
        }
        Ok(())
    }
}

/// A timer of the receive clock that waits though its time has come.
fn wanted_by_now(deployment: &Deployment, key: &str, now: u64) -> Option<String> {
    let timers = deployment.keys.get(key)?.timers.iter().filter(|_| !deployment.retired);
    timers.filter(|(_, timer)| !timer.by_watermark && timer.due <= now).map(|(name, _)| name.clone()).next()
}

fn memory_lines(memory: &Memory) -> Vec<String> {
    let values = memory.values.iter().map(|(name, value)| format!("value {name} {value:?}"));
    let timers = memory.timers.iter().filter(|(name, _)| !name.starts_with('~'));
    let timers = timers.map(|(name, timer)| timer_line(name, timer.by_watermark, timer.due, &timer.context));
    let entries = memory.entries.iter().map(|entry| format!("entry {} {} {}", entry.time, entry.at, entry.member));
    values.chain(timers).chain(entries).collect()
}

fn document_lines(document: &Document) -> Vec<String> {
    let value = |value: &fishpond::model::Value| (value.bytes.to_vec(), value.expires);
    let values = document.values().iter().map(|(name, kept)| format!("value {name} {:?}", value(kept)));
    let timers = document.timers().iter().filter(|(name, _)| !name.starts_with('~'));
    let timers =
        timers.map(|(name, timer)| timer_line(name, timer.clock == TimerClock::Event, timer.due, &timer.context));
    let entries = document.windows().iter().flat_map(|(_, window)| window.all());
    let entries = entries.map(|entry| format!("entry {} {} {}", entry.time, entry.event.lsn, entry.member));
    values.chain(timers).chain(entries).collect()
}

fn timer_line(name: &str, by_watermark: bool, due: u64, context: &str) -> String {
    format!("timer {name} {} {due} {context}", if by_watermark { "event" } else { "receive" })
}

/// Lines as a set with multiplicity.
fn same(what: &str, mut wanted: Vec<String>, mut seen: Vec<String>) -> anyhow::Result<()> {
    wanted.sort_unstable();
    seen.sort_unstable();
    if wanted == seen {
        return Ok(());
    }
    let less = |from: &[String], other: &[String]| {
        let mut left = other.to_vec();
        let missing = from.iter().filter(|line| match left.iter().position(|other| other == *line) {
            Some(place) => {
                left.swap_remove(place);
                false
            }
            None => true,
        });
        missing.take(12).cloned().collect::<Vec<_>>()
    };
    bail!("{what}: only the model has {:#?}\nonly the host has {:#?}", less(&wanted, &seen), less(&seen, &wanted))
}
