//! [`Book`]: policies and chains at the end of the journal, for whoever changes or shows them.
//!
//! As in the registry, changes are appended under the book's lock, so whoever reads a control frame finds it applied
//! here. Workers do not look here: they apply the frames at their own position.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::Error;
use super::check::{self, EntryRequest};
use super::rules::{Bound, Rules};
use crate::journal::{Encoded, Log};
use crate::model::outreach::{ChainPart, Policy};
use crate::model::{Change, Control, Frame, Limits, Lsn, check_name};
use crate::registry::{Clock, Registry};

pub struct Book {
    log: Log,
    registry: Arc<Registry>,
    limits: Arc<Limits>,
    clock: Clock,
    kept: RwLock<Kept>,
}

/// The rules, and who made them so.
#[derive(Default, Debug)]
pub struct Kept {
    rules: Rules,
    policies: BTreeMap<(Box<str>, Box<str>), Stamp>,
    parts: BTreeMap<(Box<str>, ChainPart), Stamp>,
}

/// The change behind the present revision of something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stamp {
    pub lsn: Lsn,
    /// Wall clock, milliseconds.
    pub at: u64,
    pub by: Box<str>,
}

impl Deref for Kept {
    type Target = Rules;

    fn deref(&self) -> &Rules {
        &self.rules
    }
}

impl Kept {
    /// Who made the present revision of a policy, or removed it.
    pub fn policy_stamp(&self, business: &str, id: &str) -> Option<&Stamp> {
        self.policies.get(&(business.into(), id.into()))
    }

    /// Who made the present revision of a part of a business's chains; of the platform part: of `platform`.
    pub fn part_stamp(&self, business: &str, part: &ChainPart) -> Option<&Stamp> {
        self.parts.get(&(business.into(), part.clone()))
    }

    fn apply(&mut self, lsn: Lsn, control: &Control) {
        self.rules.apply(control);
        let stamp = Stamp { lsn, at: control.at, by: control.by.clone() };
        match &control.change {
            Change::PolicyRevised { business, id, .. } => {
                self.policies.insert((business.clone(), id.clone()), stamp);
            }
            Change::ChainRevised { business, part, .. } => {
                self.parts.insert((business.clone(), part.clone()), stamp);
            }
            _ => {}
        }
    }

    fn in_force(&self, business: &str) -> u64 {
        self.policies(business).filter(|bound| bound.policy.is_some()).count() as u64
    }
}

impl Book {
    pub fn new(log: Log, registry: Arc<Registry>, limits: Arc<Limits>, clock: Clock) -> Book {
        Book { log, registry, limits, clock, kept: RwLock::default() }
    }

    /// Applies a control frame that the journal already holds, whatever it is about.
    pub fn recover(&self, lsn: Lsn, control: &Control) {
        self.write().apply(lsn, control);
    }

    /// Policies and chains as they are now. Nothing can be changed as long as the guard lives: copy what an answer needs.
    pub fn rules(&self) -> RwLockReadGuard<'_, Kept> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a policy, or a new revision of it. One that is so already stays as it is, and its position is answered.
    pub fn set_policy(&self, business: &str, id: &str, policy: Policy, by: &str) -> Result<(Lsn, u32), Error> {
        check_name("business", business)?;
        check_name("policy", id)?;
        let mut kept = self.write();
        check::policy(&self.registry, business, &policy, &self.limits)?;
        let present = kept.policy(business, id);
        let revision = present.map_or(0, |bound| bound.revision);
        let old = present.and_then(|bound| bound.policy.as_ref());
        if old == Some(&policy) {
            let lsn = kept.policy_stamp(business, id).map_or(Lsn::ZERO, |stamp| stamp.lsn);
            return Ok((lsn, revision));
        }
        if old.is_none() && kept.in_force(business) >= self.limits.policies {
            return Err(Error::Policies { limit: self.limits.policies });
        }
        let same = |other: &&Bound| {
            &*other.id != id && other.policy.as_ref().is_some_and(|other| other.match_name == policy.match_name)
        };
        if kept.policies(business).filter(same).count() as u64 >= self.limits.policies_per_match {
            return Err(Error::PoliciesPerMatch { limit: self.limits.policies_per_match });
        }
        let revision = revision + 1;
        let policy = Some(Box::new(policy));
        let change = Change::PolicyRevised { business: business.into(), id: id.into(), revision, policy };
        self.registry.follow_policy(business, &change)?;
        Ok((self.commit(&mut kept, by, vec![change])?, revision))
    }

    /// Ends a policy, and its part of the chain with it. What it holds is cancelled when its time comes.
    pub fn remove_policy(&self, business: &str, id: &str, by: &str) -> Result<(Lsn, u32), Error> {
        let mut kept = self.write();
        let bound = kept.policy(business, id).filter(|bound| bound.policy.is_some());
        let revision = bound.ok_or_else(|| Error::NoPolicy(id.chars().take(80).collect()))?.revision + 1;
        let (business, id): (Box<str>, Box<str>) = (business.into(), id.into());
        let part = ChainPart::Policy(id.clone());
        let filters = kept.part(&business, &part).filter(|state| !state.entries.is_empty());
        let chain = filters.map(|state| Change::ChainRevised {
            business: business.clone(),
            part: part.clone(),
            revision: state.revision + 1,
            entries: Vec::new(),
        });
        // The policy first: a crash may keep this frame alone, and a policy must never be without its filters.
        let mut changes = vec![Change::PolicyRevised { business: business.clone(), id, revision, policy: None }];
        self.registry.follow_policy(&business, &changes[0])?;
        changes.extend(chain);
        Ok((self.commit(&mut kept, by, changes)?, revision))
    }

    /// Sets one part of the chains of a business; the platform part for the business `platform`. An equal one stays as
    /// it is, and its position is answered.
    pub fn set_chain(
        &self,
        business: &str,
        part: ChainPart,
        entries: Vec<EntryRequest>,
        by: &str,
    ) -> Result<(Lsn, u32), Error> {
        let mut kept = self.write();
        let entries = check::entries(&kept, &self.registry, business, &part, entries, &self.limits)?;
        let present = kept.part(business, &part);
        let revision = present.map_or(0, |state| state.revision);
        if let Some(present) = present
            && present.entries == entries
        {
            let lsn = kept.part_stamp(business, &part).map_or(Lsn::ZERO, |stamp| stamp.lsn);
            return Ok((lsn, revision));
        }
        let revision = revision + 1;
        let change = Change::ChainRevised { business: business.into(), part, revision, entries };
        Ok((self.commit(&mut kept, by, vec![change])?, revision))
    }

    /// Ends a deployment for good, unless a chain names it.
    pub fn retire(&self, business: &str, deployment: &str, by: &str) -> Result<Lsn, Error> {
        // Held until the registry is done, so that no chain takes the deployment up meanwhile.
        let kept = self.write();
        if let Some(found) = self.registry.deployment(business, deployment) {
            let named =
                kept.parts().find(|(_, _, state)| state.entries.iter().any(|entry| entry.deployment == found.id));
            if let Some((owner, part, _)) = named {
                let (part, business) = (part.clone(), owner.to_owned());
                return Err(Error::InChain { deployment: deployment.to_owned(), part, business });
            }
        }
        Ok(self.registry.retire(business, deployment, by)?)
    }

    /// Answers the position of the last change.
    fn commit(&self, kept: &mut Kept, by: &str, changes: Vec<Change>) -> Result<Lsn, Error> {
        let at = (self.clock)();
        let controls: Vec<Arc<Control>> =
            changes.into_iter().map(|change| Arc::new(Control { at, by: by.into(), change })).collect();
        let frames = controls.iter().map(|control| Encoded::new(Frame::Control(control.clone()))).collect();
        let mut lsn = self.log.append_all(frames)?;
        let mut last = lsn;
        for control in controls {
            kept.apply(lsn, &control);
            last = lsn;
            lsn = lsn.next();
        }
        // Those at rest met the frame before it was applied here.
        self.log.bell().ring();
        Ok(last)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Kept> {
        self.kept.write().unwrap_or_else(PoisonError::into_inner)
    }
}
