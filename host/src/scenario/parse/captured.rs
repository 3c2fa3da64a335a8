//! The steps that captured scenarios are made of: what came from outside as it was recorded, and what was there before.

use super::{Step, json_or, one_word, split, time};
use crate::model::outreach::{ActionId, Reported};
use crate::model::{Limits, Tick};

/// A step that `fishpond capture` writes.
#[derive(Debug, Clone, PartialEq)]
pub enum Captured {
    /// Only what is about this key is printed, in whatever order; nothing is handed over to anybody.
    Only(String),
    /// Everything happens in this business.
    Business(String),
    /// A bound that differs from its default.
    Limit { name: String, value: u64 },
    /// What a deployment (None: the host, for a person) keeps of a key; JSON text.
    Document { deployment: Option<String>, key: String, text: String },
    /// A tick with both clocks, and when what it fired was handled.
    Tick { tick: Tick, handled: Option<u64> },
    /// What came back from a client or channel.
    Report { person: String, at: u64, what: Reported },
    /// Whether somebody is connected; nothing is shown.
    Present { user: String, there: bool },
}

/// None if the verb is none of these.
pub fn parse(verb: &str, rest: &str) -> Option<Result<Step, String>> {
    let step = match verb {
        "capture" => word(rest).map(|(key, _)| Captured::Only(key)),
        "business" => one_word(rest, "expected: business NAME").map(Captured::Business),
        "limit" => limit(rest),
        "document" => document(rest),
        "tick" => tick(rest),
        "report" => report(rest),
        "present" | "absent" => word(rest).map(|(user, _)| Captured::Present { user, there: verb == "present" }),
        _ => return None,
    };
    Some(step.map(Step::Captured))
}

/// The first word, which may be a JSON string, and what follows it.
pub fn word(text: &str) -> Result<(String, &str), String> {
    let text = text.trim_start();
    if !text.starts_with('"') {
        let (word, rest) = split(text);
        return Ok((word.to_owned(), rest));
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
    match values.next() {
        Some(Ok(word)) => Ok((word, text[values.byte_offset()..].trim_start())),
        _ => Err(format!("`{text}` begins with no JSON string")),
    }
}

/// A value as [`word`] reads it.
pub fn quoted(value: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '"';
    if !value.is_empty() && value.chars().all(plain) && !value.starts_with('{') {
        return value.to_owned();
    }
    serde_json::Value::from(value).to_string()
}

/// `name=value`, where the value may be a JSON string.
pub fn pair(text: &str) -> Result<(&str, String, &str), String> {
    let wrong = || format!("`{}` is neither name=value nor JSON data", split(text).0);
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    if name.contains(char::is_whitespace) || name.contains('"') {
        return Err(wrong());
    }
    if value.starts_with(char::is_whitespace) {
        return Ok((name, String::new(), value.trim_start()));
    }
    let (value, rest) = word(value)?;
    Ok((name, value, rest))
}

fn limit(rest: &str) -> Result<Captured, String> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let [name, "=", value] = words[..] else { return Err("expected: limit NAME = NUMBER".to_owned()) };
    if !Limits::is_name(name) {
        return Err(format!("there is no limit `{name}`: `fishpond limits` lists them"));
    }
    let value = value.parse().map_err(|_| format!("`{value}` is no number"))?;
    Ok(Captured::Limit { name: name.to_owned(), value })
}

fn document(rest: &str) -> Result<Captured, String> {
    let (deployment, rest) = split(rest);
    let (key, rest) = word(rest)?;
    if key.is_empty() || rest.is_empty() {
        return Err("expected: document DEPLOYMENT|~person KEY {json}".to_owned());
    }
    let deployment = (deployment != "~person").then(|| deployment.to_owned());
    Ok(Captured::Document { deployment, key, text: json_or(rest, "{}")? })
}

fn tick(rest: &str) -> Result<Captured, String> {
    let usage = || "expected: tick TIME watermark=TIME [handled=TIME]".to_owned();
    let (now, rest) = split(rest);
    let mut words = rest.split_whitespace();
    let watermark = words.next().and_then(|word| word.strip_prefix("watermark=")).ok_or_else(usage)?;
    let handled = words.next().map(|word| word.strip_prefix("handled=").ok_or_else(usage)).transpose()?;
    let tick = Tick { now: time::parse_time(now)?, watermark: time::parse_time(watermark)? };
    Ok(Captured::Tick { tick, handled: handled.map(time::parse_time).transpose()? })
}

fn report(rest: &str) -> Result<Captured, String> {
    let (at, rest) = split(rest);
    let (person, rest) = word(rest)?;
    let (kind, mut rest) = split(rest);
    let (mut action, mut slot, mut reason) = (None, None, Box::default());
    while !rest.is_empty() {
        let (name, value, more) = pair(rest)?;
        match name {
            "action" => action = ActionId::parse(&value),
            "slot" => slot = Some(value.into()),
            "reason" => reason = value.into(),
            other => return Err(format!("`{other}` means nothing here: use action, slot or reason")),
        }
        rest = more;
    }
    let of = action.ok_or_else(|| "expected action= with 32 hexadecimal digits".to_owned());
    let what = match kind {
        "arrived" => Reported::Arrived { slot },
        "acknowledged" => Reported::Acknowledged { action: of? },
        "delivered" => Reported::Delivered { action: of? },
        "not_now" => Reported::NotNow { action: of?, reason },
        "failed" => Reported::Failed { action: of?, reason },
        "unknown" => Reported::Unknown { action: of?, reason },
        other => return Err(format!("`{other}` is no report")),
    };
    Ok(Captured::Report { person, at: time::parse_time(at)?, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_whatever_is_in_them() {
        for text in ["plain", "", "two words", "a\"b", "{x", "ü\n", "a=b"] {
            let written = format!("{} rest", quoted(text));
            assert_eq!(word(&written), Ok((text.to_owned(), "rest")), "{written}");
            let written = format!("name={} x", quoted(text));
            assert_eq!(pair(&written), Ok(("name", text.to_owned(), "x")), "{written}");
        }
    }
}
