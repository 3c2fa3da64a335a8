//! A host in a folder, driven step by step: what it holds is looked at through its journal and its questions.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;

use anyhow::Context;
use fishpond::app::{Host, OpenOptions, open};
use fishpond::journal::Failpoints;
use fishpond::model::ports::{Answer, Ask, AskError, DocumentView, Question, Submit, SubmitError, Submitted, Watch};
use fishpond::model::{Change, Document, Event, Frame, Guard, InputRecord, Limits, Lsn, OnError, ShardSet, Start};
use fishpond::registry::{self, DeployRequest};
use fishpond::scenario::{BUSINESS, Scenario, Step, small_limits};
use fishpond::shards::{Batching, Parts};
use fishpond::store::Store;

use crate::{component, native};

/// How a world is opened.
#[derive(Clone)]
pub struct Setup {
    pub limits: Limits,
    pub batching: Batching,
    pub failpoints: Failpoints,
    pub store_failpoints: fishpond::store::Failpoints,
    /// Every input alone on a fresh instance.
    pub singly: bool,
}

impl Default for Setup {
    fn default() -> Setup {
        let batching = Batching::Seeded { seed: 1, most: 5 };
        Setup {
            limits: small_limits(),
            batching,
            failpoints: Failpoints::default(),
            store_failpoints: fishpond::store::Failpoints::default(),
            singly: false,
        }
    }
}

impl Setup {
    /// Batches of 1 to `most` inputs.
    pub fn seed(seed: u64, most: usize) -> Setup {
        Setup { batching: Batching::Seeded { seed, most }, ..Setup::default() }
    }
}

/// A deployment to be made or changed.
#[derive(Clone)]
pub struct Deploy {
    pub name: &'static str,
    pub module: &'static str,
    pub configuration: &'static str,
    pub permissions: Option<Vec<String>>,
    pub on_error: OnError,
    pub guard: Guard,
    pub start: Start,
}

impl Deploy {
    pub fn new(name: &'static str, module: &'static str, configuration: &'static str) -> Deploy {
        let (on_error, guard, start) = (OnError::Skip, Guard::default(), Start::Latest);
        Deploy { name, module, configuration, permissions: None, on_error, guard, start }
    }

    pub fn pausing(self) -> Deploy {
        Deploy { on_error: OnError::Pause, ..self }
    }
}

/// One input as a deployment has handled it.
#[derive(Clone, Debug, PartialEq)]
pub struct Handled {
    pub deployment: String,
    pub revision: u32,
    pub digest: String,
    pub record: InputRecord,
}

pub struct World {
    pub host: Host,
    clock: Arc<AtomicU64>,
    limits: Limits,
}

impl World {
    /// Opens a folder, new or left by an earlier world. The clock begins at zero and is moved by events.
    pub fn open(folder: &Path, setup: &Setup) -> anyhow::Result<World> {
        let clock = Arc::new(AtomicU64::new(0));
        let now = clock.clone();
        let options = OpenOptions {
            limits: setup.limits.clone(),
            clock: Arc::new(move || now.load(Ordering::Relaxed)),
            failpoints: setup.failpoints.clone(),
            store_failpoints: setup.store_failpoints.clone(),
            batching: setup.batching,
            native: Some(native()),
            script: None,
            ..OpenOptions::default()
        };
        let mut host = open(folder, options, |_| {})?;
        if setup.singly {
            host.workers.run_singly();
        }
        Ok(World { host, clock, limits: setup.limits.clone() })
    }

    /// A world in a folder of its own, which is removed when the guard is dropped.
    pub fn temporary(setup: &Setup) -> (tempfile::TempDir, World) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let world = World::open(folder.path(), setup).expect("a world");
        (folder, world)
    }

    pub fn deploy(&self, deploy: &Deploy) -> Result<Lsn, registry::Error> {
        let registry = &self.host.parts.registry;
        let uploaded = registry.upload(BUSINESS, &component(deploy.module), "test")?;
        let request = DeployRequest {
            permissions: deploy.permissions.clone(),
            on_error: deploy.on_error,
            guard: deploy.guard,
            start: deploy.start,
            ..DeployRequest::new(uploaded.digest.to_string(), deploy.configuration)
        };
        registry.deploy(BUSINESS, deploy.name, request, "test").map(|(lsn, _)| lsn)
    }

    pub fn pause(&self, name: &str) -> Lsn {
        self.host.parts.registry.pause(BUSINESS, name, "by a test", "test").expect("it pauses")
    }

    pub fn resume(&self, name: &str) -> Lsn {
        self.host.parts.registry.resume(BUSINESS, name, "test").expect("it resumes")
    }

    /// Where the shards of a deployment that stand still do so.
    pub fn standing(&mut self, name: &str) -> Vec<(ShardSet, Lsn)> {
        let id = self.host.parts.registry.deployment(BUSINESS, name).expect("a deployment").id;
        let (send, receive) = channel();
        self.host.workers.asker().standing(id, Box::new(move |places| drop(send.send(places))));
        self.rest();
        receive.try_recv().expect("an answer").expect("places")
    }

    /// Names and subjects of the alerts that are open.
    pub fn alerts(&self) -> Vec<(String, String)> {
        let alerts = self.host.parts.registry.alerts(None);
        alerts.into_iter().map(|alert| (alert.key.name.into(), alert.key.subject.into())).collect()
    }

    /// Every alert so far: its name and whether it began.
    pub fn alerted(&self) -> Vec<(String, bool)> {
        let frames = self.frames().into_iter();
        let alerts = frames.filter_map(|(_, frame)| match frame {
            Frame::Control(control) => match &control.change {
                Change::Alert { name, raised, .. } => Some((name.to_string(), *raised)),
                _ => None,
            },
            _ => None,
        });
        alerts.collect()
    }

    /// Submits events in one batch, each received at its own time.
    pub fn submit(&self, events: Vec<Event>) -> Result<Vec<Submitted>, SubmitError> {
        let newest = events.iter().map(|event| event.received).max().unwrap_or(0);
        self.clock.fetch_max(newest, Ordering::Relaxed);
        self.host.intake.submit(events)
    }

    /// Submits lines as scenarios write them, without the word `event`.
    pub fn events(&self, lines: &[&str]) -> Vec<Submitted> {
        self.submit(lines.iter().map(|line| event(line, &self.limits)).collect()).expect("the journal takes them")
    }

    pub fn rest(&mut self) {
        self.host.workers.run_to_rest().expect("the worker works");
    }

    /// Everything up to here is in the store.
    pub fn stored(&self) -> Lsn {
        let checkpoints = self.host.parts.store.checkpoints();
        checkpoints.into_iter().min().expect("some shards")
    }

    pub fn checkpoint(&mut self) {
        self.host.workers.checkpoint().expect("the store works");
    }

    /// Everything appended so far, durable or not.
    pub fn frames(&self) -> Vec<(Lsn, Frame)> {
        frames(&self.host.parts)
    }

    /// All inputs that were handled, in the order of the journal.
    pub fn handled(&self) -> Vec<Handled> {
        handled(&self.host.parts)
    }

    /// How each input of a deployment ended: event id and code.
    pub fn ends(&self, deployment: &str) -> Vec<(String, String)> {
        let frames = self.frames();
        let begins = frames.first().map_or(Lsn(1), |(lsn, _)| *lsn);
        let id = |lsn: Lsn| match &frames[(lsn.0 - begins.0) as usize].1 {
            Frame::Input(event) => event.id.to_string(),
            other => panic!("{lsn} is no input: {other:?}"),
        };
        let own = self.handled().into_iter().filter(|handled| handled.deployment == deployment);
        own.map(|handled| (id(handled.record.lsn), handled.record.outcome.end.code().to_owned())).collect()
    }

    /// The documents of a key, by deployment.
    pub fn documents(&mut self, key: &str) -> Vec<DocumentView> {
        let (send, receive) = channel();
        self.host.workers.asker().documents(BUSINESS, key, Box::new(move |views| drop(send.send(views))));
        self.rest();
        receive.try_recv().expect("an answer")
    }

    /// Why the host cannot do its work, if so.
    pub fn unhealthy(&self) -> Option<String> {
        self.host.workers.board.unhealthy()
    }

    pub fn query(&mut self, deployment: &str, query: &str, key: &str) -> Result<Answer, AskError> {
        let question = Question {
            business: BUSINESS.into(),
            deployment: deployment.into(),
            query: query.into(),
            key: key.into(),
            parameters: "{}".into(),
        };
        let (send, receive) = channel();
        self.host.workers.asker().query(question, Box::new(move |answer| drop(send.send(answer))));
        // Questions are answered before anything is run, and also by a worker that can run nothing any more.
        let ran = self.host.workers.run_to_rest();
        receive.try_recv().unwrap_or_else(|_| panic!("no answer; the worker: {ran:?}"))
    }

    /// Makes everything durable and closes, without a checkpoint.
    pub fn close(self) {
        let journal = self.host.parts.log.journal().clone();
        drop(self.host);
        journal.close().expect("all is durable");
    }

    /// Waits until all that was appended is durable.
    pub fn sync(&self) {
        self.host.parts.log.wait_committed(self.host.parts.log.last()).expect("it becomes durable");
    }
}

/// Everything that a journal holds, durable or not.
pub fn frames(parts: &Parts) -> Vec<(Lsn, Frame)> {
    let mut follower = parts.log.follow(parts.log.first());
    let mut frames = Vec::new();
    loop {
        let before = frames.len();
        follower.read(1_024, &mut frames).expect("the journal is readable");
        if frames.len() == before {
            return frames;
        }
    }
}

/// All inputs that were handled, in the order of the journal.
pub fn handled(parts: &Parts) -> Vec<Handled> {
    let mut handled = Vec::new();
    for (_, frame) in frames(parts) {
        let Frame::Outcome(outcome) = frame else { continue };
        let deployment = parts.registry.by_id(outcome.deployment).expect("a deployment").name.to_string();
        handled.extend(outcome.inputs.iter().map(|record| Handled {
            deployment: deployment.clone(),
            revision: outcome.revision,
            digest: outcome.digest.to_string(),
            record: record.clone(),
        }));
    }
    handled
}

/// An event as scenarios write it, without the word `event`; its business is the scenarios'.
pub fn event(line: &str, limits: &Limits) -> Event {
    let scenario = Scenario::parse(&format!("event {line}")).unwrap_or_else(|error| panic!("{line}: {error}"));
    let Some((_, Step::Event(step))) = scenario.steps.first() else { panic!("{line} is no event") };
    let received = step.received.or(step.time).unwrap_or(0);
    step.event(received, limits)
}

/// Are two documents the same but for the positions in them? A position may differ between two runs of one flow.
pub fn parts_equal(one: &Document, other: &Document) -> bool {
    fn parts(document: &Document) -> impl PartialEq + use<'_> {
        let entry = |entry: &fishpond::model::Entry| {
            (entry.time, entry.amount, entry.member.clone(), entry.event.source.clone(), entry.event.id.clone())
        };
        let window =
            |window: &fishpond::model::Window| (window.clock(), window.all().iter().map(entry).collect::<Vec<_>>());
        let windows: Vec<_> = document.windows().iter().map(|(name, kept)| (name, window(kept))).collect();
        (document.values(), windows, document.clock(), document.bytes())
    }
    parts(one) == parts(other)
}

/// The folder of a host as a crash behind frame `last` leaves it: nothing above it in the journal, nor in the store. `stores`:
/// copies of the store with the highest position in each, in order; the first is empty.
pub fn crashed(from: &Path, stores: &[(Lsn, tempfile::TempDir)], last: Lsn, into: &Path) {
    copy_folder(&from.join("journal"), &into.join("journal")).expect("a copy");
    copy_folder(&from.join("modules"), &into.join("modules")).expect("a copy");
    let (_, store) = stores.iter().rfind(|(highest, _)| *highest <= last).expect("the empty one always fits");
    copy_folder(store.path(), &into.join("store")).expect("a copy");
    fishpond::journal::cut(&into.join("journal"), last).expect("it can be cut there");
}

/// The highest position in a copy of a store.
pub fn highest(store: &Path) -> Lsn {
    Store::open(store, 1, 1 << 20).expect("a copy of a store is one").highest()
}

/// Copies a folder with everything in it.
pub fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let path: PathBuf = entry?.path();
        let target = to.join(path.file_name().context("a name")?);
        if path.is_dir() {
            copy_folder(&path, &target)?;
        } else {
            std::fs::copy(&path, &target)?;
        }
    }
    Ok(())
}
