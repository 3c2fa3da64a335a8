//! Why: an event as its producer sends it, so that a test goes through the plan's subscriptions like a real one.

use std::collections::BTreeMap;

use serde_json::Value;

/// Milliseconds since the Unix epoch of 2026-01-01T00:00:00Z, the day of all test times.
const DAY_MS: u64 = 1_767_225_600_000;

/// A CloudEvents event, being built: `event("visit").actor("ann").time("10:00:00")`.
#[derive(Debug, Clone)]
pub struct TestEvent {
    pub(crate) event_type: String,
    pub(crate) time: u64,
    pub(crate) id: Option<String>,
    pub(crate) source: String,
    pub(crate) subject: Option<String>,
    pub(crate) actor: Option<String>,
    pub(crate) extensions: BTreeMap<String, String>,
    pub(crate) data: Value,
}

/// An event of a type, at midnight, with the source `test`, an id of its own, and nothing else.
pub fn event(event_type: &str) -> TestEvent {
    TestEvent {
        event_type: event_type.into(),
        time: DAY_MS,
        id: None,
        source: "test".into(),
        subject: None,
        actor: None,
        extensions: BTreeMap::new(),
        data: Value::Null,
    }
}

impl TestEvent {
    /// `HH:MM:SS` or `HH:MM:SS.mmm` on 2026-01-01 UTC; see [`at`].
    pub fn time(mut self, time: &str) -> Self {
        self.time = at(time);
        self
    }

    /// Milliseconds since the Unix epoch.
    pub fn time_ms(mut self, time: u64) -> Self {
        self.time = time;
        self
    }

    /// CloudEvents `id`.
    pub fn id(mut self, id: &str) -> Self {
        self.id = Some(id.into());
        self
    }

    /// CloudEvents `source`.
    pub fn source(mut self, source: &str) -> Self {
        self.source = source.into();
        self
    }

    /// The object acted on.
    pub fn subject(mut self, subject: &str) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Who acted.
    pub fn actor(mut self, actor: &str) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// A CloudEvents extension; `scene` is one.
    pub fn extension(mut self, name: &str, value: &str) -> Self {
        self.extensions.insert(name.into(), value.into());
        self
    }

    /// The data.
    pub fn data(mut self, data: Value) -> Self {
        self.data = data;
        self
    }
}

/// Milliseconds since the Unix epoch of `HH:MM:SS` or `HH:MM:SS.mmm` on 2026-01-01 UTC; hours may pass 23.
///
/// # Panics
/// If the text is no such time.
pub fn at(time: &str) -> u64 {
    parse(time).unwrap_or_else(|| panic!("`{time}` is no time: write HH:MM:SS or HH:MM:SS.mmm"))
}

fn parse(time: &str) -> Option<u64> {
    let number = |text: &str, digits: usize| if text.len() == digits { text.parse::<u64>().ok() } else { None };
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "000"));
    let mut parts = clock.split(':').map(|part| number(part, 2));
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    let seconds = (hours * 60 + minutes) * 60 + seconds;
    parts.next().is_none().then_some(DAY_MS + seconds * 1_000 + number(fraction, 3)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_or_refused() {
        assert_eq!(at("10:01:02.003"), DAY_MS + 36_062_003);
        for wrong in ["10:01", "10:01:02:03", "1:01:02", "10:01:02.1", "later"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
