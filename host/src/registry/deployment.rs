//! A deployment and its revisions: which module with which configuration, from which position on.

use std::sync::Arc;

use super::Error;
use crate::engine::{Configured, Scope};
use crate::model::{Change, Control, DeploymentId, Digest, Lsn, OnError, ShardId, ShardSet, Start};

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
    /// Inputs below this control frame are handled, none from it on. Final.
    pub retired: Option<Lsn>,
}

/// One module with one configuration. Handles inputs from `from` on, or behind its `backlog`.
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
    /// Of a repair: in these shards it handles everything behind these positions. Empty, or every shard once.
    pub backlog: Vec<(ShardSet, Lsn)>,
    /// Whose identities its modules make.
    pub(super) scope: Scope,
    start: Start,
}

impl Revision {
    /// The first position in a shard that it handles, unless a newer revision takes it.
    pub fn begins(&self, shard: ShardId) -> Lsn {
        let stood = self.backlog.iter().find(|(shards, _)| shards.contains(shard));
        stood.map_or(self.from, |(_, position)| position.next())
    }

    /// Permissions that its module asks for and that it was not granted.
    pub fn not_granted(&self) -> impl Iterator<Item = &str> {
        let asked = self.configured.plan.permissions.iter().map(|name| &**name);
        asked.filter(|asked| !self.permissions.iter().any(|granted| **granted == **asked))
    }

    pub fn is_filter(&self) -> bool {
        self.configured.plan.filter.is_some()
    }
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
            retired: None,
        }
    }

    pub(super) fn with_revision(&self, revision: Arc<Revision>) -> Deployment {
        let mut next = self.clone();
        if !revision.backlog.is_empty() {
            next.paused = Paused::default();
        }
        next.revisions.push(revision);
        next
    }

    /// The revision that handles this position in a shard: the newest that begins at or below it.
    pub fn revision_at(&self, lsn: Lsn, shard: ShardId) -> &Arc<Revision> {
        let begun = self.revisions.iter().rfind(|revision| revision.begins(shard) <= lsn);
        begun.unwrap_or(&self.revisions[0])
    }

    /// Where the next revision takes over from the one that handles this position in a shard.
    pub fn next_revision_after(&self, lsn: Lsn, shard: ShardId) -> Option<Lsn> {
        let number = self.revision_at(lsn, shard).number;
        // All newer ones begin behind the position. Older ones may too, overtaken by a repair: they never take over.
        let newer = self.revisions.iter().filter(|revision| revision.number > number);
        newer.map(|revision| revision.begins(shard)).min()
    }

    /// What was activated last: settings that act at once (`on_error`) are taken from it.
    pub fn newest(&self) -> &Arc<Revision> {
        &self.revisions[self.revisions.len() - 1]
    }

    /// Can it act as an entry of a chain, as it is now?
    pub fn is_filter(&self) -> bool {
        self.newest().is_filter()
    }
}

/// A revision as its control frame says it.
pub(super) fn revision_from(lsn: Lsn, control: &Control) -> Result<Revision, Error> {
    let Change::DeploymentRevised {
        business,
        name,
        revision,
        digest,
        configuration,
        envelope,
        plan,
        permissions,
        on_error,
        start,
        backlog,
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
        backlog: backlog.clone(),
        scope: Scope { business: business.clone(), deployment: name.clone() },
        start: *start,
    })
}
