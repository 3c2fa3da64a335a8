//! Input frames: an event.

use crate::codec::intern::Interner;
use crate::codec::wire::{Read, Reader, Writer};
use crate::model::Event;

/// Bits beside that of a replaced time: what follows.
const REPLACED: u8 = 1;
const CLAIMED: u8 = 2;
const INTAKE: u8 = 4;
const UNDEDUPLICATED: u8 = 8;

pub fn write_event(writer: &mut Writer, event: &Event) {
    for text in [&*event.business, &event.source, &event.id, &event.kind, &event.subject, &event.actor, &event.scene] {
        writer.text(text);
    }
    writer.uint(event.received);
    writer.near(event.time, event.received);
    let claims = if event.claimed.is_some() { CLAIMED } else { 0 };
    let named = if event.intake.is_empty() { 0 } else { INTAKE };
    let unproven = if event.undeduplicated { UNDEDUPLICATED } else { 0 };
    writer.byte(u8::from(event.time_replaced) | claims | named | unproven);
    if let Some(claimed) = event.claimed {
        writer.near(claimed, event.received);
    }
    if !event.intake.is_empty() {
        writer.text(&event.intake);
    }
    writer.list(event.extensions.iter(), |writer, (name, value)| {
        writer.text(name);
        writer.text(value);
    });
    writer.text(&event.data);
    writer.byte(event.hops);
}

pub fn read_event(reader: &mut Reader<'_>, interner: &mut Interner) -> Read<Event> {
    let business = interner.get(reader.text("business")?);
    let source = interner.get(reader.text("source")?);
    let id = reader.boxed("id")?;
    let kind = interner.get(reader.text("type")?);
    let subject = reader.boxed("subject")?;
    let actor = reader.boxed("actor")?;
    let scene = reader.boxed("scene")?;
    let received = reader.uint("received")?;
    let time = reader.near(received, "time")?;
    let bits = reader.byte("event bits")?;
    if bits > REPLACED | CLAIMED | INTAKE | UNDEDUPLICATED {
        return reader.error("event bits");
    }
    let time_replaced = bits & REPLACED != 0;
    let claimed = if bits & CLAIMED != 0 { Some(reader.near(received, "claimed time")?) } else { None };
    let intake = if bits & INTAKE != 0 { interner.get(reader.text("intake")?) } else { Default::default() };
    let extensions =
        reader.list("extensions", |reader| Ok((reader.boxed("extension")?, reader.boxed("extension")?)))?;
    let data = reader.boxed("data")?;
    let hops = reader.byte("hops")?;
    Ok(Event {
        business,
        source,
        id,
        kind,
        subject,
        actor,
        scene,
        time,
        received,
        time_replaced,
        extensions,
        data,
        hops,
        intake,
        claimed,
        undeduplicated: bits & UNDEDUPLICATED != 0,
    })
}
