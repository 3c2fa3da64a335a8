//! CloudEvents 1.0 over HTTP, read strictly: what is accepted here needs no further check anywhere.
//!
//! An event comes as JSON (`structured`), as an item of a JSON array (`structured`), or with its attributes in headers
//! (`binary`). All three end in the same `attributes`. Of the specification's freedoms, data must be JSON, and numbers
//! and truth values of extension attributes become texts.

mod attributes;
mod binary;
mod data;
mod past;
mod structured;
mod time;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use binary::read_binary;
pub use past::read_past;
pub use structured::{read_batch, read_event};
pub use time::parse_time;

use crate::model::{Event, Limits};

/// What is the same for all events of a request.
#[derive(Clone)]
pub struct Intake {
    pub business: Arc<str>,
    /// Wall clock, milliseconds.
    pub received: u64,
    pub limits: Arc<Limits>,
    /// As [`Event::intake`].
    pub name: Arc<str>,
}

/// Why one event was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// JSON pointer into the event; empty for the event as a whole.
    pub path: String,
    /// `bad_...`, or the name of the limit that was exceeded.
    pub code: &'static str,
    pub reason: String,
}

/// Why nothing of a body could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// From 1.
    Json { line: usize, column: usize, message: String },
    /// More than `batch_events`.
    TooMany { limit: u64 },
}

pub type Read = Result<Event, Refusal>;

impl Refusal {
    fn new(path: impl Into<String>, code: &'static str, reason: impl Into<String>) -> Refusal {
        Refusal { path: path.into(), code, reason: reason.into() }
    }

    /// Something of the event is larger than a limit allows.
    fn limit(path: impl Into<String>, name: &'static str, what: &str, bytes: usize, limit: u64) -> Refusal {
        Refusal::new(path, name, format!("{what} has {bytes} bytes, at most {limit} are allowed (`{name}`)"))
    }
}

/// Is it JSON by its media type?
pub(super) fn is_json(media_type: &str) -> bool {
    let essence = essence(media_type);
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
}

/// A media type without its parameters, in lower case.
pub(super) fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// JSON is UTF-8; a parameter that says otherwise is believed, and refused.
pub(super) fn is_utf8(media_type: &str) -> bool {
    let parameters = media_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let mut charsets = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    charsets.all(|(_, value)| {
        let value = value.trim().trim_matches('"');
        value.eq_ignore_ascii_case("utf-8")
            || value.eq_ignore_ascii_case("utf8")
            || value.eq_ignore_ascii_case("us-ascii")
    })
}
