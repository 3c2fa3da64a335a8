//! Events as JSON: one object, or an array of them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::attributes::{Builder, CORE_ATTRIBUTES, Value, pointer, too_many_extensions};
use super::data::decode_base64;
use super::{Intake, Read, Refusal, Unreadable};

/// One event; the outer error says that the body is no JSON at all.
pub fn read_event(body: &[u8], intake: &Intake) -> Result<Read, Unreadable> {
    let item: &RawValue = serde_json::from_str(text(body)?).map_err(unreadable)?;
    Ok(read_item(item, intake))
}

/// The events of a batch, each for itself.
pub fn read_batch(body: &[u8], intake: &Intake) -> Result<Vec<Read>, Unreadable> {
    let limit = intake.limits.batch_events;
    let mut deserializer = serde_json::Deserializer::from_str(text(body)?);
    let visitor = Items { keep: usize::try_from(limit).unwrap_or(usize::MAX) };
    let items = deserializer.deserialize_seq(visitor).and_then(|items| deserializer.end().map(|()| items));
    match items.map_err(unreadable)? {
        Some(items) => Ok(items.into_iter().map(|item| read_item(item, intake)).collect()),
        None => Err(Unreadable::TooMany { limit }),
    }
}

fn text(body: &[u8]) -> Result<&str, Unreadable> {
    std::str::from_utf8(body).map_err(|error| {
        let before = &body[..error.valid_up_to()];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Unreadable::Json { line, column: before.len() - line_start + 1, message: "the bytes are not UTF-8".to_owned() }
    })
}

fn unreadable(error: serde_json::Error) -> Unreadable {
    Unreadable::Json { line: error.line(), column: error.column(), message: error.to_string() }
}

fn read_item(item: &RawValue, intake: &Intake) -> Read {
    let (json, limits) = (item.get(), &intake.limits);
    if !json.starts_with('{') {
        return Err(Refusal::new("", "bad_event", "it is no JSON object"));
    }
    if json.len() as u64 > limits.event_bytes {
        return Err(Refusal::limit("", "event_bytes", "the event", json.len(), limits.event_bytes));
    }
    let members: Members<'_> =
        serde_json::from_str(json).map_err(|error| Refusal::new("", "bad_event", error.to_string()))?;
    let most = usize::try_from(limits.extensions).unwrap_or(usize::MAX).saturating_add(CORE_ATTRIBUTES);
    if members.0.len() > most {
        return Err(too_many_extensions(limits.extensions));
    }
    let mut builder = Builder::new(intake);
    let mut has_data = false;
    for (i, (name, raw)) in members.0.iter().enumerate() {
        if members.0[..i].iter().any(|(earlier, _)| earlier == name) {
            return Err(Refusal::new(pointer(name), "duplicate_attribute", format!("`{name}` is there twice")));
        }
        // Null is absence, for data as for attributes.
        if raw.get() == "null" {
            continue;
        }
        if matches!(&**name, "data" | "data_base64") {
            if std::mem::replace(&mut has_data, true) {
                return Err(Refusal::new("/data_base64", "bad_data", "there is `data` beside `data_base64`"));
            }
            read_data(name, raw, &mut builder, limits.data_bytes)?;
        } else {
            builder.attribute(name, value(name, raw)?)?;
        }
    }
    builder.finish()
}

fn read_data(name: &str, raw: &RawValue, builder: &mut Builder<'_>, limit: u64) -> Result<(), Refusal> {
    if name == "data" {
        return builder.data("/data", raw.get());
    }
    let bad = |reason: &str| Refusal::new("/data_base64", "bad_data", reason);
    // Before memory is taken for it; three bytes are four digits.
    if raw.get().len() as u64 / 4 * 3 > limit.saturating_add(6) {
        return Err(Refusal::limit("/data_base64", "data_bytes", "the data", raw.get().len() / 4 * 3, limit));
    }
    let text: Cow<'_, str> = serde_json::from_str(raw.get()).map_err(|_| bad("it must be a string"))?;
    let bytes = decode_base64(&text).ok_or_else(|| bad("it is no base64"))?;
    let json = std::str::from_utf8(&bytes).map_err(|_| bad("the data is no JSON: the bytes are not UTF-8"))?;
    builder.data("/data_base64", json)
}

fn value<'a>(name: &str, raw: &'a RawValue) -> Result<Value<'a>, Refusal> {
    let bad = |reason: String| Refusal::new(pointer(name), "bad_attribute", reason);
    match raw.get().as_bytes().first() {
        Some(b'"') => match serde_json::from_str::<Text<'a>>(raw.get()) {
            Ok(text) => Ok(Value::Text(text.0)),
            Err(error) => Err(bad(format!("the string cannot be read: {error}"))),
        },
        Some(b'{' | b'[') => Err(bad("an attribute is a string, a number, true or false".to_owned())),
        _ => Ok(Value::Scalar(raw.get())),
    }
}

/// Items of an array; None if there are more than are kept.
struct Items {
    keep: usize,
}

impl<'de> Visitor<'de> for Items {
    type Value = Option<Vec<&'de RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while items.len() < self.keep {
            match seq.next_element()? {
                Some(item) => items.push(item),
                None => return Ok(Some(items)),
            }
        }
        let mut more = false;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            more = true;
        }
        Ok((!more).then_some(items))
    }
}

/// Members of an object in their order, with the values as they are written.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Text(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A string, borrowed where it has no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Str;
        impl<'de> Visitor<'de> for Str {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Str)
    }
}
