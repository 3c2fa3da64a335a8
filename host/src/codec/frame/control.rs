//! Control frames: changes of what runs.

use std::sync::Arc;

use super::event::{read_event, write_event};
use crate::codec::intern::Interner;
use crate::codec::outreach::{
    read_chain_entry, read_digest, read_part, read_policy, write_chain_entry, write_digest, write_part, write_policy,
};
use crate::codec::wire::{Read, Reader, Writer};
use crate::model::{Change, Control, DeploymentId, Gap, Guard, Lsn, Resend, ShardSet, Start};

pub fn write_control(writer: &mut Writer, control: &Control) {
    writer.uint(control.at);
    writer.text(&control.by);
    write_change(writer, &control.change);
}

pub fn read_control(reader: &mut Reader<'_>, interner: &mut Interner) -> Read<Control> {
    let (at, by) = (reader.uint("control time")?, reader.boxed("control by")?);
    Ok(Control { at, by, change: read_change(reader, interner)? })
}

fn write_change(writer: &mut Writer, change: &Change) {
    match change {
        Change::ModuleUploaded { business, digest, name, version } => {
            writer.byte(0);
            writer.text(business);
            write_digest(writer, digest);
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
            guard,
            start,
            begins,
            backlog,
        } => {
            writer.byte(1);
            writer.text(business);
            writer.text(name);
            writer.uint(u64::from(*revision));
            write_digest(writer, digest);
            writer.text(configuration);
            writer.text(envelope);
            writer.text(plan);
            writer.list(permissions.iter(), |writer, name| writer.text(name));
            writer.tag(*on_error);
            writer.tag(guard.on_quarantine);
            writer.tag(guard.on_lag);
            write_start(writer, *start);
            writer.uint(begins.0);
            writer.list(backlog.iter(), |writer, (shards, position)| {
                writer.uint(shards.0);
                writer.uint(position.0);
            });
        }
        Change::Paused { deployment, shards, cause, reason } => {
            writer.byte(2);
            writer.uint(deployment.0);
            writer.uint(shards.0);
            writer.tag(*cause);
            writer.text(reason);
        }
        Change::Resumed { deployment, shards } => {
            writer.byte(3);
            writer.uint(deployment.0);
            writer.uint(shards.0);
        }
        Change::Retired { deployment } => {
            writer.byte(4);
            writer.uint(deployment.0);
        }
        Change::PolicyRevised { business, id, revision, policy } => {
            writer.byte(5);
            writer.text(business);
            writer.text(id);
            writer.uint(u64::from(*revision));
            writer.maybe(policy.as_deref(), write_policy);
        }
        Change::ChainRevised { business, part, revision, entries } => {
            writer.byte(6);
            writer.text(business);
            write_part(writer, part);
            writer.uint(u64::from(*revision));
            writer.list(entries.iter(), write_chain_entry);
        }
        Change::Quarantined { deployment, revision, reason } => {
            writer.byte(7);
            writer.uint(deployment.0);
            writer.uint(u64::from(*revision));
            writer.text(reason);
        }
        Change::GapAccepted { deployment, gap } => {
            writer.byte(8);
            writer.uint(deployment.0);
            writer.uint(gap.shards.0);
            writer.uint(gap.from.0);
            writer.uint(gap.to.0);
        }
        Change::Alert { business, name, subject, raised, message } => {
            writer.byte(9);
            writer.text(business);
            writer.text(name);
            writer.text(subject);
            writer.flag(*raised);
            writer.text(message);
        }
        Change::Resent(resend) => {
            writer.byte(10);
            writer.uint(resend.deployment.0);
            writer.uint(resend.position.0);
            writer.text(&resend.subscription);
            writer.text(&resend.key);
            write_event(writer, &resend.event);
            writer.flag(resend.handed_over);
        }
    }
}

fn read_change(reader: &mut Reader<'_>, interner: &mut Interner) -> Read<Change> {
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
            revision: reader.u32("revision")?,
            digest: read_digest(reader)?,
            configuration: reader.boxed("configuration")?,
            envelope: reader.boxed("envelope")?,
            plan: reader.boxed("plan")?,
            permissions: reader.list("permissions", |reader| reader.boxed("permission"))?,
            on_error: reader.tag()?,
            guard: Guard { on_quarantine: reader.tag()?, on_lag: reader.tag()? },
            start: read_start(reader)?,
            begins: read_position(reader)?,
            backlog: reader.list("backlog", |reader| Ok((read_shards(reader)?, read_position(reader)?)))?,
        },
        2 => Change::Paused {
            deployment: read_deployment(reader)?,
            shards: read_shards(reader)?,
            cause: reader.tag()?,
            reason: reader.boxed("reason")?,
        },
        3 => Change::Resumed { deployment: read_deployment(reader)?, shards: read_shards(reader)? },
        4 => Change::Retired { deployment: read_deployment(reader)? },
        5 => Change::PolicyRevised {
            business: reader.boxed("business")?,
            id: reader.boxed("policy")?,
            revision: reader.u32("policy revision")?,
            policy: reader.maybe("policy", |reader| read_policy(reader).map(Box::new))?,
        },
        6 => Change::ChainRevised {
            business: reader.boxed("business")?,
            part: read_part(reader)?,
            revision: reader.u32("chain revision")?,
            entries: reader.list("chain", read_chain_entry)?,
        },
        7 => Change::Quarantined {
            deployment: read_deployment(reader)?,
            revision: reader.u32("revision")?,
            reason: reader.boxed("reason")?,
        },
        8 => {
            let deployment = read_deployment(reader)?;
            let (shards, from, to) = (read_shards(reader)?, read_position(reader)?, read_position(reader)?);
            Change::GapAccepted { deployment, gap: Gap { shards, from, to } }
        }
        9 => Change::Alert {
            business: reader.boxed("business")?,
            name: reader.boxed("alert")?,
            subject: reader.boxed("subject of an alert")?,
            raised: reader.flag("raised")?,
            message: reader.boxed("message")?,
        },
        10 => Change::Resent(Arc::new(Resend {
            deployment: read_deployment(reader)?,
            position: Lsn(reader.uint("resent position")?),
            subscription: reader.boxed("resent subscription")?,
            key: reader.boxed("resent key")?,
            event: Arc::new(read_event(reader, interner)?),
            handed_over: reader.flag("handed over")?,
        })),
        _ => return reader.error("change"),
    })
}

fn read_deployment(reader: &mut Reader<'_>) -> Read<DeploymentId> {
    reader.uint("deployment").map(DeploymentId)
}

fn read_position(reader: &mut Reader<'_>) -> Read<Lsn> {
    reader.uint("position").map(Lsn)
}

fn write_start(writer: &mut Writer, start: Start) {
    match start {
        Start::Latest => writer.byte(0),
        Start::Earliest => writer.byte(1),
        Start::At(time) => {
            writer.byte(2);
            writer.uint(time);
        }
    }
}

fn read_start(reader: &mut Reader<'_>) -> Read<Start> {
    Ok(match reader.byte("start")? {
        0 => Start::Latest,
        1 => Start::Earliest,
        2 => Start::At(reader.uint("time of the start")?),
        _ => return reader.error("start"),
    })
}

fn read_shards(reader: &mut Reader<'_>) -> Read<ShardSet> {
    reader.uint("shards").map(ShardSet)
}
