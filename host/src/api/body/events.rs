//! Events as producers write them, and the answer to them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::journal::Committed;

/// A CloudEvent in the JSON format (CloudEvents 1.0, "JSON Event Format"). Only described: `cloudevents` reads it, because
/// extensions are further members and a fault has a place and a code. Further members are extensions.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct CloudEvent {
    /// `1.0`.
    pub specversion: String,
    /// Together with `source` the event's identity.
    pub id: String,
    /// A URI reference.
    pub source: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// Whom or what it is about.
    pub subject: Option<String>,
    /// RFC 3339.
    pub time: Option<String>,
    /// JSON, or absent.
    pub datacontenttype: Option<String>,
    /// A URI.
    pub dataschema: Option<String>,
    /// An extension: who acted.
    pub actorid: Option<String>,
    /// An extension: where in the app.
    pub scene: Option<String>,
    /// Any JSON.
    pub data: Option<serde_json::Value>,
    /// JSON in base64, instead of `data`.
    pub data_base64: Option<String>,
}

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
