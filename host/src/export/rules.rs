//! Policies and chains, as control frames hold them.

use serde_json::{Value, json};

use crate::model::outreach::{Act, ChainEntry, Offline, Policy};

pub fn policy(policy: &Policy) -> Value {
    json!({
        "match": &*policy.match_name,
        "deployment": policy.deployment.as_deref(),
        "priority": policy.priority,
        "valid_from": policy.valid_from,
        "valid_until": policy.valid_until,
        "enabled": policy.enabled,
        "act": policy.act.name(),
        policy.act.name(): act(&policy.act),
    })
}

fn act(act: &Act) -> Value {
    match act {
        Act::Tag(tag) => json!({ "name": &*tag.tag, "value": &*tag.value, "lasts_ms": tag.lasts_ms }),
        Act::Message(message) => json!({
            "class": message.class.name(),
            "channel": message.channel.to_string(),
            "scene": &*message.scene,
            "content": &*message.content,
            "lasts_ms": message.lasts_ms,
            "offline": offline(&message.offline),
        }),
        Act::Publish(publish) => json!({ "type": &*publish.event_type }),
    }
}

/// `keep`, `drop`, or the channel instead.
pub fn offline(offline: &Offline) -> String {
    match offline {
        Offline::Keep => "keep".to_owned(),
        Offline::Drop => "drop".to_owned(),
        Offline::Fallback(channel) => channel.to_string(),
    }
}

pub fn entry(entry: &ChainEntry) -> Value {
    json!({
        "filter": &*entry.filter,
        "deployment": entry.deployment.0,
        "on_error": entry.on_error.name(),
        "classes": entry.classes.iter().map(|class| class.name()).collect::<Vec<_>>(),
        "allow_final": entry.allow_final,
    })
}
