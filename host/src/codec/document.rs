//! A document as a row of the store and as a whole in an outcome frame.

use super::intern::Interner;
use super::wire::{CodecError, Read, Reader, Writer};
use crate::model::document::Parts;
use crate::model::{Document, Entry, EventRef, Lsn, Timer, Value, Window};

const VERSION: u8 = 2;

pub fn encode_document(document: &Document) -> Vec<u8> {
    let mut writer = Writer::with_capacity(document.bytes());
    writer.byte(VERSION);
    writer.uint(document.lsn().0);
    writer.uint(document.clock());
    writer.list(document.values().iter(), |writer, (name, stored)| {
        writer.text(name);
        write_value(writer, stored);
    });
    writer.list(document.windows().iter(), |writer, (name, window)| {
        writer.text(name);
        writer.uint(window.clock());
        writer.list(window.all().iter(), write_entry);
    });
    writer.list(document.timers().iter(), |writer, (name, timer)| {
        writer.text(name);
        write_timer(writer, timer);
    });
    writer.uint(u64::from(document.timers_set()));
    writer.uint(u64::from(document.state_version()));
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
    let timers = reader.list("document timers", |reader| Ok((reader.boxed("timer name")?, read_timer(reader)?)))?;
    let timers_set = reader.u32("timers set")?;
    let state_version = reader.u32("state version")?;
    reader.end("document end")?;
    Ok(Document::restore(Parts { values, windows, timers, timers_set, state_version, clock, lsn }))
}

pub fn write_value(writer: &mut Writer, value: &Value) {
    writer.blob(&value.bytes);
    writer.maybe(value.expires, Writer::uint);
}

pub fn read_value(reader: &mut Reader<'_>) -> Read<Value> {
    let bytes = reader.blob("value")?.into();
    Ok(Value { bytes, expires: reader.maybe("expiry", |reader| reader.uint("expiry"))? })
}

pub fn write_entry(writer: &mut Writer, entry: &Entry) {
    writer.uint(entry.time);
    writer.int(entry.amount);
    writer.text(&entry.member);
    write_event_ref(writer, &entry.event);
}

pub fn read_entry(reader: &mut Reader<'_>, interner: &mut Interner) -> Read<Entry> {
    Ok(Entry {
        time: reader.uint("entry time")?,
        amount: reader.int("entry amount")?,
        member: reader.boxed("entry member")?,
        event: read_event_ref(reader, interner)?,
    })
}

pub fn write_event_ref(writer: &mut Writer, event: &EventRef) {
    writer.uint(event.lsn.0);
    writer.text(&event.source);
    writer.text(&event.id);
}

pub fn read_event_ref(reader: &mut Reader<'_>, interner: &mut Interner) -> Read<EventRef> {
    Ok(EventRef {
        lsn: Lsn(reader.uint("event lsn")?),
        source: interner.get(reader.text("event source")?),
        id: reader.boxed("event id")?,
    })
}

pub fn write_timer(writer: &mut Writer, timer: &Timer) {
    writer.tag(timer.clock);
    writer.uint(timer.due);
    writer.text(&timer.context);
    writer.uint(timer.at.0);
    writer.uint(u64::from(timer.number));
    writer.uint(u64::from(timer.state_version));
    writer.byte(timer.hops);
}

pub fn read_timer(reader: &mut Reader<'_>) -> Read<Timer> {
    Ok(Timer {
        clock: reader.tag()?,
        due: reader.uint("timer due")?,
        context: reader.boxed("timer context")?,
        at: Lsn(reader.uint("timer position")?),
        number: reader.u32("timer number")?,
        state_version: reader.u32("timer state version")?,
        hops: reader.byte("timer hops")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::samples::{comes_back, event_ref, ops};
    use crate::model::{Op, TimerClock};

    fn document() -> Document {
        let mut document = Document::default();
        ops().into_iter().for_each(|op| document.apply(op));
        document.stamp(Lsn(8), 5, 3);
        document
    }

    #[test]
    fn documents_come_back_whole() {
        let document = document();
        assert!(!document.values().is_empty() && !document.windows().is_empty());
        assert_eq!((document.timers().len(), document.timers_set(), document.state_version()), (2, 3, 3));
        let mut interner = Interner::new(10);
        comes_back(&document, encode_document, |bytes| decode_document(bytes, &mut interner));
    }

    #[test]
    fn the_size_limit_is_an_upper_bound_of_what_is_stored() {
        const HEADER_BYTES: usize = 40;
        let event = EventRef { lsn: Lsn(u64::MAX), ..event_ref(1) };
        let entry = Entry { time: u64::MAX, amount: i64::MIN, member: "m".into(), event };
        let timer = Timer {
            clock: TimerClock::Event,
            due: u64::MAX,
            context: "c".into(),
            at: Lsn(u64::MAX),
            number: u32::MAX,
            state_version: u32::MAX,
            hops: u8::MAX,
        };
        for op in [
            Op::Set { name: "a".into(), value: Value { bytes: Box::new([1; 300]), expires: Some(u64::MAX) } },
            Op::Observe { window: "w".into(), length_ms: 10, received: u64::MAX, entry },
            Op::SetTimer { name: "t".into(), timer },
        ] {
            let mut document = Document::default();
            document.apply(op);
            document.stamp(Lsn(u64::MAX), u64::MAX, u32::MAX);
            assert!(encode_document(&document).len() <= document.bytes() + HEADER_BYTES, "{document:?}");
        }
    }

    #[test]
    fn another_version_is_refused() {
        let mut bytes = encode_document(&document());
        bytes[0] = 1;
        assert!(decode_document(&bytes, &mut Interner::new(1)).is_err());
    }
}
