//! Says what became of an event in each deployment that was there at the horizon.

use std::collections::HashMap;
use std::sync::Arc;

use super::facts::Facts;
use super::verdict::{Answer, Handled, Verdict, WindowTotals};
use super::{Changed, Error, Question, TracedInput, What};
use crate::model::{
    Change, Control, DeploymentId, Digest, Document, Event, InputRecord, Lsn, Op, Outcome, ShardSet, Span, Via,
    WindowSpec, shard_of,
};
use crate::registry::{Deployment, Registry, Revision};
use crate::router::{Routed, Router};

pub(super) struct Judge<'a> {
    question: &'a Question<'a>,
    deployments: Vec<Arc<Deployment>>,
    modules: HashMap<Digest, Arc<str>>,
}

/// Built when first needed; one for each revision.
pub(super) type Routers = HashMap<(DeploymentId, u32), Router>;

impl<'a> Judge<'a> {
    pub fn new(registry: &Registry, question: &'a Question<'a>, horizon: Lsn) -> Judge<'a> {
        let mut deployments = registry.deployments(question.business);
        deployments.retain(|deployment| deployment.id.0 <= horizon.0);
        let modules = registry.modules(question.business).into_iter();
        let modules =
            modules.map(|module| (module.digest, format!("{}@{}", module.name, module.version).into())).collect();
        Judge { question, deployments, modules }
    }

    pub fn key(&self) -> &str {
        self.question.key
    }

    pub fn deployments(&self) -> &[Arc<Deployment>] {
        &self.deployments
    }

    pub fn deployment(&self, id: DeploymentId) -> Option<&Arc<Deployment>> {
        let at = self.deployments.binary_search_by_key(&id, |deployment| deployment.id).ok()?;
        Some(&self.deployments[at])
    }

    /// The id of a deployment of the business in question.
    pub fn named(&self, business: &str, name: &str) -> Option<DeploymentId> {
        let own = |deployment: &&Arc<Deployment>| *deployment.business == *business && *deployment.name == *name;
        self.deployments.iter().find(own).map(|deployment| deployment.id)
    }

    /// Is the key the one who acted, or was acted on?
    pub fn is_own(&self, event: &Event) -> bool {
        self.is_ours(event) && (*event.subject == *self.key() || *event.actor == *self.key())
    }

    /// Is it of the business in question?
    pub fn is_ours(&self, event: &Event) -> bool {
        *event.business == *self.question.business
    }

    pub fn handled(&self, lsn: Lsn, outcome: &Outcome, record: &InputRecord, windows: Vec<WindowTotals>) -> Handled {
        let subscription = self.revision(outcome).and_then(|revision| match &record.via {
            Via::Subscription(number) | Via::Kept(number) | Via::HandedOver { subscription: number, .. } => {
                let subscription = revision.configured.plan.subscriptions.get(*number as usize)?;
                Some(subscription.name.clone())
            }
            Via::Timer(name) | Via::Signal { name, .. } => Some(name.clone()),
            Via::Settlement(action) => Some(action.to_string().into()),
        });
        Handled {
            lsn,
            deployment: outcome.deployment,
            revision: outcome.revision,
            digest: outcome.digest,
            module: self.modules.get(&outcome.digest).cloned(),
            subscription: subscription.unwrap_or_default(),
            record: record.clone(),
            windows,
        }
    }

    pub fn input(&self, handled: Handled) -> Option<TracedInput> {
        Some(TracedInput { deployment: self.deployment(handled.deployment)?.name.clone(), handled })
    }

    fn revision(&self, outcome: &Outcome) -> Option<&Arc<Revision>> {
        self.deployment(outcome.deployment)?.revisions.iter().find(|revision| revision.number == outcome.revision)
    }

    /// What the plan's windows of a document add up to around a record: those it observed as the module saw them, the
    /// others as they end with it.
    pub fn windows(&self, outcome: &Outcome, record: &InputRecord, document: &Document) -> Vec<WindowTotals> {
        let observed = |spec: &WindowSpec| {
            let mut ops = record.outcome.ops.iter();
            ops.any(|op| matches!(op, Op::Observe { window, .. } if *window == spec.name))
        };
        let totals = |spec: &WindowSpec| {
            let window = document.window(&spec.name)?;
            let ending = Span { first: record.time.saturating_sub(spec.length_ms), last: record.time };
            let span = if observed(spec) { window.around(record.time, spec.length_ms) } else { ending };
            Some(WindowTotals { name: spec.name.clone(), totals: window.totals(span) })
        };
        self.revision(outcome)
            .map_or(Vec::new(), |revision| revision.configured.plan.windows.iter().filter_map(totals).collect())
    }

    /// None for another business's change.
    pub fn changed(&self, lsn: Lsn, control: &Control) -> Option<Changed> {
        let business = |of: &str| (*of == *self.question.business).then_some(());
        let name = |id: DeploymentId| self.deployment(id).map(|deployment| deployment.name.clone());
        let what = match &control.change {
            Change::ModuleUploaded { business: of, name, version, digest } => {
                business(of)?;
                What::Uploaded { module: format!("{name}@{version}"), digest: *digest }
            }
            Change::DeploymentRevised { business: of, name, revision, digest, .. } => {
                business(of)?;
                What::Revised { deployment: (&**name).into(), revision: *revision, digest: *digest }
            }
            Change::Paused { deployment, shards, reason, .. } => {
                What::Paused { deployment: name(*deployment)?, shards: shards.len(), reason: reason.clone() }
            }
            Change::Quarantined { deployment, reason, .. } => {
                What::Paused { deployment: name(*deployment)?, shards: ShardSet::ALL.len(), reason: reason.clone() }
            }
            // They tell of changes that stand beside them.
            Change::GapAccepted { .. } | Change::Alert { .. } => return None,
            Change::Resumed { deployment, shards } => {
                What::Resumed { deployment: name(*deployment)?, shards: shards.len() }
            }
            Change::Retired { deployment } => What::Retired { deployment: name(*deployment)? },
            Change::PolicyRevised { business: of, id, revision, policy } => {
                business(of)?;
                What::Policy { id: id.clone(), revision: *revision, removed: policy.is_none() }
            }
            Change::ChainRevised { business: of, part, revision, entries } => {
                business(of)?;
                let filters = entries.iter().map(|entry| entry.filter.clone()).collect();
                What::Chain { part: part.to_string().into(), revision: *revision, filters }
            }
            Change::Resent(resend) => What::Resent {
                deployment: name(resend.deployment)?,
                position: resend.position,
                key: resend.key.clone(),
            },
        };
        Some(Changed { lsn, at: control.at, by: control.by.clone(), what })
    }

    /// One answer or more from every deployment of the business.
    pub fn verdicts(
        &self,
        lsn: Lsn,
        event: &Event,
        mut handled: Vec<Handled>,
        facts: &mut Facts<'_>,
        routers: &mut Routers,
    ) -> Result<Vec<Verdict>, Error> {
        let mut verdicts = Vec::with_capacity(self.deployments.len());
        for deployment in &self.deployments {
            let verdict = |handled: Handled| Verdict {
                deployment: deployment.name.clone(),
                answer: handled.answer(),
                handled: Some(handled),
            };
            let before = verdicts.len();
            let own = handled.extract_if(.., |handled| handled.deployment == deployment.id);
            verdicts.extend(without_waiting(own.collect()).into_iter().map(verdict));
            if verdicts.len() == before {
                let answer = self.without_record(deployment, lsn, event, facts, routers)?;
                verdicts.push(Verdict { deployment: deployment.name.clone(), answer, handled: None });
            }
        }
        Ok(verdicts)
    }

    /// Routing is a function of plan and event, so it tells what a reader has made of the event, or will.
    fn without_record(
        &self,
        deployment: &Deployment,
        lsn: Lsn,
        event: &Event,
        facts: &mut Facts<'_>,
        routers: &mut Routers,
    ) -> Result<Answer, Error> {
        if lsn < deployment.start {
            return Ok(Answer::DeployedLater { start: deployment.start });
        }
        // Revisions differ by shard only behind a repair; the event is of this trace because of this key. Without one it is
        // likely that of who acted.
        let who = if event.actor.is_empty() { &*event.subject } else { &*event.actor };
        let key = if self.key().is_empty() { who } else { self.key() };
        let revision = deployment.revision_at(lsn, shard_of(key));
        let plan = &revision.configured.plan;
        let types = || plan.subscriptions.iter().flat_map(|subscription| &subscription.types);
        if !types().any(|kind| **kind == *event.kind) {
            return Ok(Answer::NotSubscribed { types: types().cloned().collect() });
        }
        let router = routers.entry((deployment.id, revision.number));
        let router = router.or_insert_with(|| Router::new(plan, self.question.key_bytes));
        let mut belongs: Option<Box<str>> = None;
        router.route(plan, event, |routed| {
            let key = match routed {
                Routed::Input { key, .. } => key,
                Routed::Bad { .. } => Box::default(),
            };
            belongs.get_or_insert(key);
        });
        match belongs {
            Some(key) => facts.unread(deployment, key, self.question.at),
            None => Ok(Answer::Filtered),
        }
    }
}

/// What waited and was handed over since is one input: the record of handing over tells of it.
fn without_waiting(mut handled: Vec<Handled>) -> Vec<Handled> {
    let over = |handled: &Handled| matches!(handled.record.via, Via::HandedOver { .. });
    let subscriptions: Vec<Box<str>> =
        handled.iter().filter(|handled| over(handled)).map(|handled| handled.subscription.clone()).collect();
    let waited = |handled: &Handled| handled.answer() == Answer::Waiting;
    // One whose subscription is gone was handed over to nobody, under no name.
    let ended = |name: &str| subscriptions.iter().any(|over| **over == *name || over.is_empty());
    handled.retain(|handled| !(waited(handled) && ended(&handled.subscription)));
    handled
}

impl Facts<'_> {
    /// `at`: the question's time, milliseconds.
    fn unread(&mut self, deployment: &Deployment, key: Box<str>, at: Option<u64>) -> Result<Answer, Error> {
        let shard = shard_of(&key);
        let position = self.position(deployment.id, shard)?;
        if let Some(pause) = self.pause(deployment.id).filter(|pause| pause.shards.contains(shard)) {
            return Ok(Answer::Paused { key, position, reason: pause.reason.clone(), since: pause.since });
        }
        // One that still lasts may be older than the journal: only the registry knows of it then.
        let paused = &deployment.paused;
        Ok(match paused.shards.contains(shard) && at.is_none_or(|at| paused.since <= at) {
            true => Answer::Paused { key, position, reason: paused.reason.clone(), since: paused.since },
            false => Answer::Lagging { key, position },
        })
    }
}
