//! Outreach frames: what was done about matches, ticks and reports.

use crate::codec::intern::Interner;
use crate::codec::op::{read_op, write_op};
use crate::codec::outreach::{
    read_decision, read_origin, read_published, read_tag, write_decision, write_origin, write_published, write_tag,
};
use crate::codec::wire::{Read, Reader, Writer};
use crate::model::outreach::{ActionId, Changed, Deed, Ended, Outreach, OwnedWhole, Owner, Settled};
use crate::model::{DeploymentId, Lsn, ShardSet};

pub fn write_outreach(writer: &mut Writer, outreach: &Outreach) {
    writer.uint(outreach.shards.0);
    writer.uint(outreach.position.0);
    writer.uint(u64::from(outreach.done));
    writer.uint(outreach.now);
    writer.list(outreach.deeds.iter(), write_deed);
    writer.list(outreach.changes.iter(), write_changed);
    writer.list(outreach.wholes.iter(), |writer, whole| {
        write_owner(writer, &whole.owner);
        writer.text(&whole.key);
        writer.blob(&whole.bytes);
    });
}

pub fn read_outreach(reader: &mut Reader<'_>, interner: &mut Interner) -> Read<Outreach> {
    Ok(Outreach {
        shards: ShardSet(reader.uint("shards")?),
        position: Lsn(reader.uint("position")?),
        done: reader.u32("matches done")?,
        now: reader.uint("outreach now")?,
        deeds: reader.list("deeds", read_deed)?,
        changes: reader.list("changes", |reader| read_changed(reader, interner))?,
        wholes: reader.list("wholes", |reader| {
            Ok(OwnedWhole {
                owner: read_owner(reader)?,
                key: reader.boxed("whole key")?,
                bytes: reader.blob("whole document")?.into(),
            })
        })?,
    })
}

fn write_deed(writer: &mut Writer, deed: &Deed) {
    match deed {
        Deed::Decided(decision) => {
            writer.byte(0);
            write_decision(writer, decision);
        }
        Deed::Tagged { business, person, tag } => {
            writer.byte(1);
            writer.text(business);
            writer.text(person);
            write_tag(writer, tag);
        }
        Deed::Published { business, origin, policy, policy_revision, event } => {
            writer.byte(2);
            writer.text(business);
            write_origin(writer, origin);
            writer.text(policy);
            writer.uint(u64::from(*policy_revision));
            write_published(writer, event);
        }
        Deed::Ended(ended) => {
            writer.byte(3);
            write_ended(writer, ended);
        }
        Deed::Settled(settled) => {
            writer.byte(4);
            write_settled(writer, settled);
        }
    }
}

fn read_deed(reader: &mut Reader<'_>) -> Read<Deed> {
    Ok(match reader.byte("deed")? {
        0 => Deed::Decided(Box::new(read_decision(reader)?)),
        1 => Deed::Tagged {
            business: reader.boxed("business")?,
            person: reader.boxed("person")?,
            tag: read_tag(reader)?,
        },
        2 => Deed::Published {
            business: reader.boxed("business")?,
            origin: read_origin(reader)?,
            policy: reader.boxed("policy")?,
            policy_revision: reader.u32("policy revision")?,
            event: read_published(reader)?,
        },
        3 => Deed::Ended(read_ended(reader)?),
        4 => Deed::Settled(read_settled(reader)?),
        _ => return reader.error("deed"),
    })
}

fn write_ended(writer: &mut Writer, ended: &Ended) {
    writer.text(&ended.business);
    writer.text(&ended.person);
    writer.hash(ended.action.0);
    writer.text(&ended.match_name);
    writer.text(&ended.policy);
    writer.tag(ended.end);
    writer.text(&ended.reason);
    writer.uint(ended.time);
    writer.byte(ended.hops);
}

fn read_ended(reader: &mut Reader<'_>) -> Read<Ended> {
    Ok(Ended {
        business: reader.boxed("business")?,
        person: reader.boxed("person")?,
        action: ActionId(reader.hash("action id")?),
        match_name: reader.boxed("match name")?,
        policy: reader.boxed("policy")?,
        end: reader.tag()?,
        reason: reader.boxed("delivery reason")?,
        time: reader.uint("delivery end time")?,
        hops: reader.byte("delivery hops")?,
    })
}

fn write_settled(writer: &mut Writer, settled: &Settled) {
    writer.uint(settled.deployment.0);
    writer.text(&settled.key);
    writer.hash(settled.action.0);
    writer.text(&settled.status);
    writer.text(&settled.context);
    writer.text(&settled.answer);
    writer.uint(settled.time);
    writer.uint(u64::from(settled.state_version));
    writer.byte(settled.hops);
}

fn read_settled(reader: &mut Reader<'_>) -> Read<Settled> {
    Ok(Settled {
        deployment: DeploymentId(reader.uint("deployment")?),
        key: reader.boxed("key")?,
        action: ActionId(reader.hash("action id")?),
        status: reader.boxed("settlement status")?,
        context: reader.boxed("settlement context")?,
        answer: reader.boxed("settlement answer")?,
        time: reader.uint("settlement time")?,
        state_version: reader.u32("state version")?,
        hops: reader.byte("settlement hops")?,
    })
}

fn write_changed(writer: &mut Writer, changed: &Changed) {
    write_owner(writer, &changed.owner);
    writer.text(&changed.key);
    writer.uint(changed.time);
    writer.uint(u64::from(changed.state_version));
    writer.list(changed.ops.iter(), write_op);
}

fn read_changed(reader: &mut Reader<'_>, interner: &mut Interner) -> Read<Changed> {
    Ok(Changed {
        owner: read_owner(reader)?,
        key: reader.boxed("key")?,
        time: reader.uint("change time")?,
        state_version: reader.u32("state version")?,
        ops: reader.list("operations", |reader| read_op(reader, interner))?,
    })
}

fn write_owner(writer: &mut Writer, owner: &Owner) {
    match owner {
        Owner::Deployment(deployment) => {
            writer.byte(0);
            writer.uint(deployment.0);
        }
        Owner::Person(business) => {
            writer.byte(1);
            writer.text(business);
        }
    }
}

fn read_owner(reader: &mut Reader<'_>) -> Read<Owner> {
    Ok(match reader.byte("owner")? {
        0 => Owner::Deployment(DeploymentId(reader.uint("deployment")?)),
        1 => Owner::Person(reader.boxed("business")?),
        _ => return reader.error("owner"),
    })
}
