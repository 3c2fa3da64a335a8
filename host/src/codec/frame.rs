//! Frames of the journal. The first byte is the version, the second the kind.

use std::sync::Arc;

use super::document::{entry, event_ref, read_entry, read_event_ref, read_value, value};
use super::intern::Interner;
use super::wire::{CodecError, Read, Reader, Writer};
use crate::model::{
    Change, Control, DeploymentId, Digest, End, Event, Frame, InputOutcome, InputRecord, Lsn, Mark, Match, OnError, Op,
    Outcome, ShardSet, Start, Whole,
};

const VERSION: u8 = 1;

/// What a frame is, without decoding it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Input,
    Control,
    Outcome,
    Mark,
}

const KINDS: [Kind; 4] = [Kind::Input, Kind::Control, Kind::Outcome, Kind::Mark];

/// None if the bytes are no frame of this version.
pub fn kind_of(bytes: &[u8]) -> Option<Kind> {
    match bytes {
        [VERSION, kind, ..] => KINDS.get(usize::from(*kind)).copied(),
        _ => None,
    }
}

pub fn encode_frame(frame: &Frame) -> Vec<u8> {
    let mut writer = Writer::with_capacity(192);
    writer.byte(VERSION);
    match frame {
        Frame::Input(event) => {
            writer.byte(Kind::Input as u8);
            write_event(&mut writer, event);
        }
        Frame::Control(control) => {
            writer.byte(Kind::Control as u8);
            write_control(&mut writer, control);
        }
        Frame::Outcome(outcome) => {
            writer.byte(Kind::Outcome as u8);
            write_outcome(&mut writer, outcome);
        }
        Frame::Mark(mark) => {
            writer.byte(Kind::Mark as u8);
            writer.uint(mark.shards.0);
        }
    }
    writer.bytes
}

pub fn decode_frame(bytes: &[u8], interner: &mut Interner) -> Result<Frame, CodecError> {
    let mut reader = Reader::new(bytes);
    let Some(kind) = kind_of(bytes) else { return reader.error("frame version and kind") };
    reader.raw(2, "frame version and kind")?;
    let frame = match kind {
        Kind::Input => Frame::Input(Arc::new(read_event(&mut reader, interner)?)),
        Kind::Control => Frame::Control(Arc::new(read_control(&mut reader)?)),
        Kind::Outcome => Frame::Outcome(Arc::new(read_outcome(&mut reader, interner)?)),
        Kind::Mark => Frame::Mark(Mark { shards: ShardSet(reader.uint("mark shards")?) }),
    };
    reader.end("frame end")?;
    Ok(frame)
}

fn write_event(writer: &mut Writer, event: &Event) {
    for text in [&*event.business, &event.source, &event.id, &event.kind, &event.subject, &event.actor, &event.scene] {
        writer.text(text);
    }
    writer.uint(event.received);
    writer.int(event.time.wrapping_sub(event.received) as i64);
    writer.flag(event.time_replaced);
    writer.list(event.extensions.iter(), |writer, (name, value)| {
        writer.text(name);
        writer.text(value);
    });
    writer.text(&event.data);
}

fn read_event(reader: &mut Reader<'_>, interner: &mut Interner) -> Read<Event> {
    let mut event = Event {
        business: interner.get(reader.text("business")?),
        source: interner.get(reader.text("source")?),
        id: reader.boxed("id")?,
        kind: interner.get(reader.text("type")?),
        subject: reader.boxed("subject")?,
        actor: reader.boxed("actor")?,
        scene: reader.boxed("scene")?,
        received: reader.uint("received")?,
        ..Event::default()
    };
    event.time = event.received.wrapping_add(reader.int("time")? as u64);
    event.time_replaced = reader.flag("time replaced")?;
    event.extensions =
        reader.list("extensions", |reader| Ok((reader.boxed("extension")?, reader.boxed("extension")?)))?;
    event.data = reader.boxed("data")?;
    Ok(event)
}

fn write_control(writer: &mut Writer, control: &Control) {
    writer.uint(control.at);
    writer.text(&control.by);
    match &control.change {
        Change::ModuleUploaded { business, digest, name, version } => {
            writer.byte(0);
            writer.text(business);
            writer.raw(&digest.0);
            writer.text(name);
            writer.text(version);
        }
        Change::DeploymentRevised {
            business,
            name,
            revision,
            digest,
            configuration,
            envelope,
            plan,
            permissions,
            on_error,
            start,
        } => {
            writer.byte(1);
            writer.text(business);
            writer.text(name);
            writer.uint(u64::from(*revision));
            writer.raw(&digest.0);
            writer.text(configuration);
            writer.text(envelope);
            writer.text(plan);
            writer.list(permissions.iter(), |writer, name| writer.text(name));
            writer.byte(*on_error as u8);
            writer.byte(*start as u8);
        }
        Change::Paused { deployment, shards, reason } => {
            writer.byte(2);
            writer.uint(deployment.0);
            writer.uint(shards.0);
            writer.text(reason);
        }
        Change::Resumed { deployment, shards } => {
            writer.byte(3);
            writer.uint(deployment.0);
            writer.uint(shards.0);
        }
    }
}

fn read_control(reader: &mut Reader<'_>) -> Read<Control> {
    Ok(Control { at: reader.uint("control time")?, by: reader.boxed("control by")?, change: read_change(reader)? })
}

fn read_change(reader: &mut Reader<'_>) -> Read<Change> {
    Ok(match reader.byte("change")? {
        0 => Change::ModuleUploaded {
            business: reader.boxed("business")?,
            digest: read_digest(reader)?,
            name: reader.boxed("module name")?,
            version: reader.boxed("module version")?,
        },
        1 => Change::DeploymentRevised {
            business: reader.boxed("business")?,
            name: reader.boxed("deployment name")?,
            revision: read_u32(reader, "revision")?,
            digest: read_digest(reader)?,
            configuration: reader.boxed("configuration")?,
            envelope: reader.boxed("envelope")?,
            plan: reader.boxed("plan")?,
            permissions: reader.list("permissions", |reader| reader.boxed("permission"))?,
            on_error: match reader.byte("on_error")? {
                0 => OnError::Skip,
                1 => OnError::Pause,
                _ => return reader.error("on_error"),
            },
            start: match reader.byte("start")? {
                0 => Start::Latest,
                1 => Start::Earliest,
                _ => return reader.error("start"),
            },
        },
        2 => Change::Paused {
            deployment: DeploymentId(reader.uint("deployment")?),
            shards: ShardSet(reader.uint("shards")?),
            reason: reader.boxed("reason")?,
        },
        3 => Change::Resumed {
            deployment: DeploymentId(reader.uint("deployment")?),
            shards: ShardSet(reader.uint("shards")?),
        },
        _ => return reader.error("change"),
    })
}

fn read_u32(reader: &mut Reader<'_>, what: &'static str) -> Read<u32> {
    u32::try_from(reader.uint(what)?).or_else(|_| reader.error(what))
}

fn read_digest(reader: &mut Reader<'_>) -> Read<Digest> {
    let mut digest = Digest([0; 32]);
    digest.0.copy_from_slice(reader.raw(32, "digest")?);
    Ok(digest)
}

fn write_outcome(writer: &mut Writer, outcome: &Outcome) {
    writer.uint(outcome.deployment.0);
    writer.uint(u64::from(outcome.revision));
    writer.raw(&outcome.digest.0);
    writer.uint(outcome.shards.0);
    writer.uint(outcome.position.0);
    let mut last = Lsn::ZERO;
    writer.list(outcome.inputs.iter(), |writer, record| {
        writer.uint(record.lsn.0 - last.0);
        last = record.lsn;
        write_record(writer, record);
    });
    writer.list(outcome.wholes.iter(), |writer, whole| {
        writer.text(&whole.key);
        writer.blob(&whole.bytes);
    });
}

fn read_outcome(reader: &mut Reader<'_>, interner: &mut Interner) -> Read<Outcome> {
    let deployment = DeploymentId(reader.uint("deployment")?);
    let revision = read_u32(reader, "revision")?;
    let digest = read_digest(reader)?;
    let shards = ShardSet(reader.uint("shards")?);
    let position = Lsn(reader.uint("position")?);
    let mut last = Lsn::ZERO;
    let inputs = reader.list("inputs", |reader| {
        last = Lsn(last.0.wrapping_add(reader.uint("input lsn")?));
        read_record(reader, last, interner)
    })?;
    let wholes = reader.list("wholes", |reader| {
        Ok(Whole { key: reader.boxed("whole key")?, bytes: reader.blob("whole document")?.into() })
    })?;
    Ok(Outcome { deployment, revision, digest, shards, position, inputs, wholes })
}

fn write_record(writer: &mut Writer, record: &InputRecord) {
    writer.uint(record.time);
    writer.uint(u64::from(record.subscription));
    writer.text(&record.key);
    let outcome = &record.outcome;
    writer.flag(outcome.late);
    match &outcome.end {
        End::Done => writer.byte(0),
        End::Refused { code, message } => {
            writer.byte(1);
            writer.text(code);
            writer.text(message);
        }
        End::Trapped { message } => {
            writer.byte(2);
            writer.text(message);
        }
        End::OutOfFuel { limit } => {
            writer.byte(3);
            writer.uint(*limit);
        }
    }
    writer.list(outcome.ops.iter(), write_op);
    writer.list(outcome.matches.iter(), write_match);
}

fn read_record(reader: &mut Reader<'_>, lsn: Lsn, interner: &mut Interner) -> Read<InputRecord> {
    let time = reader.uint("input time")?;
    let subscription = read_u32(reader, "subscription")?;
    let key = reader.boxed("key")?;
    let late = reader.flag("late")?;
    let end = match reader.byte("end")? {
        0 => End::Done,
        1 => End::Refused { code: reader.boxed("refusal code")?, message: reader.boxed("refusal message")? },
        2 => End::Trapped { message: reader.boxed("trap message")? },
        3 => End::OutOfFuel { limit: reader.uint("fuel limit")? },
        _ => return reader.error("end"),
    };
    let ops = reader.list("operations", |reader| read_op(reader, interner))?;
    let matches = reader.list("matches", |reader| read_match(reader, interner))?;
    let outcome = InputOutcome { ops, matches, late, ..InputOutcome::without_effects(end) };
    Ok(InputRecord { lsn, time, subscription, key, outcome })
}

fn write_op(writer: &mut Writer, op: &Op) {
    match op {
        Op::Set { name, value: stored } => {
            writer.byte(0);
            writer.text(name);
            value(writer, stored);
        }
        Op::Remove { name } => {
            writer.byte(1);
            writer.text(name);
        }
        Op::Observe { window, length_ms, received, entry: added } => {
            writer.byte(2);
            writer.text(window);
            writer.uint(*length_ms);
            writer.uint(*received);
            entry(writer, added);
        }
        Op::Forget { window, member, until } => {
            writer.byte(3);
            writer.text(window);
            writer.maybe(member.as_deref(), Writer::text);
            writer.uint(*until);
        }
    }
}

fn read_op(reader: &mut Reader<'_>, interner: &mut Interner) -> Read<Op> {
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
        _ => return reader.error("operation"),
    })
}

fn write_match(writer: &mut Writer, found: &Match) {
    writer.text(&found.name);
    writer.text(&found.person);
    writer.text(&found.fields);
    writer.list(found.events.iter(), event_ref);
    writer.list(found.also.iter(), |writer, id| writer.text(id));
    writer.maybe(found.once.as_deref(), Writer::text);
}

fn read_match(reader: &mut Reader<'_>, interner: &mut Interner) -> Read<Match> {
    Ok(Match {
        name: reader.boxed("match name")?,
        person: reader.boxed("match person")?,
        fields: reader.boxed("match fields")?,
        events: reader.list("match events", |reader| read_event_ref(reader, interner))?,
        also: reader.list("match also", |reader| reader.boxed("match also"))?,
        once: reader.maybe("match once", |reader| reader.boxed("match once"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Entry, EventRef, Value};

    fn event_ref(lsn: u64) -> EventRef {
        EventRef { lsn: Lsn(lsn), source: "app".into(), id: format!("e{lsn}").into() }
    }

    fn frames() -> Vec<Frame> {
        let event = Event {
            business: "demo".into(),
            source: "app".into(),
            id: "1".into(),
            kind: "blacklist".into(),
            time: 5,
            received: 10,
            extensions: vec![("a".into(), "b".into())],
            data: r#"{"x":1}"#.into(),
            ..Event::default()
        };
        let control = |change| Frame::Control(Arc::new(Control { at: 1, by: "ops".into(), change }));
        let digest = Digest([3; 32]);
        let entry = Entry { time: 5, amount: -1, member: "m".into(), event: event_ref(4) };
        let ops = vec![
            Op::Set { name: "a".into(), value: Value { bytes: Box::new([1]), expires: None } },
            Op::Remove { name: "a".into() },
            Op::Observe { window: "w".into(), length_ms: 6, received: 7, entry },
            Op::Forget { window: "w".into(), member: Some("m".into()), until: 8 },
        ];
        let found = Match {
            name: "high_risk".into(),
            person: "p".into(),
            fields: "{}".into(),
            events: vec![event_ref(1), event_ref(4)],
            also: vec!["x".into()],
            once: Some("o".into()),
        };
        let record = |lsn, end, ops, matches| InputRecord {
            lsn: Lsn(lsn),
            time: 5,
            subscription: 1,
            key: "k".into(),
            outcome: InputOutcome { ops, matches, late: lsn == 2, ..InputOutcome::without_effects(end) },
        };
        let inputs = vec![
            record(1, End::Done, ops, vec![found]),
            record(2, End::Refused { code: "bad_event".into(), message: "m".into() }, vec![], vec![]),
            record(3, End::Trapped { message: "t".into() }, vec![], vec![]),
            record(4, End::OutOfFuel { limit: 5 }, vec![], vec![]),
        ];
        let outcome = Outcome {
            deployment: DeploymentId(2),
            revision: 3,
            digest,
            shards: ShardSet::ALL,
            position: Lsn(9),
            inputs,
            wholes: vec![Whole { key: "k".into(), bytes: Box::new([9]) }],
        };
        vec![
            Frame::Input(Arc::new(event)),
            control(Change::ModuleUploaded { business: "demo".into(), digest, name: "n".into(), version: "1".into() }),
            control(Change::DeploymentRevised {
                business: "demo".into(),
                name: "n".into(),
                revision: 1,
                digest,
                configuration: "{}".into(),
                envelope: r#"{"configuration":{}}"#.into(),
                plan: "{}".into(),
                permissions: vec!["matches".into()],
                on_error: OnError::Pause,
                start: Start::Earliest,
            }),
            control(Change::Paused { deployment: DeploymentId(1), shards: ShardSet(5), reason: "r".into() }),
            control(Change::Resumed { deployment: DeploymentId(1), shards: ShardSet(5) }),
            Frame::Outcome(Arc::new(outcome)),
            Frame::Mark(Mark { shards: ShardSet::ALL }),
        ]
    }

    #[test]
    fn frames_come_back_whole() {
        let mut interner = Interner::new(100);
        for frame in frames() {
            let bytes = encode_frame(&frame);
            assert_eq!(decode_frame(&bytes, &mut interner), Ok(frame));
            for cut in 0..bytes.len() {
                assert!(decode_frame(&bytes[..cut], &mut interner).is_err());
            }
        }
    }

    #[test]
    fn another_version_is_refused() {
        let mut bytes = encode_frame(&frames()[0]);
        bytes[0] = 2;
        assert!(decode_frame(&bytes, &mut Interner::new(1)).is_err());
    }
}
