//! One behaviour event, as intake has read it.

use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3Default;

use super::Limits;

/// A CloudEvents 1.0 event after intake: bounds checked, times in milliseconds since the Unix epoch, absent
/// attributes empty.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Event {
    /// Who owns the stream that it came in on.
    pub business: Arc<str>,
    /// With `id` its identity. Shared: sources are few, events are many.
    pub source: Arc<str>,
    pub id: Box<str>,
    /// CloudEvents `type`.
    pub kind: Arc<str>,
    pub subject: Box<str>,
    /// Extension `actorid`.
    pub actor: Box<str>,
    /// Extension `scene`.
    pub scene: Box<str>,
    /// The event's own time, or `received` if it had none or one beyond the skew bound.
    pub time: u64,
    pub received: u64,
    pub time_replaced: bool,
    /// Further extension attributes, in the order of their names.
    pub extensions: Vec<(Box<str>, Box<str>)>,
    /// JSON text; empty if there was none.
    pub data: Box<str>,
    /// Derived events between this one and an outside one, itself included; zero for an outside one.
    pub hops: u8,
    /// The configured intake that it came by: each has its own share in the watermark. Empty: [`DEFAULT_INTAKE`].
    pub intake: Arc<str>,
    /// The time that its producer claims, where that was replaced, milliseconds.
    pub claimed: Option<u64>,
    /// Beyond the dedup horizon: it may have come before, and nobody knows any more.
    pub undeduplicated: bool,
}

/// The intake of producers that name none.
pub const DEFAULT_INTAKE: &str = "http";

impl Event {
    /// Identity within a host, as 128 bits: business, source and id.
    pub fn identity(&self) -> u128 {
        hash_parts([&*self.business, &*self.source, &*self.id].into_iter())
    }

    /// What a producer must not change when it sends an identity again: everything but the times and the intake. The same claimed
    /// time may be beyond the skew bounds at one receipt and within them at the next.
    pub fn content(&self) -> u64 {
        let fixed = [&*self.kind, &*self.subject, &*self.actor, &*self.scene, &*self.data];
        let extensions = self.extensions.iter().flat_map(|(name, value)| [&**name, &**value]);
        hash_parts(fixed.into_iter().chain(extensions)) as u64
    }

    /// Sets the times: an absent time, or one beyond the skew bounds around its receipt, is replaced by the receive
    /// time, and the replacement is marked.
    pub fn receive(&mut self, time: Option<u64>, received: u64, limits: &Limits) {
        let within = received.saturating_sub(limits.skew_past_ms)..=received.saturating_add(limits.skew_future_ms);
        let kept = time.filter(|time| within.contains(time));
        self.received = received;
        self.time_replaced = kept.is_none();
        self.time = kept.unwrap_or(received);
        self.claimed = time.filter(|_| self.time_replaced);
    }

    /// A CloudEvents attribute by name; None if it is absent.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let value = match name {
            "type" => &*self.kind,
            "subject" => &*self.subject,
            "actor" | "actorid" => &*self.actor,
            "scene" => &*self.scene,
            "source" => &*self.source,
            "id" => &*self.id,
            other => self.extensions.iter().find(|(extension, _)| &**extension == other).map(|(_, value)| &**value)?,
        };
        (!value.is_empty()).then_some(value)
    }
}

/// Hashes parts so that no two different lists of parts hash the same text: each is preceded by its length.
fn hash_parts<'a>(parts: impl Iterator<Item = &'a str>) -> u128 {
    let mut hash = Xxh3Default::new();
    for part in parts {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.digest128()
}

/// Where an event is, and who it is even when the journal no longer reaches back to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventRef {
    pub lsn: super::Lsn,
    pub source: Arc<str>,
    pub id: Box<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_and_content_keep_parts_apart() {
        let event = |source: &str, id: &str, data: &str| Event {
            source: source.into(),
            id: id.into(),
            data: data.into(),
            ..Event::default()
        };
        assert_ne!(event("a", "bc", "").identity(), event("ab", "c", "").identity());
        assert_eq!(event("a", "1", "x").identity(), event("a", "1", "y").identity());
        assert_ne!(event("a", "1", "x").content(), event("a", "1", "y").content());
    }

    #[test]
    fn a_time_beyond_the_skew_bounds_is_replaced_and_marked() {
        let limits = Limits::default();
        let received = 100 * 24 * 3_600_000;
        let earliest = received - limits.skew_past_ms;
        let latest = received + limits.skew_future_ms;
        for (time, kept) in [
            (None, None),
            (Some(earliest), Some(earliest)),
            (Some(earliest - 1), None),
            (Some(latest), Some(latest)),
            (Some(latest + 1), None),
        ] {
            let mut event = Event::default();
            event.receive(time, received, &limits);
            assert_eq!((event.time, event.time_replaced), (kept.unwrap_or(received), kept.is_none()), "{time:?}");
            assert_eq!(event.claimed, time.filter(|_| kept.is_none()), "{time:?}");
        }
    }

    #[test]
    fn times_are_not_content() {
        let first = Event { time: 5, received: 5, time_replaced: true, ..Event::default() };
        let again = Event { time: 7, received: 9, time_replaced: false, ..first.clone() };
        assert_eq!(first.content(), again.content());
        assert_ne!(first.content(), Event { subject: "other".into(), ..first.clone() }.content());
    }
}
