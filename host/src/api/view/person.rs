//! A person's tags, and actions as an app gets them.

use super::decision::origin;
use super::{json, time};
use crate::api::body::{ActionView, TagView};
use crate::model::outreach::{Action, Channel, Tag};

pub fn tag(tag: &Tag) -> TagView {
    TagView {
        name: tag.name.to_string(),
        value: tag.value.to_string(),
        policy: tag.policy.to_string(),
        policy_revision: tag.policy_revision,
        origin: origin(&tag.origin),
        since: time(tag.since),
        expires: tag.expires.map(time),
    }
}

/// `channel` is where it went; the action's own is what the policy says.
pub fn action(action: &Action, sequence: u64, channel: &Channel, attempt: u32) -> ActionView {
    ActionView {
        action: action.id.to_string(),
        sequence,
        match_name: action.origin.match_name.to_string(),
        policy: action.policy.to_string(),
        class: action.class.name().to_owned(),
        channel: channel.to_string(),
        scene: action.scene.to_string(),
        content: json(&action.content),
        fields: json(&action.fields),
        time: time(action.time),
        expires: time(action.expires),
        attempt,
    }
}
