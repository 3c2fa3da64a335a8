//! Outreach frames: every deed, every way in which a decision comes about and ends.

use super::check;
use crate::codec::samples::{action, channels, ops, origin, published, tags};
use crate::model::outreach::{
    ActionId, Answered, Candidate, CandidateFate, Cause, ChainPart, ChainRevisions, Changed, Decision, Deed,
    DeliveryEnd, Ended, Fail, Outreach, OwnedWhole, Owner, Reached, Settled, Status, Verdict, VerdictKind,
};
use crate::model::{DeploymentId, Digest, Frame, Lsn, ShardSet};

fn check_deeds(deeds: Vec<Deed>) {
    let owners = [Owner::Deployment(DeploymentId(300)), Owner::Person("demo".into())];
    let changes = owners.clone().map(|owner| Changed {
        owner,
        key: "user:1".into(),
        time: 1 << 40,
        state_version: 2,
        ops: ops(),
    });
    let wholes = owners.map(|owner| OwnedWhole { owner, key: "user:1".into(), bytes: Box::new([9, 0]) });
    let (changes, wholes) = (changes.into(), wholes.into());
    check(Frame::Outreach(
        Outreach { shards: ShardSet(3), position: Lsn(900), done: 2, now: 1 << 40, deeds, changes, wholes }.into(),
    ));
}

fn decision(cause: Cause, verdicts: Vec<Reached>, status: Status) -> Deed {
    Deed::Decided(Box::new(Decision {
        time: action().time + 1_000,
        action: action(),
        attempt: 2,
        cause,
        candidates: vec![],
        chain: ChainRevisions { platform: 1, business: 0, policy: 300 },
        verdicts,
        status,
    }))
}

#[test]
fn causes_candidates_and_statuses_come_back_whole() {
    let statuses = [
        Status::Denied,
        Status::Held { until: 1 << 41 },
        Status::NoRoute,
        Status::Offline,
        Status::Repeated,
        Status::Expired,
        Status::Cancelled { reason: "policy removed".into() },
    ];
    let sent = channels().map(|channel| Status::Sent { sequence: 7, attempted: channel == channels()[0], channel });
    let causes = [Cause::Match, Cause::Release, Cause::Retry, Cause::Arrival];
    let deeds = statuses.into_iter().chain(sent).zip(causes.into_iter().cycle());
    check_deeds(deeds.map(|(status, cause)| decision(cause, vec![], status)).collect());

    let fates = [
        CandidateFate::Chosen,
        CandidateFate::Outranked,
        CandidateFate::NotYetValid,
        CandidateFate::Expired,
        CandidateFate::Disabled,
    ];
    let candidate = |fate| Candidate { policy: "welcome".into(), revision: 2, priority: -1, fate };
    let mut deed = decision(Cause::Match, vec![], Status::Denied);
    if let Deed::Decided(decision) = &mut deed {
        decision.candidates = fates.map(candidate).into();
    }
    check_deeds(vec![deed]);
}

fn answers() -> Vec<Answered> {
    let kinds = [VerdictKind::Allow, VerdictKind::Deny, VerdictKind::Hold(1 << 41)];
    let kinds = kinds.into_iter().chain(channels().map(VerdictKind::Downgrade));
    let verdicts = kinds.map(|kind| {
        let context = (kind == VerdictKind::Allow).then(|| "budget".into());
        Answered::Verdict(Verdict { kind, reason: "quiet".into(), numbers: r#"{"sent":3}"#.into(), context })
    });
    let error = |fail| Answered::Error { code: "trap".into(), message: "m".into(), fail };
    let errors = [error(Fail::Open), error(Fail::Closed)];
    verdicts.chain(errors).chain([Answered::NotReached, Answered::OtherClass]).collect()
}

#[test]
fn the_chain_of_a_decision_comes_back_whole() {
    let parts = [ChainPart::Platform, ChainPart::Business, ChainPart::Policy("welcome".into())];
    let reached = |(answer, part)| {
        let asked = !matches!(answer, Answered::NotReached | Answered::OtherClass);
        let (revision, digest) = if asked { (3, Digest([5; 32])) } else { (0, Digest([0; 32])) };
        Reached { part, filter: "quiet-hours".into(), revision, digest, answer }
    };
    let verdicts = answers().into_iter().zip(parts.into_iter().cycle()).map(reached).collect();
    check_deeds(vec![decision(Cause::Match, verdicts, Status::Denied)]);
}

#[test]
fn tags_events_ends_and_settlements_come_back_whole() {
    let tagged = tags().map(|tag| Deed::Tagged { business: "demo".into(), person: "user:1".into(), tag });
    let published = Deed::Published {
        business: "demo".into(),
        origin: origin(),
        policy: "tell".into(),
        policy_revision: 5,
        event: published(),
    };
    let ended = DeliveryEnd::ALL.map(|end| {
        Deed::Ended(Ended {
            business: "demo".into(),
            person: "user:1".into(),
            action: ActionId(9),
            match_name: "high_risk".into(),
            policy: "welcome".into(),
            end,
            reason: "r".into(),
            time: 1 << 40,
            hops: 3,
        })
    });
    let settled = Deed::Settled(Settled {
        deployment: DeploymentId(300),
        key: "user:1".into(),
        action: ActionId(9),
        status: "delivered".into(),
        context: "budget".into(),
        answer: "{}".into(),
        time: 1 << 40,
        state_version: 2,
        hops: 4,
    });
    check_deeds(tagged.into_iter().chain([published]).chain(ended).chain([settled]).collect());
}
