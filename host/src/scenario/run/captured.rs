//! The steps of captured scenarios: inputs as they were recorded, and documents as they were before.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context, bail};

use super::Run;
use super::deployments::BY;
use crate::channels::Stream;
use crate::codec::encode_document;
use crate::journal::Encoded;
use crate::model::outreach::{ChainEntry, ChainPart, Changed, Deed, Outreach, OwnedWhole, Owner, Report};
use crate::model::{
    Change, Control, DeploymentId, Document, End, Frame, InputOutcome, InputRecord, Lsn, Mark, Op, Outcome, ShardSet,
    Via, Whole, shard_of,
};
use crate::outreach::{EntryRequest, PLATFORM};
use crate::scenario::document;
use crate::scenario::parse::{BUSINESS, Captured, PolicyChange, Step, Target};

/// What a captured scenario has said.
#[derive(Default)]
pub(super) struct Recorded {
    pub key: Option<String>,
    business: Option<String>,
    /// Documents are in the journal and come to the host when it is opened again.
    unread: bool,
    present: BTreeMap<String, Stream>,
}

impl Recorded {
    /// The records that are printed; None: all.
    pub fn only_of(&self, outcome: &Outcome) -> Option<Outcome> {
        let key = self.key.as_deref()?;
        let mut outcome = outcome.clone();
        outcome.inputs.retain(|record| *record.key == *key);
        Some(outcome)
    }

    pub fn only(&self, outreach: &Outreach) -> Option<Outreach> {
        let key = self.key.as_deref()?;
        let mut outreach = outreach.clone();
        outreach.deeds.retain(|deed| is_about(deed, key));
        Some(outreach)
    }
}

/// Is the person the one that the deed is about?
pub(in crate::scenario) fn is_about(deed: &Deed, key: &str) -> bool {
    let person = match deed {
        Deed::Decided(decision) => &decision.action.person,
        Deed::Tagged { person, .. } => person,
        Deed::Published { event, .. } => &event.actor,
        Deed::Ended(ended) => &ended.person,
        Deed::Settled(settled) => &settled.key,
    };
    **person == *key
}

impl Run<'_> {
    /// Where the scenario plays.
    pub(super) fn business(&self) -> String {
        self.recorded.business.clone().unwrap_or_else(|| BUSINESS.to_owned())
    }

    /// The business of a deployment.
    pub(super) fn of(&self, target: &Target) -> String {
        if target.business == PLATFORM { PLATFORM.to_owned() } else { self.business() }
    }

    pub(super) fn captured(&mut self, step: &Captured) -> anyhow::Result<()> {
        match step {
            Captured::Only(key) => self.recorded.key = Some(key.clone()),
            Captured::Business(name) => self.recorded.business = Some(name.clone()),
            // Bounds are taken before the host is opened.
            Captured::Limit { .. } => {}
            Captured::Document { deployment, key, text } => self.document(deployment.as_deref(), key, text)?,
            Captured::Tick { tick, handled } => {
                self.clock.store(tick.now, Ordering::Relaxed);
                self.host()?.parts.time.replay(*tick)?;
                self.clock.store(handled.unwrap_or(tick.now), Ordering::Relaxed);
            }
            Captured::Report { person, at, what } => {
                self.clock.store(*at, Ordering::Relaxed);
                let (business, person) = (self.business().into(), person.as_str().into());
                let report = Report { business, person, at: *at, what: what.clone() };
                self.host()?.parts.log.append(Frame::Report(Arc::new(report)))?;
            }
            Captured::Present { user, there: true } => {
                let business = self.business();
                let stream = self.host()?.hub.join(&business, user)?;
                self.recorded.present.insert(user.clone(), stream);
            }
            Captured::Present { user, there: false } => drop(self.recorded.present.remove(user)),
        }
        Ok(())
    }

    /// Behind the last document the host is opened anew: recovery reads them, as it reads any.
    pub(super) fn place_documents(&mut self, step: &Step) -> anyhow::Result<()> {
        if !self.recorded.unread || matches!(step, Step::Captured(Captured::Document { .. })) {
            return Ok(());
        }
        self.recorded.unread = false;
        self.recorded.present.clear();
        self.restart()
    }

    /// First the changes that agendas are made of, then the whole, each in a frame of its own: as a worker writes the first
    /// change behind a mark.
    fn document(&mut self, deployment: Option<&str>, key: &str, text: &str) -> anyhow::Result<()> {
        let ids = |name: &str| -> anyhow::Result<DeploymentId> { self.id_of(name) };
        let (document, most) = document::read(text, &ids)?;
        let owner = match deployment {
            Some(name) => Owner::Deployment(self.id_of(name)?),
            None => Owner::Person(self.business().into()),
        };
        let log = &self.host.as_ref().context("the host is closed")?.parts.log;
        // Positions in the document are below those of everything to come.
        while log.last().0 < most {
            log.append(Frame::Mark(Mark { shards: ShardSet::EMPTY }))?;
        }
        for frame in self.frames(owner, key, &document)? {
            let log = &self.host.as_ref().context("the host is closed")?.parts.log;
            log.append_all(vec![Encoded::new(frame)])?;
        }
        self.recorded.unread = true;
        Ok(())
    }

    fn frames(&self, owner: Owner, key: &str, document: &Document) -> anyhow::Result<[Frame; 2]> {
        let parts = &self.host.as_ref().context("the host is closed")?.parts;
        let timers = document.timers().iter();
        let ops = timers.map(|(name, timer)| Op::SetTimer { name: name.clone(), timer: timer.clone() }).collect();
        let bytes: Box<[u8]> = encode_document(document).into();
        let (key, shards): (Box<str>, _) = (key.into(), ShardSet::one(shard_of(key)));
        let (position, now, time) = (parts.log.last(), self.now(), document.clock());
        let Owner::Deployment(id) = owner else {
            let change = Changed { owner: owner.clone(), key: key.clone(), time, state_version: 0, ops };
            let frame = |changes, wholes| {
                let (deeds, done) = (Vec::new(), 0);
                Frame::Outreach(Arc::new(Outreach { shards, position, done, now, deeds, changes, wholes }))
            };
            let whole = OwnedWhole { owner, key, bytes };
            return Ok([frame(vec![change], Vec::new()), frame(Vec::new(), vec![whole])]);
        };
        let deployment = parts.registry.by_id(id).context("the deployment is gone")?;
        let (revision, digest) = (deployment.newest().number, deployment.newest().digest);
        let outcome = InputOutcome { ops, ..InputOutcome::without_effects(End::Done) };
        let via = Via::Subscription(0);
        let record = InputRecord { lsn: position, replay_of: None, time, via, hops: 0, key: key.clone(), outcome };
        let frame = |inputs, wholes| {
            let state_version = document.state_version();
            let deployment = id;
            Frame::Outcome(Arc::new(Outcome {
                deployment,
                revision,
                digest,
                shards,
                position,
                now,
                state_version,
                inputs,
                wholes,
            }))
        };
        Ok([frame(vec![record], Vec::new()), frame(Vec::new(), vec![Whole { key, bytes }])])
    }

    fn id_of(&self, name: &str) -> anyhow::Result<DeploymentId> {
        let target = Target::parse(name);
        let registry = &self.host.as_ref().context("the host is closed")?.parts.registry;
        let deployment = registry.deployment(&self.of(&target), &target.name);
        Ok(deployment.with_context(|| format!("there is no deployment `{name}`"))?.id)
    }

    /// A policy with the revision that it had.
    pub(super) fn recorded_policy(&mut self, id: &str, revision: u32, change: &PolicyChange) -> anyhow::Result<()> {
        let policy = match change {
            PolicyChange::Set(policy) => Some(policy.clone()),
            PolicyChange::Remove => None,
            PolicyChange::Refused(faults) => bail!("policy {id}: {faults}"),
        };
        let business = self.business().into();
        self.control(Change::PolicyRevised { business, id: id.into(), revision, policy })
    }

    pub(super) fn recorded_chain(
        &mut self,
        business: &str,
        part: &ChainPart,
        revision: u32,
        entries: &[EntryRequest],
    ) -> anyhow::Result<()> {
        let prefix = if business == PLATFORM { "platform/" } else { "" };
        let entry = |request: &EntryRequest| -> anyhow::Result<ChainEntry> {
            let deployment = self.id_of(&format!("{prefix}{}", request.filter))?;
            let EntryRequest { filter, on_error, classes, allow_final } = request.clone();
            Ok(ChainEntry { filter, deployment, on_error, classes, allow_final })
        };
        let entries = entries.iter().map(entry).collect::<Result<_, _>>()?;
        self.control(Change::ChainRevised { business: business.into(), part: part.clone(), revision, entries })
    }

    /// Appends a change and takes it over as a start of the host does.
    fn control(&mut self, change: Change) -> anyhow::Result<()> {
        let control = Arc::new(Control { at: self.now(), by: BY.into(), change });
        let host = self.host()?;
        let lsn: Lsn = host.parts.log.append(Frame::Control(control.clone()))?;
        host.book.recover(lsn, &control);
        host.parts.log.bell().ring();
        Ok(())
    }
}
