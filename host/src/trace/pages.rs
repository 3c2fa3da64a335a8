//! Matches and failed inputs of a business, page by page in the order of the journal.

use std::sync::Arc;
use std::time::Instant;

use super::names::Names;
use super::walk::{Events, Walk};
use super::{Error, Expired};
use crate::journal::Log;
use crate::model::{Digest, End, Event, InputRecord, Lsn, Match, Outcome, Via};
use crate::registry::Registry;

/// Which page.
#[derive(Clone, Debug)]
pub struct PageRequest<'a> {
    pub business: &'a str,
    /// Frames behind this position.
    pub after: Lsn,
    /// Items; a page ends with the frame that reaches it, so it may hold a frame's worth more.
    pub limit: usize,
    /// A page ends there too, however few items it has.
    pub deadline: Instant,
}

/// Some items, and from where to go on.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Everything up to here has been looked at.
    pub next: Lsn,
    /// What was asked for begins with something that has expired.
    pub expired: Option<Expired>,
}

#[derive(Clone, Debug)]
pub struct FoundMatch {
    /// Of the outcome frame.
    pub lsn: Lsn,
    /// Of the event that completed it.
    pub input: Lsn,
    pub deployment: Arc<str>,
    pub revision: u32,
    pub digest: Digest,
    /// Of the event that completed it, milliseconds.
    pub time: u64,
    /// That event came beyond the dedup horizon.
    pub undeduplicated: bool,
    pub found: Match,
}

#[derive(Clone, Debug)]
pub struct FailedInput {
    /// Of the event, or of the frame that led to the input.
    pub lsn: Lsn,
    /// It is a replay that failed again: the position of the control frame that asked for it.
    pub replayed_at: Option<Lsn>,
    pub deployment: Arc<str>,
    pub revision: u32,
    pub digest: Digest,
    pub key: Box<str>,
    pub via: Via,
    /// `Done` where it was only late for a window.
    pub end: End,
    pub late: bool,
    /// Receive clock when it was handled, milliseconds.
    pub at: u64,
    /// An event from outside, kept or not.
    pub outside: bool,
    /// None of an input that is no event of its own, or if the journal no longer has it.
    pub event: Option<Arc<Event>>,
}

/// Matches, of all names and persons or of one.
pub fn matches(
    log: &Log,
    registry: &Registry,
    request: &PageRequest<'_>,
    name: Option<&str>,
    person: Option<&str>,
) -> Result<Page<FoundMatch>, Error> {
    let is = |text: &str, wanted: Option<&str>| wanted.is_none_or(|wanted| *text == *wanted);
    let wanted = |found: &&Match| is(&found.name, name) && is(&found.person, person);
    page(log, registry, request, |lsn, deployment, outcome, record, items| {
        items.extend(record.outcome.matches.iter().filter(wanted).map(|found| FoundMatch {
            lsn,
            input: record.origin(),
            deployment: deployment.clone(),
            revision: outcome.revision,
            digest: outcome.digest,
            time: record.time,
            undeduplicated: record.outcome.undeduplicated,
            found: found.clone(),
        }));
    })
}

/// Which inputs of a list of failed ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct FailedFilter<'a> {
    /// Only of this deployment.
    pub deployment: Option<&'a str>,
    pub code: Option<&'a str>,
    pub key: Option<&'a str>,
    /// Those that came too late instead: for their order, or for a window that would have observed them.
    pub late: bool,
}

impl FailedFilter<'_> {
    fn wants(&self, deployment: &str, record: &InputRecord) -> bool {
        let outcome = &record.outcome;
        let listed = if self.late { outcome.late } else { outcome.end != End::Done };
        let is = |one: &str, wanted: Option<&str>| wanted.is_none_or(|wanted| one == wanted);
        listed && is(deployment, self.deployment) && is(outcome.end.code(), self.code) && is(&record.key, self.key)
    }
}

/// Inputs that were refused, trapped or ran out of fuel; or those that were late. A replay that failed again is one of its
/// own.
pub fn failed(
    log: &Log,
    registry: &Registry,
    request: &PageRequest<'_>,
    filter: FailedFilter<'_>,
) -> Result<Page<FailedInput>, Error> {
    let mut page = page(log, registry, request, |_, deployment, outcome, record, items| {
        if filter.wants(deployment, record) {
            items.push(FailedInput {
                lsn: record.origin(),
                replayed_at: record.replay_of.map(|_| record.lsn),
                deployment: deployment.clone(),
                revision: outcome.revision,
                digest: outcome.digest,
                key: record.key.clone(),
                via: record.via.clone(),
                end: record.outcome.end.clone(),
                outside: false,
                late: record.outcome.late,
                at: outcome.now,
                event: None,
            });
        }
    })?;
    let mut events = Events::new(log);
    for item in &mut page.items {
        item.event = events.get(item.lsn)?;
        item.outside = item.event.is_some() || item.lsn < log.first();
    }
    Ok(page)
}

/// Goes through the outcome frames of a business.
fn page<T>(
    log: &Log,
    registry: &Registry,
    request: &PageRequest<'_>,
    mut take: impl FnMut(Lsn, &Arc<str>, &Outcome, &InputRecord, &mut Vec<T>),
) -> Result<Page<T>, Error> {
    let mut names = Names::new(registry, request.business);
    // What expires while the page is read is told with the next one.
    let expired = Expired::of(log).filter(|expired| request.after.next() < expired.first);
    let mut page = Page { items: Vec::new(), next: request.after, expired };
    for item in Walk::new(log, request.after.next(), Lsn(u64::MAX), request.deadline) {
        let (lsn, frame) = match item {
            Ok(found) => found,
            Err(Error::Deadline) => break,
            Err(error) => return Err(error),
        };
        if let crate::model::Frame::Outcome(outcome) = frame
            && let Some(deployment) = names.get(outcome.deployment)
        {
            outcome.inputs.iter().for_each(|record| take(lsn, &deployment, &outcome, record, &mut page.items));
        }
        page.next = lsn;
        if page.items.len() >= request.limit {
            break;
        }
    }
    Ok(page)
}
