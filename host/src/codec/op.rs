//! Changes of documents, as outcome and outreach frames carry them.

use super::document::{read_entry, read_timer, read_value, write_entry, write_timer, write_value};
use super::intern::Interner;
use super::wire::{Read, Reader, Writer};
use crate::model::Op;

pub fn write_op(writer: &mut Writer, op: &Op) {
    match op {
        Op::Set { name, value } => {
            writer.byte(0);
            writer.text(name);
            write_value(writer, value);
        }
        Op::Remove { name } => {
            writer.byte(1);
            writer.text(name);
        }
        Op::Expire { until } => {
            writer.byte(6);
            writer.uint(*until);
        }
        Op::Observe { window, length_ms, received, entry } => {
            writer.byte(2);
            writer.text(window);
            writer.uint(*length_ms);
            writer.uint(*received);
            write_entry(writer, entry);
        }
        Op::Forget { window, member, until } => {
            writer.byte(3);
            writer.text(window);
            writer.maybe(member.as_deref(), Writer::text);
            writer.uint(*until);
        }
        Op::SetTimer { name, timer } => {
            writer.byte(4);
            writer.text(name);
            write_timer(writer, timer);
        }
        Op::CancelTimer { name } => {
            writer.byte(5);
            writer.text(name);
        }
    }
}

pub fn read_op(reader: &mut Reader<'_>, interner: &mut Interner) -> Read<Op> {
    Ok(match reader.byte("operation")? {
        0 => Op::Set { name: reader.boxed("value name")?, value: read_value(reader)? },
        1 => Op::Remove { name: reader.boxed("value name")? },
        2 => Op::Observe {
            window: interner.get(reader.text("window")?),
            length_ms: reader.uint("window length")?,
            received: reader.uint("received")?,
            entry: read_entry(reader, interner)?,
        },
        3 => Op::Forget {
            window: interner.get(reader.text("window")?),
            member: reader.maybe("member", |reader| reader.boxed("member"))?,
            until: reader.uint("until")?,
        },
        4 => Op::SetTimer { name: reader.boxed("timer name")?, timer: read_timer(reader)? },
        5 => Op::CancelTimer { name: reader.boxed("timer name")? },
        6 => Op::Expire { until: reader.uint("expiry")? },
        _ => return reader.error("operation"),
    })
}
