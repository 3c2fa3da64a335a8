//! Which events intake refuses because a deployment with `on_lag: block` has to catch up: its own types in its own business.
//! While nothing is blocked, asking costs one load.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::model::{DeploymentId, Event};

#[derive(Default)]
pub struct Blocking {
    any: AtomicBool,
    blocked: RwLock<Blocked>,
}

#[derive(Default)]
struct Blocked {
    deployments: BTreeMap<DeploymentId, (Arc<str>, Vec<Box<str>>)>,
    /// Of each business, by event type: who blocks it.
    types: HashMap<Arc<str>, HashMap<Box<str>, DeploymentId>>,
}

impl Blocking {
    /// Blocks the types of a deployment in its business, or those that it has now.
    pub fn block(&self, id: DeploymentId, business: &Arc<str>, types: Vec<Box<str>>) {
        self.change(|deployments| drop(deployments.insert(id, (business.clone(), types))));
    }

    pub fn let_in(&self, id: DeploymentId) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        self.change(|deployments| drop(deployments.remove(&id)));
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<DeploymentId, (Arc<str>, Vec<Box<str>>)>)) {
        let mut blocked = self.blocked.write().unwrap_or_else(PoisonError::into_inner);
        let Blocked { deployments, types } = &mut *blocked;
        change(deployments);
        types.clear();
        for (id, (business, kinds)) in &*deployments {
            let own = types.entry(business.clone()).or_default();
            own.extend(kinds.iter().map(|kind| (kind.clone(), *id)));
        }
        self.any.store(!types.is_empty(), Ordering::Release);
    }

    /// Who has to catch up before this event may come in.
    pub fn who(&self, event: &Event) -> Option<DeploymentId> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let blocked = self.blocked.read().unwrap_or_else(PoisonError::into_inner);
        blocked.types.get(&event.business)?.get(&*event.kind).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_types_of_who_lags_are_blocked_and_only_in_its_business() {
        let blocking = Blocking::default();
        let who = |business: &str, kind: &str| {
            let event = Event { business: business.into(), kind: kind.into(), ..Event::default() };
            blocking.who(&event).map(|id| id.0)
        };
        assert_eq!(who("b", "visit"), None);
        blocking.block(DeploymentId(1), &"b".into(), vec!["visit".into(), "buy".into()]);
        blocking.block(DeploymentId(2), &"b".into(), vec!["like".into()]);
        assert_eq!(["visit", "buy", "like", "other"].map(|kind| who("b", kind)), [Some(1), Some(1), Some(2), None]);
        assert_eq!(who("c", "visit"), None);
        blocking.block(DeploymentId(1), &"b".into(), vec!["visit".into()]);
        assert_eq!(who("b", "buy"), None, "its newest plan counts");
        blocking.let_in(DeploymentId(1));
        assert_eq!(["visit", "like"].map(|kind| who("b", kind)), [None, Some(2)]);
        blocking.let_in(DeploymentId(2));
        assert_eq!(who("b", "like"), None);
    }
}
