//! Policies and chains, as control frames keep them.

use super::action::{read_channel, read_offline, write_channel, write_offline};
use crate::codec::wire::{Read, Reader, Writer};
use crate::model::DeploymentId;
use crate::model::outreach::{Act, ChainEntry, ChainPart, MessageAct, Policy, PublishAct, TagAct};

pub fn write_policy(writer: &mut Writer, policy: &Policy) {
    writer.text(&policy.match_name);
    writer.maybe(policy.deployment.as_deref(), Writer::text);
    write_act(writer, &policy.act);
    writer.int(i64::from(policy.priority));
    writer.maybe(policy.valid_from, Writer::uint);
    writer.maybe(policy.valid_until, Writer::uint);
    writer.flag(policy.enabled);
}

pub fn read_policy(reader: &mut Reader<'_>) -> Read<Policy> {
    Ok(Policy {
        match_name: reader.boxed("match name")?,
        deployment: reader.maybe("deployment name", |reader| reader.boxed("deployment name"))?,
        act: read_act(reader)?,
        priority: reader.i32("priority")?,
        valid_from: reader.maybe("valid from", |reader| reader.uint("valid from"))?,
        valid_until: reader.maybe("valid until", |reader| reader.uint("valid until"))?,
        enabled: reader.flag("enabled")?,
    })
}

fn write_act(writer: &mut Writer, act: &Act) {
    match act {
        Act::Tag(TagAct { tag, value, lasts_ms }) => {
            writer.byte(0);
            writer.text(tag);
            writer.text(value);
            writer.maybe(*lasts_ms, Writer::uint);
        }
        Act::Message(message) => {
            writer.byte(1);
            write_message(writer, message);
        }
        Act::Publish(PublishAct { event_type }) => {
            writer.byte(2);
            writer.text(event_type);
        }
    }
}

fn read_act(reader: &mut Reader<'_>) -> Read<Act> {
    Ok(match reader.byte("act")? {
        0 => Act::Tag(TagAct {
            tag: reader.boxed("tag")?,
            value: reader.boxed("tag value")?,
            lasts_ms: reader.maybe("tag lasts", |reader| reader.uint("tag lasts"))?,
        }),
        1 => Act::Message(read_message(reader)?),
        2 => Act::Publish(PublishAct { event_type: reader.boxed("published type")? }),
        _ => return reader.error("act"),
    })
}

fn write_message(writer: &mut Writer, message: &MessageAct) {
    writer.tag(message.class);
    write_channel(writer, &message.channel);
    writer.text(&message.scene);
    writer.text(&message.content);
    writer.uint(message.lasts_ms);
    write_offline(writer, &message.offline);
}

fn read_message(reader: &mut Reader<'_>) -> Read<MessageAct> {
    Ok(MessageAct {
        class: reader.tag()?,
        channel: read_channel(reader)?,
        scene: reader.boxed("scene")?,
        content: reader.boxed("content")?,
        lasts_ms: reader.uint("message lasts")?,
        offline: read_offline(reader)?,
    })
}

pub fn write_part(writer: &mut Writer, part: &ChainPart) {
    match part {
        ChainPart::Platform => writer.byte(0),
        ChainPart::Business => writer.byte(1),
        ChainPart::Policy(id) => {
            writer.byte(2);
            writer.text(id);
        }
    }
}

pub fn read_part(reader: &mut Reader<'_>) -> Read<ChainPart> {
    Ok(match reader.byte("chain part")? {
        0 => ChainPart::Platform,
        1 => ChainPart::Business,
        2 => ChainPart::Policy(reader.boxed("policy")?),
        _ => return reader.error("chain part"),
    })
}

pub fn write_chain_entry(writer: &mut Writer, entry: &ChainEntry) {
    writer.text(&entry.filter);
    writer.uint(entry.deployment.0);
    writer.tag(entry.on_error);
    writer.list(entry.classes.iter(), |writer, class| writer.tag(*class));
    writer.flag(entry.allow_final);
}

pub fn read_chain_entry(reader: &mut Reader<'_>) -> Read<ChainEntry> {
    Ok(ChainEntry {
        filter: reader.boxed("filter")?,
        deployment: DeploymentId(reader.uint("deployment")?),
        on_error: reader.tag()?,
        classes: reader.list("classes", Reader::tag)?,
        allow_final: reader.flag("allow final")?,
    })
}
