//! A deployment and its revisions: which module with which configuration, from which position on.

use std::sync::Arc;

use super::Error;
use crate::engine::{Configured, Module, Runner, envelope};
use crate::model::{Change, Control, DeploymentId, Digest, Limits, Lsn, OnError, ShardSet, Start};

/// What an operator asks for.
#[derive(Clone, Debug)]
pub struct DeployRequest {
    /// Digest, name@version, or name (its newest).
    pub module: String,
    /// JSON.
    pub configuration: String,
    /// None = what the plan asks for.
    pub permissions: Option<Vec<String>>,
    pub on_error: OnError,
    /// Only for the first revision.
    pub start: Start,
}

#[derive(Clone, Debug)]
pub struct Deployment {
    pub id: DeploymentId,
    pub business: Arc<str>,
    pub name: Arc<str>,
    /// Oldest first; never empty.
    pub revisions: Vec<Arc<Revision>>,
    pub paused: Paused,
    /// Where it began to read.
    pub start: Lsn,
}

/// One module with one configuration. Handles inputs from `from` on.
#[derive(Clone, Debug)]
pub struct Revision {
    pub number: u32,
    /// First position that runs on it: the control frame's own, or zero for the first revision.
    pub from: Lsn,
    pub digest: Digest,
    pub configuration: Box<str>,
    pub configured: Configured,
    pub envelope: Box<str>,
    pub permissions: Vec<Box<str>>,
    pub on_error: OnError,
    /// Wall clock, milliseconds.
    pub at: u64,
    pub by: Box<str>,
    start: Start,
}

/// Which shards stand still, and why the last of them was stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paused {
    pub shards: ShardSet,
    pub reason: Box<str>,
    /// Wall clock, milliseconds.
    pub since: u64,
}

impl Paused {
    pub(super) fn add(&mut self, shards: ShardSet, reason: &str, at: u64) {
        *self = Paused { shards: self.shards.union(shards), reason: reason.into(), since: at };
    }

    pub(super) fn remove(&mut self, shards: ShardSet) {
        self.shards = self.shards.without(shards);
        if self.shards.is_empty() {
            *self = Paused::default();
        }
    }
}

impl Deployment {
    pub(super) fn first(lsn: Lsn, business: &str, name: &str, revision: Arc<Revision>) -> Deployment {
        let start = match revision.start {
            Start::Latest => lsn,
            Start::Earliest => Lsn::ZERO,
        };
        let id = DeploymentId(lsn.0);
        Deployment {
            id,
            business: business.into(),
            name: name.into(),
            revisions: vec![revision],
            paused: Paused::default(),
            start,
        }
    }

    pub(super) fn with_revision(&self, revision: Arc<Revision>) -> Deployment {
        let mut next = self.clone();
        next.revisions.push(revision);
        next
    }

    /// The revision that handles this position.
    pub fn revision_at(&self, lsn: Lsn) -> &Arc<Revision> {
        let after = self.revisions.partition_point(|revision| revision.from <= lsn);
        &self.revisions[after.saturating_sub(1)]
    }

    /// What was activated last: settings that act at once (`on_error`) are taken from it.
    pub fn newest(&self) -> &Arc<Revision> {
        &self.revisions[self.revisions.len() - 1]
    }

    /// The next revision's number, if the new module reads what any revision may have stored.
    pub(super) fn check_successor(&self, tried: &Tried) -> Result<u32, Error> {
        let reads = &tried.configured.plan.state_reads;
        let mut stored = self.revisions.iter().map(|revision| revision.configured.plan.state_writes);
        match stored.find(|stored| !reads.contains(stored)) {
            Some(stored) => Err(Error::StateVersion { reads: reads.clone(), stored }),
            None => Ok(self.newest().number + 1),
        }
    }
}

/// A module that has accepted a configuration and started with it.
pub(super) struct Tried {
    envelope: String,
    configured: Configured,
    permissions: Vec<Box<str>>,
}

/// `configure`, then an instance as a worker will make it.
pub(super) fn try_out(
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
    if let Some(unknown) = permissions.iter().find(|name| ***name != *"matches") {
        return Err(Error::Permission(unknown.to_string()));
    }
    let mut runner = Runner::new(module.clone(), &envelope, configured.clone(), permissions.clone())?;
    runner.smoke().map_err(|failure| Error::Host(failure.0))?;
    Ok(Tried { envelope, configured, permissions })
}

impl Tried {
    pub(super) fn into_change(
        self,
        business: &str,
        name: &str,
        revision: u32,
        digest: Digest,
        request: DeployRequest,
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
            start: request.start,
        }
    }
}

/// A revision as its control frame says it.
pub(super) fn revision_from(lsn: Lsn, control: &Control) -> Result<Revision, Error> {
    let Change::DeploymentRevised {
        revision, digest, configuration, envelope, plan, permissions, on_error, start, ..
    } = &control.change
    else {
        return Err(Error::Recovery("not a revision".to_owned()));
    };
    let configured = Configured::stored(plan).map_err(Error::Recovery)?;
    Ok(Revision {
        number: *revision,
        from: if *revision == 1 { Lsn::ZERO } else { lsn },
        digest: *digest,
        configuration: configuration.clone(),
        envelope: envelope.clone(),
        configured,
        permissions: permissions.clone(),
        on_error: *on_error,
        at: control.at,
        by: control.by.clone(),
        start: *start,
    })
}
