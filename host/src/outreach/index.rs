//! [`Index`]: where decisions and ends of deliveries are in the journal, and how many there were, so that nobody has to
//! read all of it.
//!
//! It lives in memory, in generations that leave when the journal no longer has their frames, and is rebuilt at a start. A
//! decision cost 155 bytes in a frame of its own and 105 where 16 share one (measured with a counting allocator: a million
//! decisions, each of a new action and a new person, before frames had two times, 8 bytes more a frame): 24 now for the
//! frame, 8 for each of the six things or more that it is found by, and the places of new names in the map. The end of its
//! delivery finds the names there and costs some 70.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::watch;

use super::postings::{Kind, Postings, key};
use crate::model::Lsn;
use crate::model::outreach::{Answered, Cause, Decision, Deed, Ended, Outreach, Status, VerdictKind};
use crate::telemetry::Metrics;

/// Different matches of a business, and reasons of a match, that are counted by name; what comes then is `other`.
const COUNTED_NAMES: usize = 1_000;

/// Mentions after which a generation is full: some tens of MB.
const GENERATION_MENTIONS: usize = 1 << 20;

pub struct Index {
    state: RwLock<State>,
    reached: watch::Sender<Reached>,
    metrics: Arc<Metrics>,
}

#[derive(Clone, Copy, Default)]
struct Reached {
    position: Lsn,
    stopped: bool,
}

/// The index is fed no more: a position that it has not reached it never will.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("decisions are no longer followed since an error; the log says which: restart the host")]
pub struct Stopped;

pub(super) struct State {
    /// Oldest first.
    generations: VecDeque<Generation>,
    /// Mentions of a full one.
    full: usize,
}

/// Frames that follow each other, and what they speak of.
#[derive(Default)]
struct Generation {
    /// Those that hold a decision or an end.
    frames: Vec<FrameAt>,
    postings: Postings,
    counts: HashMap<Box<str>, Counts>,
    /// Decisions and ends.
    found: u64,
    /// Of the oldest and the newest decision or end, receive clock in milliseconds.
    since: u64,
    until: u64,
}

struct FrameAt {
    lsn: Lsn,
    /// Of the oldest and the newest of what it holds, receive clock in milliseconds: a round is of several jobs.
    since: u64,
    until: u64,
}

/// What was done about matches as far back as the journal goes, by name of the match.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Counts {
    pub matches: BTreeMap<Box<str>, MatchCounts>,
}

#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct MatchCounts {
    /// Matches that message policies were looked for.
    pub seen: u64,
    pub tagged: u64,
    pub published: u64,
    /// Looks at actions by status, without further tries of the same delivery.
    pub statuses: BTreeMap<&'static str, u64>,
    /// Denied and cancelled ones by reason: the filter's, or the code of its error.
    pub reasons: BTreeMap<Box<str>, u64>,
    /// Deliveries by their end.
    pub ends: BTreeMap<&'static str, u64>,
}

impl Index {
    pub fn new(metrics: Arc<Metrics>) -> Index {
        Index::of_generations(metrics, GENERATION_MENTIONS)
    }

    pub(super) fn of_generations(metrics: Arc<Metrics>, full: usize) -> Index {
        let state = State { generations: VecDeque::new(), full };
        Index { state: RwLock::new(state), reached: watch::Sender::default(), metrics }
    }

    /// Takes over a durable frame, in the order of positions. One that it knows changes nothing.
    pub fn frame(&self, lsn: Lsn, outreach: &Outreach) {
        let found = self.write().take(lsn, outreach);
        self.metrics.decisions_indexed.add(found as i64);
    }

    /// The journal begins here now: what is older need not be found any more.
    pub fn release(&self, first: Lsn) {
        if self.read().oldest_ends().is_some_and(|last| last < first) {
            let gone = self.write().release(first);
            self.metrics.decisions_indexed.sub(gone as i64);
        }
    }

    /// Everything up to here was offered.
    pub fn reach(&self, position: Lsn) {
        self.reached.send_if_modified(|reached| {
            let higher = position > reached.position;
            reached.position = reached.position.max(position);
            higher
        });
    }

    /// Nothing will be offered any more.
    pub fn stop(&self) {
        self.reached.send_modify(|reached| reached.stopped = true);
    }

    /// Everything durable up to here can be found.
    pub fn position(&self) -> Lsn {
        self.reached.borrow().position
    }

    /// Is it still fed?
    pub fn is_running(&self) -> bool {
        !self.reached.borrow().stopped
    }

    /// Waits until everything up to a position can be found; one that was not given yet is waited for as well.
    pub async fn wait(&self, position: Lsn) -> Result<(), Stopped> {
        let mut watch = self.reached.subscribe();
        let reached = watch.wait_for(|reached| reached.position >= position || reached.stopped).await;
        match reached {
            Ok(reached) if reached.position >= position => Ok(()),
            _ => Err(Stopped),
        }
    }

    pub fn counts(&self, business: &str) -> Counts {
        let mut all = Counts::default();
        for generation in &self.read().generations {
            let counts = generation.counts.get(business);
            counts.into_iter().for_each(|counts| all.add(counts));
        }
        all
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Answers how many decisions and ends there were.
    fn take(&mut self, lsn: Lsn, outreach: &Outreach) -> u64 {
        let newest = self.generations.back();
        if newest.and_then(Generation::ends).is_some_and(|last| last >= lsn) {
            return 0;
        }
        if newest.is_none_or(|newest| newest.postings.mentions() >= self.full) {
            self.generations.push_back(Generation { since: u64::MAX, ..Generation::default() });
        }
        self.generations.back_mut().map_or(0, |newest| newest.take(lsn, outreach))
    }

    /// The last position of the oldest generation, if that is full.
    fn oldest_ends(&self) -> Option<Lsn> {
        self.generations.front().filter(|oldest| oldest.postings.mentions() >= self.full)?.ends()
    }

    /// Answers how many decisions and ends are gone.
    fn release(&mut self, first: Lsn) -> u64 {
        let mut gone = 0;
        while self.oldest_ends().is_some_and(|last| last < first) {
            gone += self.generations.pop_front().map_or(0, |oldest| oldest.found);
        }
        gone
    }

    /// Positions of frames that may hold what is asked for, newest first, between two times (receive clock; `until`
    /// exclusive), below a position.
    pub fn positions(&self, keys: &[u64], since: u64, until: u64, before: Lsn, limit: usize) -> Vec<Lsn> {
        let generations = self.generations.iter().rev();
        let met = generations.filter(|generation| generation.until >= since && generation.since < until);
        met.flat_map(|generation| generation.positions(keys, since, until, before)).take(limit).collect()
    }
}

impl Generation {
    fn ends(&self) -> Option<Lsn> {
        self.frames.last().map(|last| last.lsn)
    }

    fn take(&mut self, lsn: Lsn, outreach: &Outreach) -> u64 {
        let number = self.frames.len() as u32;
        let (mut found, mut since, mut until) = (0, u64::MAX, 0);
        for deed in &outreach.deeds {
            self.count(deed);
            let Some(traits) = Traits::of(deed) else { continue };
            found += 1;
            (since, until) = (since.min(traits.time()), until.max(traits.time()));
            traits.keys(|key| self.postings.add(key, number));
        }
        if found > 0 {
            self.frames.push(FrameAt { lsn, since, until });
            (self.since, self.until) = (self.since.min(since), self.until.max(until));
        }
        self.found += found;
        found
    }

    fn positions(&self, keys: &[u64], since: u64, until: u64, before: Lsn) -> impl Iterator<Item = Lsn> {
        let below = self.frames.partition_point(|frame| frame.lsn < before) as u32;
        let frames = self.postings.frames(keys, below).map(|number| &self.frames[number as usize]);
        frames.filter(move |frame| frame.until >= since && frame.since < until).map(|frame| frame.lsn)
    }

    fn count(&mut self, deed: &Deed) {
        let (business, name) = match deed {
            Deed::Decided(decision) => (&decision.action.business, &decision.action.origin.match_name),
            Deed::Tagged { business, tag, .. } => (business, &tag.origin.match_name),
            Deed::Published { business, origin, .. } => (business, &origin.match_name),
            Deed::Ended(ended) => (&ended.business, &ended.match_name),
            Deed::Settled(_) => return,
        };
        let business = match self.counts.get_mut(business) {
            Some(counts) => counts,
            None => self.counts.entry(business.clone()).or_default(),
        };
        let counts = counted(&mut business.matches, name);
        match deed {
            Deed::Decided(decision) => counts.decided(decision),
            Deed::Tagged { .. } => counts.tagged += 1,
            Deed::Published { .. } => counts.published += 1,
            Deed::Ended(ended) => *counts.ends.entry(ended.end.name()).or_default() += 1,
            Deed::Settled(_) => {}
        }
    }
}

impl Counts {
    fn add(&mut self, more: &Counts) {
        for (name, theirs) in other_last(&more.matches) {
            let own = counted(&mut self.matches, name);
            own.seen += theirs.seen;
            own.tagged += theirs.tagged;
            own.published += theirs.published;
            theirs.statuses.iter().for_each(|(status, count)| *own.statuses.entry(status).or_default() += count);
            theirs.ends.iter().for_each(|(end, count)| *own.ends.entry(end).or_default() += count);
            other_last(&theirs.reasons).for_each(|(reason, count)| *counted(&mut own.reasons, reason) += count);
        }
    }
}

impl MatchCounts {
    fn decided(&mut self, decision: &Decision) {
        match decision.cause {
            Cause::Match => self.seen += 1,
            Cause::Retry => return,
            Cause::Release | Cause::Arrival => {}
        }
        *self.statuses.entry(decision.status.name()).or_default() += 1;
        if let Some(reason) = decision.reason() {
            *counted(&mut self.reasons, reason) += 1;
        }
    }
}

/// Names beyond those that are counted.
const OTHER: &str = "other";

/// So that it takes no place from a name.
fn other_last<T>(map: &BTreeMap<Box<str>, T>) -> impl Iterator<Item = (&str, &T)> {
    let named = map.iter().filter(|(name, _)| &***name != OTHER).map(|(name, value)| (&**name, value));
    named.chain(map.get(OTHER).map(|value| (OTHER, value)))
}

/// The place of a name, or of `other` if there are too many.
fn counted<'a, T: Default>(map: &'a mut BTreeMap<Box<str>, T>, name: &str) -> &'a mut T {
    let name = if map.contains_key(name) || map.len() < COUNTED_NAMES { name } else { OTHER };
    map.entry(name.into()).or_default()
}

/// What a decision or an end is found by.
pub(super) enum Traits<'a> {
    Decided(&'a Decision),
    Ended(&'a Ended),
}

impl<'a> Traits<'a> {
    pub fn of(deed: &'a Deed) -> Option<Traits<'a>> {
        match deed {
            Deed::Decided(decision) => Some(Traits::Decided(decision)),
            Deed::Ended(ended) => Some(Traits::Ended(ended)),
            Deed::Tagged { .. } | Deed::Published { .. } | Deed::Settled(_) => None,
        }
    }

    fn keys(&self, mut each: impl FnMut(u64)) {
        let business = self.business();
        let mut name = |kind: Kind, value: &str| each(key(kind, business, value.as_bytes()));
        name(Kind::Business, "");
        name(Kind::Person, self.person());
        name(Kind::Match, self.match_name());
        name(Kind::Policy, self.policy());
        self.reasons().for_each(|reason| name(Kind::Reason, reason));
        each(key(Kind::Action, business, &self.action().to_le_bytes()));
    }

    pub fn business(&self) -> &'a str {
        match self {
            Traits::Decided(decision) => &decision.action.business,
            Traits::Ended(ended) => &ended.business,
        }
    }

    /// Receive clock, milliseconds.
    pub fn time(&self) -> u64 {
        match self {
            Traits::Decided(decision) => decision.time,
            Traits::Ended(ended) => ended.time,
        }
    }

    pub fn person(&self) -> &'a str {
        match self {
            Traits::Decided(decision) => &decision.action.person,
            Traits::Ended(ended) => &ended.person,
        }
    }

    pub fn match_name(&self) -> &'a str {
        match self {
            Traits::Decided(decision) => &decision.action.origin.match_name,
            Traits::Ended(ended) => &ended.match_name,
        }
    }

    pub fn policy(&self) -> &'a str {
        match self {
            Traits::Decided(decision) => &decision.action.policy,
            Traits::Ended(ended) => &ended.policy,
        }
    }

    pub fn action(&self) -> u128 {
        match self {
            Traits::Decided(decision) => decision.action.id.0,
            Traits::Ended(ended) => ended.action.0,
        }
    }

    /// Status or end; and every reason that a filter gave against sending as it was, code of a filter's error, or reason
    /// of the host's.
    pub fn reasons(&self) -> impl Iterator<Item = &'a str> {
        let (name, own, verdicts) = match self {
            Traits::Decided(decision) => {
                let own = match &decision.status {
                    Status::Cancelled { reason } => &**reason,
                    _ => "",
                };
                (decision.status.name(), own, &*decision.verdicts)
            }
            Traits::Ended(ended) => (ended.end.name(), &*ended.reason, &[][..]),
        };
        let given = verdicts.iter().filter_map(|reached| match &reached.answer {
            Answered::Verdict(verdict) if verdict.kind != VerdictKind::Allow => Some(&*verdict.reason),
            Answered::Error { code, .. } => Some(&**code),
            _ => None,
        });
        [name, own].into_iter().chain(given).filter(|reason| !reason.is_empty())
    }
}
