//! A document as a row of the store and as a whole in an outcome frame.

use super::intern::Interner;
use super::wire::{CodecError, Read, Reader, Writer};
use crate::model::{Document, Entry, EventRef, Lsn, Value, Window};

const VERSION: u8 = 1;

pub fn encode_document(document: &Document) -> Vec<u8> {
    let mut writer = Writer::with_capacity(document.bytes());
    writer.byte(VERSION);
    writer.uint(document.lsn().0);
    writer.uint(document.clock());
    writer.list(document.values().iter(), |writer, (name, stored)| {
        writer.text(name);
        value(writer, stored);
    });
    writer.list(document.windows().iter(), |writer, (name, window)| {
        writer.text(name);
        writer.uint(window.clock());
        writer.list(window.all().iter(), entry);
    });
    writer.bytes
}

pub fn decode_document(bytes: &[u8], interner: &mut Interner) -> Result<Document, CodecError> {
    let mut reader = Reader::new(bytes);
    if reader.byte("document version")? != VERSION {
        return reader.error("document version");
    }
    let lsn = Lsn(reader.uint("document lsn")?);
    let clock = reader.uint("document clock")?;
    let values = reader.list("document values", |reader| Ok((reader.boxed("value name")?, read_value(reader)?)))?;
    let windows = reader.list("document windows", |reader| {
        let name = interner.get(reader.text("window name")?);
        let clock = reader.uint("window clock")?;
        let entries = reader.list("window entries", |reader| read_entry(reader, interner))?;
        Ok((name, Window::restore(entries, clock)))
    })?;
    reader.end("document end")?;
    Ok(Document::restore(values, windows, clock, lsn))
}

pub(super) fn value(writer: &mut Writer, value: &Value) {
    writer.blob(&value.bytes);
    writer.maybe(value.expires, Writer::uint);
}

pub(super) fn read_value(reader: &mut Reader<'_>) -> Read<Value> {
    let bytes = reader.blob("value")?.into();
    Ok(Value { bytes, expires: reader.maybe("expiry", |reader| reader.uint("expiry"))? })
}

pub(super) fn entry(writer: &mut Writer, entry: &Entry) {
    writer.uint(entry.time);
    writer.int(entry.amount);
    writer.text(&entry.member);
    event_ref(writer, &entry.event);
}

pub(super) fn read_entry(reader: &mut Reader<'_>, interner: &mut Interner) -> Read<Entry> {
    Ok(Entry {
        time: reader.uint("entry time")?,
        amount: reader.int("entry amount")?,
        member: reader.boxed("entry member")?,
        event: read_event_ref(reader, interner)?,
    })
}

pub(super) fn event_ref(writer: &mut Writer, event: &EventRef) {
    writer.uint(event.lsn.0);
    writer.text(&event.source);
    writer.text(&event.id);
}

pub(super) fn read_event_ref(reader: &mut Reader<'_>, interner: &mut Interner) -> Read<EventRef> {
    Ok(EventRef {
        lsn: Lsn(reader.uint("event lsn")?),
        source: interner.get(reader.text("event source")?),
        id: reader.boxed("event id")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Op;

    #[test]
    fn documents_come_back_whole() {
        let mut document = Document::default();
        document.apply(Op::Set { name: "a".into(), value: Value { bytes: Box::new([1, 2]), expires: Some(9) } });
        let event = EventRef { lsn: Lsn(7), source: "s".into(), id: "i".into() };
        let entry = Entry { time: 5, amount: -3, member: "m".into(), event };
        document.apply(Op::Observe { window: "w".into(), length_ms: 10, received: 6, entry });
        document.stamp(Lsn(8), 5);
        let bytes = encode_document(&document);
        assert!(bytes.len() <= document.bytes() + 32, "the size limit is an upper bound of what is stored");
        let mut interner = Interner::new(10);
        assert_eq!(decode_document(&bytes, &mut interner), Ok(document));
        for cut in 0..bytes.len() {
            assert!(decode_document(&bytes[..cut], &mut interner).is_err());
        }
    }
}
