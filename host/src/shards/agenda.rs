//! Pending timers of one owner's documents, by the time at which they are due.
//!
//! Documents hold the timers; this is an index over them, kept by the same operations that change them. A timer leaves
//! it when the outcome of handling it is there, so what a tick has fired and what not is never a matter of memory alone.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

use crate::model::{Lsn, Op, ShardSet, Tick, TimerClock, shard_of};

type Place = (u64, Arc<str>, Box<str>);

/// A key and the name of a timer of it.
type Name = (Arc<str>, Box<str>);

#[derive(Default)]
pub struct Agenda {
    /// By clock; then by due time, key and name. The value is the position of the input that set it.
    due: [BTreeMap<Place, Lsn>; 2],
    by_name: HashMap<Name, (TimerClock, u64), FxBuildHasher>,
    /// By clock: the newest position at which a timer was set.
    newest: [Lsn; 2],
}

/// A timer that a tick fires.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Due {
    pub key: Arc<str>,
    pub name: Box<str>,
    pub time: u64,
    pub clock: TimerClock,
}

impl Agenda {
    /// Follows a change of a document; those that are no timer's change nothing.
    pub fn note(&mut self, key: &Arc<str>, op: &Op) {
        match op {
            Op::SetTimer { name, timer } => {
                self.remove(key, name);
                self.by_name.insert((key.clone(), name.clone()), (timer.clock, timer.due));
                let newest = &mut self.newest[timer.clock as usize];
                *newest = (*newest).max(timer.at);
                self.due[timer.clock as usize].insert((timer.due, key.clone(), name.clone()), timer.at);
            }
            Op::CancelTimer { name } => self.remove(key, name),
            _ => {}
        }
    }

    fn remove(&mut self, key: &Arc<str>, name: &str) {
        if let Some((clock, due)) = self.by_name.remove(&(key.clone(), Box::from(name))) {
            self.due[clock as usize].remove(&(due, key.clone(), name.into()));
        }
    }

    /// Up to `most` timers of some shards that a tick at a position fires, in the order of (time, key, name). One that was
    /// set at the tick or behind it waits for the next.
    pub fn due(&self, tick: Tick, lsn: Lsn, shards: ShardSet, most: usize) -> Vec<Due> {
        let mut found = Vec::new();
        for (clock, until) in [(TimerClock::Receive, tick.now), (TimerClock::Event, tick.watermark)] {
            let all = self.due[clock as usize].iter().take_while(|((time, ..), _)| *time <= until);
            let own = all.filter(|((_, key, _), at)| **at < lsn && shards.contains(shard_of(key)));
            found.extend(own.take(most).map(|((time, key, name), _)| Due {
                key: key.clone(),
                name: name.clone(),
                time: *time,
                clock,
            }));
        }
        found.sort_by(|a, b| (a.time, &a.key, &a.name).cmp(&(b.time, &b.key, &b.name)));
        found.truncate(most);
        found
    }

    /// The earliest time on a clock for which no tick was written yet; `last` is the last one, at `lsn`. What that one has
    /// fired and nobody has handled so far (its deployment is paused) asks for no further tick.
    pub fn unfired(&self, clock: TimerClock, last: u64, lsn: Lsn) -> Option<u64> {
        let due = &self.due[clock as usize];
        let later = || due.range((last.saturating_add(1), "".into(), "".into())..).next();
        let next = if self.newest[clock as usize] >= lsn { due.iter().next() } else { later() };
        next.map(|((time, ..), _)| *time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timer;

    fn set(name: &str, clock: TimerClock, due: u64, at: u64) -> Op {
        let timer = Timer { clock, due, context: "".into(), at: Lsn(at), number: 0, state_version: 1, hops: 0 };
        Op::SetTimer { name: name.into(), timer }
    }

    fn names(agenda: &Agenda, now: u64, watermark: u64, lsn: u64, shards: ShardSet) -> Vec<String> {
        let due = agenda.due(Tick { now, watermark }, Lsn(lsn), shards, 10);
        due.iter().map(|due| due.name.to_string()).collect()
    }

    #[test]
    fn each_clock_fires_its_own_timers_in_the_order_of_their_times() {
        let mut agenda = Agenda::default();
        let key: Arc<str> = "k".into();
        agenda.note(&key, &set("b", TimerClock::Receive, 20, 1));
        agenda.note(&key, &set("a", TimerClock::Receive, 10, 1));
        agenda.note(&key, &set("e", TimerClock::Event, 15, 1));
        assert_eq!(names(&agenda, 20, 14, 9, ShardSet::ALL), ["a", "b"]);
        assert_eq!(names(&agenda, 19, 15, 9, ShardSet::ALL), ["a", "e"]);
        let unfired = |clock, last, lsn| agenda.unfired(clock, last, Lsn(lsn));
        assert_eq!((unfired(TimerClock::Receive, 0, 2), unfired(TimerClock::Event, 0, 2)), (Some(10), Some(15)));
        assert_eq!((unfired(TimerClock::Receive, 10, 2), unfired(TimerClock::Event, 15, 2)), (Some(20), None));
        assert_eq!(unfired(TimerClock::Event, 15, 1), Some(15), "it was set behind the tick");
        agenda.note(&key, &set("a", TimerClock::Receive, 30, 1));
        agenda.note(&key, &Op::CancelTimer { name: "e".into() });
        assert_eq!(names(&agenda, 25, 99, 9, ShardSet::ALL), ["b"]);
        let other = ShardSet::ALL.without(ShardSet::one(shard_of("k")));
        assert_eq!(names(&agenda, 99, 99, 9, other), [""; 0]);
    }

    #[test]
    fn what_was_set_at_a_tick_waits_for_the_next() {
        let mut agenda = Agenda::default();
        agenda.note(&"k".into(), &set("a", TimerClock::Receive, 10, 5));
        assert_eq!(names(&agenda, 10, 0, 5, ShardSet::ALL), [""; 0]);
        assert_eq!(names(&agenda, 10, 0, 6, ShardSet::ALL), ["a"]);
    }
}
