//! Runs the steps of a scenario against a real host in a temporary folder.
//!
//! - `modules`: what may be deployed; `deployments`, `outreach`, `person`, `resend`: the steps about them

mod captured;
mod deployments;
mod modules;
mod outreach;
mod person;
mod resend;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, ensure};

pub(super) use captured::is_about;
pub use modules::Modules;

use self::person::Open;
use super::parse::{Advance, BUSINESS, EPOCH, EventStep, Step, Target, format_time};
use super::render;
use crate::app::{Host, OpenOptions, open};
use crate::channels::{Script, ScriptedEnd};
use crate::journal::Follower;
use crate::model::outreach::{ActionId, Channel, Deed, Outreach, Status};
use crate::model::ports::{Submit, Submitted};
use crate::model::{Event, Frame, Limits, Lsn, Outcome};
use crate::outreach::PLATFORM;
use crate::shards::Batching;

/// How a scenario is run.
#[derive(Clone)]
pub struct RunOptions {
    pub limits: Limits,
    pub batching: Batching,
    /// Every input alone on a fresh instance.
    pub singly: bool,
    /// How deliveries by `log` end until a step says otherwise.
    pub log_ends: ScriptedEnd,
}

impl Default for RunOptions {
    fn default() -> RunOptions {
        let batching = Batching::Seeded { seed: 1, most: 7 };
        RunOptions { limits: small_limits(), batching, singly: false, log_ends: ScriptedEnd::Ok }
    }
}

/// A scenario writes little: segments of the default size would only cost time. Where quarantine falls depends on batches, and
/// nothing that a scenario shows may: tests of it set its limit.
pub fn small_limits() -> Limits {
    Limits { journal_segment_bytes: 8 << 20, workers: 1, quarantine_faults: u64::MAX, ..Limits::default() }
}

/// A host under a scenario's clock.
pub struct Run<'m> {
    folder: PathBuf,
    modules: &'m Modules,
    options: RunOptions,
    clock: Arc<AtomicU64>,
    script: Arc<Script>,
    host: Option<Host>,
    follower: Option<Follower>,
    /// Position of an event -> its id, for people.
    ids: BTreeMap<Lsn, String>,
    /// Person and number in the inbox -> action.
    numbers: BTreeMap<(String, u64), ActionId>,
    /// By person.
    streams: BTreeMap<String, Open>,
    held_back: BTreeSet<Target>,
    /// Of a captured scenario.
    recorded: captured::Recorded,
    pub output: Vec<String>,
}

impl<'m> Run<'m> {
    /// Opens a host in a folder, new or left by an earlier run. Output begins behind what the journal holds.
    pub fn open(folder: &Path, modules: &'m Modules, options: RunOptions) -> anyhow::Result<Run<'m>> {
        let start = EPOCH.parse::<jiff::Timestamp>().context("the scenario's first day")?.as_millisecond();
        Run::open_at(folder, modules, options, start as u64)
    }

    /// The same with the clock (milliseconds) where an earlier run was.
    pub fn open_at(folder: &Path, modules: &'m Modules, options: RunOptions, now: u64) -> anyhow::Result<Run<'m>> {
        let mut run = Run {
            folder: folder.to_owned(),
            modules,
            options,
            clock: Arc::new(AtomicU64::new(now)),
            script: Arc::default(),
            host: None,
            follower: None,
            ids: BTreeMap::new(),
            numbers: BTreeMap::new(),
            streams: BTreeMap::new(),
            held_back: BTreeSet::new(),
            recorded: captured::Recorded::default(),
            output: Vec::new(),
        };
        run.script.set(Channel::Log, run.options.log_ends);
        run.start()?;
        Ok(run)
    }

    fn start(&mut self) -> anyhow::Result<()> {
        let clock = self.clock.clone();
        let options = OpenOptions {
            limits: self.options.limits.clone(),
            clock: Arc::new(move || clock.load(Ordering::Relaxed)),
            batching: self.options.batching,
            native: Some(self.modules.native().to_owned()),
            script: Some(self.script.clone()),
            ..OpenOptions::default()
        };
        let mut host = open(&self.folder, options, |_| {})?;
        for item in host.parts.log.scan(Lsn(1)) {
            match item? {
                (lsn, Frame::Input(event)) => drop(self.ids.insert(lsn, event.id.to_string())),
                (_, Frame::Outreach(outreach)) => self.note(&outreach),
                _ => {}
            }
        }
        if self.options.singly {
            host.workers.run_singly();
        }
        self.follower = Some(host.parts.log.follow(host.parts.log.last().next()));
        self.host = Some(host);
        for target in self.held_back.clone() {
            self.hold(&target, true)?;
        }
        // What was appended but not yet handled when the host stopped is handled now.
        self.rest()
    }

    pub fn host(&mut self) -> anyhow::Result<&mut Host> {
        self.host.as_mut().context("the host is closed")
    }

    /// One step, then everything runs to rest.
    pub fn step(&mut self, step: &Step) -> anyhow::Result<()> {
        self.place_documents(step)?;
        match step {
            Step::Captured(step) => self.captured(step)?,
            Step::Deploy(deploy) => self.deploy(deploy)?,
            Step::Repair(deploy) => self.repair(deploy)?,
            Step::Operate { deed, target } => self.operate(*deed, target)?,
            Step::Event(event) => {
                self.event(event)?;
                if event.queued {
                    return Ok(());
                }
            }
            Step::Resend { target, what } => self.resend(target, what)?,
            Step::Query { target, query, key, parameters } => self.query(target, query, key, parameters)?,
            Step::Advance(advance) => self.advance(*advance)?,
            Step::Policy { id, revision, change } => self.policy(id, *revision, change)?,
            Step::Chain { part, revision, entries } => self.chain(part, *revision, entries)?,
            Step::Person { user, act } => self.person(user, act)?,
            Step::Channel { end } => self.script.set(Channel::Log, *end),
            Step::WhatIf { user, match_name } => self.what_if(user, match_name)?,
            Step::Restart => self.restart()?,
            Step::Checkpoint => self.host()?.workers.checkpoint()?,
        }
        self.rest()
    }

    /// Closes without a checkpoint, as a crash behind the last sync would, and opens again. Time goes on, streams end.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.close()?;
        self.start()
    }

    /// Makes everything durable and closes, without a checkpoint.
    pub fn close(&mut self) -> anyhow::Result<()> {
        self.streams.clear();
        self.follower = None;
        if let Some(host) = self.host.take() {
            let log = host.parts.log.clone();
            drop(host);
            log.journal().clone().close()?;
        }
        Ok(())
    }

    /// The scenario's clock, milliseconds.
    pub fn now(&self) -> u64 {
        self.clock.load(Ordering::Relaxed)
    }

    /// Worker and dispatcher by turns, until neither has anything to do.
    fn rest(&mut self) -> anyhow::Result<()> {
        loop {
            self.host()?.workers.run_to_rest()?;
            if !self.show_frames()? || self.recorded.key.is_some() {
                return Ok(());
            }
            let host = self.host()?;
            // Nothing is handed over before it is durable.
            host.parts.log.wait_committed(host.parts.log.last())?;
            while host.dispatcher.step()? {}
            self.show_streams();
        }
    }

    /// Prints what was appended. Was there anything for the dispatcher?
    fn show_frames(&mut self) -> anyhow::Result<bool> {
        let (mut frames, mut any) = (Vec::new(), false);
        loop {
            let Some(follower) = &mut self.follower else { return Ok(any) };
            follower.read(1_024, &mut frames)?;
            if frames.is_empty() {
                return Ok(any);
            }
            for (_, frame) in frames.drain(..) {
                match frame {
                    Frame::Outcome(outcome) => self.show_outcome(&outcome)?,
                    Frame::Outreach(outreach) => {
                        any = true;
                        self.note(&outreach);
                        let shown = self.recorded.only(&outreach);
                        self.output.extend(render::outreach(shown.as_ref().unwrap_or(&outreach)));
                    }
                    _ => {}
                }
            }
        }
    }

    fn show_outcome(&mut self, outcome: &Outcome) -> anyhow::Result<()> {
        let deployment = self.host()?.parts.registry.by_id(outcome.deployment);
        let name = deployment.map(|deployment| match &*deployment.business {
            PLATFORM => format!("{PLATFORM}/{}", deployment.name),
            _ => deployment.name.to_string(),
        });
        let shown = self.recorded.only_of(outcome);
        let outcome = shown.as_ref().unwrap_or(outcome);
        self.output.extend(render::outcome(outcome, &name.unwrap_or_default(), &self.ids));
        Ok(())
    }

    /// Remembers the numbers of what was sent.
    fn note(&mut self, outreach: &Outreach) {
        for deed in &outreach.deeds {
            if let Deed::Decided(decision) = deed
                && let Status::Sent { sequence: sequence @ 1.., .. } = decision.status
            {
                self.numbers.insert((decision.action.person.to_string(), sequence), decision.action.id);
            }
        }
    }

    fn event(&mut self, step: &EventStep) -> anyhow::Result<()> {
        let received = step.received.unwrap_or_else(|| self.now().max(step.time.unwrap_or(0)));
        self.clock.store(received, Ordering::Relaxed);
        let mut event = step.event(received, &self.options.limits);
        if step.business.is_empty() {
            event.business = self.business().into();
        }
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
                Submitted::Undeduplicated => {
                    self.output.push(format!("{} undeduplicated event={}", format_time(received), step.id))
                }
                Submitted::Blocked(_) => {
                    self.output.push(format!("{} blocked event={}", format_time(received), step.id))
                }
            }
        }
        if let Some(handled) = step.handled {
            self.clock.store(handled, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Time passes from one tick to the next, and everything runs to rest at each: no other step writes ticks.
    fn advance(&mut self, advance: Advance) -> anyhow::Result<()> {
        let now = self.now();
        let target = match advance {
            Advance::By(length) => now.saturating_add(length),
            Advance::To(time) => time,
        };
        ensure!(target >= now, "it is {} already", format_time(now));
        while let Some(next) = self.host()?.workers.next_tick().filter(|next| *next <= target) {
            self.clock.fetch_max(next, Ordering::Relaxed);
            ensure!(self.host()?.workers.tick()?, "a tick is due at {} and is not written", format_time(next));
            self.rest()?;
        }
        self.clock.fetch_max(target, Ordering::Relaxed);
        // What waits for the clock alone, and for no tick, is looked at too.
        self.rest()
    }
}

impl EventStep {
    /// The event as intake would have read it, received at that time (milliseconds).
    pub fn event(&self, received: u64, limits: &Limits) -> Event {
        let mut event = Event {
            business: if self.business.is_empty() { BUSINESS } else { &self.business }.into(),
            source: self.source.as_str().into(),
            id: self.id.as_str().into(),
            kind: self.kind.as_str().into(),
            subject: self.subject.as_str().into(),
            actor: self.actor.as_str().into(),
            scene: self.scene.as_str().into(),
            intake: self.intake.as_str().into(),
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
