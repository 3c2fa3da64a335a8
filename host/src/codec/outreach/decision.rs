//! The answer for one action, with everything that led to it.

use super::action::{read_action, read_channel, write_action, write_channel};
use super::origin::{read_digest, write_digest};
use super::policy::{read_part, write_part};
use crate::codec::wire::{Read, Reader, Writer};
use crate::model::Digest;
use crate::model::outreach::{Answered, Candidate, ChainRevisions, Decision, Reached, Status, Verdict, VerdictKind};

pub fn write_decision(writer: &mut Writer, decision: &Decision) {
    write_action(writer, &decision.action);
    writer.near(decision.time, decision.action.time);
    writer.uint(u64::from(decision.attempt));
    writer.tag(decision.cause);
    writer.list(decision.candidates.iter(), write_candidate);
    writer.uint(u64::from(decision.chain.platform));
    writer.uint(u64::from(decision.chain.business));
    writer.uint(u64::from(decision.chain.policy));
    writer.list(decision.verdicts.iter(), write_reached);
    write_status(writer, &decision.status);
}

pub fn read_decision(reader: &mut Reader<'_>) -> Read<Decision> {
    let action = read_action(reader)?;
    let time = reader.near(action.time, "decision time")?;
    Ok(Decision {
        action,
        time,
        attempt: reader.u32("attempt")?,
        cause: reader.tag()?,
        candidates: reader.list("candidates", read_candidate)?,
        chain: ChainRevisions {
            platform: reader.u32("platform chain revision")?,
            business: reader.u32("business chain revision")?,
            policy: reader.u32("policy chain revision")?,
        },
        verdicts: reader.list("verdicts", read_reached)?,
        status: read_status(reader)?,
    })
}

fn write_candidate(writer: &mut Writer, candidate: &Candidate) {
    writer.text(&candidate.policy);
    writer.uint(u64::from(candidate.revision));
    writer.int(i64::from(candidate.priority));
    writer.tag(candidate.fate);
}

fn read_candidate(reader: &mut Reader<'_>) -> Read<Candidate> {
    Ok(Candidate {
        policy: reader.boxed("policy")?,
        revision: reader.u32("policy revision")?,
        priority: reader.i32("priority")?,
        fate: reader.tag()?,
    })
}

/// The digest of a filter that was not asked.
const NOBODY: Digest = Digest([0; 32]);

fn write_reached(writer: &mut Writer, reached: &Reached) {
    write_part(writer, &reached.part);
    writer.text(&reached.filter);
    writer.uint(u64::from(reached.revision));
    // Most entries of a chain that was denied early were not asked: 32 zeros each would be most of the decision.
    writer.maybe(Some(&reached.digest).filter(|digest| **digest != NOBODY), write_digest);
    write_answered(writer, &reached.answer);
}

fn read_reached(reader: &mut Reader<'_>) -> Read<Reached> {
    Ok(Reached {
        part: read_part(reader)?,
        filter: reader.boxed("filter")?,
        revision: reader.u32("filter revision")?,
        digest: reader.maybe("filter digest", read_digest)?.unwrap_or(NOBODY),
        answer: read_answered(reader)?,
    })
}

fn write_answered(writer: &mut Writer, answer: &Answered) {
    match answer {
        Answered::Verdict(verdict) => {
            writer.byte(0);
            write_verdict(writer, verdict);
        }
        Answered::Error { code, message, fail } => {
            writer.byte(1);
            writer.text(code);
            writer.text(message);
            writer.tag(*fail);
        }
        Answered::NotReached => writer.byte(2),
        Answered::OtherClass => writer.byte(3),
    }
}

fn read_answered(reader: &mut Reader<'_>) -> Read<Answered> {
    Ok(match reader.byte("answer")? {
        0 => Answered::Verdict(read_verdict(reader)?),
        1 => Answered::Error {
            code: reader.boxed("filter error code")?,
            message: reader.boxed("filter error message")?,
            fail: reader.tag()?,
        },
        2 => Answered::NotReached,
        3 => Answered::OtherClass,
        _ => return reader.error("answer"),
    })
}

fn write_verdict(writer: &mut Writer, verdict: &Verdict) {
    match &verdict.kind {
        VerdictKind::Allow => writer.byte(0),
        VerdictKind::Deny => writer.byte(1),
        VerdictKind::Hold(until) => {
            writer.byte(2);
            writer.uint(*until);
        }
        VerdictKind::Downgrade(channel) => {
            writer.byte(3);
            write_channel(writer, channel);
        }
    }
    writer.text(&verdict.reason);
    writer.text(&verdict.numbers);
    writer.maybe(verdict.context.as_deref(), Writer::text);
}

fn read_verdict(reader: &mut Reader<'_>) -> Read<Verdict> {
    let kind = match reader.byte("verdict")? {
        0 => VerdictKind::Allow,
        1 => VerdictKind::Deny,
        2 => VerdictKind::Hold(reader.uint("hold until")?),
        3 => VerdictKind::Downgrade(read_channel(reader)?),
        _ => return reader.error("verdict"),
    };
    Ok(Verdict {
        kind,
        reason: reader.boxed("verdict reason")?,
        numbers: reader.boxed("verdict numbers")?,
        context: reader.maybe("verdict context", |reader| reader.boxed("verdict context"))?,
    })
}

fn write_status(writer: &mut Writer, status: &Status) {
    match status {
        Status::Sent { sequence, channel, attempted } => {
            writer.byte(0);
            writer.uint(*sequence);
            write_channel(writer, channel);
            writer.flag(*attempted);
        }
        Status::Denied => writer.byte(1),
        Status::Held { until } => {
            writer.byte(2);
            writer.uint(*until);
        }
        Status::NoRoute => writer.byte(3),
        Status::Offline => writer.byte(4),
        Status::Repeated => writer.byte(5),
        Status::Expired => writer.byte(6),
        Status::Cancelled { reason } => {
            writer.byte(7);
            writer.text(reason);
        }
    }
}

fn read_status(reader: &mut Reader<'_>) -> Read<Status> {
    Ok(match reader.byte("status")? {
        0 => Status::Sent {
            sequence: reader.uint("sequence")?,
            channel: read_channel(reader)?,
            attempted: reader.flag("attempted")?,
        },
        1 => Status::Denied,
        2 => Status::Held { until: reader.uint("held until")? },
        3 => Status::NoRoute,
        4 => Status::Offline,
        5 => Status::Repeated,
        6 => Status::Expired,
        7 => Status::Cancelled { reason: reader.boxed("cancel reason")? },
        _ => return reader.error("status"),
    })
}
