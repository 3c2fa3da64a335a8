//! Policies and chains, as they were given.

use super::{json, time};
use crate::api::body::{
    ChainEntryBody, ChainStepView, FallbackBody, MessageBody, OfflineBody, PolicyBody, PolicyView, PublishBody, TagBody,
};
use crate::model::outreach::{Act, ChainEntry, ChainPart, Class, MessageAct, Offline, Policy};
use crate::outreach::Stamp;

pub fn policy(id: &str, revision: u32, stamp: &Stamp, policy: &Policy) -> PolicyView {
    let Stamp { lsn, at, by } = stamp;
    PolicyView {
        id: id.to_owned(),
        revision,
        position: lsn.0,
        policy: policy_body(policy),
        at: time(*at),
        by: by.to_string(),
    }
}

pub fn policy_body(policy: &Policy) -> PolicyBody {
    let mut body = PolicyBody {
        match_name: policy.match_name.to_string(),
        deployment: policy.deployment.as_ref().map(|name| name.to_string()),
        priority: policy.priority,
        valid_from: policy.valid_from.map(time),
        valid_until: policy.valid_until.map(time),
        enabled: policy.enabled,
        tag: None,
        message: None,
        publish: None,
    };
    match &policy.act {
        Act::Tag(act) => {
            let (name, value) = (act.tag.to_string(), act.value.to_string());
            body.tag = Some(TagBody { name, value, lasts_s: act.lasts_ms.map(|ms| ms / 1_000) });
        }
        Act::Message(act) => body.message = Some(message(act)),
        Act::Publish(act) => body.publish = Some(PublishBody { kind: act.event_type.to_string() }),
    }
    body
}

fn message(act: &MessageAct) -> MessageBody {
    let offline = match &act.offline {
        Offline::Keep => OfflineBody::default(),
        Offline::Drop => OfflineBody::Word("drop".to_owned()),
        Offline::Fallback(channel) => OfflineBody::Fallback(FallbackBody { fallback: channel.to_string() }),
    };
    MessageBody {
        class: act.class.name().to_owned(),
        channel: act.channel.to_string(),
        scene: act.scene.to_string(),
        content: json(&act.content),
        lasts_s: act.lasts_ms / 1_000,
        offline,
    }
}

pub fn chain_entry(entry: &ChainEntry) -> ChainEntryBody {
    ChainEntryBody {
        filter: entry.filter.to_string(),
        on_error: entry.on_error.name().to_owned(),
        classes: entry.classes.iter().copied().map(Class::name).map(str::to_owned).collect(),
        allow: entry.allow_final.then(|| "final".to_owned()),
    }
}

pub fn chain_step((part, entry): &(ChainPart, ChainEntry)) -> ChainStepView {
    ChainStepView { part: part.to_string(), entry: chain_entry(entry) }
}
