//! What came of inputs.

use serde_json::{Value, json};

use super::frame::shards;
use super::{hex, id, ops};
use crate::model::outreach::Published;
use crate::model::{End, EventRef, InputRecord, Match, Outcome, Signal, Via};

pub fn outcome(outcome: &Outcome) -> Value {
    let wholes = outcome.wholes.iter().map(|whole| json!({ "key": &*whole.key, "bytes": hex(&whole.bytes) }));
    json!({
        "deployment": outcome.deployment.0,
        "revision": outcome.revision,
        "digest": outcome.digest.to_string(),
        "shards": shards(outcome.shards),
        "read_to": outcome.position.0,
        "now": outcome.now,
        "state_version": outcome.state_version,
        "inputs": outcome.inputs.iter().map(record).collect::<Value>(),
        "wholes": wholes.collect::<Value>(),
    })
}

fn record(record: &InputRecord) -> Value {
    let outcome = &record.outcome;
    let reply = outcome
        .reply
        .as_ref()
        .map(|reply| json!({ "status": &*reply.status, "body": &*reply.body, "retry": reply.retry }));
    json!({
        "position": record.lsn.0,
        "replay_of": record.replay_of.map(|lsn| lsn.0),
        "time": record.time,
        "via": via(&record.via),
        "hops": record.hops,
        "key": &*record.key,
        "end": end(&outcome.end),
        "ops": ops::ops(&outcome.ops),
        "matches": outcome.matches.iter().map(found).collect::<Value>(),
        "published": outcome.published.iter().map(published).collect::<Value>(),
        "signals": outcome.signals.iter().map(signal).collect::<Value>(),
        "reply": reply,
        "late": outcome.late,
        "undeduplicated": outcome.undeduplicated,
    })
}

fn via(via: &Via) -> Value {
    match via {
        Via::Subscription(number) => json!({ "way": "event", "subscription": number }),
        Via::Timer(name) => json!({ "way": "timer", "name": &**name }),
        Via::Signal { id: own, name, sender } => {
            json!({ "way": "signal", "id": id(*own), "name": &**name, "sender": &**sender })
        }
        Via::Settlement(action) => json!({ "way": "settlement", "action": action.to_string() }),
        Via::Kept(number) => json!({ "way": "kept", "subscription": number }),
        Via::HandedOver { subscription, from } => {
            json!({ "way": "handed_over", "subscription": subscription, "from": from.0 })
        }
    }
}

fn end(end: &End) -> Value {
    let message = match end {
        End::Done | End::OutOfFuel { .. } => None,
        End::Refused { message, .. } | End::Trapped { message } => Some(&**message),
    };
    let limit = if let End::OutOfFuel { limit } = end { Some(limit) } else { None };
    json!({ "code": end.code(), "message": message, "limit": limit })
}

fn found(found: &Match) -> Value {
    json!({
        "id": id(found.id),
        "name": &*found.name,
        "person": &*found.person,
        "fields": &*found.fields,
        "events": found.events.iter().map(reference).collect::<Value>(),
        "also": found.also.iter().map(|id| &**id).collect::<Vec<_>>(),
        "once": found.once.as_deref(),
    })
}

fn reference(event: &EventRef) -> Value {
    json!({ "position": event.lsn.0, "source": &*event.source, "id": &*event.id })
}

pub fn published(event: &Published) -> Value {
    json!({
        "id": id(event.id),
        "type": &*event.event_type,
        "subject": &*event.subject,
        "actor": &*event.actor,
        "data": &*event.data,
        "time": event.time,
        "hops": event.hops,
    })
}

fn signal(signal: &Signal) -> Value {
    json!({ "id": id(signal.id), "key": &*signal.key, "name": &*signal.name, "payload": &*signal.payload })
}
