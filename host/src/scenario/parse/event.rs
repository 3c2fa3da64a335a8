//! Events and everything that names a deployment: what goes into the host.

use std::collections::BTreeMap;
use std::fmt;

use super::captured::{pair, word};
use super::time::parse_time;
use super::{BUSINESS, Resent, Step, json_or, split};
use crate::outreach::PLATFORM;

/// A deployment of the scenario's business, or `platform/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    pub business: &'static str,
    pub name: String,
}

impl Target {
    pub fn parse(text: &str) -> Target {
        match text.strip_prefix("platform/") {
            Some(name) => Target { business: PLATFORM, name: name.to_owned() },
            None => Target { business: BUSINESS, name: text.to_owned() },
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.business == PLATFORM {
            f.write_str("platform/")?;
        }
        f.write_str(&self.name)
    }
}

/// A module with its configuration, for a deployment.
#[derive(Debug, Clone, PartialEq)]
pub struct DeployStep {
    pub target: Target,
    pub module: String,
    /// JSON text.
    pub configuration: String,
    pub on_error: Option<String>,
    /// Of the component that is meant, where its file has another name.
    pub digest: Option<String>,
    /// None: what the module asks for.
    pub permissions: Option<Vec<String>>,
}

/// One event. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventStep {
    /// Empty: that of the scenario.
    pub business: String,
    pub time: Option<u64>,
    pub received: Option<u64>,
    /// The receive clock when it is handled; that of its receipt unless it says otherwise.
    pub handled: Option<u64>,
    /// Nothing runs before the next step.
    pub queued: bool,
    pub kind: String,
    pub id: String,
    pub source: String,
    pub subject: String,
    pub actor: String,
    pub scene: String,
    /// Empty: the default one.
    pub intake: String,
    pub extensions: BTreeMap<String, String>,
    /// JSON text.
    pub data: String,
}

/// `verb` is for the message: `deploy` and `repair` are written alike.
pub fn deploy(verb: &str, rest: &str) -> Result<DeployStep, String> {
    let (name, rest) = split(rest);
    let (equals, rest) = split(rest);
    let (module, rest) = split(rest);
    if equals != "=" || module.is_empty() {
        return Err(format!(
            "expected: {verb} NAME = MODULE [digest=D] [on_error=skip|pause] [permissions=A,B] [{{configuration}}]"
        ));
    }
    let (digest, rest) = option("digest=", rest);
    let (on_error, rest) = option("on_error=", rest);
    let (permissions, rest) = option("permissions=", rest);
    let permissions =
        permissions.map(|names| names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect());
    let configuration = json_or(rest, "{}")?;
    let (target, module) = (Target::parse(name), module.to_owned());
    Ok(DeployStep { target, module, configuration, on_error, digest, permissions })
}

/// A word that begins so, without that, and what follows it.
fn option<'a>(name: &str, rest: &'a str) -> (Option<String>, &'a str) {
    match rest.strip_prefix(name) {
        Some(rest) if rest.starts_with(char::is_whitespace) => (Some(String::new()), rest.trim_start()),
        Some(rest) => {
            let (word, rest) = split(rest);
            (Some(word.to_owned()), rest)
        }
        None => (None, rest),
    }
}

pub fn resend(rest: &str) -> Result<Step, String> {
    let usage = || "expected: resend DEPLOYMENT event=ID, or resend DEPLOYMENT all [code=CODE]".to_owned();
    let words: Vec<&str> = rest.split_whitespace().collect();
    let (target, what) = match words[..] {
        [target, "all"] => (target, Resent::All { code: None }),
        [target, "all", code] => {
            let code = code.strip_prefix("code=").ok_or_else(usage)?;
            (target, Resent::All { code: Some(code.to_owned()) })
        }
        [target, event] => (target, Resent::Event(event.strip_prefix("event=").ok_or_else(usage)?.to_owned())),
        _ => return Err(usage()),
    };
    Ok(Step::Resend { target: Target::parse(target), what })
}

pub fn query(rest: &str) -> Result<Step, String> {
    let (deployment, rest) = split(rest);
    let (query, rest) = split(rest);
    let (key, rest) = split(rest);
    if key.is_empty() {
        return Err("expected: query DEPLOYMENT QUERY KEY [{parameters}]".to_owned());
    }
    let parameters = json_or(rest, "{}")?;
    Ok(Step::Query { target: Target::parse(deployment), query: query.to_owned(), key: key.to_owned(), parameters })
}

/// `number`: its id unless it has one.
pub fn event(rest: &str, number: u64) -> Result<EventStep, String> {
    let (time, rest) = split(rest);
    let (kind, mut rest) = word(rest)?;
    if kind.is_empty() || kind.contains('=') {
        return Err("expected: event TIME TYPE [id=..] [subject=..] [actor=..] [name=value ..] [{data}]".to_owned());
    }
    let mut event = EventStep { kind, id: number.to_string(), source: "scenario".to_owned(), ..EventStep::default() };
    event.time = if time == "-" { None } else { Some(parse_time(time)?) };
    while !rest.is_empty() && !rest.starts_with('{') {
        let (name, value, more) = pair(rest)?;
        match name {
            "business" => event.business = value,
            "id" => event.id = value,
            "source" => event.source = value,
            "subject" => event.subject = value,
            "actor" => event.actor = value,
            "scene" => event.scene = value,
            "intake" => event.intake = value,
            "received" => event.received = Some(parse_time(&value)?),
            "handled" => event.handled = Some(parse_time(&value)?),
            // An extension may have one of these names.
            extension => {
                let name = extension.strip_prefix('+').unwrap_or(extension);
                event.extensions.insert(name.to_owned(), value);
            }
        }
        rest = more;
    }
    event.data = json_or(rest, "")?;
    Ok(event)
}
