//! What the journal tells about the past: why a user did or did not match, which matches there are, which inputs
//! failed.
//!
//! Everything here reads durable frames from the files: where a segment has a key file (`keys`) those that may concern the
//! question, elsewhere all of them. The answer is the same. Whoever asks gives a deadline, so that no question runs for
//! ever.

mod facts;
mod failures;
#[cfg(test)]
pub(crate) mod fixture;
mod gather;
mod judge;
mod names;
mod pages;
mod verdict;
mod walk;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

pub use failures::{Asked, Ended, Failure, FailureQuery, Failures, Replay, ResendError, Unfit, failures, resend};
pub use pages::{FailedFilter, FailedInput, FoundMatch, Page, PageRequest, failed, matches};
pub use verdict::{Answer, Handled, Verdict, WindowTotals};

use crate::journal::{Log, ReadError};
use crate::keys::{Keys, Reading};
use crate::model::{Digest, Document, Event, Lsn, shard_of};
use crate::registry::Registry;
use gather::{About, Gathered, gather};
use judge::{Judge, Routers};
use walk::Frames;

/// Answers of deployments in one trace: where there are many deployments, it holds fewer events.
const MAX_VERDICTS: usize = 100_000;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("reading the journal took longer than one request may (`request_ms`)")]
    Deadline,
}

/// Whose past, and how much of it.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    pub business: &'a str,
    pub key: &'a str,
    /// Wall clock in milliseconds: what the journal held then. Exact to one write group of the journal: a group counts
    /// if it was written in this millisecond or before.
    pub at: Option<u64>,
    /// Events, newest kept.
    pub limit: usize,
    /// Longest key that is routed, bytes (`attribute_bytes`).
    pub key_bytes: usize,
    pub deadline: Instant,
}

/// All that happened to one key.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Everything up to here was looked at.
    pub horizon: Lsn,
    /// Older events were left out.
    pub truncated: bool,
    /// What is older has expired.
    pub expired: Option<Expired>,
    /// Oldest first: events whose subject or actor is the key, and events that a deployment handled under it.
    pub events: Vec<TracedEvent>,
    /// What deployments handled under the key besides, oldest first: timers, signals, settlements, derived events.
    pub inputs: Vec<TracedInput>,
    /// Of the business, from the first of the events on, oldest first.
    pub changes: Vec<Changed>,
    /// The key's documents at the horizon, rebuilt from the frames.
    pub documents: Vec<KeptDocument>,
    /// Events that matches were made from, as far as the journal still has them.
    pub used: HashMap<Lsn, Arc<Event>>,
}

/// Retention has taken the journal's beginning: nothing is known of what is below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired {
    /// The oldest position that is kept.
    pub first: Lsn,
    /// When it was written, wall clock in milliseconds; None while that is not on disk.
    pub since: Option<u64>,
}

impl Expired {
    /// None if the journal is whole.
    pub fn of(log: &Log) -> Option<Expired> {
        let first = log.first();
        (first > Lsn(1)).then(|| Expired { first, since: log.written_at(first) })
    }
}

/// One event and what each deployment of the business made of it.
#[derive(Clone, Debug)]
pub struct TracedEvent {
    pub lsn: Lsn,
    pub event: Arc<Event>,
    pub verdicts: Vec<Verdict>,
}

/// An input that is no frame of its own.
#[derive(Clone, Debug)]
pub struct TracedInput {
    pub deployment: Arc<str>,
    pub handled: Handled,
}

/// A change of what runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    pub lsn: Lsn,
    /// Wall clock, milliseconds.
    pub at: u64,
    /// Token name or `host`.
    pub by: Box<str>,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// `name@version`.
    Uploaded {
        module: String,
        digest: Digest,
    },
    Revised {
        deployment: Arc<str>,
        revision: u32,
        digest: Digest,
    },
    /// How many shards.
    Paused {
        deployment: Arc<str>,
        shards: u32,
        reason: Box<str>,
    },
    Resumed {
        deployment: Arc<str>,
        shards: u32,
    },
    Retired {
        deployment: Arc<str>,
    },
    /// A failed input, by its position and key.
    Resent {
        deployment: Arc<str>,
        position: Lsn,
        key: Box<str>,
    },
    Policy {
        id: Box<str>,
        revision: u32,
        removed: bool,
    },
    Chain {
        part: Box<str>,
        revision: u32,
        filters: Vec<Box<str>>,
    },
}

/// What a deployment kept for the key.
#[derive(Clone, Debug)]
pub struct KeptDocument {
    pub deployment: Arc<str>,
    pub document: Document,
    /// How far it had read in the key's shard, as its frames say.
    pub position: Lsn,
}

/// Traces one key.
pub fn trace(keys: &Keys, registry: &Registry, question: &Question<'_>) -> Result<Trace, Error> {
    look(keys, registry, question, About::Key)
}

/// Traces all events of one identity that the journal has: duplicates are none, but an identity is forgotten some day.
/// `key` in the question is of no meaning.
pub fn identity(
    keys: &Keys,
    registry: &Registry,
    question: &Question<'_>,
    source: &str,
    id: &str,
) -> Result<Trace, Error> {
    look(keys, registry, question, About::Event { source, id })
}

fn look(keys: &Keys, registry: &Registry, question: &Question<'_>, about: About<'_>) -> Result<Trace, Error> {
    let log = keys.log();
    let durable = log.journal().durable();
    let horizon =
        question.at.map_or(durable, |at| log.journal().position_at(at.saturating_add(1)).previous().min(durable));
    let reading = keys.reading();
    // After the horizon was taken: the registry knows every deployment that has a frame up to there.
    let judge = Judge::new(registry, question, horizon);
    let limit = question.limit.min(MAX_VERDICTS / judge.deployments().len().max(1)).max(1);
    let mut gathered = gather(&reading, &judge, question, about, limit, horizon)?;
    let used = used_events(&reading, &gathered, question.deadline)?;
    let documents = documents(&judge, &mut gathered)?;
    let Gathered { own, events, changes, mut truncated, mut facts, .. } = gathered;
    let first = own.first_key_value().map_or(horizon, |(lsn, _)| *lsn);
    let mut routers = Routers::new();
    let (mut traced, mut inputs) = (Vec::with_capacity(own.len()), Vec::new());
    for (lsn, handled) in own {
        match events.get(&lsn) {
            Some(event) => {
                let verdicts = judge.verdicts(lsn, event, handled, &mut facts, &mut routers)?;
                traced.push(TracedEvent { lsn, event: event.clone(), verdicts });
            }
            // Handled, but the journal no longer reaches back to the event itself.
            None if lsn < log.first() => truncated = true,
            None => inputs.extend(handled.into_iter().filter_map(|handled| judge.input(handled))),
        }
    }
    let changes = changes.into_iter().filter(|change| change.lsn >= first).collect();
    Ok(Trace { horizon, truncated, expired: Expired::of(log), events: traced, inputs, changes, documents, used })
}

fn documents(judge: &Judge<'_>, gathered: &mut Gathered<'_>) -> Result<Vec<KeptDocument>, Error> {
    let shard = shard_of(judge.key());
    let mut kept = Vec::with_capacity(gathered.documents.len());
    for (id, document) in std::mem::take(&mut gathered.documents) {
        let Some(deployment) = judge.deployment(id) else { continue };
        let position = gathered.facts.position(id, shard)?;
        kept.push(KeptDocument { deployment: deployment.name.clone(), document, position });
    }
    Ok(kept)
}

/// The events that the matches name; those of the trace itself are at hand already.
fn used_events(
    reading: &Reading,
    gathered: &Gathered<'_>,
    deadline: Instant,
) -> Result<HashMap<Lsn, Arc<Event>>, Error> {
    let matches = gathered.own.values().flatten().flat_map(|handled| &handled.record.outcome.matches);
    let named: BTreeSet<Lsn> = matches.flat_map(|found| &found.events).map(|event| event.lsn).collect();
    let mut files = Frames::new(reading.keys());
    let mut used = HashMap::new();
    for lsn in named {
        let event = match gathered.events.get(&lsn) {
            Some(event) => Some(event.clone()),
            None => files.event(lsn, Some(deadline))?,
        };
        used.extend(event.map(|event| (lsn, event)));
    }
    Ok(used)
}
