//! Deployments of one business by their ids, and what their plans call things.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{DeploymentId, Outcome, Via};
use crate::registry::{Deployment, Registry};

/// Asked for one by one: a deployment may be younger than the scan.
pub(super) struct Names<'a> {
    registry: &'a Registry,
    business: &'a str,
    known: HashMap<DeploymentId, Option<Arc<Deployment>>>,
}

impl<'a> Names<'a> {
    pub fn new(registry: &'a Registry, business: &'a str) -> Names<'a> {
        Names { registry, business, known: HashMap::new() }
    }

    /// Those that there are now, also retired ones.
    pub fn all(&self) -> Vec<DeploymentId> {
        self.registry.deployments(self.business).iter().map(|deployment| deployment.id).collect()
    }

    /// Of the one with a name.
    pub fn id(&self, name: &str) -> Option<DeploymentId> {
        self.registry.deployment(self.business, name).map(|deployment| deployment.id)
    }

    /// None for another business's.
    pub fn get(&mut self, id: DeploymentId) -> Option<Arc<str>> {
        self.find(id).map(|deployment| deployment.name.clone())
    }

    fn find(&mut self, id: DeploymentId) -> Option<&Arc<Deployment>> {
        let find = || self.registry.by_id(id).filter(|deployment| *deployment.business == *self.business);
        self.known.entry(id).or_insert_with(find).as_ref()
    }

    /// The subscription's name in the plan of the outcome's revision; empty for what is no event.
    pub fn subscription(&mut self, outcome: &Outcome, via: &Via) -> Box<str> {
        let Some(number) = via.subscription() else { return Box::default() };
        let named = |deployment: &Deployment| {
            let revision = deployment.revisions.iter().find(|revision| revision.number == outcome.revision)?;
            Some(revision.configured.plan.subscriptions.get(number as usize)?.name.clone())
        };
        let known = self.find(outcome.deployment).and_then(|deployment| named(deployment));
        // A revision activated since it was looked up.
        let fresh = || self.registry.by_id(outcome.deployment).and_then(|deployment| named(&deployment));
        known.or_else(fresh).unwrap_or_default()
    }
}
