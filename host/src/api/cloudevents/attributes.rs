//! Attributes by their names, checked one by one, and the event that they make.

use std::borrow::Cow;

use super::data::check_json;
use super::{Intake, Read, Refusal, is_json, parse_time};
use crate::model::{Event, HOST_TYPES};

/// What an attribute says.
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    /// A number or truth value, as JSON writes it.
    Scalar(&'a str),
}

/// Collects the attributes of one event.
pub(super) struct Builder<'a> {
    intake: &'a Intake,
    event: Event,
    versioned: bool,
    /// The event's own time, milliseconds; may be before 1970.
    time: Option<i64>,
}

/// Members of an event's JSON that are not kept as extension attributes.
pub(super) const CORE_ATTRIBUTES: usize = 11;

impl<'a> Builder<'a> {
    pub fn new(intake: &'a Intake) -> Builder<'a> {
        let Intake { business, received, name, .. } = intake;
        let event = Event { business: business.clone(), received: *received, intake: name.clone(), ..Event::default() };
        Builder { intake, event, versioned: false, time: None }
    }

    /// Takes one attribute; the caller has seen to it that none comes twice.
    pub fn attribute(&mut self, name: &str, value: Value<'_>) -> Result<(), Refusal> {
        let text = self.check(name, value)?;
        match name {
            "specversion" if text == "1.0" => self.versioned = true,
            "specversion" => return Err(bad(name, format!("`{text}` is not known, only 1.0 is"))),
            "id" => self.event.id = text.into(),
            "source" if text.starts_with("fishpond/") => {
                return Err(bad(name, "sources that begin with `fishpond/` are the host's own".to_owned()));
            }
            "source" => self.event.source = text.into(),
            "type" if text.starts_with(HOST_TYPES) => {
                return Err(bad(name, "types that begin with `fishpond.` are what the host says itself".to_owned()));
            }
            "type" => self.event.kind = text.into(),
            "subject" => self.event.subject = text.into(),
            "time" => {
                let wrong = || bad(name, format!("`{text}` is no RFC 3339 time, such as 2026-05-17T10:31:00Z"));
                self.time = Some(parse_time(&text).ok_or_else(wrong)?);
            }
            "datacontenttype" if is_json(&text) => {}
            "datacontenttype" => {
                return Err(bad(name, format!("the data is `{text}`, only JSON is accepted (application/json)")));
            }
            "actorid" => self.event.actor = text.into(),
            "scene" => self.event.scene = text.into(),
            _ => self.event.extensions.push((name.into(), text.into())),
        }
        Ok(())
    }

    /// Type, length and characters.
    fn check<'v>(&self, name: &str, value: Value<'v>) -> Result<Cow<'v, str>, Refusal> {
        let limit = self.intake.limits.attribute_bytes;
        if name.len() as u64 > limit {
            let path = pointer(&name.chars().take(32).collect::<String>());
            return Err(Refusal::limit(path, "attribute_bytes", "the attribute's name", name.len(), limit));
        }
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
            return Err(Refusal::new(pointer(name), "bad_attribute", "attribute names consist of a-z and 0-9"));
        }
        let text = match value {
            Value::Text(text) => text,
            Value::Scalar(_) if is_core(name) => return Err(bad(name, "it must be a string".to_owned())),
            Value::Scalar(text) => Cow::Borrowed(text),
        };
        if text.is_empty() && is_core(name) {
            return Err(bad(name, "it must not be empty".to_owned()));
        }
        if text.len() as u64 > limit {
            return Err(Refusal::limit(pointer(name), "attribute_bytes", &format!("`{name}`"), text.len(), limit));
        }
        if text.chars().any(char::is_control) {
            return Err(bad(name, "it contains a control character".to_owned()));
        }
        Ok(text)
    }

    /// Takes the data as it is written. `path` says where a mistake is.
    pub fn data(&mut self, path: &str, text: &str) -> Result<(), Refusal> {
        let limit = self.intake.limits.data_bytes;
        if text.len() as u64 > limit {
            return Err(Refusal::limit(path, "data_bytes", "the data", text.len(), limit));
        }
        check_json(text).map_err(|error| Refusal::new(path, "bad_data", format!("the data is no JSON: {error}")))?;
        self.event.data = text.into();
        Ok(())
    }

    /// The event, if nothing is missing.
    pub fn finish(self) -> Read {
        let Builder { intake, mut event, versioned, time } = self;
        let present = [
            ("specversion", versioned),
            ("id", !event.id.is_empty()),
            ("source", !event.source.is_empty()),
            ("type", !event.kind.is_empty()),
        ];
        if let Some((missing, _)) = present.into_iter().find(|(_, present)| !present) {
            return Err(bad(missing, "it is required".to_owned()));
        }
        let (count, limit) = (event.extensions.len() as u64, intake.limits.extensions);
        if count > limit {
            return Err(too_many_extensions(limit));
        }
        event.extensions.sort();
        event.receive(time.and_then(|time| u64::try_from(time).ok()), intake.received, &intake.limits);
        Ok(event)
    }
}

pub(super) fn too_many_extensions(limit: u64) -> Refusal {
    Refusal::new(
        "",
        "extensions",
        format!("it has too many extension attributes, at most {limit} are allowed (`extensions`)"),
    )
}

/// Attributes of the specification: strings that are not empty.
fn is_core(name: &str) -> bool {
    code(name) != "bad_attribute" || name == "dataschema"
}

fn bad(name: &str, reason: String) -> Refusal {
    Refusal::new(pointer(name), code(name), format!("`{name}`: {reason}"))
}

fn code(name: &str) -> &'static str {
    match name {
        "specversion" => "bad_specversion",
        "id" => "bad_id",
        "source" => "bad_source",
        "type" => "bad_type",
        "subject" => "bad_subject",
        "time" => "bad_time",
        "datacontenttype" => "bad_datacontenttype",
        _ => "bad_attribute",
    }
}

/// A JSON pointer (RFC 6901) to a member of the event.
pub(super) fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}
