//! The answer to events.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::journal::Committed;

/// The body of a 202. Can only be made from a [`Committed`]: what it acknowledges is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventsAnswer {
    accepted: u64,
    duplicates: u64,
    position: u64,
    #[serde(default)]
    rejected: Vec<Rejected>,
}

/// An event that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rejected {
    /// In the batch, from 0.
    pub item: usize,
    /// JSON pointer into the event; empty for the event as a whole.
    pub path: String,
    /// `bad_...`, `id_reused`, or the name of the limit that it exceeds.
    pub code: String,
    pub reason: String,
}

impl EventsAnswer {
    pub fn new(durable: Committed, accepted: u64, duplicates: u64, rejected: Vec<Rejected>) -> EventsAnswer {
        EventsAnswer { accepted, duplicates, position: durable.lsn().0, rejected }
    }

    /// Events that are new.
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Events that had been accepted before, with the same content.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// The highest position among them, durable.
    pub fn position(&self) -> u64 {
        self.position
    }

    pub fn rejected(&self) -> &[Rejected] {
        &self.rejected
    }
}
