//! What a job leads to, before any filter is asked: nothing of it has happened.

use std::sync::Arc;

use super::look::Look;
use super::person::{Person, unreadable};
use super::round::{Job, Task};
use super::{Desk, conclude};
use crate::model::outreach::{
    Act, Action, ActionId, Candidate, CandidateFate, Cause, Channel, Class, Deed, DeliveryEnd, MessageAct, Offline,
    Origin, Policy, Report, Reported, Status, Tag, Waiting, WaitingState,
};
use crate::model::ports::Presence;
use crate::model::{Limits, Lsn, Match};
use crate::outreach::{Chain, Rules, validity};
use crate::registry::Deployment;
use crate::shards::facts::{self, fact_id};
use crate::shards::worker::Fatal;

pub struct Work {
    pub lsn: Lsn,
    pub ordinal: u32,
    pub now: u64,
    pub business: Arc<str>,
    pub key: Arc<str>,
    pub person: Person,
    pub deeds: Vec<Deed>,
    pub look: Option<Look>,
}

impl Desk {
    /// Thinks a job through.
    pub(super) fn think(&mut self, job: &Job, presence: &dyn Presence, limits: &Limits) -> Result<Work, Fatal> {
        let shelf = self.persons.shelf(&job.business);
        let document = shelf.documents.copy(&job.person).map_err(unreadable(&job.person))?;
        let mut work = Work {
            lsn: job.lsn,
            ordinal: job.ordinal,
            now: job.now,
            business: job.business.clone(),
            key: job.person.clone(),
            person: Person::new(document),
            deeds: Vec::new(),
            look: None,
        };
        work.person.sweep(job.now);
        match &job.task {
            Task::Match { deployment, .. } => {
                if let Some((found, record)) = job.found() {
                    let origin = Origin { hops: record.hops, ..origin(job, deployment, found) };
                    work.matched(&self.rules, found, record.time, origin, limits);
                }
            }
            Task::Due(action) => work.due(&self.rules, *action)?,
            Task::Wake(action) => work.woken(&self.rules, *action)?,
            Task::Report(report) => work.reported(report, presence, limits)?,
        }
        Ok(work)
    }
}

fn origin(job: &Job, deployment: &Deployment, found: &Match) -> Origin {
    let Task::Match { outcome, .. } = &job.task else { unreachable!("only matches have an origin") };
    Origin {
        lsn: job.lsn,
        match_id: found.id,
        match_name: found.name.clone(),
        deployment: (&*deployment.name).into(),
        revision: outcome.revision,
        digest: outcome.digest,
        hops: 0,
    }
}

impl Work {
    fn matched(&mut self, rules: &Rules, found: &Match, time: u64, origin: Origin, limits: &Limits) {
        let mut selection = rules.select(&self.business, &origin.deployment, &found.name, self.now);
        let acts = !selection.acts.is_empty() || selection.message.is_some();
        // What nobody acts on does not use the key up.
        let mut repeated = acts
            && found.once.as_ref().is_some_and(|once| {
                let key = fact_id(&["once", &origin.deployment, &found.name, once]);
                !self.person.first(key, self.now, limits)
            });
        for (id, revision, policy) in selection.acts.iter().filter(|_| !repeated) {
            self.act(id, *revision, policy, found, time, &origin, limits);
        }
        let Some((id, revision, policy)) = selection.message else {
            if !selection.candidates.is_empty() || selection.acts.is_empty() {
                selection.candidates.append(&mut selection.passed_over);
                self.no_route(found, origin, selection.candidates);
            }
            return;
        };
        selection.candidates.append(&mut selection.passed_over);
        let Act::Message(act) = &policy.act else { return };
        let action = self.action(id, revision, policy.priority, act, found, origin);
        // The same event beyond the horizon of dedup makes the same match, and the same action.
        repeated |= self.person.knows(action.id, self.now);
        if repeated {
            let mut look = Look::new(action, 1, Cause::Match, self.now, Chain::default());
            look.candidates = selection.candidates;
            self.deeds.push(Deed::Decided(Box::new(look.decision(Status::Repeated))));
            return;
        }
        let chain = rules.chain(&self.business, id);
        let mut look = Look::new(action, 1, Cause::Match, self.now, chain);
        look.candidates = selection.candidates;
        self.look = Some(look);
    }

    /// What acts whatever others do.
    fn act(
        &mut self,
        id: &str,
        revision: u32,
        policy: &Policy,
        found: &Match,
        time: u64,
        origin: &Origin,
        limits: &Limits,
    ) {
        match &policy.act {
            Act::Tag(act) => {
                let tag = Tag {
                    name: act.tag.clone(),
                    value: act.value.clone(),
                    origin: origin.clone(),
                    policy: id.into(),
                    policy_revision: revision,
                    since: self.now,
                    expires: act.lasts_ms.map(|lasts| self.now.saturating_add(lasts)),
                };
                self.person.tag(&tag, limits);
                let (business, person) = ((&*self.business).into(), (&*self.key).into());
                self.deeds.push(Deed::Tagged { business, person, tag });
            }
            Act::Publish(act) => {
                let event = facts::of_policy(origin, id, &act.event_type, found, time);
                self.deeds.push(Deed::Published {
                    business: (&*self.business).into(),
                    origin: origin.clone(),
                    policy: id.into(),
                    policy_revision: revision,
                    event,
                });
            }
            Act::Message(_) => {}
        }
    }

    fn action(
        &self,
        id: &str,
        revision: u32,
        priority: i32,
        act: &MessageAct,
        found: &Match,
        origin: Origin,
    ) -> Action {
        let match_id = format!("{:032x}", origin.match_id);
        Action {
            id: ActionId(fact_id(&["action", &self.business, &match_id, id, &self.key])),
            business: (&*self.business).into(),
            person: (&*self.key).into(),
            origin,
            policy: id.into(),
            policy_revision: revision,
            class: act.class,
            channel: act.channel.clone(),
            scene: act.scene.clone(),
            priority,
            content: act.content.clone(),
            fields: found.fields.clone(),
            time: self.now,
            expires: self.now.saturating_add(act.lasts_ms),
            offline: act.offline.clone(),
        }
    }

    /// Nobody wants to do anything about the match now: said, counted, and no error.
    fn no_route(&mut self, found: &Match, origin: Origin, candidates: Vec<Candidate>) {
        let act = MessageAct {
            class: Class::default(),
            channel: Channel::Log,
            scene: "".into(),
            content: "{}".into(),
            lasts_ms: 0,
            offline: Offline::Keep,
        };
        let action = self.action("", 0, 0, &act, found, origin);
        let mut look = Look::new(action, 1, Cause::Match, self.now, Chain::default());
        look.candidates = candidates;
        self.deeds.push(Deed::Decided(Box::new(look.decision(Status::NoRoute))));
    }

    fn waiting(&self, action: ActionId) -> Result<Option<Waiting>, Fatal> {
        self.person.waiting(action).map_err(unreadable(&self.key))
    }

    /// A timer of an action: its hold is over, its delivery is tried again, or its time is over.
    fn due(&mut self, rules: &Rules, action: ActionId) -> Result<(), Fatal> {
        self.person.cancel(&action.to_string());
        let Some(waiting) = self.waiting(action)? else { return Ok(()) };
        match &waiting.state {
            WaitingState::Held { .. } => self.again(rules, waiting, Cause::Release),
            WaitingState::Outbox { .. } => self.again(rules, waiting, Cause::Retry),
            WaitingState::Inbox { .. } => conclude::end(self, waiting, DeliveryEnd::Expired, "its time was over"),
        }
        Ok(())
    }

    fn woken(&mut self, rules: &Rules, action: ActionId) -> Result<(), Fatal> {
        if let Some(waiting) = self.waiting(action)? {
            self.again(rules, waiting, Cause::Arrival);
        }
        Ok(())
    }

    /// Another look, by the chain as it is now; unless the action or its policy has ended.
    fn again(&mut self, rules: &Rules, waiting: Waiting, cause: Cause) {
        let policy = rules.policy(&self.business, &waiting.action.policy).and_then(|bound| bound.policy.as_ref());
        let fate = policy.map_or(Some("removed"), |policy| validity(policy, self.now).map(CandidateFate::name));
        let over = waiting.action.expires <= self.now;
        let chain = match (fate, over) {
            (None, false) => rules.chain(&self.business, &waiting.action.policy),
            _ => Chain::default(),
        };
        let mut look = Look::new(waiting.action.clone(), waiting.attempt + 1, cause, self.now, chain);
        look.prior = Some(waiting);
        match fate {
            _ if over => conclude::give_up(self, &look, Status::Expired),
            Some(fate) => {
                conclude::give_up(self, &look, Status::Cancelled { reason: format!("policy_{fate}").into() });
            }
            None => self.look = Some(look),
        }
    }

    fn reported(&mut self, report: &Report, presence: &dyn Presence, limits: &Limits) -> Result<(), Fatal> {
        let (action, end, reason) = match &report.what {
            Reported::Arrived { .. } => return Ok(()),
            Reported::Acknowledged { action } => (*action, DeliveryEnd::Acknowledged, ""),
            Reported::Delivered { action } => (*action, DeliveryEnd::Delivered, ""),
            Reported::Failed { action, reason } => (*action, DeliveryEnd::Failed, &**reason),
            Reported::Unknown { action, reason } => (*action, DeliveryEnd::Unknown, &**reason),
            Reported::NotNow { action, reason } => return self.not_now(*action, reason, presence, limits),
        };
        let Some(waiting) = self.waiting(action)? else { return Ok(()) };
        if end == DeliveryEnd::Acknowledged {
            self.person.remember_acknowledged(action, self.now, limits);
        }
        conclude::end(self, waiting, end, reason);
        Ok(())
    }

    /// Tried again later, twice as long each time; after `delivery_tries` it has failed.
    fn not_now(
        &mut self,
        action: ActionId,
        reason: &str,
        presence: &dyn Presence,
        limits: &Limits,
    ) -> Result<(), Fatal> {
        let Some(mut waiting) = self.waiting(action)? else { return Ok(()) };
        if let WaitingState::Inbox { attempted, .. } = &mut waiting.state {
            // Who has come back meanwhile has been shown it, or will be.
            if presence.is_present(&self.business, &self.key) {
                return Ok(());
            }
            // Nobody was there any more: it is looked at again when the person comes.
            *attempted = false;
            let wake = waiting.action.expires;
            self.person.keep(&waiting, wake, self.lsn);
            return Ok(());
        }
        let WaitingState::Outbox { retry, tries, .. } = &mut waiting.state else { return Ok(()) };
        if u64::from(*tries) >= limits.delivery_tries {
            conclude::end(self, waiting, DeliveryEnd::Failed, reason);
            return Ok(());
        }
        *retry = self.now.saturating_add(limits.delivery_retry_ms << tries.saturating_sub(1).min(16));
        let wake = *retry;
        self.person.keep(&waiting, wake, self.lsn);
        Ok(())
    }
}
