//! Input frames: an event.

use crate::codec::intern::Interner;
use crate::codec::wire::{Read, Reader, Writer};
use crate::model::Event;

pub fn write_event(writer: &mut Writer, event: &Event) {
    for text in [&*event.business, &event.source, &event.id, &event.kind, &event.subject, &event.actor, &event.scene] {
        writer.text(text);
    }
    writer.uint(event.received);
    writer.near(event.time, event.received);
    writer.flag(event.time_replaced);
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
    let time_replaced = reader.flag("time replaced")?;
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
    })
}
