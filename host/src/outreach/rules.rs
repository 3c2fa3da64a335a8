//! Policies and chains as the control frames up to some position make them. Pure: the worker keeps one at its own
//! position, the [`super::Book`] one at the end of the journal.

use std::collections::BTreeMap;

use crate::model::outreach::{Act, Candidate, CandidateFate, ChainEntry, ChainPart, ChainRevisions, Policy};
use crate::model::{Change, Control};

/// Who owns the platform part of all chains, and its filters.
pub const PLATFORM: &str = "platform";

#[derive(Clone, Default, Debug)]
pub struct Rules {
    businesses: BTreeMap<Box<str>, Business>,
}

#[derive(Clone, Default, Debug)]
struct Business {
    policies: BTreeMap<Box<str>, Bound>,
    chains: BTreeMap<ChainPart, ChainState>,
}

/// A policy in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    pub id: Box<str>,
    pub revision: u32,
    /// None: it was removed.
    pub policy: Option<Policy>,
}

/// One part of a chain.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct ChainState {
    /// Zero: never set.
    pub revision: u32,
    pub entries: Vec<ChainEntry>,
}

/// What a match leads to.
#[derive(Debug, Default)]
pub struct Selection<'a> {
    /// Valid policies that act whatever others do, by id.
    pub acts: Vec<(&'a str, u32, &'a Policy)>,
    /// The message policy that was chosen.
    pub message: Option<(&'a str, u32, &'a Policy)>,
    /// All message policies of the match, the best first.
    pub candidates: Vec<Candidate>,
    /// Policies of other kinds that are not valid.
    pub passed_over: Vec<Candidate>,
}

/// A chain as it runs for one policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    pub revisions: ChainRevisions,
    pub steps: Vec<(ChainPart, ChainEntry)>,
}

impl Rules {
    /// Takes over a control frame; those that are about other things change nothing.
    pub fn apply(&mut self, control: &Control) {
        match &control.change {
            Change::PolicyRevised { business, id, revision, policy } => {
                let bound = Bound { id: id.clone(), revision: *revision, policy: policy.as_deref().cloned() };
                self.business(business).policies.insert(id.clone(), bound);
            }
            Change::ChainRevised { business, part, revision, entries } => {
                let state = ChainState { revision: *revision, entries: entries.clone() };
                self.business(business).chains.insert(part.clone(), state);
            }
            _ => {}
        }
    }

    fn business(&mut self, name: &str) -> &mut Business {
        self.businesses.entry(name.into()).or_default()
    }

    /// Has the business ever had a policy? Of one without nothing is recorded about its matches.
    pub fn has_policies(&self, business: &str) -> bool {
        self.businesses.get(business).is_some_and(|business| !business.policies.is_empty())
    }

    /// Has any business ever had one?
    pub fn any_policies(&self) -> bool {
        self.businesses.values().any(|business| !business.policies.is_empty())
    }

    /// By id, removed ones too: their revisions go on counting.
    pub fn policies(&self, business: &str) -> impl Iterator<Item = &Bound> {
        self.businesses.get(business).into_iter().flat_map(|business| business.policies.values())
    }

    pub fn policy(&self, business: &str, id: &str) -> Option<&Bound> {
        self.businesses.get(business)?.policies.get(id)
    }

    /// One part of a business's chains; the platform part whatever the business.
    pub fn part(&self, business: &str, part: &ChainPart) -> Option<&ChainState> {
        let owner = if *part == ChainPart::Platform { PLATFORM } else { business };
        self.businesses.get(owner)?.chains.get(part)
    }

    /// All parts of all chains, with their owners.
    pub fn parts(&self) -> impl Iterator<Item = (&str, &ChainPart, &ChainState)> {
        self.businesses
            .iter()
            .flat_map(|(name, business)| business.chains.iter().map(move |(part, state)| (&**name, part, state)))
    }

    /// What a match of a deployment leads to at a time (receive clock).
    pub fn select(&self, business: &str, deployment: &str, match_name: &str, now: u64) -> Selection<'_> {
        let mut selection = Selection::default();
        let mut messages = Vec::new();
        for (bound, policy) in self.policies(business).filter_map(|bound| Some((bound, bound.policy.as_ref()?))) {
            if *policy.match_name != *match_name || policy.deployment.as_deref().is_some_and(|name| name != deployment)
            {
                continue;
            }
            let fate = validity(policy, now);
            match (&policy.act, fate) {
                (Act::Message(_), fate) => messages.push((bound, policy, fate)),
                (_, None) => selection.acts.push((&*bound.id, bound.revision, policy)),
                (_, Some(fate)) => selection.passed_over.push(candidate(bound, policy, fate)),
            }
        }
        // Policies come in the order of their ids, and the sort is stable: of equals the smallest id is first.
        messages.sort_by_key(|(_, policy, _)| std::cmp::Reverse(policy.priority));
        for (bound, policy, fate) in messages {
            let fate = fate.unwrap_or(match selection.message {
                None => CandidateFate::Chosen,
                Some(_) => CandidateFate::Outranked,
            });
            if fate == CandidateFate::Chosen {
                selection.message = Some((&bound.id, bound.revision, policy));
            }
            selection.candidates.push(candidate(bound, policy, fate));
        }
        selection
    }

    /// The chain of a business's policy: platform, business, policy.
    pub fn chain(&self, business: &str, policy: &str) -> Chain {
        let mut chain = Chain::default();
        for part in [ChainPart::Platform, ChainPart::Business, ChainPart::Policy(policy.into())] {
            let Some(state) = self.part(business, &part) else { continue };
            match part {
                ChainPart::Platform => chain.revisions.platform = state.revision,
                ChainPart::Business => chain.revisions.business = state.revision,
                ChainPart::Policy(_) => chain.revisions.policy = state.revision,
            }
            chain.steps.extend(state.entries.iter().map(|entry| (part.clone(), entry.clone())));
        }
        chain
    }
}

fn candidate(bound: &Bound, policy: &Policy, fate: CandidateFate) -> Candidate {
    Candidate { policy: bound.id.clone(), revision: bound.revision, priority: policy.priority, fate }
}

/// Why a policy is not valid at a time; None if it is.
pub fn validity(policy: &Policy, now: u64) -> Option<CandidateFate> {
    if !policy.enabled {
        Some(CandidateFate::Disabled)
    } else if policy.valid_from.is_some_and(|from| now < from) {
        Some(CandidateFate::NotYetValid)
    } else if policy.valid_until.is_some_and(|until| now >= until) {
        Some(CandidateFate::Expired)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outreach::{Channel, Class, MessageAct, Offline, TagAct};

    fn message(priority: i32, valid_until: Option<u64>) -> Policy {
        let act = MessageAct {
            class: Class::Marketing,
            channel: Channel::App,
            scene: "".into(),
            content: "{}".into(),
            lasts_ms: 1,
            offline: Offline::Keep,
        };
        let act = Act::Message(act);
        Policy { match_name: "m".into(), deployment: None, act, priority, valid_from: None, valid_until, enabled: true }
    }

    fn set(rules: &mut Rules, id: &str, policy: Policy) {
        let policy = Some(Box::new(policy));
        let change = Change::PolicyRevised { business: "b".into(), id: id.into(), revision: 1, policy };
        rules.apply(&Control { at: 0, by: "t".into(), change });
    }

    #[test]
    fn the_highest_valid_priority_acts_and_of_equals_the_smallest_id() {
        let mut rules = Rules::default();
        set(&mut rules, "c-late", message(3, Some(10)));
        set(&mut rules, "b", message(2, None));
        set(&mut rules, "a", message(2, None));
        set(&mut rules, "d", message(1, None));
        let fates = |now| {
            let selection = rules.select("b", "any", "m", now);
            let fates: Vec<(String, &str)> =
                selection.candidates.iter().map(|c| (c.policy.to_string(), c.fate.name())).collect();
            (selection.message.map(|(id, ..)| id.to_owned()), fates)
        };
        let (chosen, all) = fates(9);
        assert_eq!(chosen.as_deref(), Some("c-late"));
        assert_eq!(all[0], ("c-late".to_owned(), "chosen"));
        let (chosen, all) = fates(10);
        assert_eq!(chosen.as_deref(), Some("a"));
        let all: Vec<(&str, &str)> = all.iter().map(|(id, fate)| (&**id, *fate)).collect();
        assert_eq!(all, [("c-late", "expired"), ("a", "chosen"), ("b", "outranked"), ("d", "outranked")]);
    }

    #[test]
    fn tags_act_beside_each_other_and_a_policy_can_be_bound_to_one_deployment() {
        let mut rules = Rules::default();
        let tag = Act::Tag(TagAct { tag: "t".into(), value: "".into(), lasts_ms: None });
        let mut policy = Policy { act: tag, ..message(0, None) };
        set(&mut rules, "x", policy.clone());
        policy.deployment = Some("risk".into());
        set(&mut rules, "y", policy);
        let ids = |deployment: &str| -> Vec<String> {
            rules.select("b", deployment, "m", 0).acts.iter().map(|(id, ..)| (*id).to_owned()).collect()
        };
        assert_eq!(ids("risk"), ["x", "y"]);
        assert_eq!(ids("other"), ["x"]);
        assert!(rules.select("b", "risk", "other", 0).acts.is_empty());
    }
}
