//! Questions about a person, and what a person's client says: answered by the worker between two batches.

use super::look::Look;
use super::person::{Person, all_waiting, tags, was_acknowledged};
use super::work::Work;
use crate::model::outreach::{ActionId, Cause, Reached, Report, Reported};
use crate::model::ports::{Acknowledged, Answering, AskError, PersonView, Watch, WhatIf};
use crate::model::{DeploymentId, Frame, Lsn, ShardSet};
use crate::shards::worker::{Fatal, Worker};

/// Somebody who waits until what the person came for is judged.
pub struct Arrival {
    lsn: Lsn,
    business: Box<str>,
    person: Box<str>,
    answer: Answering<PersonView>,
}

fn host(error: impl std::fmt::Display) -> AskError {
    AskError::Host(error.to_string())
}

impl Worker {
    /// What the host keeps of a person.
    pub fn person(&mut self, business: &str, person: &str) -> Result<PersonView, AskError> {
        let now = self.clock();
        let document = self.desk.persons.look(business, person).map_err(host)?;
        Ok(PersonView {
            position: document.lsn(),
            tags: tags(&document, now).map_err(host)?,
            waiting: all_waiting(&document).map_err(host)?,
        })
    }

    pub fn arrive(&mut self, business: &str, person: &str, slot: Option<&str>, answer: Answering<PersonView>) {
        match self.arrival(business, person, slot) {
            Ok(Some(lsn)) => {
                let (business, person) = (business.into(), person.into());
                self.desk.arrivals.push(Arrival { lsn, business, person, answer });
            }
            Ok(None) => answer(self.person(business, person)),
            Err(error) => answer(Err(host(error))),
        }
    }

    /// The position of the report, if anything waits that was never handed over.
    fn arrival(&mut self, business: &str, person: &str, slot: Option<&str>) -> Result<Option<Lsn>, Fatal> {
        let now = self.clock();
        if self.desk.unattempted(business, person, slot, now)?.is_none() {
            return Ok(None);
        }
        let what = Reported::Arrived { slot: slot.map(Box::from) };
        Ok(Some(self.report(business, person, what)?))
    }

    pub fn acknowledge(&mut self, business: &str, person: &str, action: ActionId) -> Result<Acknowledged, AskError> {
        let now = self.clock();
        let document = self.desk.persons.look(business, person).map_err(host)?;
        let position = document.lsn();
        if was_acknowledged(&document, action, now) {
            return Ok(Acknowledged::Already(position));
        }
        if Person::new(document).waiting(action).map_err(host)?.is_none() {
            return Ok(Acknowledged::Unknown);
        }
        self.report(business, person, Reported::Acknowledged { action }).map(Acknowledged::Accepted).map_err(host)
    }

    fn report(&mut self, business: &str, person: &str, what: Reported) -> Result<Lsn, Fatal> {
        let report = Report { business: business.into(), person: person.into(), at: self.clock(), what };
        Ok(self.parts.log.append(Frame::Report(report.into()))?)
    }

    /// The verdicts of a chain as it is now, every filter asked, nothing kept.
    pub fn what_if(&mut self, look: WhatIf) -> Result<Vec<Reached>, AskError> {
        self.follow_registry();
        let (business, person) = (look.action.business.clone(), look.action.person.clone());
        let document = self.desk.persons.look(&business, &person).map_err(host)?;
        let chain = self.desk.rules.chain(&business, &look.action.policy);
        let now = self.clock();
        let mut works = [Work {
            lsn: self.parts.log.last().next(),
            ordinal: 0,
            now,
            business: (&*business).into(),
            key: (&*person).into(),
            person: Person::new(document),
            deeds: Vec::new(),
            look: Some(Look::new(look.action, look.attempt, Cause::Match, now, chain)),
        }];
        self.run_chains(&mut works, Lsn::ZERO, now, true);
        let [work] = works;
        Ok(work.look.map(|look| look.verdicts).unwrap_or_default())
    }

    /// Where those shards of a deployment stand that are paused.
    pub fn standing(&mut self, deployment: DeploymentId) -> Result<Vec<(ShardSet, Lsn)>, AskError> {
        self.follow_registry();
        // A reader may have taken what nobody has appended the outcome of.
        if let Some(reason) = self.board.unhealthy() {
            return Err(AskError::Host(format!("a worker has failed, so nobody knows where it stands: {reason}")));
        }
        let Some(active) = self.active.get(&deployment) else {
            return Err(AskError::NoDeployment(deployment.0.to_string().into()));
        };
        let standing = active.readers.iter().filter(|reader| reader.paused);
        Ok(standing.map(|reader| (reader.shards, reader.position())).collect())
    }

    /// Answers those for whom the desk has come far enough.
    pub(super) fn answer_arrivals(&mut self) {
        let position = self.desk.position();
        let arrived: Vec<Arrival> = self.desk.arrivals.extract_if(.., |arrival| arrival.lsn <= position).collect();
        for arrival in arrived {
            let view = self.person(&arrival.business, &arrival.person).map(|mut view| {
                view.position = view.position.max(arrival.lsn);
                view
            });
            (arrival.answer)(view);
        }
    }
}
