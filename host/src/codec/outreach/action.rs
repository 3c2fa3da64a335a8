//! A message on its way, and the ways out.

use super::origin::{read_origin, write_origin};
use crate::codec::wire::{Read, Reader, Writer};
use crate::model::outreach::{Action, ActionId, Channel, Offline};

pub fn write_action(writer: &mut Writer, action: &Action) {
    writer.hash(action.id.0);
    writer.text(&action.business);
    writer.text(&action.person);
    write_origin(writer, &action.origin);
    writer.text(&action.policy);
    writer.uint(u64::from(action.policy_revision));
    writer.tag(action.class);
    write_channel(writer, &action.channel);
    writer.text(&action.scene);
    writer.int(i64::from(action.priority));
    writer.text(&action.content);
    writer.text(&action.fields);
    writer.uint(action.time);
    writer.near(action.expires, action.time);
    write_offline(writer, &action.offline);
}

pub fn read_action(reader: &mut Reader<'_>) -> Read<Action> {
    let id = ActionId(reader.hash("action id")?);
    let business = reader.boxed("business")?;
    let person = reader.boxed("person")?;
    let origin = read_origin(reader)?;
    let policy = reader.boxed("policy")?;
    let policy_revision = reader.u32("policy revision")?;
    let class = reader.tag()?;
    let channel = read_channel(reader)?;
    let scene = reader.boxed("scene")?;
    let priority = reader.i32("priority")?;
    let content = reader.boxed("content")?;
    let fields = reader.boxed("fields")?;
    let time = reader.uint("action time")?;
    let expires = reader.near(time, "action expiry")?;
    let offline = read_offline(reader)?;
    Ok(Action {
        id,
        business,
        person,
        origin,
        policy,
        policy_revision,
        class,
        channel,
        scene,
        priority,
        content,
        fields,
        time,
        expires,
        offline,
    })
}

pub fn write_channel(writer: &mut Writer, channel: &Channel) {
    match channel {
        Channel::App => writer.byte(0),
        Channel::Slot(slot) => {
            writer.byte(1);
            writer.text(slot);
        }
        Channel::Log => writer.byte(2),
    }
}

pub fn read_channel(reader: &mut Reader<'_>) -> Read<Channel> {
    Ok(match reader.byte("channel")? {
        0 => Channel::App,
        1 => Channel::Slot(reader.boxed("slot")?),
        2 => Channel::Log,
        _ => return reader.error("channel"),
    })
}

pub fn write_offline(writer: &mut Writer, offline: &Offline) {
    match offline {
        Offline::Keep => writer.byte(0),
        Offline::Drop => writer.byte(1),
        Offline::Fallback(channel) => {
            writer.byte(2);
            write_channel(writer, channel);
        }
    }
}

pub fn read_offline(reader: &mut Reader<'_>) -> Read<Offline> {
    Ok(match reader.byte("offline")? {
        0 => Offline::Keep,
        1 => Offline::Drop,
        2 => Offline::Fallback(read_channel(reader)?),
        _ => return reader.error("offline"),
    })
}
