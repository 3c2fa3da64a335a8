//! Who is connected, and the push side of their streams.
//!
//! A stream holds nothing that would be lost with it: an action leaves the inbox by an acknowledgement only. So a stream
//! that does not keep up is closed; its client connects again and gets what waits. So does one that newer ones of the same
//! person have replaced: a client that has lost its network leaves a stream behind that nobody reads.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::task::{Context, Poll};

use tokio::sync::mpsc::{self, Receiver, Sender};

use super::Delivery;
use crate::model::ports::Presence;
use crate::telemetry::Metrics;

/// Deliveries that wait in one stream for a slow client.
pub const STREAM_BUFFER: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Full {
    #[error("this host holds at most {limit} open streams (`streams`): connect again later")]
    Limit { limit: u64 },
    #[error(
        "one person has at most {limit} open streams (`streams_per_person`), and newer ones have replaced this one"
    )]
    Person { limit: u64 },
    #[error("this host is about to end: connect again later")]
    Ending,
}

/// The open streams of all persons.
pub struct Hub {
    limit: u64,
    per_person: u64,
    metrics: Arc<Metrics>,
    table: RwLock<Table>,
}

#[derive(Default)]
struct Table {
    businesses: HashMap<Arc<str>, HashMap<Arc<str>, Vec<Place>>>,
    streams: u64,
    /// The number that the next stream gets.
    next: u64,
    ending: bool,
}

struct Place {
    number: u64,
    sender: Sender<Pushed>,
}

/// What goes through a stream.
enum Pushed {
    Delivery(Arc<Delivery>),
    /// The last: a newer stream of the same person takes its place.
    Replaced,
}

/// One client's stream; dropping it leaves.
///
/// Idle it costs some 950 bytes, its place in the hub and the person's name included (measured with a counting allocator:
/// 100,000 streams of as many persons); most of that is tokio's channel with its first block.
pub struct Stream {
    hub: Arc<Hub>,
    business: Arc<str>,
    person: Arc<str>,
    number: u64,
    receiver: Receiver<Pushed>,
    replaced: bool,
}

impl Hub {
    /// `limit`: open streams (`streams`); `per_person`: of one person (`streams_per_person`).
    pub fn new(limit: u64, per_person: u64, metrics: Arc<Metrics>) -> Hub {
        Hub { limit, per_person, metrics, table: RwLock::default() }
    }

    /// Opens a stream of a person. A person may have several; the newest replaces the oldest of too many.
    pub fn join(self: &Arc<Hub>, business: &str, person: &str) -> Result<Stream, Full> {
        let (sender, receiver) = mpsc::channel(STREAM_BUFFER);
        let mut table = self.write();
        if table.ending {
            return Err(Full::Ending);
        }
        if table.places(business, person).len() as u64 >= self.per_person {
            table.replace_oldest(business, person);
            self.metrics.streams_replaced.inc();
        }
        if table.streams >= self.limit {
            return Err(Full::Limit { limit: self.limit });
        }
        let number = table.next;
        table.next += 1;
        table.streams += 1;
        let (business, person) = table.enter(business, person, Place { number, sender });
        self.metrics.streams.set(table.streams as i64);
        drop(table);
        Ok(Stream { hub: self.clone(), business, person, number, receiver, replaced: false })
    }

    /// Puts a delivery into all streams of a person and answers how many have it. A stream that is full is closed.
    pub fn push(&self, business: &str, person: &str, delivery: Delivery) -> usize {
        let delivery = Arc::new(delivery);
        let mut slow = Vec::new();
        let mut taken = 0;
        for place in self.read().places(business, person) {
            match place.sender.try_send(Pushed::Delivery(delivery.clone())) {
                Ok(()) => taken += 1,
                Err(_) => slow.push(place.number),
            }
        }
        for number in slow {
            self.metrics.streams_overrun.inc();
            self.leave(business, person, number);
        }
        taken
    }

    /// Open streams.
    pub fn streams(&self) -> u64 {
        self.read().streams
    }

    /// Closes all streams and takes no more: the host ends.
    pub fn close(&self) {
        let mut table = self.write();
        table.ending = true;
        table.businesses.clear();
        table.streams = 0;
        self.metrics.streams.set(0);
    }

    /// Also for one that has left already.
    fn leave(&self, business: &str, person: &str, number: u64) {
        let mut table = self.write();
        table.leave(business, person, number);
        self.metrics.streams.set(table.streams as i64);
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Presence for Hub {
    fn is_present(&self, business: &str, person: &str) -> bool {
        !self.read().places(business, person).is_empty()
    }
}

impl Table {
    fn places(&self, business: &str, person: &str) -> &[Place] {
        self.businesses.get(business).and_then(|persons| persons.get(person)).map_or(&[], |places| places)
    }

    /// Answers the names as the table has them, so that a stream shares them.
    fn enter(&mut self, business: &str, person: &str, place: Place) -> (Arc<str>, Arc<str>) {
        let known = self.businesses.get_key_value(business).map(|(name, _)| name.clone());
        let business = known.unwrap_or_else(|| business.into());
        let persons = self.businesses.entry(business.clone()).or_default();
        let known = persons.get_key_value(person).map(|(name, _)| name.clone());
        let person = known.unwrap_or_else(|| person.into());
        // Hardly anybody has two.
        persons.entry(person.clone()).or_insert_with(|| Vec::with_capacity(1)).push(place);
        (business, person)
    }

    /// Places are in the order in which they were taken.
    fn replace_oldest(&mut self, business: &str, person: &str) {
        let Some(oldest) = self.places(business, person).first() else { return };
        // One that is full does not keep up either, and ends without a word as those do.
        let _ = oldest.sender.try_send(Pushed::Replaced);
        self.leave(business, person, oldest.number);
    }

    fn leave(&mut self, business: &str, person: &str, number: u64) {
        let Some(persons) = self.businesses.get_mut(business) else { return };
        let Some(places) = persons.get_mut(person) else { return };
        let before = places.len();
        places.retain(|place| place.number != number);
        self.streams -= (before - places.len()) as u64;
        if places.is_empty() {
            persons.remove(person);
        }
        if persons.is_empty() {
            self.businesses.remove(business);
        }
    }
}

impl Stream {
    /// The next delivery; None when the stream was closed, because it did not keep up, newer ones have replaced it, or the
    /// host ends. What had been put in before comes first.
    pub async fn next(&mut self) -> Option<Arc<Delivery>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// As [`Self::next`], for those who poll.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Arc<Delivery>>> {
        self.receiver.poll_recv(context).map(|pushed| match pushed? {
            Pushed::Delivery(delivery) => Some(delivery),
            Pushed::Replaced => {
                self.replaced = true;
                None
            }
        })
    }

    /// Why the stream was closed before its client has read anything.
    pub fn why(&self) -> Full {
        match self.replaced {
            true => Full::Person { limit: self.hub.per_person },
            false => Full::Ending,
        }
    }

    /// Has a newer stream of the same person ended this one?
    pub fn is_replaced(&self) -> bool {
        self.replaced
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.hub.leave(&self.business, &self.person, self.number);
    }
}
