//! Reads what is captured: documents as they were, what came from outside, what was recorded about it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::Capturer;
use super::range::{Range, since};
use crate::codec::{Interner, decode_document};
use crate::model::outreach::{Cause, Deed, Outreach, Owner, Report};
use crate::model::ports::{CaptureError, CaptureRequest, CaptureWhat};
use crate::model::{
    Change, Control, DeploymentId, Document, Event, Frame, InputRecord, Lsn, Op, Outcome, Tick, Via, shard_of,
};
use crate::outreach::{PLATFORM, Rules};
use crate::registry::Deployment;
use crate::scenario::run::is_about;

/// Texts that documents share while they are read.
const SHARED_TEXTS: usize = 1_024;

/// Everything that a captured scenario is made of.
pub(super) struct Gathered {
    pub business: Box<str>,
    pub key: Box<str>,
    pub range: Range,
    /// By id: those that have handled something of the key, and the filters of chains.
    pub deployments: BTreeMap<DeploymentId, Arc<Deployment>>,
    /// As they were before the range.
    pub documents: BTreeMap<Owner, Document>,
    /// In force before the range.
    pub rules: Rules,
    /// What came from outside, in order.
    pub given: BTreeMap<Lsn, Given>,
    /// What was recorded about it: of each frame the records of the key.
    pub outcomes: Vec<(Lsn, Outcome)>,
    pub outreach: Vec<(Lsn, Outreach)>,
}

/// One thing from outside.
pub(super) enum Given {
    Event(Arc<Event>),
    Tick(Tick),
    Report(Arc<Report>),
    /// Of deployments, policies and chains.
    Control(Arc<Control>),
    /// A declared replay of an event that is not in the range itself.
    Replayed(Arc<Event>),
}

pub(super) fn gather(capturer: &Capturer, request: &CaptureRequest, range: &Range) -> Result<Gathered, CaptureError> {
    let key = match &request.key {
        Some(key) => key.clone(),
        None => key_at(capturer, request, range)?,
    };
    let mut reading = Reading::new(capturer, request, *range, key);
    for item in capturer.walk(capturer.log.first(), request.deadline) {
        let (lsn, frame) = item?;
        reading.frame(lsn, frame)?;
    }
    reading.finish(capturer, request)
}

/// Of the position's inputs in the deployment the first that failed, else the first.
fn key_at(capturer: &Capturer, request: &CaptureRequest, range: &Range) -> Result<Box<str>, CaptureError> {
    let mut found: Option<Box<str>> = None;
    for item in capturer.walk(range.start, request.deadline) {
        let (_, Frame::Outcome(outcome)) = item? else { continue };
        let named = capturer.registry.by_id(outcome.deployment).is_some_and(|one| is_named(request, &one));
        for record in outcome.inputs.iter().filter(|record| named && record.lsn == range.start) {
            if record.outcome.end.is_fault() || record.outcome.end.code() != "done" {
                return Ok(record.key.clone());
            }
            found.get_or_insert_with(|| record.key.clone());
        }
    }
    found.ok_or_else(|| nothing(capturer))
}

fn nothing(capturer: &Capturer) -> CaptureError {
    CaptureError::Nothing { since: since(capturer) }
}

fn is_named(request: &CaptureRequest, deployment: &Deployment) -> bool {
    let own = *deployment.business == *request.business;
    match &request.deployment {
        Some(name) => own && *deployment.name == **name,
        None => own || *deployment.business == *PLATFORM,
    }
}

struct Reading<'a> {
    capturer: &'a Capturer,
    request: &'a CaptureRequest,
    range: Range,
    key: Box<str>,
    interner: Interner,
    documents: BTreeMap<Owner, Document>,
    /// Documents that are known since the journal holds them whole, or from its beginning.
    known: HashSet<Owner>,
    complete: bool,
    rules: Rules,
    captured: BTreeMap<DeploymentId, Arc<Deployment>>,
    outcomes: Vec<(Lsn, Outcome)>,
    outreach: Vec<(Lsn, Outreach)>,
    /// Ids of what was found, by inputs in the range.
    matches: HashSet<u128>,
    /// Frames that hold derived inputs made from what is captured.
    derived_from: BTreeSet<Lsn>,
    /// Positions of inputs that must be given.
    wanted: BTreeSet<Lsn>,
    controls: Vec<(Lsn, Arc<Control>)>,
}

impl<'a> Reading<'a> {
    fn new(capturer: &'a Capturer, request: &'a CaptureRequest, range: Range, key: Box<str>) -> Reading<'a> {
        Reading {
            capturer,
            request,
            range,
            key,
            interner: Interner::new(SHARED_TEXTS),
            documents: BTreeMap::new(),
            known: HashSet::new(),
            complete: capturer.log.first() <= Lsn(1),
            rules: Rules::default(),
            captured: BTreeMap::new(),
            outcomes: Vec::new(),
            outreach: Vec::new(),
            matches: HashSet::new(),
            derived_from: BTreeSet::new(),
            wanted: BTreeSet::new(),
            controls: Vec::new(),
        }
    }

    /// One deployment alone knows nothing of chains.
    fn with_chains(&self) -> bool {
        self.request.deployment.is_none()
    }

    fn frame(&mut self, lsn: Lsn, frame: Frame) -> Result<(), CaptureError> {
        match frame {
            Frame::Outcome(outcome) => self.outcome(lsn, &outcome),
            Frame::Outreach(outreach) if self.with_chains() => self.outreach(lsn, &outreach),
            Frame::Control(control) => {
                if lsn < self.range.start {
                    self.rules.apply(&control);
                } else if lsn <= self.range.end {
                    self.controls.push((lsn, control));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn outcome(&mut self, lsn: Lsn, outcome: &Outcome) -> Result<(), CaptureError> {
        let owner = Owner::Deployment(outcome.deployment);
        let is_before = |record: &InputRecord| record.lsn < self.range.start;
        let (own, others): (Vec<&InputRecord>, Vec<_>) =
            outcome.inputs.iter().filter(|record| *record.key == *self.key).partition(|record| is_before(record));
        let mut ops = own.iter().flat_map(|record| record.outcome.ops.iter().map(|op| (record.time, op))).peekable();
        if ops.peek().is_some() {
            apply(self.documents.entry(owner.clone()).or_default(), outcome.state_version, ops);
        }
        let inside: Vec<InputRecord> =
            others.into_iter().filter(|record| self.is_inside(record.lsn)).cloned().collect();
        if let Some(deployment) = self.capturer.registry.by_id(outcome.deployment)
            && is_named(self.request, &deployment)
            && !inside.is_empty()
        {
            self.captured.insert(deployment.id, deployment);
            self.derived_from.insert(lsn);
            for record in &inside {
                if let Via::Signal { sender, .. } = &record.via
                    && *sender != self.key
                {
                    return Err(elsewhere(record.lsn));
                }
                self.matches.extend(record.outcome.matches.iter().map(|found| found.id));
                if self.range.contains(record.lsn) {
                    self.wanted.insert(record.lsn);
                }
            }
            self.outcomes.push((lsn, Outcome { inputs: inside, wholes: Vec::new(), ..outcome.clone() }));
        }
        let key = self.key.clone();
        for whole in outcome.wholes.iter().filter(|whole| whole.key == key) {
            self.whole(lsn, &owner, &whole.bytes)?;
        }
        Ok(())
    }

    fn is_inside(&self, lsn: Lsn) -> bool {
        let derived = self.derived_from.contains(&lsn) && matches!(self.request.what, CaptureWhat::Around { .. });
        self.range.contains(lsn) || derived
    }

    /// What a frame says is right, also where the journal does not reach back to the first change.
    fn whole(&mut self, lsn: Lsn, owner: &Owner, bytes: &[u8]) -> Result<(), CaptureError> {
        let untouched = match owner {
            Owner::Deployment(id) => !self.outcomes.iter().any(|(_, outcome)| outcome.deployment == *id),
            Owner::Person(_) => self.outreach.is_empty(),
        };
        if untouched && self.outreach.is_empty() {
            let document = decode_document(bytes, &mut self.interner);
            let document = document.map_err(|error| CaptureError::Read(format!("frame {lsn}: {error}")))?;
            self.documents.insert(owner.clone(), document);
            self.known.insert(owner.clone());
        }
        Ok(())
    }

    fn outreach(&mut self, lsn: Lsn, outreach: &Outreach) -> Result<(), CaptureError> {
        let about = |deed: &&Deed| is_about(deed, &self.key);
        let deeds: Vec<Deed> = outreach.deeds.iter().filter(about).cloned().collect();
        let concerned = !deeds.is_empty() || outreach.changes.iter().any(|changed| *changed.key == *self.key);
        if !concerned {
            return Ok(());
        }
        match self.place(lsn, outreach, &deeds)? {
            Place::Before => {
                let own = outreach.changes.iter().filter(|changed| *changed.key == *self.key);
                for changed in own {
                    let ops = changed.ops.iter().map(|op| (changed.time, op));
                    apply(self.documents.entry(changed.owner.clone()).or_default(), changed.state_version, ops);
                }
                let key = self.key.clone();
                for whole in outreach.wholes.iter().filter(|whole| whole.key == key) {
                    self.whole(lsn, &whole.owner, &whole.bytes)?;
                }
            }
            Place::Inside => {
                self.derived_from.insert(lsn);
                self.outreach
                    .push((lsn, Outreach { deeds, changes: Vec::new(), wholes: Vec::new(), ..outreach.clone() }));
            }
            Place::Behind => {}
        }
        Ok(())
    }

    /// A frame holds one job of a person at most, so it is all before, inside or behind.
    fn place(&self, lsn: Lsn, outreach: &Outreach, deeds: &[Deed]) -> Result<Place, CaptureError> {
        let found = deeds.iter().find_map(|deed| match deed {
            Deed::Decided(decision) if decision.cause == Cause::Match => Some(decision.action.origin.match_id),
            Deed::Tagged { tag, .. } => Some(tag.origin.match_id),
            Deed::Published { origin, .. } => Some(origin.match_id),
            _ => None,
        });
        if found.is_some_and(|id| self.matches.contains(&id)) {
            return Ok(Place::Inside);
        }
        if outreach.now < self.range.from || (deeds.is_empty() && outreach.position < self.range.start) {
            return Ok(Place::Before);
        }
        if outreach.now > self.range.to {
            return Ok(Place::Behind);
        }
        match found {
            Some(_) => Err(CaptureError::Elsewhere {
                position: lsn,
                why: "it decides about a match that was found before the range, or under another key".to_owned(),
            }),
            None => Ok(Place::Inside),
        }
    }

    /// Fetches what came from outside, and says what is missing.
    fn finish(mut self, capturer: &Capturer, request: &CaptureRequest) -> Result<Gathered, CaptureError> {
        if self.outcomes.is_empty() && self.outreach.is_empty() {
            return Err(nothing(capturer));
        }
        let business = request.business.clone();
        self.add_filters();
        let mut given = BTreeMap::new();
        let last = self.wanted.last().copied().unwrap_or(self.range.end).max(self.range.end);
        for item in capturer.walk(self.range.start, request.deadline) {
            let (lsn, frame) = item?;
            if lsn > last {
                break;
            }
            if let Some(one) = self.given(lsn, frame)? {
                given.insert(lsn, one);
            }
        }
        let controls = std::mem::take(&mut self.controls);
        let own = controls.into_iter().filter(|(_, control)| self.is_own(control));
        given.extend(own.map(|(lsn, control)| (lsn, Given::Control(control))));
        self.check_known(capturer)?;
        let owners = |owner: &Owner| match owner {
            Owner::Deployment(id) => self.captured.contains_key(id),
            Owner::Person(of) => **of == *business && !self.outreach.is_empty(),
        };
        let documents = self.documents.into_iter().filter(|(owner, _)| owners(owner)).collect();
        Ok(Gathered {
            business,
            key: self.key,
            range: self.range,
            deployments: self.captured,
            documents,
            rules: self.rules,
            given,
            outcomes: self.outcomes,
            outreach: self.outreach,
        })
    }

    /// Those of every chain that may judge an action of the person.
    fn add_filters(&mut self) {
        if self.outreach.is_empty() {
            return;
        }
        let business = &*self.request.business;
        let parts = self.rules.parts().filter(|(owner, ..)| *owner == business || *owner == PLATFORM);
        let before = parts.flat_map(|(_, _, state)| state.entries.iter().map(|entry| entry.deployment));
        let inside = self.controls.iter().flat_map(|(_, control)| match &control.change {
            Change::ChainRevised { business: owner, entries, .. } if **owner == *business || **owner == *PLATFORM => {
                entries.iter().map(|entry| entry.deployment).collect()
            }
            _ => Vec::new(),
        });
        let all: Vec<DeploymentId> = before.chain(inside).collect();
        for id in all {
            if let Some(deployment) = self.capturer.registry.by_id(id) {
                self.captured.insert(id, deployment);
            }
        }
    }

    fn given(&self, lsn: Lsn, frame: Frame) -> Result<Option<Given>, CaptureError> {
        let wanted = self.wanted.contains(&lsn);
        Ok(match frame {
            Frame::Input(event) if wanted => Some(Given::Event(event)),
            Frame::Tick(tick) if wanted || self.fires(tick) => Some(Given::Tick(tick)),
            Frame::Report(report) if self.range.contains(lsn) && self.is_of(&report) => Some(Given::Report(report)),
            Frame::Control(control) if wanted => match &control.change {
                Change::Resent(resend) if self.wanted.contains(&resend.position) => Some(Given::Control(control)),
                Change::Resent(resend) => Some(Given::Replayed(resend.event.clone())),
                _ => return Err(elsewhere(lsn)),
            },
            Frame::Outcome(_) | Frame::Outreach(_) if wanted && !self.derived_from.contains(&lsn) => {
                return Err(elsewhere(lsn));
            }
            _ => None,
        })
    }

    fn is_of(&self, report: &Report) -> bool {
        !self.outreach.is_empty() && *report.business == *self.request.business && *report.person == *self.key
    }

    /// Did it start a look at an action of the person, or end one?
    fn fires(&self, tick: Tick) -> bool {
        let at = |deed: &Deed| match deed {
            Deed::Decided(decision) => decision.cause != Cause::Match && decision.time == tick.now,
            Deed::Ended(ended) => ended.time == tick.now,
            _ => false,
        };
        self.outreach.iter().any(|(_, outreach)| outreach.deeds.iter().any(at))
    }

    fn is_own(&self, control: &Control) -> bool {
        let of = |business: &str| *business == *self.request.business || *business == *PLATFORM;
        match &control.change {
            Change::DeploymentRevised { business, name, .. } => {
                self.captured.values().any(|one| *one.business == **business && *one.name == **name)
            }
            Change::PolicyRevised { business, .. } | Change::ChainRevised { business, .. } => {
                !self.outreach.is_empty() && of(business)
            }
            _ => false,
        }
    }

    /// Where retention has taken the beginning, a document is known from the first frame on that holds it whole.
    fn check_known(&self, capturer: &Capturer) -> Result<(), CaptureError> {
        if self.complete {
            return Ok(());
        }
        let unknown = self.captured.keys().map(|id| Owner::Deployment(*id)).find(|owner| !self.known.contains(owner));
        match unknown {
            None => Ok(()),
            Some(_) => Err(CaptureError::BeyondRetention { first: capturer.log.first(), since: since(capturer) }),
        }
    }
}

enum Place {
    Before,
    Inside,
    Behind,
}

fn elsewhere(position: Lsn) -> CaptureError {
    let why =
        "it is derived from what happened under another key, or to a deployment: capture that, or one deployment alone";
    CaptureError::Elsewhere { position, why: why.to_owned() }
}

/// As redo does it.
fn apply<'a>(document: &mut Document, state_version: u32, ops: impl Iterator<Item = (u64, &'a Op)>) {
    for (time, op) in ops {
        document.apply(op.clone());
        document.advance(time);
    }
    document.written_by(state_version);
}

impl Gathered {
    /// The revision that is in force before the range, in the shard of the key; None: it is deployed later.
    pub fn before(&self, deployment: &Deployment) -> Option<u32> {
        let earlier = deployment.id.0 < self.range.start.0;
        earlier.then(|| deployment.revision_at(self.range.start.previous(), shard_of(&self.key)).number)
    }

    /// A deployment's name in a scenario.
    pub fn name(&self, id: DeploymentId) -> String {
        match self.deployments.get(&id) {
            Some(deployment) if *deployment.business == *PLATFORM => format!("{PLATFORM}/{}", deployment.name),
            Some(deployment) => deployment.name.to_string(),
            None => String::new(),
        }
    }

    /// When the inputs of a position were handled: the receive clock of the frame with their matches.
    pub fn handled(&self, lsn: Lsn) -> Option<u64> {
        let found = |outcome: &Outcome| {
            let mut records = outcome.inputs.iter();
            records.any(|record| record.lsn == lsn && !record.outcome.matches.is_empty())
        };
        let frames = self.outcomes.iter().filter(|(_, outcome)| !self.outreach.is_empty() && found(outcome));
        frames.map(|(_, outcome)| outcome.now).max()
    }
}
