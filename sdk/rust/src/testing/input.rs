//! Why: what an input says about itself besides its record: its identity, and the attributes that a rule may ask for.

use super::event::TestEvent;
use super::route;

/// The input in hand.
#[derive(Debug)]
pub(crate) enum Input {
    Event {
        event: TestEvent,
        id: String,
    },
    /// A timer, a signal, an action or a settlement; `now` is what its clock shows.
    Other {
        id: String,
        time: u64,
        now: u64,
        /// Signals between it and an event.
        hops: u8,
    },
    Query,
}

impl Input {
    /// Windows and matches refer to it.
    ///
    /// # Panics
    /// For a query, which has no effects.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Event { id, .. } | Self::Other { id, .. } => id,
            Self::Query => panic!("a query has no effects"),
        }
    }

    pub(crate) fn hops(&self) -> u8 {
        match self {
            Self::Other { hops, .. } => *hops,
            Self::Event { .. } | Self::Query => 0,
        }
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        match (self, name) {
            (Self::Event { event, id }, name) => route::attribute(event, id, name),
            (Self::Other { time, .. }, "time") => Some(time.to_string()),
            (Self::Other { now, .. }, "now") => Some(now.to_string()),
            (Self::Other { hops, .. }, "hops") => Some(hops.to_string()),
            (Self::Other { .. } | Self::Query, _) => None,
        }
    }
}
