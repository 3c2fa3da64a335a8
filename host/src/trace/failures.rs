//! Inputs that have failed, what became of their replays, and resending them.
//!
//! The journal alone says whether an input was resent and how that ended, so it is looked at from the first of the inputs
//! to its end; whoever resends is alone with it (`Registry::resending`).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::walk::{Frames, Walk};
use super::{Error, names::Names};
use crate::journal;
use crate::keys::{Key, Keys, Wanted};
use crate::model::{Change, Control, DeploymentId, Digest, End, Event, Frame, InputRecord, Lsn, Outcome, Resend, Via};
use crate::registry::{self, Registry};

/// Control frames that are appended before the disk is waited for.
const AT_ONCE: usize = 64;

/// Which failed inputs.
#[derive(Clone, Debug)]
pub struct FailureQuery<'a> {
    pub business: &'a str,
    pub deployment: Option<&'a str>,
    pub code: Option<&'a str>,
    pub key: Option<&'a str>,
    /// Only of this position. Then also those that came late and changed nothing.
    pub position: Option<Lsn>,
    /// Outcome frames behind it.
    pub after: Lsn,
    /// Inputs; a page ends with the frame that reaches it, so it may hold a frame's worth more.
    pub limit: usize,
    pub deadline: Instant,
}

impl FailureQuery<'_> {
    /// Frames with what may have failed, and with everything about replays.
    fn wanted(&self, names: &Names<'_>) -> Wanted {
        let ids = match self.deployment {
            Some(name) => names.id(name).into_iter().collect(),
            None => names.all(),
        };
        let late = ids.iter().filter(|_| self.position.is_some()).map(|id| Key::late(*id));
        let failed = Wanted::any(ids.iter().map(|id| Key::failed(*id)).chain(late));
        let key = self.key.map(|key| Wanted::Key(Key::handled(key)));
        let position = self.position.map(Wanted::Origin);
        let found = Wanted::All([Some(failed), key, position].into_iter().flatten().collect());
        let replays = Wanted::any(ids.iter().flat_map(|id| [Key::resent(*id), Key::replayed(*id)]));
        Wanted::Any(vec![found, replays])
    }
}

/// A failed input and its replays.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Of the input.
    pub lsn: Lsn,
    pub id: DeploymentId,
    pub deployment: Arc<str>,
    pub revision: u32,
    pub digest: Digest,
    /// Of an event: the subscription's name in that revision's plan.
    pub subscription: Box<str>,
    pub via: Via,
    pub key: Box<str>,
    pub end: End,
    pub late: bool,
    /// Receive clock when it was handled, milliseconds.
    pub at: u64,
    /// None if it is no outside event, or the journal no longer has it.
    pub event: Option<Arc<Event>>,
    /// Oldest first.
    pub replays: Vec<Replay>,
    /// It did something.
    changed: bool,
    /// The journal no longer reaches back to it.
    released: bool,
}

/// One time that it was resent.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Of the control frame.
    pub lsn: Lsn,
    /// Wall clock, milliseconds.
    pub at: u64,
    pub by: Box<str>,
    /// None: not handled yet, or not durable.
    pub ended: Option<Ended>,
}

#[derive(Clone, Debug)]
pub struct Ended {
    /// Of the outcome frame.
    pub lsn: Lsn,
    pub revision: u32,
    pub digest: Digest,
    pub key: Box<str>,
    pub end: End,
    pub late: bool,
    /// Names and ids.
    pub matches: Vec<(Box<str>, u128)>,
}

/// Some failures, and from where to go on.
#[derive(Clone, Debug)]
pub struct Failures {
    pub items: Vec<Failure>,
    /// None: all were looked at.
    pub next: Option<Lsn>,
}

/// What became of asking for one to be resent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The position of the control frame, which is not durable yet.
    Resent(Lsn),
    /// It was resent before, at this position, and that ended well: nothing was appended.
    Replayed(Lsn),
    /// It was resent before, and that has not ended.
    Pending(Lsn),
    Refused(Unfit),
}

impl Asked {
    /// Of the replay.
    pub fn position(&self) -> Option<Lsn> {
        match self {
            Asked::Resent(lsn) | Asked::Replayed(lsn) | Asked::Pending(lsn) => Some(*lsn),
            Asked::Refused(_) => None,
        }
    }
}

/// Why an input cannot be resent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unfit {
    #[error("it is a timer, which belongs to its tick: mend the module and set it again by an event")]
    Timer,
    #[error("it is a settlement, which tells of a delivery: that has ended and ends once")]
    Settlement,
    #[error("it is a signal, which belongs to what its sender has done: resend the event behind it where that failed")]
    Signal,
    #[error("its event is derived: resend the outside event behind it where that failed")]
    Derived,
    #[error("the journal no longer keeps its event (retention)")]
    Released,
    #[error("it came late and yet changed something: handled again it would count twice")]
    Done,
}

impl Unfit {
    pub fn code(self) -> &'static str {
        match self {
            Unfit::Timer => "timer",
            Unfit::Settlement => "settlement",
            Unfit::Signal => "signal",
            Unfit::Derived => "derived",
            Unfit::Released => "beyond_retention",
            Unfit::Done => "already_done",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ResendError {
    #[error(transparent)]
    Trace(#[from] Error),
    #[error(transparent)]
    Registry(#[from] registry::Error),
    #[error(transparent)]
    Journal(#[from] journal::Error),
}

/// Failed inputs with their replays.
pub fn failures(keys: &Keys, registry: &Registry, query: &FailureQuery<'_>) -> Result<Failures, Error> {
    let mut reading = Reading {
        names: Names::new(registry, query.business),
        query,
        items: Vec::new(),
        index: HashMap::new(),
        replays: HashMap::new(),
        full: None,
    };
    let from = query.position.map_or(query.after.next(), |position| position.max(Lsn(1)));
    let journal = keys.reading();
    let wanted = query.wanted(&reading.names);
    for item in Walk::new(&journal, wanted, from, Lsn(u64::MAX), query.deadline) {
        match item? {
            (lsn, Frame::Outcome(outcome)) => reading.outcome(lsn, &outcome),
            (lsn, Frame::Control(control)) => reading.control(lsn, &control),
            _ => {}
        }
    }
    let Reading { mut items, full, .. } = reading;
    let mut frames = Frames::new(keys);
    for item in &mut items {
        if item.via.subscription().is_some() {
            item.event = frames.event(item.lsn, None)?;
            item.released = item.event.is_none() && item.lsn < keys.log().first();
        }
    }
    Ok(Failures { items, next: full })
}

/// What a replay's record names, and what an original is known by.
type Original = (DeploymentId, Lsn, Box<str>, Box<str>);

struct Reading<'a> {
    names: Names<'a>,
    query: &'a FailureQuery<'a>,
    items: Vec<Failure>,
    index: HashMap<Original, usize>,
    /// By deployment and position of the control frame: the failure and which of its replays.
    replays: HashMap<(DeploymentId, Lsn), (usize, usize)>,
    /// The frame that filled the page.
    full: Option<Lsn>,
}

impl Reading<'_> {
    fn control(&mut self, lsn: Lsn, control: &Control) {
        let Change::Resent(resend) = &control.change else { return };
        let original = (resend.deployment, resend.position, resend.subscription.clone(), resend.key.clone());
        let Some(index) = self.index.get(&original).copied() else { return };
        let replays = &mut self.items[index].replays;
        self.replays.insert((resend.deployment, lsn), (index, replays.len()));
        replays.push(Replay { lsn, at: control.at, by: control.by.clone(), ended: None });
    }

    fn outcome(&mut self, lsn: Lsn, outcome: &Outcome) {
        for record in &outcome.inputs {
            if record.replay_of.is_some() {
                self.replayed(lsn, outcome, record);
            } else if self.full.is_none() && self.is_wanted(record) {
                self.failed(outcome, record);
            }
        }
        if self.full.is_none() && self.items.len() >= self.query.limit {
            self.full = Some(lsn);
        }
    }

    fn is_wanted(&self, record: &InputRecord) -> bool {
        let end = &record.outcome.end;
        let failed = *end != End::Done || (record.outcome.late && self.query.position.is_some());
        failed
            && self.query.position.is_none_or(|position| record.origin() == position)
            && self.query.key.is_none_or(|key| *record.key == *key)
            && self.query.code.is_none_or(|code| *end.code() == *code)
    }

    fn failed(&mut self, outcome: &Outcome, record: &InputRecord) {
        let Some(deployment) = self.names.get(outcome.deployment) else { return };
        if self.query.deployment.is_some_and(|name| *deployment != *name) {
            return;
        }
        let subscription = self.names.subscription(outcome, &record.via);
        let original = (outcome.deployment, record.origin(), subscription.clone(), record.key.clone());
        self.index.insert(original, self.items.len());
        let did = &record.outcome;
        self.items.push(Failure {
            lsn: record.origin(),
            id: outcome.deployment,
            deployment,
            revision: outcome.revision,
            digest: outcome.digest,
            subscription,
            via: record.via.clone(),
            key: record.key.clone(),
            end: did.end.clone(),
            late: did.late,
            at: outcome.now,
            event: None,
            replays: Vec::new(),
            released: false,
            changed: !did.ops.is_empty()
                || !did.matches.is_empty()
                || !did.published.is_empty()
                || !did.signals.is_empty(),
        });
    }

    fn replayed(&mut self, lsn: Lsn, outcome: &Outcome, record: &InputRecord) {
        let Some((item, number)) = self.replays.get(&(outcome.deployment, record.lsn)).copied() else { return };
        let did = &record.outcome;
        self.items[item].replays[number].ended = Some(Ended {
            lsn,
            revision: outcome.revision,
            digest: outcome.digest,
            key: record.key.clone(),
            end: did.end.clone(),
            late: did.late,
            matches: did.matches.iter().map(|found| (found.name.clone(), found.id)).collect(),
        });
    }
}

impl Failure {
    /// Where it is an event: did it come from outside?
    pub fn is_outside(&self) -> bool {
        self.event.is_some() || self.released
    }

    /// What asking for it now would come to; None: it may be resent.
    fn standing(&self) -> Option<Asked> {
        if let Some(last) = self.replays.last() {
            match &last.ended {
                None => return Some(Asked::Pending(last.lsn)),
                Some(ended) if ended.end == End::Done => return Some(Asked::Replayed(last.lsn)),
                Some(_) => {}
            }
        }
        let unfit = match &self.via {
            Via::Timer(_) => Unfit::Timer,
            Via::Settlement(_) => Unfit::Settlement,
            Via::Signal { .. } => Unfit::Signal,
            Via::Subscription(_) | Via::Kept(_) | Via::HandedOver { .. } => match self.event {
                _ if self.released => Unfit::Released,
                None => Unfit::Derived,
                Some(_) if self.end == End::Done && self.changed => Unfit::Done,
                Some(_) => return None,
            },
        };
        Some(Asked::Refused(unfit))
    }
}

/// Each failure with what became of it, and from where to go on if those were not all.
pub type Answers = (Vec<(Failure, Asked)>, Option<Lsn>);

/// Resends what the query finds and may be resent; the answers are shown when the last of the positions is durable.
pub fn resend(keys: &Keys, registry: &Registry, query: &FailureQuery<'_>, by: &str) -> Result<Answers, ResendError> {
    let mut resending = registry.resending();
    // What was resent a moment ago must be found.
    keys.log().wait_committed(resending.last())?;
    let Failures { items, next } = failures(keys, registry, query)?;
    let mut answers = Vec::with_capacity(items.len());
    for item in items {
        let asked = match item.standing() {
            Some(standing) => standing,
            None => {
                let Some(event) = item.event.clone() else { continue };
                let (deployment, position) = (item.id, item.lsn);
                let (subscription, key) = (item.subscription.clone(), item.key.clone());
                let handed_over = matches!(item.via, Via::HandedOver { .. });
                let resend = Resend { deployment, position, subscription, key, event, handed_over };
                Asked::Resent(resending.resend(resend, by)?)
            }
        };
        answers.push((item, asked));
        if answers.len().is_multiple_of(AT_ONCE) {
            keys.log().wait_committed(resending.last())?;
        }
    }
    Ok((answers, next))
}
