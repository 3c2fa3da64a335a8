//! Matches and failed inputs of a business, page by page in the order of the journal.

use std::sync::Arc;
use std::time::Instant;

use super::names::Names;
use super::walk::{Frames, Walk};
use super::{Error, Expired};
use crate::keys::{Key, Keys, Wanted};
use crate::model::{DeploymentId, Digest, End, Event, Frame, InputRecord, Lsn, Match, Outcome, Via};
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
    keys: &Keys,
    registry: &Registry,
    request: &PageRequest<'_>,
    name: Option<&str>,
    person: Option<&str>,
) -> Result<Page<FoundMatch>, Error> {
    let is = |text: &str, wanted: Option<&str>| wanted.is_none_or(|wanted| *text == *wanted);
    let asked = |found: &&Match| is(&found.name, name) && is(&found.person, person);
    let named = [name.map(Key::match_name), person.map(Key::match_person)];
    let named = named.into_iter().flatten().map(Wanted::Key);
    let wanted = |of: &[DeploymentId]| {
        let matched = Wanted::any(of.iter().map(|id| Key::matched(*id)));
        Wanted::All(named.chain([matched]).collect())
    };
    page(keys, registry, request, wanted, |lsn, deployment, outcome, record, items| {
        items.extend(record.outcome.matches.iter().filter(asked).map(|found| FoundMatch {
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
    keys: &Keys,
    registry: &Registry,
    request: &PageRequest<'_>,
    filter: FailedFilter<'_>,
) -> Result<Page<FailedInput>, Error> {
    let keyed = filter.key.map(|key| Wanted::Key(Key::handled(key)));
    let wanted = |of: &[DeploymentId]| {
        let failed = of.iter().map(|id| if filter.late { Key::late(*id) } else { Key::failed(*id) });
        Wanted::All(keyed.into_iter().chain([Wanted::any(failed)]).collect())
    };
    let mut page = page(keys, registry, request, wanted, |_, deployment, outcome, record, items| {
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
    let mut frames = Frames::new(keys);
    for item in &mut page.items {
        // What was found is told also where looking for it took all the time.
        item.event = frames.event(item.lsn, None)?;
        item.outside = item.event.is_some() || item.lsn < keys.log().first();
    }
    Ok(page)
}

/// Goes through the outcome frames of a business that may hold what is wanted of its deployments.
fn page<T>(
    keys: &Keys,
    registry: &Registry,
    request: &PageRequest<'_>,
    wanted: impl FnOnce(&[DeploymentId]) -> Wanted,
    mut take: impl FnMut(Lsn, &Arc<str>, &Outcome, &InputRecord, &mut Vec<T>),
) -> Result<Page<T>, Error> {
    let mut names = Names::new(registry, request.business);
    let reading = keys.reading();
    let wanted = wanted(&names.all());
    // What expires while the page is read is told with the next one.
    let expired = Expired::of(keys.log()).filter(|expired| request.after.next() < expired.first);
    let mut page = Page { items: Vec::new(), next: request.after, expired };
    let mut walk = Walk::new(&reading, wanted, request.after.next(), Lsn(u64::MAX), request.deadline);
    for item in walk.by_ref() {
        let (lsn, frame) = match item {
            Ok(found) => found,
            Err(Error::Deadline) => break,
            Err(error) => return Err(error),
        };
        if let Frame::Outcome(outcome) = frame
            && let Some(deployment) = names.get(outcome.deployment)
        {
            outcome.inputs.iter().for_each(|record| take(lsn, &deployment, &outcome, record, &mut page.items));
        }
        if page.items.len() >= request.limit {
            break;
        }
    }
    page.next = walk.looked();
    Ok(page)
}
