//! Outcome frames: inputs consumed, what they changed and found. The hottest frames beside the inputs themselves.

use super::Needs;
use crate::codec::document::{read_event_ref, write_event_ref};
use crate::codec::intern::Interner;
use crate::codec::op::{read_op, write_op};
use crate::codec::outreach::{read_digest, read_published, write_digest, write_published};
use crate::codec::wire::{Read, Reader, Writer};
use crate::model::outreach::ActionId;
use crate::model::{DeploymentId, End, InputOutcome, InputRecord, Lsn, Match, Outcome, ShardSet, Signal, Via, Whole};

pub fn write_outcome(writer: &mut Writer, outcome: &Outcome) {
    writer.uint(outcome.deployment.0);
    writer.uint(u64::from(outcome.revision));
    write_digest(writer, &outcome.digest);
    writer.uint(outcome.shards.0);
    writer.uint(outcome.position.0);
    writer.uint(outcome.now);
    writer.uint(u64::from(outcome.state_version));
    writer.byte(contents(outcome));
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

/// Bits of a frame: what its records have.
const MATCHES: u8 = 1;
const PUBLISHED: u8 = 2;
const SIGNALS: u8 = 4;

fn contents(outcome: &Outcome) -> u8 {
    let of = |record: &InputRecord| {
        let InputOutcome { matches, published, signals, .. } = &record.outcome;
        let (matches, published, signals) = (!matches.is_empty(), !published.is_empty(), !signals.is_empty());
        u8::from(matches) * MATCHES + u8::from(published) * PUBLISHED + u8::from(signals) * SIGNALS
    };
    outcome.inputs.iter().fold(0, |all, record| all | of(record))
}

/// Which contents make a reader need the records; None if it needs them anyway.
fn needed(needs: Needs) -> Option<u8> {
    match needs {
        Needs::All => None,
        Needs::Telling { matches: true } => Some(MATCHES | PUBLISHED | SIGNALS),
        Needs::Telling { matches: false } => Some(PUBLISHED | SIGNALS),
    }
}

pub fn read_outcome(reader: &mut Reader<'_>, needs: Needs, interner: &mut Interner) -> Read<Outcome> {
    let deployment = DeploymentId(reader.uint("deployment")?);
    let revision = reader.u32("revision")?;
    let digest = read_digest(reader)?;
    let shards = ShardSet(reader.uint("shards")?);
    let position = Lsn(reader.uint("position")?);
    let now = reader.uint("outcome now")?;
    let state_version = reader.u32("state version")?;
    let contents = reader.byte("contents")?;
    let (inputs, wholes) = (Vec::new(), Vec::new());
    let head = Outcome { deployment, revision, digest, shards, position, now, state_version, inputs, wholes };
    if needed(needs).is_some_and(|needed| contents & needed == 0) {
        reader.pass_over();
        return Ok(head);
    }
    let mut last = Lsn::ZERO;
    let inputs = reader.list("inputs", |reader| {
        last = Lsn(last.0.wrapping_add(reader.uint("input lsn")?));
        read_record(reader, last, interner)
    })?;
    let wholes = reader.list("wholes", |reader| {
        Ok(Whole { key: reader.boxed("whole key")?, bytes: reader.blob("whole document")?.into() })
    })?;
    let outcome = Outcome { inputs, wholes, ..head };
    if contents != self::contents(&outcome) {
        return reader.error("contents");
    }
    Ok(outcome)
}

/// Bits of an input: it was late; the position of the original follows, because it is a replay; its event may have come
/// before.
const LATE: u8 = 1;
const REPLAY: u8 = 2;
const UNDEDUPLICATED: u8 = 4;

/// Of the outcome what must outlive the process; verdict, reply and logs are told elsewhere.
fn write_record(writer: &mut Writer, record: &InputRecord) {
    writer.uint(record.time);
    write_via(writer, &record.via);
    writer.byte(record.hops);
    writer.text(&record.key);
    let outcome = &record.outcome;
    let unproven = u8::from(outcome.undeduplicated) * UNDEDUPLICATED;
    writer.byte(u8::from(outcome.late) * LATE + u8::from(record.replay_of.is_some()) * REPLAY + unproven);
    if let Some(original) = record.replay_of {
        writer.near(original.0, record.lsn.0);
    }
    write_end(writer, &outcome.end);
    writer.list(outcome.ops.iter(), write_op);
    writer.list(outcome.matches.iter(), write_match);
    writer.list(outcome.published.iter(), write_published);
    writer.list(outcome.signals.iter(), write_signal);
}

fn read_record(reader: &mut Reader<'_>, lsn: Lsn, interner: &mut Interner) -> Read<InputRecord> {
    let time = reader.uint("input time")?;
    let via = read_via(reader)?;
    let hops = reader.byte("input hops")?;
    let key = reader.boxed("key")?;
    let bits = reader.byte("input bits")?;
    if bits & !(LATE | REPLAY | UNDEDUPLICATED) != 0 {
        return reader.error("input bits");
    }
    let (late, undeduplicated) = (bits & LATE != 0, bits & UNDEDUPLICATED != 0);
    let replay_of = if bits & REPLAY != 0 { Some(Lsn(reader.near(lsn.0, "replayed position")?)) } else { None };
    let end = read_end(reader)?;
    let ops = reader.list("operations", |reader| read_op(reader, interner))?;
    let matches = reader.list("matches", |reader| read_match(reader, interner))?;
    let published = reader.list("published", read_published)?;
    let signals = reader.list("signals", read_signal)?;
    let effects = InputOutcome { ops, matches, published, signals, ..InputOutcome::without_effects(end) };
    let outcome = InputOutcome { late, undeduplicated, ..effects };
    Ok(InputRecord { lsn, replay_of, time, via, hops, key, outcome })
}

/// What a subscription's number is stored above: one number says way and subscription, one byte for nearly all inputs.
const SUBSCRIPTIONS: u64 = 5;

fn write_via(writer: &mut Writer, via: &Via) {
    match via {
        Via::Timer(name) => {
            writer.uint(0);
            writer.text(name);
        }
        Via::Settlement(action) => {
            writer.uint(1);
            writer.hash(action.0);
        }
        Via::Signal { id, name, sender } => {
            writer.uint(2);
            writer.hash(*id);
            writer.text(name);
            writer.text(sender);
        }
        Via::Kept(number) => {
            writer.uint(3);
            writer.uint(u64::from(*number));
        }
        Via::HandedOver { subscription, from } => {
            writer.uint(4);
            writer.uint(u64::from(*subscription));
            writer.uint(from.0);
        }
        Via::Subscription(number) => writer.uint(SUBSCRIPTIONS + u64::from(*number)),
    }
}

fn read_via(reader: &mut Reader<'_>) -> Read<Via> {
    Ok(match reader.uint("via")? {
        0 => Via::Timer(reader.boxed("timer name")?),
        1 => Via::Settlement(ActionId(reader.hash("action id")?)),
        2 => Via::Signal {
            id: reader.hash("signal id")?,
            name: reader.boxed("signal name")?,
            sender: reader.boxed("signal sender")?,
        },
        3 => Via::Kept(reader.u32("kept subscription")?),
        4 => Via::HandedOver { subscription: reader.u32("subscription")?, from: Lsn(reader.uint("kept since")?) },
        subscription => match u32::try_from(subscription - SUBSCRIPTIONS) {
            Ok(number) => Via::Subscription(number),
            Err(_) => return reader.error("subscription"),
        },
    })
}

fn write_signal(writer: &mut Writer, signal: &Signal) {
    writer.hash(signal.id);
    writer.text(&signal.key);
    writer.text(&signal.name);
    writer.text(&signal.payload);
}

fn read_signal(reader: &mut Reader<'_>) -> Read<Signal> {
    Ok(Signal {
        id: reader.hash("signal id")?,
        key: reader.boxed("signal key")?,
        name: reader.boxed("signal name")?,
        payload: reader.boxed("signal payload")?,
    })
}

fn write_end(writer: &mut Writer, end: &End) {
    match end {
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
}

fn read_end(reader: &mut Reader<'_>) -> Read<End> {
    Ok(match reader.byte("end")? {
        0 => End::Done,
        1 => End::Refused { code: reader.boxed("refusal code")?, message: reader.boxed("refusal message")? },
        2 => End::Trapped { message: reader.boxed("trap message")? },
        3 => End::OutOfFuel { limit: reader.uint("fuel limit")? },
        _ => return reader.error("end"),
    })
}

fn write_match(writer: &mut Writer, found: &Match) {
    writer.hash(found.id);
    writer.text(&found.name);
    writer.text(&found.person);
    writer.text(&found.fields);
    writer.list(found.events.iter(), write_event_ref);
    writer.list(found.also.iter(), |writer, id| writer.text(id));
    writer.maybe(found.once.as_deref(), Writer::text);
}

fn read_match(reader: &mut Reader<'_>, interner: &mut Interner) -> Read<Match> {
    Ok(Match {
        id: reader.hash("match id")?,
        name: reader.boxed("match name")?,
        person: reader.boxed("match person")?,
        fields: reader.boxed("match fields")?,
        events: reader.list("match events", |reader| read_event_ref(reader, interner))?,
        also: reader.list("match also", |reader| reader.boxed("match also"))?,
        once: reader.maybe("match once", |reader| reader.boxed("match once"))?,
    })
}
