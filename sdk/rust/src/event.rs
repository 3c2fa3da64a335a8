//! Why: the inputs of a rule, and the two ways to answer one without an effect: a refusal and a reply.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// One event for one key. `time` and `key` are always there; the rest only if the subscription selects it, otherwise
/// it is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// Number of the subscription; compare with [`crate::Subscription::number`].
    pub subscription: u32,
    /// Milliseconds since the Unix epoch.
    pub time: u64,
    /// What this event is about here; windows and values belong to it. At most 256 bytes.
    pub key: String,
    /// CloudEvents `type`.
    pub event_type: String,
    /// The object acted on.
    pub subject: String,
    /// Who acted.
    pub actor: String,
    /// CloudEvents `source`; with `id` the event's identity.
    pub source: String,
    /// CloudEvents `id`.
    pub id: String,
    /// JSON text: the data, or what the subscription selects of it. Empty if it selects none. At most 64 KiB.
    pub data: String,
}

impl Event {
    /// The event's data as a type.
    ///
    /// # Errors
    /// `bad_event` with serde's message if it does not fit: the producer's fault, not the module's.
    pub fn data<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Refusal> {
        if self.data.is_empty() {
            return Err(Refusal::bad_event("no data has arrived: select it with `.data_paths([..])` or `.all_data()`"));
        }
        serde_json::from_str(&self.data).map_err(|error| Refusal::bad_event(format!("data: {error}")))
    }
}

/// A question about one key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// What is asked about.
    pub key: String,
    /// One of the plan's queries.
    pub name: String,
    /// The authenticated subject that asks; empty for a service token.
    pub user: String,
    /// Milliseconds since the Unix epoch: the greatest event time that this key has seen. Expiry is judged by it.
    pub time: u64,
    /// JSON object.
    pub parameters: String,
}

impl Query {
    /// The parameters as a type.
    ///
    /// # Errors
    /// `bad_parameters` with serde's message if they do not fit.
    pub fn parameters<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Refusal> {
        serde_json::from_str(&self.parameters)
            .map_err(|error| Refusal::new("bad_parameters", format!("parameters: {error}")))
    }
}

/// A typed failure of one input: every effect of it is undone, the next inputs run as usual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Lower-case words joined by `_`, at most 64 bytes.
    pub code: Cow<'static, str>,
    /// For people; at most 1 KiB, cut beyond.
    pub message: Cow<'static, str>,
}

impl Refusal {
    /// A refusal with a code of the module's own.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: code.into(), message: message.into() }
    }

    /// The producer sent what nobody can read.
    pub fn bad_event(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new("bad_event", message)
    }
}

/// The answer to a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub(crate) status: String,
    pub(crate) body: String,
    pub(crate) retry: bool,
}

impl Reply {
    /// Status `ok` with a body of at most 64 KiB of JSON.
    pub fn ok<T: Serialize>(body: &T) -> Self {
        Self::with_status("ok", body)
    }

    /// A status of the module's own (at most 64 bytes) with a body.
    ///
    /// # Panics
    /// If the body cannot be written as JSON (a map whose keys are no strings): a mistake in the module.
    pub fn with_status<T: Serialize>(status: impl Into<String>, body: &T) -> Self {
        Self { status: status.into(), body: json_text(body), retry: false }
    }

    /// The caller may try again with the same id; nothing of this answer is stored.
    pub fn retry(mut self) -> Self {
        self.retry = true;
        self
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let body = serde_json::json!({ "message": refusal.message });
        Self::with_status(refusal.code, &body)
    }
}

/// JSON text of a value of the module's own.
pub(crate) fn json_text<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("a module's own value can be written as JSON: map keys must be strings")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Price<'a> {
        #[serde(borrow)]
        unit: &'a str,
        fen: u64,
    }

    #[test]
    fn data_is_typed_and_its_failure_is_the_producers() {
        let event = Event { data: r#"{"unit":"CNY","fen":5}"#.into(), ..Event::default() };
        let price: Price<'_> = event.data().expect("it fits");
        assert_eq!((price.unit, price.fen), ("CNY", 5));
        let event = Event { data: r#"{"unit":"CNY","fen":"5"}"#.into(), ..Event::default() };
        let refusal = event.data::<Price<'_>>().expect_err("5 is a string");
        assert_eq!(refusal.code, "bad_event");
        assert!(refusal.message.contains("invalid type: string \"5\", expected u64"), "{}", refusal.message);
    }

    #[test]
    fn data_that_was_not_selected_says_how_to_select_it() {
        let refusal = Event::default().data::<Price<'_>>().expect_err("there is no data");
        assert!(refusal.message.contains("data_paths"), "{}", refusal.message);
    }
}
