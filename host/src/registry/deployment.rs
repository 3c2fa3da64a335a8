//! A deployment and its revisions: which module with which configuration, from which position on.

use std::sync::Arc;

use super::Error;
use super::guard::describe;
use crate::engine::{Configured, Scope};
use crate::model::{
    Change, Control, DeploymentId, Digest, Gap, Guard, Lsn, OnError, PauseCause, ShardId, ShardSet, Start,
};

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
    pub guard: Guard,
    /// Only for the first revision.
    pub start: Start,
    /// Of a repair: shards may go on behind what retention has released before they have read it.
    pub accept_gap: bool,
}

impl DeployRequest {
    /// What is asked for when nothing else is said: the plan's permissions, failed inputs skipped, no guard, from now on.
    pub fn new(module: impl Into<String>, configuration: impl Into<String>) -> DeployRequest {
        DeployRequest {
            module: module.into(),
            configuration: configuration.into(),
            permissions: None,
            on_error: OnError::default(),
            guard: Guard::default(),
            start: Start::default(),
            accept_gap: false,
        }
    }
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
    /// Numbers of the revisions that were quarantined.
    pub quarantined: Vec<u32>,
    /// What its shards have gone on behind, unread.
    pub gaps: Vec<Gap>,
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
    pub guard: Guard,
    /// Wall clock, milliseconds.
    pub at: u64,
    pub by: Box<str>,
    /// Of a repair: in these shards it handles everything behind these positions. Empty, or every shard once.
    pub backlog: Vec<(ShardSet, Lsn)>,
    /// Whose identities its modules make.
    pub(super) scope: Scope,
    start: Start,
    /// Where the first one began: it has read everything up to here.
    begins: Lsn,
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

    /// What makes it behave as it does.
    pub(super) fn content(&self) -> (Digest, &str, &[Box<str>]) {
        (self.digest, &self.configuration, &self.permissions)
    }
}

/// Which shards stand still, and why: of the gravest of what stopped any of them the newest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paused {
    pub shards: ShardSet,
    pub cause: PauseCause,
    pub reason: Box<str>,
    /// Wall clock, milliseconds.
    pub since: u64,
    /// What is gone of what some of them would read next.
    pub gap: Option<Box<str>>,
}

impl Paused {
    pub(super) fn add(&mut self, shards: ShardSet, cause: PauseCause, reason: &str, at: u64) {
        self.shards = self.shards.union(shards);
        // The poison's place must not be lost when an operator stops the others.
        if cause >= self.cause {
            (self.cause, self.reason, self.since) = (cause, reason.into(), at);
        }
        if cause == PauseCause::Gap {
            self.gap = Some(reason.into());
        }
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
            Start::Earliest | Start::At(_) => revision.begins,
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
            quarantined: Vec::new(),
            gaps: Vec::new(),
        }
    }

    pub(super) fn with_revision(&self, revision: Arc<Revision>) -> Deployment {
        let mut next = self.clone();
        if !revision.backlog.is_empty() || self.is_quarantined() {
            next.paused = Paused::default();
        }
        next.revisions.push(revision);
        next
    }

    pub(super) fn quarantine(&mut self, revision: u32, reason: &str, at: u64) {
        self.paused.add(ShardSet::ALL, PauseCause::Quarantine, reason, at);
        self.quarantined.push(revision);
    }

    /// Shards that stand still are behind a gap now.
    pub(super) fn pass(&mut self, gap: Gap) {
        self.paused.gap = Some(describe(&gap));
        self.gaps.push(gap);
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
        guard,
        start,
        begins,
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
        guard: *guard,
        at: control.at,
        by: control.by.clone(),
        backlog: backlog.clone(),
        scope: Scope { business: business.clone(), deployment: name.clone() },
        start: *start,
        begins: *begins,
    })
}
