//! Decisions, with everything that was said on the way.

use std::collections::BTreeMap;

use super::{json, time};
use crate::api::body::{
    CandidateView, ChainRevisionsView, DecisionView, EndView, MatchCountsView, OriginView, ReachedView, SentView,
};
use crate::model::Lsn;
use crate::model::outreach::{
    Answered, Candidate, Decision, Ended, Fail, Origin, Reached, Status, Verdict, VerdictKind,
};
use crate::outreach::MatchCounts;

pub fn decision(lsn: Lsn, decision: &Decision) -> DecisionView {
    let action = &decision.action;
    let chain = decision.chain;
    DecisionView {
        position: lsn.0,
        time: time(decision.time),
        action: action.id.to_string(),
        person: action.person.to_string(),
        origin: origin(&action.origin),
        policy: action.policy.to_string(),
        policy_revision: action.policy_revision,
        class: action.class.name().to_owned(),
        channel: action.channel.to_string(),
        scene: action.scene.to_string(),
        priority: action.priority,
        content: json(&action.content),
        fields: json(&action.fields),
        expires: time(action.expires),
        attempt: decision.attempt,
        cause: decision.cause.name().to_owned(),
        candidates: decision.candidates.iter().map(candidate).collect(),
        chain: ChainRevisionsView { platform: chain.platform, business: chain.business, policy: chain.policy },
        verdicts: decision.verdicts.iter().map(reached).collect(),
        status: decision.status.name().to_owned(),
        sent: sent(&decision.status),
        until: match decision.status {
            Status::Held { until } => Some(time(until)),
            _ => None,
        },
        reason: reason(decision),
    }
}

pub fn origin(origin: &Origin) -> OriginView {
    OriginView {
        position: origin.lsn.0,
        match_name: origin.match_name.to_string(),
        deployment: origin.deployment.to_string(),
        revision: origin.revision,
        digest: origin.digest.to_string(),
    }
}

fn candidate(candidate: &Candidate) -> CandidateView {
    CandidateView {
        policy: candidate.policy.to_string(),
        revision: candidate.revision,
        priority: candidate.priority,
        fate: candidate.fate.name().to_owned(),
    }
}

fn sent(status: &Status) -> Option<SentView> {
    let Status::Sent { sequence, channel, attempted } = status else { return None };
    let sequence = (*sequence > 0).then_some(*sequence);
    Some(SentView { channel: channel.to_string(), sequence, attempted: *attempted })
}

/// The word of the filter that ended the chain.
fn reason(decision: &Decision) -> Option<String> {
    let said = |wanted: fn(&VerdictKind) -> bool| {
        decision.verdicts.iter().find_map(|reached| match &reached.answer {
            Answered::Verdict(verdict) if wanted(&verdict.kind) => Some(&verdict.reason),
            Answered::Error { code, fail: Fail::Closed, .. } => Some(code),
            _ => None,
        })
    };
    let reason = match &decision.status {
        Status::Cancelled { reason } => Some(reason),
        Status::Denied => said(|kind| matches!(kind, VerdictKind::Deny)),
        Status::Held { .. } => said(|kind| matches!(kind, VerdictKind::Hold(_))),
        _ => None,
    };
    reason.map(|reason| reason.to_string())
}

pub fn reached(reached: &Reached) -> ReachedView {
    let asked = reached.revision > 0;
    let view = ReachedView {
        part: reached.part.to_string(),
        filter: reached.filter.to_string(),
        revision: asked.then_some(reached.revision),
        digest: asked.then(|| reached.digest.to_string()),
        answer: String::new(),
        reason: None,
        numbers: None,
        until: None,
        channel: None,
        message: None,
        taken: None,
        asks: false,
    };
    match &reached.answer {
        Answered::Verdict(said) => verdict(view, said),
        Answered::Error { code, message, fail } => ReachedView {
            answer: "error".to_owned(),
            reason: Some(code.to_string()),
            message: Some(message.to_string()),
            taken: Some(fail.name().to_owned()),
            ..view
        },
        Answered::NotReached => ReachedView { answer: "not_reached".to_owned(), ..view },
        Answered::OtherClass => ReachedView { answer: "other_class".to_owned(), ..view },
    }
}

fn verdict(view: ReachedView, said: &Verdict) -> ReachedView {
    let (until, channel) = match &said.kind {
        VerdictKind::Hold(until) => (Some(time(*until)), None),
        VerdictKind::Downgrade(channel) => (None, Some(channel.to_string())),
        VerdictKind::Allow | VerdictKind::Deny => (None, None),
    };
    ReachedView {
        answer: said.kind.name().to_owned(),
        reason: (!said.reason.is_empty()).then(|| said.reason.to_string()),
        numbers: (!said.numbers.is_empty()).then(|| json(&said.numbers)),
        until,
        channel,
        asks: said.context.is_some(),
        ..view
    }
}

pub fn match_counts(name: &str, counts: &MatchCounts) -> MatchCountsView {
    let named = |counts: &BTreeMap<&'static str, u64>| counts.iter().map(|(name, n)| (name.to_string(), *n)).collect();
    MatchCountsView {
        match_name: name.to_owned(),
        seen: counts.seen,
        tagged: counts.tagged,
        published: counts.published,
        statuses: named(&counts.statuses),
        reasons: counts.reasons.iter().map(|(name, n)| (name.to_string(), *n)).collect(),
        ends: named(&counts.ends),
    }
}

pub fn end(lsn: Lsn, ended: &Ended) -> EndView {
    EndView {
        position: lsn.0,
        time: time(ended.time),
        action: ended.action.to_string(),
        person: ended.person.to_string(),
        match_name: ended.match_name.to_string(),
        policy: ended.policy.to_string(),
        end: ended.end.name().to_owned(),
        reason: ended.reason.to_string(),
    }
}
