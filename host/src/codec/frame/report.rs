//! Report frames: what comes back from the way out.

use crate::codec::wire::{Read, Reader, Writer};
use crate::model::outreach::{ActionId, Report, Reported};

pub fn write_report(writer: &mut Writer, report: &Report) {
    writer.text(&report.business);
    writer.text(&report.person);
    writer.uint(report.at);
    write_reported(writer, &report.what);
}

pub fn read_report(reader: &mut Reader<'_>) -> Read<Report> {
    Ok(Report {
        business: reader.boxed("business")?,
        person: reader.boxed("person")?,
        at: reader.uint("report time")?,
        what: read_reported(reader)?,
    })
}

fn write_reported(writer: &mut Writer, what: &Reported) {
    match what {
        Reported::Arrived { slot } => {
            writer.byte(0);
            writer.maybe(slot.as_deref(), Writer::text);
        }
        Reported::Acknowledged { action } => {
            writer.byte(1);
            writer.hash(action.0);
        }
        Reported::Delivered { action } => {
            writer.byte(2);
            writer.hash(action.0);
        }
        Reported::NotNow { action, reason } => {
            writer.byte(3);
            writer.hash(action.0);
            writer.text(reason);
        }
        Reported::Failed { action, reason } => {
            writer.byte(4);
            writer.hash(action.0);
            writer.text(reason);
        }
        Reported::Unknown { action, reason } => {
            writer.byte(5);
            writer.hash(action.0);
            writer.text(reason);
        }
    }
}

fn read_reported(reader: &mut Reader<'_>) -> Read<Reported> {
    let action = |reader: &mut Reader<'_>| reader.hash("action id").map(ActionId);
    let reason = |reader: &mut Reader<'_>| reader.boxed("report reason");
    Ok(match reader.byte("report")? {
        0 => Reported::Arrived { slot: reader.maybe("slot", |reader| reader.boxed("slot"))? },
        1 => Reported::Acknowledged { action: action(reader)? },
        2 => Reported::Delivered { action: action(reader)? },
        3 => Reported::NotNow { action: action(reader)?, reason: reason(reader)? },
        4 => Reported::Failed { action: action(reader)?, reason: reason(reader)? },
        5 => Reported::Unknown { action: action(reader)?, reason: reason(reader)? },
        _ => return reader.error("report"),
    })
}
