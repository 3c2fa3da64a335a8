//! Runs the steps of a scenario against a real host in a temporary folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;

use anyhow::Context;

use super::parse::{EPOCH, EventStep, Step, format_time};
use super::render;
use crate::app::{Host, OpenOptions, open};
use crate::journal::Follower;
use crate::model::ports::{Ask, AskError, Question, Submit, Submitted};
use crate::model::{Event, Frame, Limits, Lsn, OnError, Start};
use crate::registry::{self, DeployRequest};
use crate::shards::Batching;

/// The business that scenarios play in.
pub const BUSINESS: &str = "scenario";

/// Components by module name, and a folder for their native code, so that each is compiled once for all runs.
pub struct Modules {
    by_name: BTreeMap<String, Arc<Vec<u8>>>,
    native: PathBuf,
    /// Removes the folder, if it is one of our own.
    _temporary: Option<tempfile::TempDir>,
}

impl Modules {
    pub fn new() -> anyhow::Result<Modules> {
        let temporary = tempfile::tempdir().context("cannot make a temporary folder")?;
        let native = temporary.path().to_owned();
        Ok(Modules { by_name: BTreeMap::new(), native, _temporary: Some(temporary) })
    }

    /// Keeps native code in a folder, for the next process as well. Only this user may write it.
    pub fn kept_in(native: PathBuf) -> Modules {
        Modules { by_name: BTreeMap::new(), native, _temporary: None }
    }

    /// Adds a component under the name that scenarios use for it.
    pub fn add(&mut self, name: &str, component: Vec<u8>) {
        self.by_name.insert(name.to_owned(), Arc::new(component));
    }

    fn get(&self, name: &str) -> anyhow::Result<Arc<Vec<u8>>> {
        let known = || self.by_name.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        self.by_name.get(name).cloned().with_context(|| format!("there is no module `{name}`; given are: {}", known()))
    }
}

/// How a scenario is run.
#[derive(Clone)]
pub struct RunOptions {
    pub limits: Limits,
    pub batching: Batching,
    /// Every input alone on a fresh instance.
    pub singly: bool,
}

impl Default for RunOptions {
    fn default() -> RunOptions {
        RunOptions { limits: small_limits(), batching: Batching::Seeded { seed: 1, most: 7 }, singly: false }
    }
}

/// A scenario writes little: segments of the default size would only cost time.
pub fn small_limits() -> Limits {
    Limits { journal_segment_bytes: 8 << 20, ..Limits::default() }
}

/// A host under a scenario's clock.
pub struct Run<'m> {
    folder: PathBuf,
    modules: &'m Modules,
    options: RunOptions,
    clock: Arc<AtomicU64>,
    host: Option<Host>,
    follower: Option<Follower>,
    /// Position of an event -> its id, for people.
    ids: BTreeMap<Lsn, String>,
    pub output: Vec<String>,
}

impl<'m> Run<'m> {
    /// Opens a host in a folder, new or left by an earlier run. Output begins behind what the journal holds.
    pub fn open(folder: &Path, modules: &'m Modules, options: RunOptions) -> anyhow::Result<Run<'m>> {
        let start = EPOCH.parse::<jiff::Timestamp>().context("the scenario's first day")?.as_millisecond();
        let clock = Arc::new(AtomicU64::new(start as u64));
        let mut run = Run {
            folder: folder.to_owned(),
            modules,
            options,
            clock,
            host: None,
            follower: None,
            ids: BTreeMap::new(),
            output: Vec::new(),
        };
        run.start()?;
        Ok(run)
    }

    fn start(&mut self) -> anyhow::Result<()> {
        let clock = self.clock.clone();
        let options = OpenOptions {
            limits: self.options.limits.clone(),
            clock: Arc::new(move || clock.load(Ordering::Relaxed)),
            batching: self.options.batching,
            native: Some(self.modules.native.clone()),
            ..OpenOptions::default()
        };
        let mut host = open(&self.folder, options, |_| {})?;
        for item in host.parts.log.scan(Lsn(1)) {
            if let (lsn, Frame::Input(event)) = item? {
                self.ids.insert(lsn, event.id.to_string());
            }
        }
        if self.options.singly {
            host.station.worker.run_singly();
        }
        self.follower = Some(host.parts.log.follow(host.parts.log.last().next()));
        self.host = Some(host);
        // What was appended but not yet handled when the host stopped is handled now.
        self.rest()
    }

    pub fn host(&mut self) -> anyhow::Result<&mut Host> {
        self.host.as_mut().context("the host is closed")
    }

    /// One step, then everything runs to rest.
    pub fn step(&mut self, step: &Step) -> anyhow::Result<()> {
        match step {
            Step::Deploy { name, module, configuration, on_error } => {
                self.deploy(name, module, configuration, on_error.as_deref())?
            }
            Step::Event(event) => self.event(event)?,
            Step::Query { deployment, query, key, parameters } => self.query(deployment, query, key, parameters)?,
            Step::Pause { deployment } => {
                let paused = self.host()?.parts.registry.pause(BUSINESS, deployment, "scenario", "scenario");
                self.control("pause", deployment, paused.map(drop))?;
            }
            Step::Resume { deployment } => {
                let resumed = self.host()?.parts.registry.resume(BUSINESS, deployment, "scenario");
                self.control("resume", deployment, resumed.map(drop))?;
            }
            Step::Restart => self.restart()?,
            Step::Checkpoint => self.host()?.station.checkpoint()?,
        }
        self.rest()
    }

    /// Closes without a checkpoint, as a crash behind the last sync would, and opens again.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.close()?;
        self.start()
    }

    /// Makes everything durable and closes, without a checkpoint.
    pub fn close(&mut self) -> anyhow::Result<()> {
        self.follower = None;
        if let Some(host) = self.host.take() {
            let log = host.parts.log.clone();
            drop(host);
            log.journal().clone().close()?;
        }
        Ok(())
    }

    fn rest(&mut self) -> anyhow::Result<()> {
        self.host()?.station.run_to_rest()?;
        let mut frames = Vec::new();
        loop {
            let Some(follower) = &mut self.follower else { return Ok(()) };
            follower.read(1_024, &mut frames)?;
            if frames.is_empty() {
                return Ok(());
            }
            for (_, frame) in frames.drain(..) {
                if let Frame::Outcome(outcome) = frame {
                    let deployment = self.host()?.parts.registry.by_id(outcome.deployment);
                    let name = deployment.map(|deployment| deployment.name.to_string()).unwrap_or_default();
                    self.output.extend(render::outcome(&outcome, &name, &self.ids));
                }
            }
        }
    }

    fn control(&mut self, what: &str, deployment: &str, result: Result<(), registry::Error>) -> anyhow::Result<()> {
        if let Err(error) = result {
            self.output.push(format!("{what} {deployment} refused: {error}"));
        }
        Ok(())
    }

    fn deploy(&mut self, name: &str, module: &str, configuration: &str, on_error: Option<&str>) -> anyhow::Result<()> {
        let wasm = self.modules.get(module)?;
        let on_error = match on_error {
            None | Some("skip") => OnError::Skip,
            Some("pause") => OnError::Pause,
            Some(other) => anyhow::bail!("on_error is skip or pause, not `{other}`"),
        };
        let registry = self.host()?.parts.registry.clone();
        let uploaded = registry.upload(BUSINESS, &wasm, "scenario")?;
        let request = DeployRequest {
            module: uploaded.digest.to_string(),
            configuration: configuration.to_owned(),
            permissions: None,
            on_error,
            start: Start::Latest,
        };
        if let Err(error) = registry.deploy(BUSINESS, name, request, "scenario") {
            self.output.extend(render::deploy_refused(name, &error));
        }
        Ok(())
    }

    fn event(&mut self, step: &EventStep) -> anyhow::Result<()> {
        let now = self.clock.load(Ordering::Relaxed);
        let received = step.received.unwrap_or_else(|| now.max(step.time.unwrap_or(0)));
        self.clock.store(received, Ordering::Relaxed);
        let event = step.event(received, &self.options.limits);
        let answers = self.host()?.intake.submit(vec![event])?;
        for answer in answers {
            match answer {
                Submitted::Accepted(lsn) => drop(self.ids.insert(lsn, step.id.clone())),
                Submitted::Duplicate(_) => {
                    self.output.push(format!("{} duplicate event={}", format_time(received), step.id))
                }
                Submitted::IdReused(_) => {
                    self.output.push(format!("{} id_reused event={}", format_time(received), step.id))
                }
            }
        }
        Ok(())
    }

    fn query(&mut self, deployment: &str, query: &str, key: &str, parameters: &str) -> anyhow::Result<()> {
        let question = Question {
            business: BUSINESS.into(),
            deployment: deployment.into(),
            query: query.into(),
            key: key.into(),
            parameters: parameters.into(),
        };
        let (send, receive) = channel();
        let host = self.host()?;
        host.station.asker().query(question, Box::new(move |answer| drop(send.send(answer))));
        host.station.run_to_rest()?;
        let answer = receive.try_recv().unwrap_or_else(|_| Err(AskError::Host("no answer".to_owned())));
        self.output.push(render::answer(deployment, query, key, &answer));
        Ok(())
    }
}

impl EventStep {
    /// The event as intake would have read it, received at that time (milliseconds).
    pub fn event(&self, received: u64, limits: &Limits) -> Event {
        let mut event = Event {
            business: BUSINESS.into(),
            source: self.source.as_str().into(),
            id: self.id.as_str().into(),
            kind: self.kind.as_str().into(),
            subject: self.subject.as_str().into(),
            actor: self.actor.as_str().into(),
            scene: self.scene.as_str().into(),
            extensions: self
                .extensions
                .iter()
                .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
                .collect(),
            data: self.data.as_str().into(),
            ..Event::default()
        };
        event.receive(self.time, received, limits);
        event
    }
}
