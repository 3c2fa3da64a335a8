//! What a deployment made of an event, and why it made nothing of it.

use std::collections::HashMap;
use std::sync::Arc;

use super::gather::Gathered;
use super::{Change, Changed, Question};
use crate::model::{
    self, Control, DeploymentId, Digest, Document, End, Event, InputRecord, Lsn, Op, Outcome, ShardId, ShardSet, Span, Totals,
    shard_of,
};
use crate::registry::{Deployment, Registry, Revision};
use crate::router::{Routed, Router};

/// One deployment's answer to one event.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub deployment: Arc<str>,
    pub answer: Answer,
    /// None if the journal has no record of it up to the horizon.
    pub handled: Option<Handled>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Matched,
    NoMatch,
    /// Refused, trapped or out of fuel; the record says more.
    Failed,
    /// It does not subscribe to this type, but to these.
    NotSubscribed { types: Vec<Box<str>> },
    /// It subscribes to the type, but a predicate of the subscription did not hold.
    Filtered,
    /// It begins to read behind the event.
    DeployedLater { start: Lsn },
    /// It had not got to the event, in the shard of the key that the event belongs to there.
    Lagging { key: Box<str>, position: Lsn },
    Paused { key: Box<str>, position: Lsn, reason: Box<str>, since: u64 },
}

/// A record of the journal.
#[derive(Clone, Debug)]
pub struct Handled {
    /// Of the outcome frame.
    pub lsn: Lsn,
    pub deployment: DeploymentId,
    pub revision: u32,
    pub digest: Digest,
    /// `name@version`; None if the digest is unknown to the registry.
    pub module: Option<Arc<str>>,
    pub subscription: Box<str>,
    pub record: InputRecord,
    /// The key's windows around the event, after it; empty for a record under another key.
    pub windows: Vec<WindowTotals>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowTotals {
    pub name: Arc<str>,
    pub totals: Totals,
}

/// Knows the deployments that were there at the horizon.
pub(super) struct Judge<'a> {
    question: &'a Question<'a>,
    deployments: Vec<Arc<Deployment>>,
    modules: HashMap<Digest, Arc<str>>,
}

impl<'a> Judge<'a> {
    pub fn new(registry: &Registry, question: &'a Question<'a>, horizon: Lsn) -> Judge<'a> {
        let mut deployments = registry.deployments(question.business);
        deployments.retain(|deployment| deployment.id.0 <= horizon.0);
        let modules = registry.modules(question.business);
        let name = |module: &model_upload::Uploaded| (module.digest, format!("{}@{}", module.name, module.version).into());
        Judge { question, deployments, modules: modules.iter().map(|module| name(module)).collect() }
    }

    pub fn key(&self) -> &str {
        self.question.key
    }
}
