//! A person's own document: what its values are called, and what they hold.

use crate::codec::{CodecError, decode_tag, decode_waiting, encode_tag, encode_waiting};
use crate::model::outreach::{ActionId, Tag, Waiting};
use crate::model::{Document, Lsn, Op, Timer, TimerClock, Value};
use crate::shards::worker::Fatal;

const ACTION: &str = "act:";
const ACKNOWLEDGED: &str = "ack:";
const TAG: &str = "tag:";
const ONCE: &str = "once:";
const SEQUENCE: &str = "sequence";

/// Keys of `once` that are known of one person; of more the oldest is forgotten.
const ONCE_MOST: usize = 1_000;

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

    /// A client may acknowledge again until then.
    pub fn remember_acknowledged(&mut self, action: ActionId, until: u64) {
        self.set(format!("{ACKNOWLEDGED}{action}"), Vec::new(), Some(until));
    }

    pub fn tag(&mut self, tag: &Tag) {
        self.set(format!("{TAG}{}", tag.name), encode_tag(tag), tag.expires);
    }

    /// Is this the first time under the key? Then it is remembered.
    pub fn first(&mut self, once: u128, now: u64, lasts_ms: u64) -> bool {
        let name = format!("{ONCE}{once:032x}");
        if self.document.value(&name, now).is_some() {
            return false;
        }
        self.set(name, Vec::new(), Some(now.saturating_add(lasts_ms)));
        let known = with_prefix(&self.document, ONCE).count();
        if known > ONCE_MOST {
            let expires = |(_, value): &(&str, &Value)| value.expires;
            let oldest = with_prefix(&self.document, ONCE).min_by_key(expires).map(|(name, _)| name.to_owned());
            oldest.into_iter().for_each(|name| self.remove(name));
        }
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
