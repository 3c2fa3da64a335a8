//! Waiting for the watermark and reading derived events do not go together: the watermark says which events of the
//! intakes have come, and nothing about what deployments still have to publish. So the one is refused beside the other,
//! whichever comes first (DECISIONS 15).

use std::collections::{BTreeMap, BTreeSet};

use super::{Error, Registry};
use crate::model::outreach::Act;
use crate::model::{Change, HOST_TYPES, Plan};

/// Types of events that policies publish, by business and policy.
#[derive(Clone, Default)]
pub(super) struct Published(BTreeMap<Box<str>, BTreeMap<Box<str>, Box<str>>>);

impl Published {
    /// Follows a change of a policy; others change nothing.
    pub fn apply(&mut self, change: &Change) {
        let Change::PolicyRevised { business, id, policy, .. } = change else { return };
        let policies = self.0.entry(business.clone()).or_default();
        match policy.as_ref().map(|policy| &policy.act) {
            Some(Act::Publish(publish)) => drop(policies.insert(id.clone(), publish.event_type.clone())),
            _ => drop(policies.remove(id)),
        }
    }

    fn types(&self, business: &str) -> BTreeSet<&str> {
        self.0.get(business).into_iter().flat_map(BTreeMap::values).map(|kind| &**kind).collect()
    }

    /// Refuses a plan that waits for the watermark and subscribes to a derived type.
    pub fn check(&self, business: &str, plan: &Plan) -> Result<(), Error> {
        let Some(waits) = plan.waits_for_watermark() else { return Ok(()) };
        let published = self.types(business);
        let types = plan.subscriptions.iter().flat_map(|subscription| &subscription.types);
        let derived = types.map(|kind| &**kind).find(|kind| kind.starts_with(HOST_TYPES) || published.contains(kind));
        derived.map_or(Ok(()), |kind| Err(Error::DerivedTypes { waits, event_type: kind.to_owned() }))
    }
}

impl Registry {
    /// A policy is about to be what it is from now on. Refused if it publishes what a deployment reads that waits for the
    /// watermark.
    pub fn follow_policy(&self, business: &str, change: &Change) -> Result<(), Error> {
        let mut state = self.write();
        let Change::PolicyRevised { policy, .. } = change else { return Ok(()) };
        if !policy.as_ref().is_some_and(|policy| matches!(policy.act, Act::Publish(_))) {
            state.published.apply(change);
            return Ok(());
        }
        let mut published = state.published.clone();
        published.apply(change);
        let current = state.deployments.values().filter(|one| *one.business == *business && one.retired.is_none());
        for deployment in current {
            published.check(business, &deployment.newest().configured.plan)?;
        }
        state.published = published;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Configured;

    fn plan(kind: &str, more: &str) -> Plan {
        let json = format!(
            r#"{{"subscriptions":[{{"name":"s","types":["{kind}"],"key":"actor"}}],"state":{{"writes":1,"reads":[1]}}{more}}}"#
        );
        Configured::stored(&json).expect("a plan").plan
    }

    #[test]
    fn only_what_waits_for_the_watermark_may_read_no_facts() {
        let published = Published::default();
        let clock = r#","timers":{"close":"event"}"#;
        assert!(published.check("b", &plan("fishpond.match", "")).is_ok());
        assert!(published.check("b", &plan("fishpond.match", r#","timers":{"close":"receive"}"#)).is_ok());
        assert!(published.check("b", &plan("browse", clock)).is_ok());
        let error = published.check("b", &plan("fishpond.match", clock)).expect_err("a fact");
        assert!(
            error.to_string().contains("timer `close`") && error.to_string().contains("`fishpond.match`"),
            "{error}"
        );
    }
}
