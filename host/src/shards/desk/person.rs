//! A person's own document: what its values are called, and what they hold.

use crate::codec::{CodecError, decode_tag, decode_waiting, encode_tag, encode_waiting};
use crate::model::outreach::{ActionId, Tag, Waiting};
use crate::model::{Document, Limits, Lsn, Op, Timer, TimerClock, Value};
use crate::shards::worker::Fatal;

const ACTION: &str = "act:";
const ACKNOWLEDGED: &str = "ack:";
const TAG: &str = "tag:";
const ONCE: &str = "once:";
const SEQUENCE: &str = "sequence";

/// A document with the changes that were made to it here.
pub struct Person {
    pub document: Document,
    pub ops: Vec<Op>,
}

impl Person {
    pub fn new(document: Document) -> Person {
        Person { document, ops: Vec::new() }
    }

    fn change(&mut self, op: Op) {
        self.document.apply(op.clone());
        self.ops.push(op);
    }

    fn set(&mut self, name: String, bytes: Vec<u8>, expires: Option<u64>) {
        self.change(Op::Set { name: name.into(), value: Value { bytes: bytes.into(), expires } });
    }

    fn remove(&mut self, name: String) {
        if self.document.values().iter().any(|(stored, _)| **stored == *name) {
            self.change(Op::Remove { name: name.into() });
        }
    }

    pub fn waiting(&self, action: ActionId) -> Result<Option<Waiting>, CodecError> {
        let value = self.document.value(&format!("{ACTION}{action}"), 0);
        value.map(|value| decode_waiting(&value.bytes)).transpose()
    }

    /// Does it wait, or was it acknowledged?
    pub fn knows(&self, action: ActionId, now: u64) -> bool {
        self.document.value(&format!("{ACTION}{action}"), 0).is_some() || was_acknowledged(&self.document, action, now)
    }

    /// Keeps an action until something becomes of it; `wake` is when to look at it again.
    pub fn keep(&mut self, waiting: &Waiting, wake: u64, at: Lsn) {
        let id = waiting.action.id;
        self.set(format!("{ACTION}{id}"), encode_waiting(waiting), None);
        let timer = Timer {
            clock: TimerClock::Receive,
            due: wake,
            context: "".into(),
            at,
            number: self.document.timers_set(),
            state_version: 0,
            hops: 0,
        };
        self.change(Op::SetTimer { name: id.to_string().into(), timer });
    }

    /// Nothing waits any more for this action.
    pub fn drop_action(&mut self, action: ActionId) {
        self.remove(format!("{ACTION}{action}"));
        self.cancel(&action.to_string());
    }

    pub fn cancel(&mut self, timer: &str) {
        if self.document.timer(timer).is_some() {
            self.change(Op::CancelTimer { name: timer.into() });
        }
    }

    /// How many actions wait, and what they take in bytes.
    pub fn waits(&self) -> (u64, u64) {
        let all = with_prefix(&self.document, ACTION);
        all.fold((0, 0), |(count, bytes), (_, value)| (count + 1, bytes + value.bytes.len() as u64))
    }

    /// A client may acknowledge again for a while.
    pub fn remember_acknowledged(&mut self, action: ActionId, now: u64, limits: &Limits) {
        let until = now.saturating_add(limits.acknowledged_ms);
        self.set(format!("{ACKNOWLEDGED}{action}"), Vec::new(), Some(until));
        self.forget_beyond(limits.remembered_per_person, ACKNOWLEDGED);
    }

    /// Of more than a person may have the first one is lost.
    pub fn tag(&mut self, tag: &Tag, limits: &Limits) {
        self.set(format!("{TAG}{}", tag.name), encode_tag(tag), tag.expires);
        while with_prefix(&self.document, TAG).count() as u64 > limits.tags_per_person {
            // What cannot be read goes before all others.
            let since = |(_, value): &(&str, &Value)| decode_tag(&value.bytes).map_or(0, |tag| tag.since);
            let first = with_prefix(&self.document, TAG).min_by_key(since).map(|(name, _)| name.to_owned());
            first.into_iter().for_each(|name| self.remove(name));
        }
    }

    /// What would be forgotten first is forgotten now.
    fn forget_beyond(&mut self, most: u64, prefix: &'static str) {
        if with_prefix(&self.document, prefix).count() as u64 > most {
            let expires = |(_, value): &(&str, &Value)| value.expires;
            let first = with_prefix(&self.document, prefix).min_by_key(expires).map(|(name, _)| name.to_owned());
            first.into_iter().for_each(|name| self.remove(name));
        }
    }

    /// Is this the first time under the key? Then it is remembered.
    pub fn first(&mut self, once: u128, now: u64, limits: &Limits) -> bool {
        let name = format!("{ONCE}{once:032x}");
        if self.document.value(&name, now).is_some() {
            return false;
        }
        self.set(name, Vec::new(), Some(now.saturating_add(limits.once_ms)));
        self.forget_beyond(limits.remembered_per_person, ONCE);
        true
    }

    /// The next number in the inbox, from 1.
    pub fn next_sequence(&mut self) -> u64 {
        let last = self.document.value(SEQUENCE, 0).and_then(|value| value.bytes.as_ref().try_into().ok());
        let next = last.map_or(0, u64::from_le_bytes) + 1;
        self.set(SEQUENCE.to_owned(), next.to_le_bytes().to_vec(), None);
        next
    }

    /// Values that are worth nothing any more leave with the next change.
    pub fn sweep(&mut self, now: u64) {
        let gone = |value: &Value| value.expires.is_some_and(|expires| expires <= now);
        let names: Vec<Box<str>> =
            self.document.values().iter().filter(|(_, value)| gone(value)).map(|(name, _)| name.clone()).collect();
        names.into_iter().for_each(|name| self.change(Op::Remove { name }));
    }
}

/// Everything that has not ended, by action id.
pub fn all_waiting(document: &Document) -> Result<Vec<Waiting>, CodecError> {
    with_prefix(document, ACTION).map(|(_, value)| decode_waiting(&value.bytes)).collect()
}

pub fn tags(document: &Document, now: u64) -> Result<Vec<Tag>, CodecError> {
    let valid = |value: &Value| value.expires.is_none_or(|expires| now < expires);
    with_prefix(document, TAG).filter(|(_, value)| valid(value)).map(|(_, value)| decode_tag(&value.bytes)).collect()
}

pub fn was_acknowledged(document: &Document, action: ActionId, now: u64) -> bool {
    document.value(&format!("{ACKNOWLEDGED}{action}"), now).is_some()
}

fn with_prefix<'a>(document: &'a Document, prefix: &'static str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let values = document.values();
    let first = values.partition_point(|(name, _)| &**name < prefix);
    values[first..].iter().map(|(name, value)| (&**name, value)).take_while(move |(name, _)| name.starts_with(prefix))
}

/// The worker cannot go on without a person's document.
pub fn unreadable<E: std::fmt::Display>(person: &str) -> impl FnOnce(E) -> Fatal {
    let person = person.to_owned();
    move |error| Fatal::Person { person, error: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;
    use crate::model::outreach::Origin;

    fn few() -> Limits {
        Limits { tags_per_person: 2, remembered_per_person: 2, acknowledged_ms: 10, once_ms: 100, ..Limits::default() }
    }

    fn tag(name: &str, since: u64) -> Tag {
        let origin = Origin {
            lsn: Lsn(1),
            match_id: 1,
            match_name: "offer".into(),
            deployment: "found".into(),
            revision: 1,
            digest: Digest([0; 32]),
            hops: 0,
        };
        let (value, policy) = ("".into(), "tell".into());
        Tag { name: name.into(), value, origin, policy, policy_revision: 1, since, expires: None }
    }

    #[test]
    fn of_too_many_tags_the_one_that_was_given_first_is_lost() {
        let mut person = Person::new(Document::default());
        for (name, since) in [("b", 1), ("a", 2), ("b", 3), ("c", 4)] {
            person.tag(&tag(name, since), &few());
        }
        let left: Vec<Box<str>> =
            tags(&person.document, 5).expect("readable").into_iter().map(|tag| tag.name).collect();
        assert_eq!(left, ["b".into(), "c".into()], "`b` was given again behind `a`");
    }

    #[test]
    fn what_is_remembered_of_a_person_is_bounded_and_the_oldest_is_forgotten() {
        let (mut person, limits) = (Person::new(Document::default()), few());
        assert!(person.first(1, 0, &limits) && person.first(2, 1, &limits) && !person.first(1, 2, &limits));
        assert!(person.first(3, 3, &limits));
        assert!(!person.first(2, 4, &limits) && person.first(1, 4, &limits), "1 was forgotten for 3");
        for (id, now) in [(1, 0), (2, 1), (3, 2)] {
            person.remember_acknowledged(ActionId(id), now, &limits);
        }
        let known = |id, now| was_acknowledged(&person.document, ActionId(id), now);
        assert!(!known(1, 2) && known(2, 2) && known(3, 11) && !known(3, 12));
    }
}
