//! Decisions as they are found again, with everything that was said.

use super::*;
use crate::model::outreach::{
    Candidate, CandidateFate, Cause, ChainRevisions, Decision, Deed, DeliveryEnd, Ended, Fail, Outreach, Status,
    Verdict, VerdictKind,
};

fn decision(id: u128, person: &str, time: u64, status: Status) -> Decision {
    let action = Action { person: person.into(), ..action(id) };
    Decision {
        action,
        time,
        attempt: 1,
        cause: Cause::Match,
        candidates: vec![Candidate { policy: "warn".into(), revision: 3, priority: 0, fate: CandidateFate::Chosen }],
        chain: ChainRevisions { platform: 0, business: 2, policy: 0 },
        verdicts: Vec::new(),
        status,
    }
}

fn said(kind: VerdictKind, reason: &str, numbers: &str) -> Reached {
    let verdict = Verdict { kind, reason: reason.into(), numbers: numbers.into(), context: Some("c".into()) };
    reached(Answered::Verdict(verdict))
}

impl Harness {
    /// One frame of outreach, durable and known to the index.
    fn decided(&self, deeds: Vec<Deed>) -> Lsn {
        let outreach = Outreach {
            shards: ShardSet::ALL,
            position: Lsn::ZERO,
            done: 0,
            now: self.past.now(),
            deeds,
            changes: Vec::new(),
            wholes: Vec::new(),
        };
        let outreach = Arc::new(outreach);
        let lsn = self.past.log.append(Frame::Outreach(outreach.clone())).expect("appended");
        self.past.durable();
        self.decisions.frame(lsn, &outreach);
        self.decisions.reach(lsn);
        lsn
    }
}

/// Three persons: denied, held then sent and acknowledged, without a route.
fn past() -> Harness {
    let harness = Harness::new();
    let mut denied = decision(1, "u:1", START, Status::Denied);
    denied.verdicts = vec![
        said(VerdictKind::Allow, "", "{}"),
        reached(Answered::Error { code: "trap".into(), message: "unreachable".into(), fail: Fail::Open }),
        said(VerdictKind::Deny, "daily", r#"{"count": 3}"#),
        Reached { revision: 0, ..reached(Answered::NotReached) },
        Reached { revision: 0, ..reached(Answered::OtherClass) },
    ];
    let mut held = decision(2, "u:2", START, Status::Held { until: START + 1_000 });
    held.verdicts = vec![said(VerdictKind::Hold(START + 1_000), "night", "{}")];
    harness.decided(vec![Deed::Decided(Box::new(denied)), Deed::Decided(Box::new(held))]);
    harness.past.later(1_000);
    let status = Status::Sent { sequence: 7, channel: Channel::App, attempted: true };
    let mut sent = decision(2, "u:2", START + 1_000, status);
    (sent.attempt, sent.cause) = (2, Cause::Release);
    sent.verdicts = vec![said(VerdictKind::Downgrade(Channel::Log), "cheap", "{}")];
    harness.decided(vec![Deed::Decided(Box::new(sent))]);
    harness.past.later(1_000);
    let ended = Ended {
        business: "demo".into(),
        person: "u:2".into(),
        action: ActionId(2),
        match_name: "high_risk".into(),
        hops: 0,
        policy: "warn".into(),
        end: DeliveryEnd::Acknowledged,
        reason: "".into(),
        time: START + 2_000,
    };
    let mut nowhere = decision(3, "u:3", START + 2_000, Status::NoRoute);
    nowhere.action.policy = "".into();
    harness.decided(vec![Deed::Ended(ended), Deed::Decided(Box::new(nowhere))]);
    harness
}

async fn found(harness: &Harness, query: &str) -> (Vec<String>, Vec<String>) {
    let page: body::DecisionPage = harness.get(&format!("/v1/demo/decisions{query}")).await.parse();
    let looks = page.decisions.into_iter().map(|look| format!("{} {}", look.person, look.status)).collect();
    (looks, page.ends.into_iter().map(|end| format!("{} {}", end.person, end.end)).collect())
}

#[tokio::test]
async fn decisions_are_found_by_everything_that_people_ask_for() {
    let harness = past();
    let all = ["u:3 no_route", "u:2 sent", "u:2 held", "u:1 denied"];
    let ends = ["u:2 acknowledged"];
    let cases: [(&str, &[&str], &[&str]); 12] = [
        ("", &all, &ends),
        ("?person=u:2", &["u:2 sent", "u:2 held"], &ends),
        ("?match=high_risk", &all, &ends),
        ("?match=other", &[], &[]),
        ("?policy=warn&person=u:1", &["u:1 denied"], &[]),
        ("?reason=daily", &["u:1 denied"], &[]),
        ("?reason=trap", &["u:1 denied"], &[]),
        ("?reason=no_route", &["u:3 no_route"], &[]),
        ("?reason=acknowledged", &[], &ends),
        ("?until=2026-02-28T12:00:01Z", &["u:2 held", "u:1 denied"], &[]),
        ("?since=2026-02-28T12:00:01Z", &["u:3 no_route", "u:2 sent"], &ends),
        ("?before=2", &["u:2 held", "u:1 denied"], &[]),
    ];
    for (query, looks, ends) in cases {
        let (found, found_ends) = found(&harness, query).await;
        assert_eq!(found, looks, "{query}");
        assert_eq!(found_ends, ends, "{query}");
    }
    let page: body::DecisionPage = harness.get("/v1/demo/decisions?limit=1").await.parse();
    assert_eq!((page.position, page.decisions.len(), page.ends.len(), page.next), (3, 1, 1, Some(3)));
    let (looks, _) = found(&harness, "?limit=2&before=3").await;
    assert_eq!(looks, ["u:2 sent", "u:2 held", "u:1 denied"]);
    assert_eq!(harness.get("/v1/other/decisions").await.json()["decisions"], serde_json::json!([]));
    for query in ["since=monday", "limit=0", "limit=1001", "user=u:1"] {
        assert_eq!(
            harness.get(&format!("/v1/demo/decisions?{query}")).await.status,
            StatusCode::BAD_REQUEST,
            "{query}"
        );
    }
}

#[tokio::test]
async fn an_action_tells_every_look_at_it_and_its_end() {
    let harness = past();
    let told = harness.get(&format!("/v1/demo/decisions/{}", ActionId(2))).await;
    let story: body::ActionStory = told.parse();
    assert_eq!((&*story.action, story.what_if.is_none()), (&*ActionId(2).to_string(), true));
    let [held, sent] = &story.looks[..] else { panic!("{story:?}") };
    assert_eq!((&*held.cause, &*held.status, held.reason.as_deref()), ("match", "held", Some("night")));
    assert_eq!((held.until.as_deref(), held.position), (Some("2026-02-28T12:00:01.000Z"), 1));
    assert_eq!(held.verdicts[0].until, held.until);
    assert_eq!(held.content.get(), r#"{"title": "Take care"}"#, "as the policy has it");
    assert_eq!((&*sent.cause, sent.attempt, &*sent.status), ("release", 2, "sent"));
    assert_eq!(sent.verdicts[0].channel.as_deref(), Some("log"));
    let expected = body::SentView { channel: "app".to_owned(), sequence: Some(7), attempted: true };
    assert_eq!(sent.sent, Some(expected));
    let end = story.end.expect("an end");
    assert_eq!((&*end.end, &*end.time, end.position), ("acknowledged", "2026-02-28T12:00:02.000Z", 3));
    for (business, action) in
        [("demo", ActionId(9).to_string()), ("other", ActionId(2).to_string()), ("demo", "9".into())]
    {
        let told = harness.get(&format!("/v1/{business}/decisions/{action}")).await;
        assert_eq!(told.refusal(), (404, "unknown_action".to_owned()));
    }
}

#[tokio::test]
async fn a_denial_shows_every_filter_with_its_numbers_and_who_was_not_reached() {
    let harness = past();
    let story: body::ActionStory = harness.get(&format!("/v1/demo/decisions/{}", ActionId(1))).await.parse();
    let look = &story.looks[0];
    assert_eq!(
        (&*look.status, look.reason.as_deref()),
        ("denied", Some("daily")),
        "an error that fails open denies not"
    );
    let answers: Vec<&str> = look.verdicts.iter().map(|reached| &*reached.answer).collect();
    assert_eq!(answers, ["allow", "error", "deny", "not_reached", "other_class"]);
    let [_, error, deny, not_reached, _] = &look.verdicts[..] else { panic!("five") };
    assert_eq!((error.reason.as_deref(), error.taken.as_deref()), (Some("trap"), Some("open")));
    assert_eq!(deny.numbers.as_ref().map(|numbers| numbers.get()), Some(r#"{"count": 3}"#));
    assert_eq!((deny.revision, deny.asks), (Some(2), true));
    assert_eq!((not_reached.revision, not_reached.digest.as_deref()), (None, None));
    let [only] = &look.candidates[..] else { panic!("{look:?}") };
    assert_eq!((&*only.policy, &*only.fate), ("warn", "chosen"));
    assert_eq!((look.origin.position, &*look.origin.match_name, look.chain.business), (1, "high_risk", 2));
}

#[tokio::test]
async fn what_if_asks_every_filter_about_the_action_as_it_was_last() {
    let harness = past();
    let story: body::ActionStory =
        harness.get(&format!("/v1/demo/decisions/{}?what_if=true", ActionId(2))).await.parse();
    assert_eq!(story.what_if.expect("asked for")[0].answer, "not_reached");
    let asked = harness.shards.what_if.lock().expect("no panic").clone();
    let [only] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((only.action.id, &*only.action.person, only.attempt), (ActionId(2), "u:2", 2));
}

#[tokio::test]
async fn the_summary_counts_by_match_status_reason_and_end() {
    let harness = past();
    assert_eq!(
        harness.get("/v1/demo/decisions/summary").await.json(),
        serde_json::json!({"position": 3, "matches": [{"match": "high_risk", "seen": 3, "tagged": 0, "published": 0,
            "statuses": {"denied": 1, "held": 1, "no_route": 1, "sent": 1}, "reasons": {"daily": 1},
            "ends": {"acknowledged": 1}}]})
    );
    let empty: body::DecisionSummary = harness.get("/v1/other/decisions/summary").await.parse();
    assert_eq!((empty.position, empty.matches), (3, vec![]));
}

#[tokio::test]
async fn an_index_that_stands_still_is_not_taken_for_the_truth() {
    let harness = past();
    harness.decisions.stop();
    for path in ["/v1/demo/decisions", "/v1/demo/decisions/summary"] {
        assert_eq!(harness.get(path).await.refusal(), (503, "decisions_stopped".to_owned()), "{path}");
    }
}
