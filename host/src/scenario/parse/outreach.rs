//! Policies, chains and scripted channels: what is done about a match, as the HTTP API and operators say it.

use super::time::{parse_time, rfc3339};
use super::{PolicyChange, Step, one_word, split};
use crate::api;
use crate::api::body::PolicyBody;
use crate::channels::ScriptedEnd;
use crate::model::Limits;
use crate::model::outreach::{ChainPart, Channel, Class, Fail};
use crate::outreach::EntryRequest;

pub fn policy(rest: &str) -> Result<Step, String> {
    let (id, rest) = split(rest);
    if id.is_empty() || rest.is_empty() {
        return Err("expected: policy ID {json}, as the HTTP API takes it, or policy ID remove".to_owned());
    }
    let (revision, rest) = revision(rest)?;
    let change = if rest == "remove" { PolicyChange::Remove } else { read_policy(rest)? };
    Ok(Step::Policy { id: id.to_owned(), revision, change })
}

/// `rev=N`, if the text begins with it.
fn revision(rest: &str) -> Result<(Option<u32>, &str), String> {
    let Some(behind) = rest.strip_prefix("rev=") else { return Ok((None, rest)) };
    let (number, more) = split(behind);
    Ok((Some(number.parse().map_err(|_| format!("`{number}` is no revision"))?), more))
}

/// A body of the HTTP API, in which times may also be those of the scenario's day.
fn read_policy(text: &str) -> Result<PolicyChange, String> {
    let mut body: PolicyBody = serde_json::from_str(text).map_err(|error| format!("no policy: {error}"))?;
    for time in [&mut body.valid_from, &mut body.valid_until].into_iter().flatten() {
        *time = rfc3339(parse_time(time)?);
    }
    Ok(match api::read_policy(&body, &Limits::default()) {
        Ok(policy) => PolicyChange::Set(Box::new(policy)),
        Err(faults) => PolicyChange::Refused(faults.to_string()),
    })
}

fn read_channel(text: &str) -> Result<Channel, String> {
    Channel::parse(text).ok_or_else(|| format!("`{text}` is no channel: use app, log or slot:NAME"))
}

/// `[platform|policy=ID] FILTER[:open|:closed][:class,class][:final] ..`
pub fn chain(rest: &str) -> Result<Step, String> {
    let (first, more) = split(rest);
    let (part, filters) = match first.strip_prefix("policy=") {
        Some("") => return Err("expected: chain policy=ID [FILTER ..]".to_owned()),
        Some(id) => (ChainPart::Policy(id.into()), more),
        None if first == "platform" => (ChainPart::Platform, more),
        None => (ChainPart::Business, rest),
    };
    let (revision, filters) = revision(filters)?;
    let entries = filters.split_whitespace().map(entry).collect::<Result<_, _>>()?;
    Ok(Step::Chain { part, revision, entries })
}

fn entry(text: &str) -> Result<EntryRequest, String> {
    let mut words = text.split(':');
    let filter = words.next().unwrap_or_default();
    if filter.is_empty() {
        return Err(format!("`{text}` names no filter: write FILTER[:open|:closed][:class,class][:final]"));
    }
    // An operator must say; in a scenario the cautious one is meant unless the other is said.
    let mut entry =
        EntryRequest { filter: filter.into(), on_error: Fail::Closed, classes: Vec::new(), allow_final: false };
    for word in words {
        match word {
            "open" => entry.on_error = Fail::Open,
            "closed" => entry.on_error = Fail::Closed,
            "final" => entry.allow_final = true,
            classes => {
                let read = classes.split(',').map(|class| {
                    Class::parse(class).ok_or_else(|| {
                        let known = Class::ALL.map(Class::name).join(", ");
                        format!("`{class}` in `{text}` is none of open, closed, final, {known}")
                    })
                });
                entry.classes = read.collect::<Result<_, _>>()?;
            }
        }
    }
    Ok(entry)
}

pub fn channel(rest: &str) -> Result<Step, String> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let [channel, "=", end] = words[..] else {
        return Err("expected: channel log = ok|fail|not_now|unknown".to_owned());
    };
    match read_channel(channel)? {
        Channel::Log => Ok(Step::Channel { end: end.parse::<ScriptedEnd>().map_err(|error| error.to_string())? }),
        other => Err(format!("`{other}` ends when the person says so: only the channel log can be told how")),
    }
}

pub fn what_if(rest: &str) -> Result<Step, String> {
    let (user, rest) = split(rest);
    let match_name = one_word(rest, "expected: what-if USER MATCH")?;
    Ok(Step::WhatIf { user: user.to_owned(), match_name })
}
