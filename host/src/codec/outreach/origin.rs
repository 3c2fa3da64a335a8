//! Where an action, a tag or a published event comes from, and that event.

use crate::codec::wire::{Read, Reader, Writer};
use crate::model::outreach::{Origin, Published};
use crate::model::{Digest, Lsn};

pub fn write_digest(writer: &mut Writer, digest: &Digest) {
    writer.raw(&digest.0);
}

pub fn read_digest(reader: &mut Reader<'_>) -> Read<Digest> {
    let mut digest = Digest([0; 32]);
    digest.0.copy_from_slice(reader.raw(32, "digest")?);
    Ok(digest)
}

pub fn write_origin(writer: &mut Writer, origin: &Origin) {
    writer.uint(origin.lsn.0);
    writer.hash(origin.match_id);
    writer.text(&origin.match_name);
    writer.text(&origin.deployment);
    writer.uint(u64::from(origin.revision));
    write_digest(writer, &origin.digest);
    writer.byte(origin.hops);
}

pub fn read_origin(reader: &mut Reader<'_>) -> Read<Origin> {
    Ok(Origin {
        lsn: Lsn(reader.uint("origin lsn")?),
        match_id: reader.hash("match id")?,
        match_name: reader.boxed("match name")?,
        deployment: reader.boxed("deployment name")?,
        revision: reader.u32("revision")?,
        digest: read_digest(reader)?,
        hops: reader.byte("origin hops")?,
    })
}

pub fn write_published(writer: &mut Writer, event: &Published) {
    writer.hash(event.id);
    for text in [&event.event_type, &event.subject, &event.actor, &event.data] {
        writer.text(text);
    }
    writer.uint(event.time);
    writer.byte(event.hops);
}

pub fn read_published(reader: &mut Reader<'_>) -> Read<Published> {
    Ok(Published {
        id: reader.hash("published id")?,
        event_type: reader.boxed("published type")?,
        subject: reader.boxed("published subject")?,
        actor: reader.boxed("published actor")?,
        data: reader.boxed("published data")?,
        time: reader.uint("published time")?,
        hops: reader.byte("published hops")?,
    })
}
