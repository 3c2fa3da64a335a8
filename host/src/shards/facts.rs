//! Derived events: what modules and policies publish, and what the host itself learns (`fishpond.*`). They are never
//! frames of their own but are read from the frame that holds them, so they have its position.

use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::model::outreach::{Decision, Deed, Ended, Origin, Outreach, Published, Status};
use crate::model::{Change, Control, Event, InputRecord, Lsn, Match, Outcome};
use crate::registry::{Deployment, Registry};

pub const MATCH: &str = "fishpond.match";
pub const DECISION: &str = "fishpond.decision";
pub const DELIVERY: &str = "fishpond.delivery";
/// Followed by what happened: `activated`, `paused`, `quarantined`, `gap_accepted`, `resumed`, `retired`.
pub const DEPLOYMENT: &str = "fishpond.deployment.";

/// Followed by the alert's name. A fact for its beginning, another for its end.
pub const ALERT: &str = "fishpond.alert.";

/// Which derived events somebody wants.
pub trait Wants {
    fn wants(&self, event_type: &str) -> bool;
}

/// The derived events of records of an outcome frame, each to be looked at in this order.
pub fn of_records(
    outcome: &Outcome,
    records: &[InputRecord],
    registry: &Registry,
    wants: &impl Wants,
    mut found: impl FnMut(&str, Event),
) {
    let matches = wants.wants(MATCH);
    let holds = |record: &InputRecord| {
        let published = &record.outcome.published;
        published.iter().any(|event| wants.wants(&event.event_type)) || (matches && !record.outcome.matches.is_empty())
    };
    if !records.iter().any(holds) {
        return;
    }
    let Some(deployment) = registry.by_id(outcome.deployment) else { return };
    let business = &deployment.business;
    let source: Arc<str> = format!("fishpond/{}", deployment.name).into();
    for record in records {
        for published in record.outcome.published.iter().filter(|event| wants.wants(&event.event_type)) {
            found(business, event(business, &source, published, outcome.now));
        }
        for one in record.outcome.matches.iter().filter(|_| matches) {
            let data = match_data(outcome, &deployment, one);
            let fact = Published {
                id: one.id,
                event_type: MATCH.into(),
                subject: one.name.clone(),
                actor: one.person.clone(),
                data: data.to_string().into(),
                time: record.time,
                hops: record.hops.saturating_add(1),
            };
            found(business, event(business, &source, &fact, outcome.now));
        }
    }
}

fn match_data(outcome: &Outcome, deployment: &Deployment, found: &Match) -> Value {
    json!({
        "match": found.name, "person": found.person, "deployment": &*deployment.name, "revision": outcome.revision,
        "digest": outcome.digest.to_string(), "fields": serde_json::from_str::<Value>(&found.fields).unwrap_or(Value::Null),
        "events": found.events.iter().map(|event| json!({"source": &*event.source, "id": event.id})).collect::<Vec<_>>(),
    })
}

/// The derived events of an outreach frame.
pub fn of_outreach(outreach: &Outreach, wants: &impl Wants, mut found: impl FnMut(&str, Event)) {
    let source: Arc<str> = "fishpond/outreach".into();
    for deed in &outreach.deeds {
        match deed {
            Deed::Published { business, event: published, .. } if wants.wants(&published.event_type) => {
                found(business, event(business, &source, published, outreach.now));
            }
            Deed::Decided(decision) if wants.wants(DECISION) => {
                let fact = decided(decision);
                found(&decision.action.business, event(&decision.action.business, &source, &fact, outreach.now));
            }
            Deed::Ended(ended) if wants.wants(DELIVERY) => {
                let fact = delivered(ended);
                found(&ended.business, event(&ended.business, &source, &fact, outreach.now));
            }
            _ => {}
        }
    }
}

fn decided(decision: &Decision) -> Published {
    let action = &decision.action;
    // As the chain has changed it, if it was sent.
    let channel = match &decision.status {
        Status::Sent { channel, .. } => channel,
        _ => &action.channel,
    };
    let data = json!({
        "action": action.id.to_string(), "match": action.origin.match_name, "policy": action.policy,
        "class": action.class.name(), "attempt": decision.attempt, "status": decision.status.name(),
        "channel": channel.to_string(), "reason": decision.reason(), "deployment": action.origin.deployment,
    });
    Published {
        id: fact_id(&["decision", &action.id.to_string(), &decision.attempt.to_string()]),
        event_type: DECISION.into(),
        subject: action.origin.match_name.clone(),
        actor: action.person.clone(),
        data: data.to_string().into(),
        time: decision.time,
        hops: action.origin.hops.saturating_add(1),
    }
}

fn delivered(ended: &Ended) -> Published {
    let data = json!({
        "action": ended.action.to_string(), "match": ended.match_name, "policy": ended.policy,
        "end": ended.end.name(), "reason": ended.reason,
    });
    Published {
        id: fact_id(&["delivery", &ended.action.to_string(), ended.end.name()]),
        event_type: DELIVERY.into(),
        subject: ended.match_name.clone(),
        actor: ended.person.clone(),
        data: data.to_string().into(),
        time: ended.time,
        hops: ended.hops.saturating_add(1),
    }
}

/// The derived event of a control frame: about its deployment, in its business.
pub fn of_control(lsn: Lsn, control: &Control, registry: &Registry, mut found: impl FnMut(&str, Event)) {
    let deployment = |id| registry.by_id(id).map(|deployment| (deployment.business.clone(), deployment.name.clone()));
    let (named, what, more) = match &control.change {
        Change::DeploymentRevised { business, name, revision, digest, .. } => {
            let named = Some((Arc::from(&**business), Arc::from(&**name)));
            (named, "activated", json!({"revision": revision, "digest": digest.to_string()}))
        }
        Change::Paused { deployment: id, shards, cause, reason } => {
            let data = json!({"shards": shards.len(), "cause": cause.name(), "reason": reason});
            (deployment(*id), "paused", data)
        }
        Change::Quarantined { deployment: id, revision, reason } => {
            (deployment(*id), "quarantined", json!({"revision": revision, "reason": reason}))
        }
        Change::GapAccepted { deployment: id, gap } => {
            let data = json!({
                "shards": gap.shards.len(), "from": gap.from.0, "to": gap.to.0, "positions": gap.positions(),
            });
            (deployment(*id), "gap_accepted", data)
        }
        Change::Alert { .. } => return of_alert(lsn, control, found),
        Change::Resumed { deployment: id, shards } => (deployment(*id), "resumed", json!({"shards": shards.len()})),
        Change::Retired { deployment: id } => (deployment(*id), "retired", json!({})),
        Change::ModuleUploaded { .. }
        | Change::PolicyRevised { .. }
        | Change::ChainRevised { .. }
        | Change::Resent(_) => return,
    };
    let Some((business, name)) = named else { return };
    let mut data = more;
    data["deployment"] = json!(&*name);
    data["by"] = json!(control.by);
    let fact = Published {
        id: fact_id(&["control", &lsn.to_string()]),
        event_type: format!("{DEPLOYMENT}{what}").into(),
        subject: (&*name).into(),
        actor: "".into(),
        data: data.to_string().into(),
        time: control.at,
        hops: 1,
    };
    found(&business, event(&business, &"fishpond/host".into(), &fact, control.at));
}

/// An alert begins or is over: about its subject, in its business.
fn of_alert(lsn: Lsn, control: &Control, mut found: impl FnMut(&str, Event)) {
    let Change::Alert { business, name, subject, raised, message } = &control.change else { return };
    let state = if *raised { "raised" } else { "resolved" };
    let data = json!({"alert": name, "subject": subject, "state": state, "message": message});
    let fact = Published {
        id: fact_id(&["control", &lsn.to_string()]),
        event_type: format!("{ALERT}{name}").into(),
        subject: subject.clone(),
        actor: "".into(),
        data: data.to_string().into(),
        time: control.at,
        hops: 1,
    };
    found(business, event(business, &"fishpond/host".into(), &fact, control.at));
}

fn event(business: &str, source: &Arc<str>, published: &Published, received: u64) -> Event {
    Event {
        business: business.into(),
        source: source.clone(),
        id: format!("{:032x}", published.id).into(),
        kind: (&*published.event_type).into(),
        subject: published.subject.clone(),
        actor: published.actor.clone(),
        time: published.time,
        received,
        data: published.data.clone(),
        hops: published.hops,
        ..Event::default()
    }
}

/// 128 bits of SHA-256 over parts, each preceded by its length.
pub fn fact_id(parts: &[&str]) -> u128 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    u128::from_be_bytes(digest[..16].try_into().expect("half of a digest"))
}

/// What a publish policy makes of a match.
pub fn of_policy(origin: &Origin, policy: &str, event_type: &str, found: &Match, time: u64) -> Published {
    let data = json!({
        "match": found.name, "person": found.person, "deployment": origin.deployment,
        "fields": serde_json::from_str::<Value>(&found.fields).unwrap_or(Value::Null),
    });
    Published {
        id: fact_id(&["policy", &format!("{:032x}", found.id), policy]),
        event_type: event_type.into(),
        subject: found.name.clone(),
        actor: found.person.clone(),
        data: data.to_string().into(),
        time,
        hops: origin.hops.saturating_add(1),
    }
}
