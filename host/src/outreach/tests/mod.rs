//! Outreach without a worker: frames as it would write them.

mod book;
mod dispatch;
mod index;

use std::sync::Arc;

use super::*;
use crate::model::outreach::{
    Act, Action, ActionId, Answered, Cause, ChainPart, ChainRevisions, Channel, Class, Decision, Deed, DeliveryEnd,
    Ended, Fail, MessageAct, Offline, Origin, Outreach, Policy, PublishAct, Reached, Status, TagAct, Verdict,
    VerdictKind,
};
use crate::model::{Digest, Frame, Lsn, ShardSet};

fn origin(match_name: &str) -> Origin {
    Origin {
        lsn: Lsn(1),
        match_id: 7,
        hops: 0,
        match_name: match_name.into(),
        deployment: "rule".into(),
        revision: 1,
        digest: Digest([1; 32]),
    }
}

/// A first look at an action of `person`, from the match `browsed` by the policy `hello`.
fn decision(id: u128, person: &str, status: Status) -> Decision {
    let action = Action {
        id: ActionId(id),
        business: "demo".into(),
        person: person.into(),
        origin: origin("browsed"),
        policy: "hello".into(),
        policy_revision: 1,
        class: Class::Marketing,
        channel: Channel::App,
        scene: "".into(),
        priority: 0,
        content: "{}".into(),
        fields: "{}".into(),
        time: 1,
        expires: 2,
        offline: Offline::Keep,
    };
    Decision {
        action,
        time: 1,
        attempt: 1,
        cause: Cause::Match,
        candidates: Vec::new(),
        chain: ChainRevisions::default(),
        verdicts: Vec::new(),
        status,
    }
}

fn sent(channel: Channel) -> Status {
    Status::Sent { sequence: 1, channel, attempted: true }
}

fn reached(filter: &str, answer: Answered) -> Reached {
    Reached { part: ChainPart::Business, filter: filter.into(), revision: 1, digest: Digest([2; 32]), answer }
}

fn verdict(kind: VerdictKind, reason: &str) -> Answered {
    Answered::Verdict(Verdict { kind, reason: reason.into(), numbers: "{}".into(), context: None })
}

fn denied(id: u128, person: &str, reason: &str) -> Decision {
    let verdicts = vec![
        reached("calm", verdict(VerdictKind::Allow, "calm_enough")),
        reached("no", verdict(VerdictKind::Deny, reason)),
        reached("last", Answered::NotReached),
    ];
    Decision { verdicts, ..decision(id, person, Status::Denied) }
}

fn ended(id: u128, person: &str, end: DeliveryEnd) -> Deed {
    Deed::Ended(Ended {
        business: "demo".into(),
        person: person.into(),
        action: ActionId(id),
        hops: 0,
        match_name: "browsed".into(),
        policy: "hello".into(),
        end,
        reason: "".into(),
        time: 1,
    })
}

fn decided(decision: Decision) -> Deed {
    Deed::Decided(Box::new(decision))
}

fn outreach(now: u64, deeds: Vec<Deed>) -> Outreach {
    Outreach { shards: ShardSet::ALL, position: Lsn(1), done: 0, now, deeds, changes: Vec::new(), wholes: Vec::new() }
}

fn frame(now: u64, deeds: Vec<Deed>) -> Frame {
    Frame::Outreach(Arc::new(outreach(now, deeds)))
}

fn policy(act: Act) -> Policy {
    Policy {
        match_name: "browsed".into(),
        deployment: None,
        act,
        priority: 0,
        valid_from: None,
        valid_until: None,
        enabled: true,
    }
}

fn message(content: &str) -> MessageAct {
    MessageAct {
        class: Class::Marketing,
        channel: Channel::App,
        scene: "home".into(),
        content: content.into(),
        lasts_ms: 1_000,
        offline: Offline::Keep,
    }
}

fn tag(name: &str, lasts_ms: Option<u64>) -> Act {
    Act::Tag(TagAct { tag: name.into(), value: "".into(), lasts_ms })
}

fn publish(event_type: &str) -> Act {
    Act::Publish(PublishAct { event_type: event_type.into() })
}

fn entry(filter: &str) -> EntryRequest {
    EntryRequest { filter: filter.into(), on_error: Fail::Closed, classes: Vec::new(), allow_final: false }
}
