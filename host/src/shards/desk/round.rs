//! A round: the next jobs, about different persons, that can be judged together.

use std::collections::HashSet;
use std::sync::Arc;

use super::person::all_waiting;
use super::{Desk, person};
use crate::codec::Needs;
use crate::model::outreach::{ActionId, Channel, Report, Reported, WaitingState};
use crate::model::{Control, Frame, InputRecord, Lsn, Match, Outcome, Tick};
use crate::registry::{Deployment, Registry};
use crate::shards::facts::{self, Wants};
use crate::shards::worker::Fatal;

/// Frames that a round without jobs passes, so that a reader that skips much still gives way to others.
const FRAMES: usize = 4_096;

/// One thing to be done about one person.
pub struct Job {
    pub lsn: Lsn,
    /// Among the matches of its frame.
    pub ordinal: u32,
    /// Receive clock, milliseconds.
    pub now: u64,
    pub business: Arc<str>,
    pub person: Arc<str>,
    pub task: Task,
}

pub enum Task {
    Match {
        outcome: Arc<Outcome>,
        deployment: Arc<Deployment>,
        record: usize,
        index: usize,
    },
    /// A timer of the person's document: the action that it is for.
    Due(ActionId),
    /// The person came, and this waits and was never handed over.
    Wake(ActionId),
    Report(Arc<Report>),
}

impl Job {
    /// The match and its input.
    pub fn found(&self) -> Option<(&Match, &InputRecord)> {
        let Task::Match { outcome, record, index, .. } = &self.task else { return None };
        let record = &outcome.inputs[*record];
        Some((&record.outcome.matches[*index], record))
    }
}

pub struct Round {
    /// Filters must have read everything below.
    pub start: Lsn,
    pub jobs: Vec<Job>,
    /// Once it is done everything up to here is finished,
    pub position: Lsn,
    /// and so many matches of the frame behind it.
    pub done: u32,
    /// The frame that ends it: it acts on what follows.
    pub control: Option<Arc<Control>>,
    /// Has the reader moved?
    pub moved: bool,
    persons: HashSet<Arc<str>>,
}

/// How much of a frame is in the round.
enum Taken {
    Whole,
    /// So many of its matches; of other frames, what has not been done yet is found by looking again.
    Part(u32),
}

impl Desk {
    /// Takes frames until there are enough jobs, a person comes up again, or a filter must read something first.
    pub(super) fn collect(&mut self, registry: &Registry, most: usize) -> Result<Round, Fatal> {
        self.reader.settle();
        self.reader.need(Needs::Telling { matches: self.rules.any_policies() || self.filters.wants(facts::MATCH) });
        let mut round = Round {
            start: self.reader.next(),
            jobs: Vec::new(),
            position: self.reader.position(),
            done: self.done,
            control: None,
            moved: false,
            persons: HashSet::new(),
        };
        for _ in 0..FRAMES {
            let Some((lsn, frame)) = self.reader.peek()? else { break };
            let (lsn, frame) = (*lsn, frame.clone());
            let concerned = self.filters.concern(&frame);
            if concerned && !round.jobs.is_empty() {
                break;
            }
            if concerned {
                round.start = lsn;
            }
            if let Taken::Part(done) = self.jobs_of(lsn, &frame, registry, most, &mut round)? {
                (round.position, round.done) = (lsn.previous(), done);
                break;
            }
            self.reader.take();
            self.done = 0;
            (round.position, round.done, round.moved) = (lsn, 0, true);
            if let Frame::Control(control) = frame {
                round.control = Some(control);
                break;
            }
            match (concerned, round.jobs.is_empty()) {
                (true, true) => round.start = lsn.next(),
                (true, false) => break,
                _ => {}
            }
        }
        Ok(round)
    }

    fn jobs_of(
        &mut self,
        lsn: Lsn,
        frame: &Frame,
        registry: &Registry,
        most: usize,
        round: &mut Round,
    ) -> Result<Taken, Fatal> {
        match frame {
            Frame::Outcome(outcome) => Ok(self.matches(lsn, outcome, registry, most, round)),
            Frame::Tick(tick) => Ok(self.due(lsn, *tick, most, round)),
            Frame::Report(report) => self.report(lsn, report, round),
            _ => Ok(Taken::Whole),
        }
    }

    fn matches(
        &mut self,
        lsn: Lsn,
        outcome: &Arc<Outcome>,
        registry: &Registry,
        most: usize,
        round: &mut Round,
    ) -> Taken {
        if outcome.inputs.iter().all(|record| record.outcome.matches.is_empty()) {
            return Taken::Whole;
        }
        let Some(deployment) = registry.by_id(outcome.deployment) else { return Taken::Whole };
        if !self.rules.has_policies(&deployment.business) {
            return Taken::Whole;
        }
        let now = self.advance(outcome.now);
        let mut ordinal = 0;
        for (record, input) in outcome.inputs.iter().enumerate() {
            for (index, found) in input.outcome.matches.iter().enumerate() {
                if ordinal >= self.done && self.takes(&found.person, lsn, ordinal) {
                    let person: Arc<str> = (&*found.person).into();
                    if round.jobs.len() >= most || !round.persons.insert(person.clone()) {
                        return Taken::Part(ordinal);
                    }
                    let task = Task::Match { outcome: outcome.clone(), deployment: deployment.clone(), record, index };
                    let business = deployment.business.clone();
                    round.jobs.push(Job { lsn, ordinal, now, business, person, task });
                }
                ordinal += 1;
            }
        }
        Taken::Whole
    }

    /// What a tick wakes. What is done has no timer any more, so looking again finds the rest.
    fn due(&mut self, lsn: Lsn, tick: Tick, most: usize, round: &mut Round) -> Taken {
        let now = self.advance(tick.now);
        for (business, shelf) in self.persons.shelves() {
            let room = most.saturating_sub(round.jobs.len());
            for due in shelf.agenda.due(tick, lsn, self.shards, room + 1) {
                if !self.takes(&due.key, lsn, 0) {
                    continue;
                }
                if round.jobs.len() >= most || !round.persons.insert(due.key.clone()) {
                    return Taken::Part(0);
                }
                let action = ActionId::parse(&due.name).unwrap_or_default();
                let (business, person, task) = (business.clone(), due.key, Task::Due(action));
                round.jobs.push(Job { lsn, ordinal: 0, now, business, person, task });
            }
        }
        Taken::Whole
    }

    fn report(&mut self, lsn: Lsn, report: &Arc<Report>, round: &mut Round) -> Result<Taken, Fatal> {
        if !self.takes(&report.person, lsn, 0) {
            return Ok(Taken::Whole);
        }
        let (business, person): (Arc<str>, Arc<str>) = ((&*report.business).into(), (&*report.person).into());
        if round.persons.contains(&person) {
            // What is judged in this round may change what waits.
            return Ok(Taken::Part(0));
        }
        let wake = match &report.what {
            Reported::Arrived { slot } => match self.unattempted(&business, &person, slot.as_deref(), report.at)? {
                Some(action) => Some(action),
                None => return Ok(Taken::Whole),
            },
            _ => None,
        };
        round.persons.insert(person.clone());
        let now = self.advance(report.at);
        let task = wake.map_or_else(|| Task::Report(report.clone()), Task::Wake);
        round.jobs.push(Job { lsn, ordinal: 0, now, business, person, task });
        // After an arrival is looked again, until nothing waits that was never handed over.
        Ok(if wake.is_some() { Taken::Part(0) } else { Taken::Whole })
    }

    /// What somebody who comes must be judged again before it is shown, the next one: of the stream the first entry that was never
    /// handed over; of a slot the one that it would show, unless that was handed over. What a slot does not show stays unjudged.
    pub(super) fn unattempted(
        &mut self,
        business: &str,
        person: &str,
        slot: Option<&str>,
        now: u64,
    ) -> Result<Option<ActionId>, Fatal> {
        let document = self.persons.look(business, person).map_err(person::unreadable(person))?;
        let waiting = all_waiting(&document).map_err(person::unreadable(person))?;
        let mine = waiting
            .iter()
            .filter(|waiting| matches!(&waiting.state, WaitingState::Inbox { channel, .. } if wanted(channel, slot)));
        let next = match slot {
            None => mine.filter(|waiting| !waiting.handed_over()).min_by_key(|waiting| waiting.rank().1),
            Some(_) => mine.filter(|waiting| now < waiting.action.expires).max_by_key(|waiting| waiting.rank()),
        };
        Ok(next.filter(|waiting| !waiting.handed_over()).map(|waiting| waiting.action.id))
    }

    /// The receive clock of a job: it never falls.
    fn advance(&mut self, now: u64) -> u64 {
        self.now = self.now.max(now);
        self.now
    }
}

/// Is this what somebody who comes for the stream, or for a slot, gets?
pub(super) fn wanted(channel: &Channel, slot: Option<&str>) -> bool {
    match (channel, slot) {
        (Channel::App, None) => true,
        (Channel::Slot(name), Some(slot)) => **name == *slot,
        _ => false,
    }
}
