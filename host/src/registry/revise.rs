//! New revisions: from what an operator asks for to a control frame. Deploying, going back, and repair are one path with
//! the same checks.

use std::sync::Arc;

use super::deployment::{DeployRequest, Deployment};
use super::{Error, Registry, State, still_there};
use crate::engine::{Configured, Module, Runner, Scope, envelope};
use crate::model::{
    Change, DeploymentId, Digest, Limits, Lsn, PauseCause, SHARD_COUNT, ShardId, ShardSet, Start, check_name,
};

/// What a deployment may be allowed.
const PERMISSIONS: [&str; 3] = ["matches", "publish", "signals"];

/// The position of the control frame, and the deployment with its new revision.
type Revised = (Lsn, Arc<Deployment>);

impl Registry {
    /// Validates a configuration by the module's own `configure`, tries an instance, and appends the new revision.
    /// Any failure changes nothing.
    pub fn deploy(&self, business: &str, name: &str, request: DeployRequest, by: &str) -> Result<Revised, Error> {
        self.revise(business, name, request, by)
    }

    /// What would be deployed, by the same checks; changes nothing. Runs the module.
    pub fn rehearse(&self, business: &str, name: &str, request: &DeployRequest) -> Result<(Digest, Configured), Error> {
        let (digest, tried) = self.try_request(business, name, request)?;
        Ok((digest, tried.configured))
    }

    /// A new revision with the module, configuration, permissions and `on_error` of an older one (None = the one before
    /// the newest), by the same checks as deploying.
    pub fn rollback(&self, business: &str, name: &str, to: Option<u32>, by: &str) -> Result<Revised, Error> {
        let deployment = self.deployment(business, name).ok_or_else(|| Error::NoDeployment(name.to_owned()))?;
        if deployment.retired.is_some() {
            return Err(Error::Retired(name.to_owned()));
        }
        let request = deployment.going_back(to)?;
        self.revise(business, name, request, by)
    }

    /// Deploys a revision that handles what the shards have not: in each it begins behind where that stands, and the pause
    /// is over. Refused unless some shard is paused; the others are paused with it, once the module has been tried, and go
    /// on if it is refused all the same. `standing` answers where the paused shards stand, every shard once.
    pub fn repair(
        &self,
        business: &str,
        name: &str,
        request: DeployRequest,
        standing: impl FnOnce(DeploymentId) -> Result<Vec<(ShardSet, Lsn)>, Error>,
        by: &str,
    ) -> Result<Revised, Error> {
        let deployment = self.deployment(business, name).ok_or_else(|| Error::NoDeployment(name.to_owned()))?;
        check_paused(&deployment)?;
        let (digest, tried) = self.try_request(business, name, &request)?;
        deployment.check_successor(&tried)?;
        self.take_over(deployment.id, (business, name, digest), request, tried, standing, by)
    }

    fn take_over(
        &self,
        id: DeploymentId,
        (business, name, digest): (&str, &str, Digest),
        request: DeployRequest,
        tried: Tried,
        standing: impl FnOnce(DeploymentId) -> Result<Vec<(ShardSet, Lsn)>, Error>,
        by: &str,
    ) -> Result<Revised, Error> {
        let (stood, others) = self.stand_still(id, by)?;
        let repaired = standing(id).and_then(|standing| {
            let backlog = Backlog { standing, of: stood.clone() };
            self.activate(business, name, digest, request, tried, Some(backlog), by)
        });
        if repaired.is_err() {
            self.go_on(&stood, others, by);
        }
        repaired
    }

    /// All shards are paused. Answers the deployment as it stands, and the shards that went on until now.
    fn stand_still(&self, id: DeploymentId, by: &str) -> Result<(Arc<Deployment>, ShardSet), Error> {
        let mut state = self.write();
        let find =
            |state: &State| state.deployments.get(&id).cloned().ok_or_else(|| Error::NoDeployment(id.0.to_string()));
        let deployment = find(&state)?;
        check_paused(&deployment)?;
        let others = ShardSet::ALL.without(deployment.paused.shards);
        if !others.is_empty() {
            let (cause, reason) = (PauseCause::Operator, "for a repair".into());
            self.commit(&mut state, by, Change::Paused { deployment: id, shards: others, cause, reason })?;
        }
        Ok((find(&state)?, others))
    }

    /// A repair was refused: those that were paused for it go on, unless something else has happened to them meanwhile.
    fn go_on(&self, stood: &Arc<Deployment>, shards: ShardSet, by: &str) {
        let mut state = self.write();
        let present = state.deployments.get(&stood.id);
        if shards.is_empty() || !present.is_some_and(|present| Arc::ptr_eq(present, stood)) {
            return;
        }
        let deployment = stood.id;
        let resumed = self.commit(&mut state, by, Change::Resumed { deployment, shards });
        if let Err(error) = resumed {
            tracing::error!(deployment = deployment.0, %error, "shards that were paused for a repair still stand");
        }
    }

    fn revise(&self, business: &str, name: &str, request: DeployRequest, by: &str) -> Result<Revised, Error> {
        check_name("business", business)?;
        check_name("deployment", name)?;
        let (digest, tried) = self.try_request(business, name, &request)?;
        self.activate(business, name, digest, request, tried, None, by)
    }

    /// Compiles and runs the module: no lock may be held meanwhile.
    fn try_request(&self, business: &str, name: &str, request: &DeployRequest) -> Result<(Digest, Tried), Error> {
        let uploaded = self.find_module(business, &request.module)?;
        let module = self.load(uploaded.digest)?;
        Ok((uploaded.digest, try_out(&module, business, name, request, &self.limits)?))
    }

    fn activate(
        &self,
        business: &str,
        name: &str,
        digest: Digest,
        request: DeployRequest,
        tried: Tried,
        backlog: Option<Backlog>,
        by: &str,
    ) -> Result<Revised, Error> {
        let mut state = self.write();
        state.published.check(business, &tried.configured.plan)?;
        let mut standing = Vec::new();
        let begins = self.begins(request.start)?;
        let present = state.find(business, name).cloned();
        let revision = match &present {
            Some(deployment) => {
                still_there(deployment)?;
                if matches!(request.start, Start::At(_)) {
                    return Err(Error::HasBegun(name.to_owned()));
                }
                let revision = deployment.check_successor(&tried)?;
                if let Some(backlog) = backlog {
                    standing = backlog.check(deployment)?;
                    let gone = self.pass_gaps(&mut state, deployment, &standing, request.accept_gap, by)?;
                    standing.iter_mut().for_each(|(_, position)| *position = (*position).max(gone));
                }
                revision
            }
            None if state.deployments.len() as u64 >= self.limits.deployments => {
                return Err(Error::Limit { name: "deployments", limit: self.limits.deployments });
            }
            None => 1,
        };
        let change = tried.into_change(business, name, revision, digest, request, begins, standing);
        let lsn = self.commit(&mut state, by, change)?;
        let deployment = state.find(business, name).cloned().ok_or_else(|| Error::NoDeployment(name.to_owned()))?;
        Ok((lsn, deployment))
    }
}

impl Registry {
    /// The position up to which a new deployment has nothing to read. Nothing below it is in the journal, or asked for.
    fn begins(&self, start: Start) -> Result<Lsn, Error> {
        let first = self.log.first();
        Ok(match start {
            Start::Latest => Lsn::ZERO,
            Start::Earliest => first.previous(),
            Start::At(time) if time > (self.clock)() => return Err(Error::StartInFuture),
            Start::At(time) => self.log.journal().position_at(time).max(first).previous(),
        })
    }
}

/// What a repair begins behind.
struct Backlog {
    standing: Vec<(ShardSet, Lsn)>,
    /// The deployment as it was when it was asked where it stands.
    of: Arc<Deployment>,
}

impl Backlog {
    /// The positions, if they are those of every shard, and still are.
    fn check(self, present: &Arc<Deployment>) -> Result<Vec<(ShardSet, Lsn)>, Error> {
        if !Arc::ptr_eq(&self.of, present) || present.paused.shards != ShardSet::ALL {
            return Err(Error::NoLongerStanding(present.name.to_string()));
        }
        let times = |shard: ShardId| self.standing.iter().filter(|(shards, _)| shards.contains(shard)).count();
        match (0..SHARD_COUNT).map(ShardId).find(|shard| times(*shard) != 1) {
            Some(shard) => Err(Error::Standing { shard, times: times(shard) }),
            None => Ok(self.standing),
        }
    }
}

fn check_paused(deployment: &Deployment) -> Result<(), Error> {
    still_there(deployment)?;
    match deployment.paused.shards.is_empty() {
        true => Err(Error::NotStanding(deployment.name.to_string())),
        false => Ok(()),
    }
}

impl Deployment {
    /// What an older revision was asked for, to be asked for again.
    pub(super) fn going_back(&self, to: Option<u32>) -> Result<DeployRequest, Error> {
        let newest = self.newest().number;
        let name = || self.name.to_string();
        let wanted = match to {
            Some(wanted) => wanted,
            None if newest == 1 => return Err(Error::FirstRevision(name())),
            None => newest - 1,
        };
        let older = self.revisions.iter().find(|revision| revision.number == wanted && wanted != newest);
        let revision = older.ok_or_else(|| Error::NoRevision { name: name(), wanted, newest })?;
        Ok(DeployRequest {
            permissions: Some(revision.permissions.iter().map(|name| name.to_string()).collect()),
            on_error: revision.on_error,
            // What is chosen for the deployment stays.
            guard: self.newest().guard,
            ..DeployRequest::new(revision.digest.to_string(), &*revision.configuration)
        })
    }

    /// The next revision's number, if the new module reads what any revision may have stored.
    fn check_successor(&self, tried: &Tried) -> Result<u32, Error> {
        let reads = &tried.configured.plan.state_reads;
        let mut stored = self.revisions.iter().map(|revision| revision.configured.plan.state_writes);
        match stored.find(|stored| !reads.contains(stored)) {
            Some(stored) => Err(Error::StateVersion { reads: reads.clone(), stored }),
            None => Ok(self.newest().number + 1),
        }
    }
}

/// A module that has accepted a configuration and started with it.
struct Tried {
    envelope: String,
    configured: Configured,
    permissions: Vec<Box<str>>,
}

/// `configure`, then an instance as a worker will make it.
fn try_out(
    module: &Arc<Module>,
    business: &str,
    name: &str,
    request: &DeployRequest,
    limits: &Limits,
) -> Result<Tried, Error> {
    let (bytes, limit) = (request.configuration.len() as u64, limits.configuration_bytes);
    if bytes > limit {
        return Err(Error::ConfigurationBytes { bytes, limit });
    }
    let envelope = envelope(business, name, &request.configuration, limits).map_err(Error::ConfigurationJson)?;
    let configured = module.configure(&envelope)?;
    let permissions: Vec<Box<str>> = match &request.permissions {
        Some(granted) => granted.iter().map(|name| Box::from(&**name)).collect(),
        None => configured.plan.permissions.clone(),
    };
    if let Some(unknown) = permissions.iter().find(|name| !PERMISSIONS.contains(&&***name)) {
        return Err(Error::Permission(unknown.to_string()));
    }
    let scope = Scope { business: business.into(), deployment: name.into() };
    let mut runner = Runner::new(module.clone(), &scope, &envelope, configured.clone(), permissions.clone())?;
    runner.smoke().map_err(|failure| Error::Host(failure.0))?;
    Ok(Tried { envelope, configured, permissions })
}

impl Tried {
    fn into_change(
        self,
        business: &str,
        name: &str,
        revision: u32,
        digest: Digest,
        request: DeployRequest,
        begins: Lsn,
        backlog: Vec<(ShardSet, Lsn)>,
    ) -> Change {
        Change::DeploymentRevised {
            business: business.into(),
            name: name.into(),
            revision,
            digest,
            configuration: request.configuration.into(),
            envelope: self.envelope.into(),
            plan: self.configured.json.into(),
            permissions: self.permissions,
            on_error: request.on_error,
            guard: request.guard,
            start: request.start,
            begins,
            backlog,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PauseCause;
    use crate::registry::fixture::{Past, plan};

    fn request() -> DeployRequest {
        DeployRequest::new("", "{}")
    }

    /// As if a module had answered this plan.
    fn activate(past: &Past, plan: &str, standing: Vec<(ShardSet, Lsn)>) -> Result<Revised, Error> {
        let configured = Configured::stored(plan).expect("a plan");
        let tried = Tried { envelope: "{}".to_owned(), configured, permissions: Vec::new() };
        let of = past.registry.deployment("b", "d").expect("deployed");
        let backlog = (!standing.is_empty()).then_some(Backlog { standing, of });
        past.registry.activate("b", "d", Digest([9; 32]), request(), tried, backlog, "ops")
    }

    fn standing() -> Vec<(ShardSet, Lsn)> {
        vec![(ShardSet(0b111), Lsn(5)), (ShardSet::ALL.without(ShardSet(0b111)), Lsn(9))]
    }

    #[test]
    fn a_repair_takes_the_pause_away_and_begins_where_each_shard_stands() {
        let past = Past::new();
        past.deploy("b", "d", &plan(""));
        past.registry.pause("b", "d", "look", "ops").expect("paused");
        let (lsn, deployment) = activate(&past, &plan(""), standing()).expect("repaired");
        assert_eq!((deployment.newest().number, deployment.paused.shards), (2, ShardSet::EMPTY));
        assert_eq!(deployment.newest().begins(ShardId(2)), Lsn(6));
        assert_eq!(deployment.newest().begins(ShardId(3)), Lsn(10));
        assert_eq!(lsn, past.log.last());
        let (lsn, ordinary) = activate(&past, &plan(""), Vec::new()).expect("deployed");
        assert_eq!(ordinary.newest().begins(ShardId(2)), lsn);
    }

    #[test]
    fn a_repair_needs_a_pause_and_the_place_of_each_shard_once() {
        let past = Past::new();
        let id = past.deploy("b", "d", &plan(""));
        let error = past.registry.repair("b", "d", request(), |_| Ok(standing()), "ops").expect_err("not paused");
        assert!(matches!(error, Error::NotStanding(_)), "{error}");
        past.registry.pause_shards(id, ShardSet(0b11), PauseCause::Fault, "trap").expect("paused");
        let (stood, others) = past.registry.stand_still(id, "ops").expect("all of them");
        assert_eq!(others, ShardSet::ALL.without(ShardSet(0b11)));
        let mut twice = standing();
        twice.push((ShardSet(0b100), Lsn(5)));
        let error = activate(&past, &plan(""), twice).expect_err("a shard twice");
        assert!(matches!(error, Error::Standing { shard: ShardId(2), times: 2 }), "{error}");
        let missing = vec![(ShardSet::ALL.without(ShardSet(0b1000)), Lsn(5))];
        let error = activate(&past, &plan(""), missing).expect_err("a shard is missing");
        assert!(matches!(error, Error::Standing { shard: ShardId(3), times: 0 }), "{error}");
        past.registry.go_on(&stood, others, "ops");
        let paused = past.registry.by_id(id).expect("deployed").paused.clone();
        assert_eq!((paused.shards, paused.cause, &*paused.reason), (ShardSet(0b11), PauseCause::Fault, "trap"));
    }

    #[test]
    fn a_refused_repair_lets_go_on_what_it_has_stopped_and_nothing_that_others_have() {
        let past = Past::new();
        let id = past.deploy("b", "d", &plan(""));
        past.registry.pause_shards(id, ShardSet(0b11), PauseCause::Fault, "trap").expect("paused");
        let repair = |standing: &dyn Fn(DeploymentId) -> Result<Vec<(ShardSet, Lsn)>, Error>| {
            let configured = Configured::stored(&plan("")).expect("a plan");
            let tried = Tried { envelope: "{}".to_owned(), configured, permissions: Vec::new() };
            past.registry.take_over(id, ("b", "d", Digest([9; 32])), request(), tried, standing, "ops")
        };
        let paused = || past.registry.by_id(id).expect("deployed").paused.shards;
        repair(&|_| Err(Error::Host("nobody knows".to_owned()))).expect_err("no positions");
        assert_eq!(paused(), ShardSet(0b11));
        let quarantined = |id| {
            past.registry.quarantine(id, 1, "too many faults").expect("quarantined");
            Ok(standing())
        };
        let error = repair(&quarantined).expect_err("it has changed");
        assert!(matches!(error, Error::NoLongerStanding(_)), "{error}");
        assert_eq!(paused(), ShardSet::ALL, "a quarantine stays one");
        repair(&|_| Ok(standing())).expect("mended");
        assert_eq!(paused(), ShardSet::EMPTY);
    }

    #[test]
    fn positions_from_before_a_resume_are_refused() {
        let past = Past::new();
        let id = past.deploy("b", "d", &plan(""));
        past.registry.pause("b", "d", "look", "ops").expect("paused");
        let (of, _) = past.registry.stand_still(id, "ops").expect("all of them");
        past.registry.resume("b", "d", "ops").expect("resumed");
        past.registry.pause("b", "d", "look", "ops").expect("paused");
        let present = past.registry.by_id(id).expect("deployed");
        let error = Backlog { standing: standing(), of }.check(&present).expect_err("it may have read on");
        assert!(matches!(error, Error::NoLongerStanding(_)), "{error}");
    }

    #[test]
    fn going_back_asks_for_what_the_older_revision_was() {
        let past = Past::new();
        past.deploy("b", "d", &plan(""));
        let back = |to| past.registry.deployment("b", "d").expect("deployed").going_back(to);
        assert!(matches!(back(None), Err(Error::FirstRevision(_))));
        activate(&past, &plan(""), Vec::new()).expect("deployed");
        past.deploy("b", "d", &plan(""));
        let request = back(None).expect("revision 2");
        assert_eq!(request.module, Digest([9; 32]).to_string());
        assert_eq!((request.configuration.as_str(), request.permissions), ("{}", Some(Vec::new())));
        let request = back(Some(1)).expect("revision 1");
        assert_eq!((request.configuration.as_str(), request.permissions), ("1", Some(vec!["matches".to_owned()])));
        for wanted in [0, 3, 4] {
            let error = back(Some(wanted)).expect_err("no older revision");
            assert!(error.to_string().contains(&format!("no revision {wanted}")), "{error}");
        }
    }

    #[test]
    fn a_revision_reads_what_is_stored_and_a_retired_deployment_takes_none() {
        let past = Past::new();
        past.deploy("b", "d", r#"{"state":{"writes":3,"reads":[3]}}"#);
        let error = activate(&past, r#"{"state":{"writes":4,"reads":[4]}}"#, Vec::new()).expect_err("3 is stored");
        assert!(matches!(error, Error::StateVersion { stored: 3, .. }), "{error}");
        past.registry.retire("b", "d", "ops").expect("retired");
        let error = activate(&past, r#"{"state":{"writes":3,"reads":[3]}}"#, Vec::new()).expect_err("retired");
        assert!(matches!(error, Error::Retired(_)), "{error}");
    }
}
