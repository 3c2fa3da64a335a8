//! Decisions, tags, published events, ends of deliveries, and the changes behind them.

use serde_json::{Value, json};

use super::frame::shards;
use super::outcome::published;
use super::rules::offline;
use super::{hex, id, ops};
use crate::model::outreach::{
    Action, Answered, Candidate, Changed, Decision, Deed, Ended, Origin, Outreach, Owner, Reached, Settled, Status,
    VerdictKind,
};

pub fn outreach(outreach: &Outreach) -> Value {
    let wholes = outreach
        .wholes
        .iter()
        .map(|whole| json!({ "owner": owner(&whole.owner), "key": &*whole.key, "bytes": hex(&whole.bytes) }));
    json!({
        "shards": shards(outreach.shards),
        "read_to": outreach.position.0,
        "done": outreach.done,
        "now": outreach.now,
        "deeds": outreach.deeds.iter().map(deed).collect::<Value>(),
        "changes": outreach.changes.iter().map(changed).collect::<Value>(),
        "wholes": wholes.collect::<Value>(),
    })
}

fn owner(owner: &Owner) -> Value {
    match owner {
        Owner::Deployment(deployment) => json!({ "deployment": deployment.0 }),
        Owner::Person(business) => json!({ "persons_of": &**business }),
    }
}

fn changed(changed: &Changed) -> Value {
    json!({
        "owner": owner(&changed.owner),
        "key": &*changed.key,
        "time": changed.time,
        "state_version": changed.state_version,
        "ops": ops::ops(&changed.ops),
    })
}

fn deed(deed: &Deed) -> Value {
    match deed {
        Deed::Decided(given) => json!({ "deed": "decided", "decision": decision(given) }),
        Deed::Tagged { business, person, tag } => json!({
            "deed": "tagged",
            "business": &**business,
            "person": &**person,
            "name": &*tag.name,
            "value": &*tag.value,
            "origin": origin(&tag.origin),
            "policy": &*tag.policy,
            "policy_revision": tag.policy_revision,
            "since": tag.since,
            "expires": tag.expires,
        }),
        Deed::Published { business, origin: made_by, policy, policy_revision, event } => json!({
            "deed": "published",
            "business": &**business,
            "origin": origin(made_by),
            "policy": &**policy,
            "policy_revision": policy_revision,
            "event": published(event),
        }),
        Deed::Ended(given) => ended(given),
        Deed::Settled(given) => settled(given),
    }
}

fn ended(ended: &Ended) -> Value {
    json!({
        "deed": "ended",
        "business": &*ended.business,
        "person": &*ended.person,
        "action": ended.action.to_string(),
        "match": &*ended.match_name,
        "policy": &*ended.policy,
        "end": ended.end.name(),
        "reason": &*ended.reason,
        "hops": ended.hops,
        "time": ended.time,
    })
}

fn settled(settled: &Settled) -> Value {
    json!({
        "deed": "settled",
        "deployment": settled.deployment.0,
        "key": &*settled.key,
        "action": settled.action.to_string(),
        "status": &*settled.status,
        "context": &*settled.context,
        "answer": &*settled.answer,
        "time": settled.time,
        "state_version": settled.state_version,
        "hops": settled.hops,
    })
}

fn origin(origin: &Origin) -> Value {
    json!({
        "position": origin.lsn.0,
        "match_id": id(origin.match_id),
        "match": &*origin.match_name,
        "deployment": &*origin.deployment,
        "revision": origin.revision,
        "digest": origin.digest.to_string(),
        "hops": origin.hops,
    })
}

fn action(action: &Action) -> Value {
    json!({
        "id": action.id.to_string(),
        "business": &*action.business,
        "person": &*action.person,
        "origin": origin(&action.origin),
        "policy": &*action.policy,
        "policy_revision": action.policy_revision,
        "class": action.class.name(),
        "channel": action.channel.to_string(),
        "scene": &*action.scene,
        "priority": action.priority,
        "content": &*action.content,
        "fields": &*action.fields,
        "time": action.time,
        "expires": action.expires,
        "offline": offline(&action.offline),
    })
}

fn decision(decision: &Decision) -> Value {
    let chain = &decision.chain;
    json!({
        "action": action(&decision.action),
        "time": decision.time,
        "attempt": decision.attempt,
        "cause": decision.cause.name(),
        "candidates": decision.candidates.iter().map(candidate).collect::<Value>(),
        "chain": { "platform": chain.platform, "business": chain.business, "policy": chain.policy },
        "verdicts": decision.verdicts.iter().map(reached).collect::<Value>(),
        "status": decision.status.name(),
        "more": more(&decision.status),
    })
}

fn candidate(candidate: &Candidate) -> Value {
    json!({
        "policy": &*candidate.policy,
        "revision": candidate.revision,
        "priority": candidate.priority,
        "fate": candidate.fate.name(),
    })
}

/// What a status says beside its name.
fn more(status: &Status) -> Value {
    match status {
        Status::Sent { sequence, channel, attempted } => {
            json!({ "sequence": sequence, "channel": channel.to_string(), "attempted": attempted })
        }
        Status::Held { until } => json!({ "until": until }),
        Status::Cancelled { reason } => json!({ "reason": &**reason }),
        _ => Value::Null,
    }
}

fn reached(reached: &Reached) -> Value {
    let answer = match &reached.answer {
        Answered::Verdict(verdict) => json!({
            "verdict": verdict.kind.name(),
            "until": if let VerdictKind::Hold(until) = verdict.kind { Some(until) } else { None },
            "channel": if let VerdictKind::Downgrade(channel) = &verdict.kind { Some(channel.to_string()) } else { None },
            "reason": &*verdict.reason,
            "numbers": &*verdict.numbers,
            "context": verdict.context.as_deref(),
        }),
        Answered::Error { code, message, fail } => {
            json!({ "error": &**code, "message": &**message, "taken_as": fail.name() })
        }
        Answered::NotReached => json!("not_reached"),
        Answered::OtherClass => json!("other_class"),
    };
    json!({
        "part": reached.part.to_string(),
        "filter": &*reached.filter,
        "revision": reached.revision,
        "digest": reached.digest.to_string(),
        "answer": answer,
    })
}
