//! Recently seen event identities. Rebuilt from the journal at start by the code that ran live.

use std::collections::{HashMap, VecDeque};

use rustc_hash::FxBuildHasher;

use crate::model::{Event, Lsn};

/// An identity that was accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known {
    pub lsn: Lsn,
    /// Hash of what must not change.
    pub content: u64,
}

/// Identities up to a number and an age: the younger of the two is the effective horizon.
pub struct Dedup {
    known: HashMap<u128, Known, FxBuildHasher>,
    /// In order of acceptance, with the time until which each is kept, milliseconds.
    order: VecDeque<(u128, u64)>,
    limit: usize,
    horizon_ms: u64,
    newest: u64,
}

impl Dedup {
    pub fn new(limit: u64, horizon_ms: u64) -> Dedup {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Dedup { known: HashMap::default(), order: VecDeque::new(), limit, horizon_ms, newest: 0 }
    }

    pub fn get(&self, identity: u128) -> Option<Known> {
        self.known.get(&identity).copied()
    }

    /// Remembers an accepted event and forgets what is over the limit or beyond the horizon.
    pub fn insert(&mut self, event: &Event, identity: u128, known: Known) {
        self.newest = self.newest.max(event.received);
        if self.known.insert(identity, known).is_none() {
            self.order.push_back((identity, event.received.max(event.time) + self.horizon_ms));
        }
        while let Some((oldest, until)) = self.order.front() {
            if self.order.len() <= self.limit && *until >= self.newest {
                break;
            }
            self.known.remove(oldest);
            self.order.pop_front();
        }
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// How far back duplicates are found now, milliseconds.
    pub fn effective_horizon_ms(&self) -> u64 {
        let oldest = self.order.front().map_or(self.newest, |(_, until)| until.saturating_sub(self.horizon_ms));
        self.newest.saturating_sub(oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(dedup: &mut Dedup, id: u128, received: u64) {
        let event = Event { time: received, received, ..Event::default() };
        dedup.insert(&event, id, Known { lsn: Lsn(id as u64), content: 0 });
    }

    #[test]
    fn identities_are_forgotten_by_number_and_by_age() {
        let mut dedup = Dedup::new(2, 100);
        (1..=3).for_each(|id| insert(&mut dedup, id, 1_000));
        assert!(dedup.get(1).is_none());
        assert_eq!(dedup.get(2).map(|known| known.lsn), Some(Lsn(2)));
        insert(&mut dedup, 4, 1_101);
        assert_eq!((dedup.len(), dedup.effective_horizon_ms()), (1, 0));
        assert!(dedup.get(4).is_some());
    }
}
