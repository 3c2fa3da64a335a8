//! Events and everything that names a deployment: what goes into the host.

use std::collections::BTreeMap;
use std::fmt;

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
    pub kind: String,
    pub id: String,
    pub source: String,
    pub subject: String,
    pub actor: String,
    pub scene: String,
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
            "expected: {verb} NAME = MODULE [on_error=skip|pause] [permissions=A,B] [{{configuration}}]"
        ));
    }
    let (on_error, rest) = match rest.strip_prefix("on_error=") {
        Some(rest) => {
            let (word, rest) = split(rest);
            (Some(word.to_owned()), rest)
        }
        None => (None, rest),
    };
    let (permissions, rest) = match rest.strip_prefix("permissions=") {
        Some(rest) => {
            let (list, rest) = split(rest);
            let names = list.split(',').filter(|name| !name.is_empty());
            (Some(names.map(str::to_owned).collect()), rest)
        }
        None => (None, rest),
    };
    let configuration = json_or(rest, "{}")?;
    Ok(DeployStep { target: Target::parse(name), module: module.to_owned(), configuration, on_error, permissions })
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
    let (kind, mut rest) = split(rest);
    if kind.is_empty() || kind.contains('=') {
        return Err("expected: event TIME TYPE [id=..] [subject=..] [actor=..] [name=value ..] [{data}]".to_owned());
    }
    let mut event = EventStep {
        kind: kind.to_owned(),
        id: number.to_string(),
        source: "scenario".to_owned(),
        ..EventStep::default()
    };
    event.time = if time == "-" { None } else { Some(parse_time(time)?) };
    while !rest.is_empty() && !rest.starts_with('{') {
        let (pair, more) = split(rest);
        let (name, value) =
            pair.split_once('=').ok_or_else(|| format!("`{pair}` is neither name=value nor JSON data"))?;
        let value = value.to_owned();
        match name {
            "business" => event.business = value,
            "id" => event.id = value,
            "source" => event.source = value,
            "subject" => event.subject = value,
            "actor" => event.actor = value,
            "scene" => event.scene = value,
            "received" => event.received = Some(parse_time(&value)?),
            extension => drop(event.extensions.insert(extension.to_owned(), value)),
        }
        rest = more;
    }
    event.data = json_or(rest, "")?;
    Ok(event)
}
