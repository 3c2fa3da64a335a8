//! What a policy and a part of a chain must be, so that the worker never meets one that it could not follow.

use super::Error;
use super::rules::{PLATFORM, Rules};
use crate::model::outreach::{Act, ChainEntry, ChainPart, Channel, Class, Fail, MessageAct, Offline, Policy};
use crate::model::{DeploymentId, HOST_TYPES, Limits, check_name};
use crate::registry::{Deployment, Registry};

/// Longest type of a published event, bytes.
const EVENT_TYPE_BYTES: usize = 256;

/// Longest name of a match or tag, bytes.
const WORD_BYTES: usize = 64;

/// One filter of a chain, as an operator asks for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntryRequest {
    /// Name of the deployment.
    pub filter: Box<str>,
    pub on_error: Fail,
    /// None judges all.
    pub classes: Vec<Class>,
    pub allow_final: bool,
}

/// All that can be said of a policy by itself, and that its deployment is there.
pub(super) fn policy(registry: &Registry, business: &str, policy: &Policy, limits: &Limits) -> Result<(), Error> {
    let (bytes, limit) = (policy_bytes(policy), limits.policy_bytes);
    if bytes > limit {
        return Err(Error::PolicyBytes { bytes, limit });
    }
    if !is_match_name(&policy.match_name) {
        return Err(Error::MatchName(short(&policy.match_name)));
    }
    if let (Some(from), Some(until)) = (policy.valid_from, policy.valid_until)
        && from >= until
    {
        return Err(Error::NeverValid { from, until });
    }
    match &policy.act {
        Act::Tag(tag) if !is_tag_name(&tag.tag) => return Err(Error::TagName(short(&tag.tag))),
        Act::Tag(tag) if tag.value.len() as u64 > limits.tag_bytes => {
            return Err(Error::TagBytes { bytes: tag.value.len() as u64, limit: limits.tag_bytes });
        }
        Act::Tag(tag) if tag.lasts_ms == Some(0) => return Err(Error::LastsNothing { what: "the tag" }),
        Act::Tag(_) => {}
        Act::Message(act) => message(act)?,
        Act::Publish(act) => {
            let name = &*act.event_type;
            if name.is_empty() || name.len() > EVENT_TYPE_BYTES || name.starts_with(HOST_TYPES) {
                return Err(Error::EventType(short(name)));
            }
        }
    }
    let Some(name) = &policy.deployment else { return Ok(()) };
    check_name("deployment", name)?;
    registry.deployment(business, name).map(drop).ok_or_else(|| Error::NoDeployment(name.to_string()))
}

fn message(act: &MessageAct) -> Result<(), Error> {
    if act.lasts_ms == 0 {
        return Err(Error::LastsNothing { what: "the message" });
    }
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&act.content)
        .map_err(|error| Error::Content(error.to_string()))?;
    channel(&act.channel)?;
    match &act.offline {
        Offline::Fallback(other) if *other == act.channel => Err(Error::Fallback(other.clone())),
        Offline::Fallback(other) => channel(other),
        Offline::Keep | Offline::Drop => Ok(()),
    }
}

fn channel(channel: &Channel) -> Result<(), Error> {
    match channel {
        Channel::Slot(slot) => Ok(check_name("slot", slot)?),
        Channel::App | Channel::Log => Ok(()),
    }
}

/// All texts, bytes.
fn policy_bytes(policy: &Policy) -> u64 {
    let act = match &policy.act {
        Act::Tag(act) => act.tag.len() + act.value.len(),
        Act::Message(act) => act.scene.len() + act.content.len(),
        Act::Publish(act) => act.event_type.len(),
    };
    (act + policy.match_name.len() + policy.deployment.as_deref().map_or(0, str::len)) as u64
}

/// As a plan may name a match: lower-case words joined by `_`.
fn is_match_name(name: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    name.len() <= WORD_BYTES && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.split('_').all(word)
}

fn is_tag_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    begins && name.len() <= WORD_BYTES && name.bytes().all(plain)
}

fn short(name: &str) -> String {
    name.chars().take(80).collect()
}

/// The entries of a part as they will be stored. `part` is the business's, or the platform's for the business
/// `platform`.
pub(super) fn entries(
    rules: &Rules,
    registry: &Registry,
    business: &str,
    part: &ChainPart,
    requests: Vec<EntryRequest>,
    limits: &Limits,
) -> Result<Vec<ChainEntry>, Error> {
    check_name("business", business)?;
    match part {
        ChainPart::Platform if business != PLATFORM => return Err(Error::NotPlatform),
        // Of a policy that is gone what is left can be taken away.
        ChainPart::Policy(id) => match rules.policy(business, id) {
            Some(bound) if bound.policy.is_some() || requests.is_empty() => {}
            _ => return Err(Error::NoPolicy(short(id))),
        },
        _ => {}
    }
    let (count, limit) = (requests.len() as u64, limits.chain_entries);
    if count > limit {
        return Err(Error::ChainEntries { entries: count, limit });
    }
    let mut entries = Vec::with_capacity(requests.len());
    let mut plain: Option<Box<str>> = None;
    for (index, request) in requests.into_iter().enumerate() {
        let entry = index + 1;
        let filter = request.filter.to_string();
        let deployment = filter_of(registry, business, &request.filter, entry)?;
        if let Some(part) = met(rules, part, &entries, deployment.id) {
            return Err(Error::Twice { entry, filter, part });
        }
        if request.allow_final && *part == ChainPart::Platform {
            return Err(Error::FinalInPlatform { entry, filter });
        }
        let downgrades = deployment.newest().configured.plan.filter.is_some_and(|spec| spec.downgrade);
        match &plain {
            Some(before) if downgrades => {
                return Err(Error::DowngradeLate { entry, filter, before: before.to_string() });
            }
            None if !downgrades => plain = Some(request.filter.clone()),
            _ => {}
        }
        entries.push(stored(request, deployment.id));
    }
    Ok(entries)
}

fn stored(request: EntryRequest, deployment: DeploymentId) -> ChainEntry {
    let EntryRequest { filter, on_error, mut classes, allow_final } = request;
    // In one order, so that equal requests are equal.
    classes.sort_unstable();
    classes.dedup();
    ChainEntry { filter, deployment, on_error, classes, allow_final }
}

fn filter_of(registry: &Registry, owner: &str, name: &str, entry: usize) -> Result<std::sync::Arc<Deployment>, Error> {
    let filter = || short(name);
    let Some(deployment) = registry.deployment(owner, name) else {
        return Err(Error::NoFilter { entry, filter: filter(), owner: owner.to_owned() });
    };
    if deployment.retired.is_some() {
        return Err(Error::Retired { entry, filter: filter() });
    }
    if !deployment.is_filter() {
        return Err(Error::NotAFilter { entry, filter: filter() });
    }
    Ok(deployment)
}

/// The part in which a deployment would be met a second time: the new one so far, or another that runs with it.
fn met(rules: &Rules, part: &ChainPart, entries: &[ChainEntry], deployment: DeploymentId) -> Option<ChainPart> {
    let names = |entries: &[ChainEntry]| entries.iter().any(|entry| entry.deployment == deployment);
    if names(entries) {
        return Some(part.clone());
    }
    // Parts of other businesses name other deployments; chains of two policies never run as one.
    let policies = |other: &ChainPart| matches!((part, other), (ChainPart::Policy(_), ChainPart::Policy(_)));
    let mut others = rules.parts().filter(|(_, other, _)| part != *other && !policies(other));
    others.find(|(_, _, state)| names(&state.entries)).map(|(_, other, _)| other.clone())
}
