//! Traces, matches and failed inputs as JSON.

use super::*;
use crate::model::{Document, End, Start, Value};
use crate::trace::fixture::{MINUTE, found, plan};

/// One match of two events, one refusal, and an event that nobody wants.
fn past() -> Past {
    let past = Past::new();
    past.upload("demo", "risk");
    let risk = past.deploy("demo", "risk", &plan(r#""blacklist""#, "subject", ""), Start::Latest);
    let event = |kind: &str, actor: &str| Event {
        kind: kind.into(),
        subject: "user:1".into(),
        actor: actor.into(),
        data: r#"{"n": 1}"#.into(),
        ..Event::default()
    };
    let first = past.event(event("blacklist", "a"));
    past.later(1_000);
    let second = past.event(event("blacklist", "b"));
    let mut completed = past.observed(second, "user:1", "b");
    completed.outcome.matches.push(found("user:1", &[first, second]));
    completed.outcome.ops.push(crate::model::Op::Set {
        name: "last".into(),
        value: Value { bytes: Box::new([0xff, 1]), expires: Some(past.now() + MINUTE) },
    });
    past.outcome(risk, second, vec![past.observed(first, "user:1", "a"), completed]);
    let third = past.event(event("blacklist", "c"));
    let end = End::Refused { code: "bad_event".into(), message: "no reason given".into() };
    past.outcome(risk, third, vec![past.record(third, "user:1", end)]);
    past.event(event("chat", "d"));
    past.durable();
    past
}

#[tokio::test]
async fn s1_04_matches_name_the_events_that_made_them() {
    let harness = Harness::with(past(), Limits::default());
    let page: body::MatchPage = harness.get("/v1/demo/matches?name=high_risk&person=user:1").await.parse();
    let [found] = &page.matches[..] else { panic!("{page:?}") };
    assert_eq!((found.position, found.input), (5, 4));
    assert_eq!((&*found.deployment, &*found.name, &*found.person), ("risk", "high_risk", "user:1"));
    assert_eq!((found.revision, found.digest.len(), &*found.time), (1, 64, "2026-02-28T12:00:01.000Z"));
    assert_eq!(found.fields.get(), r#"{"members":5}"#);
    let ids: Vec<(&str, &str, u64)> =
        found.events.iter().map(|event| (&*event.source, &*event.id, event.position)).collect();
    assert_eq!(ids, [("app", "e3", 3), ("app", "e4", 4)]);
    assert_eq!(page.next, 8);
    let next: body::MatchPage = harness.get("/v1/demo/matches?after=8").await.parse();
    assert_eq!((next.matches.len(), next.next), (0, 8));
    assert_eq!(harness.get("/v1/other/matches").await.json()["matches"], serde_json::json!([]));
}

#[tokio::test]
async fn failed_events_come_with_code_reason_and_event() {
    let harness = Harness::with(past(), Limits::default());
    let page: body::FailedPage = harness.get("/v1/demo/failed-events?deployment=risk&limit=10").await.parse();
    let [failed] = &page.failed[..] else { panic!("{page:?}") };
    assert_eq!(
        (failed.position, &*failed.key, &*failed.code, &*failed.reason),
        (6, "user:1", "bad_event", "no reason given")
    );
    let event = failed.event.as_ref().expect("the event");
    assert_eq!(
        (&*event.actor, &*event.kind, event.data.as_ref().expect("data").get()),
        ("c", "blacklist", r#"{"n": 1}"#)
    );
}

#[tokio::test]
async fn a_trace_tells_the_whole_story() {
    let harness = Harness::with(past(), Limits::default());
    *harness.shards.documents.lock().expect("no panic") = None;
    let trace: body::TraceAnswer = harness.get("/v1/demo/trace/user%3A1").await.parse();
    let answers: Vec<&str> = trace.events.iter().map(|event| &*event.deployments[0].answer).collect();
    assert_eq!(answers, ["no_match", "matched", "refused", "not_subscribed"]);
    let matched = &trace.events[1].deployments[0];
    assert_eq!(matched.why, "matched high_risk; window `w`: count 2, distinct 2, sum 2");
    assert_eq!(matched.operations, ["observe w member=b", "set last = 2 bytes until 2026-02-28T12:01:01.000Z"]);
    let made_by = (matched.module.as_deref(), matched.subscription.as_deref(), matched.position);
    assert_eq!(made_by, (Some("risk@1.0.0"), Some("sub"), Some(5)));
    let used = matched.matches[0].events.iter().map(|event| (&*event.id, event.time.as_deref()));
    let used: Vec<(&str, Option<&str>)> = used.collect();
    assert_eq!(used, [("e3", Some("2026-02-28T12:00:00.000Z")), ("e4", Some("2026-02-28T12:00:01.000Z"))]);
    let refused = "refused as `bad_event`: no reason given; window `w`: count 2, distinct 2, sum 2";
    assert_eq!(trace.events[2].deployments[0].why, refused);
    assert_eq!(trace.events[3].deployments[0].why, "it does not subscribe to `chat`, only to: blacklist");
    // No shard answers, so the documents are those of the frames.
    let [document] = &trace.documents[..] else { panic!("{trace:?}") };
    assert_eq!((&*document.deployment, document.position, document.lag), ("risk", 6, None));
    assert_eq!((document.windows[0].entries.len(), document.values[0].hex.as_deref()), (2, Some("ff01")));
}

#[tokio::test]
async fn a_trace_shows_live_documents_unless_it_is_of_the_past() {
    let harness = Harness::with(past(), Limits::default());
    let mut document = Document::default();
    document.apply(crate::model::Op::Set {
        name: "note".into(),
        value: Value { bytes: Box::from(&b"hi"[..]), expires: None },
    });
    let view = DocumentView { deployment: "risk".into(), document, position: Lsn(6), lag: 2 };
    *harness.shards.documents.lock().expect("no panic") = Some(vec![view]);
    let trace: body::TraceAnswer = harness.get("/v1/demo/trace/user%3A1?limit=1").await.parse();
    assert_eq!((trace.events.len(), trace.truncated), (1, true));
    assert_eq!((trace.documents[0].lag, trace.documents[0].values[0].text.as_deref()), (Some(2), Some("hi")));
    let then: body::TraceAnswer = harness.get("/v1/demo/trace/user%3A1?at=2026-02-28T13:00:00%2B01:00").await.parse();
    assert_eq!(then.at.as_deref(), Some("2026-02-28T12:00:00.000Z"));
    let answers: Vec<&str> = then.events.iter().map(|event| &*event.deployments[0].answer).collect();
    assert_eq!((answers, then.position, then.documents.len()), (vec!["lagging"], 3, 0));
}
