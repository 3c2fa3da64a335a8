//! From bodies to the model, where a shape alone does not say what is right. All faults are told at once, each with its
//! place and what to do.

use std::fmt;

use axum::http::StatusCode;

use super::body::{
    ChainBody, ChainEntryBody, DiagnosticView, FallbackBody, MessageBody, OfflineBody, PolicyBody, PublishBody,
    TagBody, UserTokenBody,
};
use super::cloudevents::parse_time;
use super::refusal::Refusal;
use crate::model::outreach::{Act, Channel, Class, Fail, MessageAct, Offline, Policy, PublishAct, TagAct};
use crate::model::{Limits, check_name};
use crate::outreach::EntryRequest;

/// The longest life of a tag or message, seconds (100 years), so that no sum of times overflows.
const LASTS_MOST_S: u64 = 100 * 366 * 86_400;

/// For how long a token is asked for, milliseconds.
pub fn user_token(body: &UserTokenBody, limits: &Limits) -> Result<u64, Refusal> {
    let mut faults = Faults::default();
    faults.text("/user", &body.user, limits.attribute_bytes, "attribute_bytes");
    let most = limits.user_token_ms / 1_000;
    if body.lasts_s == 0 {
        faults.add("/lasts_s", "the token lasts 0 seconds", format!("choose 1 to {most}"));
    }
    if !faults.0.is_empty() {
        return Err(faults.into());
    }
    if body.lasts_s > most {
        let message = format!("the token lasts {} seconds, at most {most} are allowed (`user_token_ms`)", body.lasts_s);
        return Err(Refusal::limit(StatusCode::BAD_REQUEST, "user_token_ms", message));
    }
    Ok(body.lasts_s * 1_000)
}

/// What is wrong with a body.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<DiagnosticView>);

impl Faults {
    fn add(&mut self, place: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.0.push(DiagnosticView { message: message.into(), place: place.to_owned(), hint: hint.into() });
    }

    /// A value that exists only if there was no fault in it.
    fn keep<T>(&mut self, place: &str, value: Result<T, (String, String)>) -> Option<T> {
        value.map_err(|(message, hint)| self.add(place, message, hint)).ok()
    }

    /// A text between one byte and a bound.
    fn text(&mut self, place: &str, text: &str, most: u64, limit: &str) -> Option<Box<str>> {
        let bytes = text.len() as u64;
        if bytes == 0 {
            self.add(place, "it is empty", "give it a text");
        } else if bytes > most {
            self.add(place, format!("it has {bytes} bytes"), format!("at most {most} are allowed (`{limit}`)"));
        } else {
            return Some(text.into());
        }
        None
    }

    fn time(&mut self, place: &str, text: Option<&str>) -> Option<u64> {
        let text = text?;
        let time = parse_time(text).and_then(|time| u64::try_from(time).ok());
        let wrong = || (format!("`{text}` is no time since 1970"), "write RFC 3339: 2026-05-17T10:31:00Z".to_owned());
        self.keep(place, time.ok_or_else(wrong))
    }

    /// Seconds, as milliseconds.
    fn lasts(&mut self, place: &str, seconds: u64) -> Option<u64> {
        if seconds == 0 || seconds > LASTS_MOST_S {
            self.add(place, format!("{seconds} seconds is out of range"), format!("choose 1 to {LASTS_MOST_S}"));
            return None;
        }
        Some(seconds * 1_000)
    }

    fn channel(&mut self, place: &str, text: &str) -> Option<Channel> {
        let wrong = || (format!("`{text}` is no channel"), "there are app, log and slot:NAME".to_owned());
        self.keep(place, Channel::parse(text).ok_or_else(wrong))
    }

    fn class(&mut self, place: &str, text: &str) -> Option<Class> {
        let known = Class::ALL.map(Class::name).join(", ");
        let wrong = || (format!("`{text}` is no class"), format!("there are {known}"));
        self.keep(place, Class::parse(text).ok_or_else(wrong))
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            let between = if at > 0 { "; " } else { "" };
            let place = if fault.place.is_empty() { "" } else { ": " };
            write!(f, "{between}{}{place}{}: {}", fault.place, fault.message, fault.hint)?;
        }
        Ok(())
    }
}

/// A policy as it is given.
pub fn policy(body: &PolicyBody, limits: &Limits) -> Result<Policy, Faults> {
    let mut faults = Faults::default();
    let policy = read_policy(body, limits, &mut faults);
    match policy {
        Some(policy) if faults.0.is_empty() => Ok(policy),
        _ => Err(faults),
    }
}

fn read_policy(body: &PolicyBody, limits: &Limits, faults: &mut Faults) -> Option<Policy> {
    let match_name = faults.text("/match", &body.match_name, limits.attribute_bytes, "attribute_bytes");
    if let Some(name) = &body.deployment {
        let named = check_name("deployment", name).map_err(|error| (error.to_string(), String::new()));
        faults.keep("/deployment", named);
    }
    let valid_from = faults.time("/valid_from", body.valid_from.as_deref());
    let valid_until = faults.time("/valid_until", body.valid_until.as_deref());
    if let (Some(from), Some(until)) = (valid_from, valid_until)
        && from >= until
    {
        faults.add("/valid_until", "the policy ends before it begins", "it is valid until just before this time");
    }
    let act = act(body, limits, faults);
    Some(Policy {
        match_name: match_name?,
        deployment: body.deployment.as_deref().map(Into::into),
        act: act?,
        priority: body.priority,
        valid_from,
        valid_until,
        enabled: body.enabled,
    })
}

fn act(body: &PolicyBody, limits: &Limits, faults: &mut Faults) -> Option<Act> {
    match (&body.tag, &body.message, &body.publish) {
        (Some(tag), None, None) => tag_act(tag, limits, faults).map(Act::Tag),
        (None, Some(message), None) => message_act(message, limits, faults).map(Act::Message),
        (None, None, Some(publish)) => publish_act(publish, limits, faults).map(Act::Publish),
        (None, None, None) => {
            faults.add("", "the policy does nothing", "give it one of tag, message and publish");
            None
        }
        _ => {
            faults.add(
                "",
                "the policy does several things",
                "give it one of tag, message and publish, and make more policies",
            );
            None
        }
    }
}

fn tag_act(tag: &TagBody, limits: &Limits, faults: &mut Faults) -> Option<TagAct> {
    let name = faults.text("/tag/name", &tag.name, limits.value_name_bytes, "value_name_bytes");
    let value = match tag.value.is_empty() {
        true => Some("".into()),
        false => faults.text("/tag/value", &tag.value, limits.attribute_bytes, "attribute_bytes"),
    };
    let lasts_ms = tag.lasts_s.map(|seconds| faults.lasts("/tag/lasts_s", seconds));
    Some(TagAct { tag: name?, value: value?, lasts_ms: lasts_ms.flatten() })
}

fn publish_act(publish: &PublishBody, limits: &Limits, faults: &mut Faults) -> Option<PublishAct> {
    let event_type = faults.text("/publish/type", &publish.kind, limits.attribute_bytes, "attribute_bytes")?;
    Some(PublishAct { event_type })
}

fn message_act(message: &MessageBody, limits: &Limits, faults: &mut Faults) -> Option<MessageAct> {
    let class = faults.class("/message/class", &message.class);
    let channel = faults.channel("/message/channel", &message.channel);
    if message.scene.len() as u64 > limits.attribute_bytes {
        faults.text("/message/scene", &message.scene, limits.attribute_bytes, "attribute_bytes");
    }
    if !message.content.get().starts_with('{') {
        faults.add("/message/content", "it is no JSON object", "write {\"title\": \"...\"}, as the client wants it");
    }
    let lasts_ms = faults.lasts("/message/lasts_s", message.lasts_s);
    let offline = offline(&message.offline, channel.as_ref(), faults);
    Some(MessageAct {
        class: class?,
        channel: channel?,
        scene: message.scene.as_str().into(),
        content: message.content.get().into(),
        lasts_ms: lasts_ms?,
        offline: offline?,
    })
}

fn offline(body: &OfflineBody, channel: Option<&Channel>, faults: &mut Faults) -> Option<Offline> {
    let place = "/message/offline";
    let offline = match body {
        OfflineBody::Word(word) if word == "keep" => Offline::Keep,
        OfflineBody::Word(word) if word == "drop" => Offline::Drop,
        OfflineBody::Word(word) => {
            let hint = "it can be keep, drop, or {\"fallback\": \"log\"}";
            faults.add(place, format!("`{word}` says nothing of a person who is offline"), hint);
            return None;
        }
        OfflineBody::Fallback(FallbackBody { fallback }) => {
            let place = "/message/offline/fallback";
            match faults.channel(place, fallback)? {
                Channel::App => {
                    faults.add(place, "the app is what is offline", "name another channel: log or slot:NAME");
                    return None;
                }
                channel => Offline::Fallback(channel),
            }
        }
    };
    if offline != Offline::Keep && channel.is_some_and(|channel| *channel != Channel::App) {
        faults.add(place, "only the channel app can be offline", "leave it out");
        return None;
    }
    Some(offline)
}

/// A part of a chain as it is given.
pub fn chain(body: &ChainBody) -> Result<Vec<EntryRequest>, Faults> {
    let mut faults = Faults::default();
    let read = |(number, entry)| chain_entry(&format!("/entries/{number}"), entry, &mut faults);
    let entries: Vec<Option<EntryRequest>> = body.entries.iter().enumerate().map(read).collect();
    match faults.0.is_empty() {
        true => Ok(entries.into_iter().flatten().collect()),
        false => Err(faults),
    }
}

fn chain_entry(place: &str, entry: &ChainEntryBody, faults: &mut Faults) -> Option<EntryRequest> {
    let named = check_name("filter", &entry.filter).map_err(|error| (error.to_string(), String::new()));
    faults.keep(&format!("{place}/filter"), named);
    let on_error = match &*entry.on_error {
        "open" => Some(Fail::Open),
        "closed" => Some(Fail::Closed),
        other => {
            let hint = "it can be open (the message passes) or closed (it is stopped)";
            faults.add(&format!("{place}/on_error"), format!("`{other}` says nothing of an error"), hint);
            None
        }
    };
    let classes = entry.classes.iter().enumerate();
    let classes = classes.filter_map(|(at, text)| faults.class(&format!("{place}/classes/{at}"), text)).collect();
    match entry.allow.as_deref() {
        None | Some("final") => {}
        Some(other) => {
            faults.add(
                &format!("{place}/allow"),
                format!("`{other}` says nothing of an `allow`"),
                "it can only be final",
            );
        }
    }
    Some(EntryRequest {
        filter: entry.filter.as_str().into(),
        on_error: on_error?,
        classes,
        allow_final: entry.allow.is_some(),
    })
}
