//! Reads the journal for one key, or for one event: first which events are its own and what was done to the key's documents,
//! then those events themselves and what was made of them under other keys.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::facts::Facts;
use super::judge::Judge;
use super::verdict::Handled;
use super::walk::{Frames, Walk};
use super::{Changed, Error, Question};
use crate::codec::{Interner, decode_document};
use crate::journal::ReadError;
use crate::keys::{Key, Reading, Wanted};
use crate::model::outreach::{Outreach, Owner};
use crate::model::{Control, DeploymentId, Document, Event, Frame, Lsn, Outcome};

/// Texts that the documents of one trace share in memory.
const SHARED_TEXTS: usize = 1_024;

/// What the two readings find.
pub(super) struct Gathered<'a> {
    /// The key's events and inputs, newest kept, with the records of all deployments about them.
    pub own: BTreeMap<Lsn, Vec<Handled>>,
    /// Some of `own` were left out.
    pub truncated: bool,
    pub events: HashMap<Lsn, Arc<Event>>,
    pub documents: BTreeMap<DeploymentId, Document>,
    /// Newest kept.
    pub changes: VecDeque<Changed>,
    pub facts: Facts<'a>,
    limit: usize,
    interner: Interner,
}

/// Whose past is looked for.
#[derive(Clone, Copy)]
pub(super) enum About<'a> {
    /// The key's in question.
    Key,
    /// Of an event with this source and id.
    Event { source: &'a str, id: &'a str },
}

impl About<'_> {
    fn is_own(self, event: &Event, judge: &Judge<'_>) -> bool {
        match self {
            About::Key => judge.is_own(event),
            About::Event { source, id } => judge.is_ours(event) && *event.source == *source && *event.id == *id,
        }
    }

    fn wanted(self, question: &Question<'_>) -> Wanted {
        let own = match self {
            About::Key => vec![Key::party(question.business, question.key), Key::handled(question.key)],
            About::Event { source, id } => vec![Key::identity(question.business, source, id)],
        };
        Wanted::any(own.into_iter().chain([Key::change()]))
    }
}

/// Reads the journal twice, up to the horizon.
pub(super) fn gather<'a>(
    reading: &'a Reading,
    judge: &Judge<'_>,
    question: &Question<'_>,
    about: About<'_>,
    limit: usize,
    horizon: Lsn,
) -> Result<Gathered<'a>, Error> {
    let mut gathered = Gathered {
        own: BTreeMap::new(),
        truncated: false,
        events: HashMap::new(),
        documents: BTreeMap::new(),
        changes: VecDeque::new(),
        facts: Facts::new(reading, horizon, question.deadline),
        limit,
        interner: Interner::new(SHARED_TEXTS),
    };
    for item in Walk::new(reading, about.wanted(question), Lsn::ZERO, horizon, question.deadline) {
        match item? {
            (lsn, Frame::Input(event)) if about.is_own(&event, judge) => {
                gathered.own(lsn, None);
                gathered.events.extend(gathered.own.contains_key(&lsn).then_some((lsn, event)));
            }
            (lsn, Frame::Outcome(outcome)) if judge.deployment(outcome.deployment).is_some() => {
                gathered.facts.read(lsn, &outcome);
                if matches!(about, About::Key) {
                    gathered.outcome(lsn, &outcome, judge)?;
                }
            }
            (lsn, Frame::Control(control)) => gathered.control(lsn, &control, judge),
            (lsn, Frame::Outreach(outreach)) if matches!(about, About::Key) => {
                gathered.outreach(lsn, &outreach, judge)?;
            }
            _ => {}
        }
    }
    gathered.find_events(reading, question.deadline)?;
    gathered.complete(reading, judge, question, about, horizon)?;
    Ok(gathered)
}

impl Gathered<'_> {
    fn own(&mut self, lsn: Lsn, handled: Option<Handled>) {
        self.own.entry(lsn).or_default().extend(handled);
        if self.own.len() > self.limit
            && let Some((gone, _)) = self.own.pop_first()
        {
            self.events.remove(&gone);
            self.truncated = true;
        }
    }

    fn outcome(&mut self, lsn: Lsn, outcome: &Outcome, judge: &Judge<'_>) -> Result<(), Error> {
        for record in outcome.inputs.iter().filter(|record| *record.key == *judge.key()) {
            let document = self.documents.entry(outcome.deployment).or_default();
            record.outcome.ops.iter().for_each(|op| document.apply(op.clone()));
            let windows = judge.windows(outcome, record, document);
            self.own(record.origin(), Some(judge.handled(lsn, outcome, record, windows)));
        }
        // What the frame itself says is right even where the journal does not reach back to the key's first change.
        for whole in outcome.wholes.iter().filter(|whole| *whole.key == *judge.key()) {
            let document =
                decode_document(&whole.bytes, &mut self.interner).map_err(|error| ReadError::Codec { lsn, error })?;
            self.documents.insert(outcome.deployment, document);
        }
        Ok(())
    }

    /// What filters have noted of the key when they judged.
    fn outreach(&mut self, lsn: Lsn, outreach: &Outreach, judge: &Judge<'_>) -> Result<(), Error> {
        let of = |owner: &Owner, key: &str| match owner {
            Owner::Deployment(id) if *key == *judge.key() && judge.deployment(*id).is_some() => Some(*id),
            _ => None,
        };
        for changed in &outreach.changes {
            if let Some(id) = of(&changed.owner, &changed.key) {
                let document = self.documents.entry(id).or_default();
                changed.ops.iter().for_each(|op| document.apply(op.clone()));
            }
        }
        for whole in &outreach.wholes {
            if let Some(id) = of(&whole.owner, &whole.key) {
                let document = decode_document(&whole.bytes, &mut self.interner)
                    .map_err(|error| ReadError::Codec { lsn, error })?;
                self.documents.insert(id, document);
            }
        }
        Ok(())
    }

    fn control(&mut self, lsn: Lsn, control: &Control, judge: &Judge<'_>) {
        self.facts.change(control, judge);
        self.changes.extend(judge.changed(lsn, control));
        if self.changes.len() > self.limit {
            self.changes.pop_front();
        }
    }

    /// Which events are the key's own is known only now: a deployment may find its key anywhere in an event.
    fn find_events(&mut self, reading: &Reading, deadline: Instant) -> Result<(), Error> {
        let mut frames = Frames::new(reading.keys());
        let is_event = |handled: &Handled| handled.record.via.subscription().is_some();
        for (lsn, handled) in &self.own {
            if !self.events.contains_key(lsn)
                && handled.iter().any(is_event)
                && let Some(event) = frames.event(*lsn, Some(deadline))?
            {
                self.events.insert(*lsn, event);
            }
        }
        Ok(())
    }

    /// What deployments made of the events under other keys.
    fn complete(
        &mut self,
        reading: &Reading,
        judge: &Judge<'_>,
        question: &Question<'_>,
        about: About<'_>,
        horizon: Lsn,
    ) -> Result<(), Error> {
        let Some(first) = self.events.keys().min() else { return Ok(()) };
        let wanted = Wanted::Any(self.events.keys().map(|lsn| Wanted::Origin(*lsn)).collect());
        let is_known = |key: &str| matches!(about, About::Key) && *key == *judge.key();
        for item in Walk::new(reading, wanted, *first, horizon, question.deadline) {
            let (lsn, Frame::Outcome(outcome)) = item? else { continue };
            if judge.deployment(outcome.deployment).is_none() {
                continue;
            }
            self.facts.read(lsn, &outcome);
            for record in outcome.inputs.iter().filter(|record| !is_known(&record.key)) {
                // A tick or an outcome is the position of many inputs that are none of this key's.
                if self.events.contains_key(&record.origin())
                    && let Some(handled) = self.own.get_mut(&record.origin())
                {
                    handled.push(judge.handled(lsn, &outcome, record, Vec::new()));
                }
            }
        }
        Ok(())
    }
}
