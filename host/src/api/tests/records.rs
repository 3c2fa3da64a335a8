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
async fn failed_events_are_found_by_deployment_code_and_key() {
    let harness = Harness::with(past(), Limits::default());
    for (filter, count) in [
        ("deployment=risk&code=bad_event&key=user:1", 1),
        ("code=trap", 0),
        ("key=user:2", 0),
        ("deployment=other", 0),
        ("", 1),
    ] {
        let page: body::FailedPage = harness.get(&format!("/v1/demo/failed-events?{filter}")).await.parse();
        assert_eq!(page.failed.len(), count, "{filter}");
    }
}

#[tokio::test]
async fn x_27_a_failed_event_is_shown_and_resent_once() {
    let harness = Harness::with(past(), Limits::default());
    let shown: body::FailedShown = harness.get("/v1/demo/failed-events/risk/6").await.parse();
    assert_eq!(shown.event.as_ref().map(|event| (&*event.id, event.position)), Some(("e6", 6)));
    let [input] = &shown.inputs[..] else { panic!("{shown:?}") };
    assert_eq!((&*input.input, &*input.subscription, &*input.key), ("event", "sub", "user:1"));
    assert_eq!((&*input.code, &*input.reason, input.replays.len()), ("bad_event", "no reason given", 0));
    let resend = |body: &'static str| harness.post("/v1/demo/failed-events/resend", "application/json", body);
    let answer: body::ResendAnswer = resend(r#"{"deployment":"risk","position":6}"#).await.parse();
    assert_eq!((answer.resent, &*answer.inputs[0].status, answer.inputs[0].replay), (1, "resent", Some(9)));
    // Nobody runs here: it has not ended.
    let answer: body::ResendAnswer = resend(r#"{"deployment":"risk","all":true,"code":"bad_event"}"#).await.parse();
    assert_eq!((answer.resent, &*answer.inputs[0].status, answer.inputs[0].replay), (0, "pending", Some(9)));
    let answer: body::ResendAnswer = resend(r#"{"deployment":"risk","all":true,"key":"user:2"}"#).await.parse();
    assert_eq!((answer.resent, answer.inputs.len(), answer.next), (0, 0, None));
    let risk = harness.past.registry.deployment("demo", "risk").expect("deployed").id;
    let mut ended = harness.past.record(Lsn(9), "user:1", End::Done);
    ended.replay_of = Some(Lsn(6));
    ended.outcome.matches.push(found("user:1", &[Lsn(6)]));
    harness.past.outcome(risk, Lsn(9), vec![ended]);
    harness.past.durable();
    let answer: body::ResendAnswer = resend(r#"{"deployment":"risk","position":6}"#).await.parse();
    assert_eq!((answer.resent, &*answer.inputs[0].status), (0, "replayed"));
    let shown: body::FailedShown = harness.get("/v1/demo/failed-events/risk/6").await.parse();
    let replay = &shown.inputs[0].replays[0];
    assert_eq!((replay.position, &*replay.by, &*replay.code, replay.revision), (9, "ops", "done", Some(1)));
    assert_eq!(replay.matches.iter().map(|found| &*found.name).collect::<Vec<_>>(), ["high_risk"]);
}

#[tokio::test]
async fn x_27_what_cannot_be_resent_is_refused_by_name() {
    let past = past();
    let risk = past.registry.deployment("demo", "risk").expect("deployed").id;
    let trapped = |lsn: u64, via: crate::model::Via| {
        let end = End::Trapped { message: "boom".into() };
        crate::model::InputRecord { via, ..past.record(Lsn(lsn), "user:1", end) }
    };
    let mut late = past.observed(Lsn(8), "user:1", "z");
    late.outcome.late = true;
    let derived = trapped(7, crate::model::Via::Subscription(0));
    let settled = trapped(8, crate::model::Via::Settlement(ActionId(7)));
    let timer = trapped(8, crate::model::Via::Timer("wake".into()));
    past.outcome(risk, Lsn(8), vec![derived, settled, timer, late]);
    past.durable();
    let harness = Harness::with(past, Limits::default());
    let path = "/v1/demo/failed-events/resend";
    let statuses = |answer: &body::ResendAnswer| -> Vec<String> {
        answer.inputs.iter().map(|input| input.code.clone().unwrap_or_else(|| input.status.clone())).collect()
    };
    let answer: body::ResendAnswer =
        harness.post(path, "application/json", r#"{"deployment":"risk","all":true}"#).await.parse();
    assert_eq!(
        (answer.resent, statuses(&answer)),
        (1, ["resent", "derived", "settlement", "timer"].map(str::to_owned).to_vec())
    );
    // What was late, and has changed something all the same, is meant only by its position.
    let answer: body::ResendAnswer =
        harness.post(path, "application/json", r#"{"deployment":"risk","position":8}"#).await.parse();
    assert_eq!(statuses(&answer), ["settlement", "timer", "already_done"]);
    for (body, status, code) in [
        (r#"{"deployment":"risk"}"#, 400, "bad_body"),
        (r#"{"deployment":"risk","position":6,"all":true}"#, 400, "bad_body"),
        (r#"{"deployment":"risk","position":6,"after":1}"#, 400, "bad_body"),
        (r#"{"deployment":"nobody","all":true}"#, 404, "no_deployment"),
        (r#"{"deployment":"risk","position":3}"#, 404, "no_failed_input"),
    ] {
        let answer = harness.post(path, "application/json", body).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (status, &serde_json::json!(code)), "{body}");
    }
    let answer = harness.get("/v1/demo/failed-events/risk/3").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (404, &serde_json::json!("no_failed_input")));
}

#[tokio::test]
async fn x_27_one_request_resends_no_more_than_its_limit_and_says_where_to_go_on() {
    let past = past();
    let risk = past.registry.deployment("demo", "risk").expect("deployed").id;
    let fifth = past.event(Event { kind: "blacklist".into(), subject: "user:2".into(), ..Event::default() });
    past.outcome(risk, fifth, vec![past.record(fifth, "user:2", End::Trapped { message: "boom".into() })]);
    past.durable();
    let harness = Harness::with(past, Limits { resend_inputs: 1, ..Limits::default() });
    let path = "/v1/demo/failed-events/resend";
    let first: body::ResendAnswer =
        harness.post(path, "application/json", r#"{"deployment":"risk","all":true}"#).await.parse();
    let next = first.next.expect("there is more");
    assert_eq!((first.resent, first.inputs.len(), first.inputs[0].position), (1, 1, 6));
    let body = format!(r#"{{"deployment":"risk","all":true,"after":{next}}}"#);
    let second: body::ResendAnswer = harness.post(path, "application/json", body).await.parse();
    assert_eq!((second.resent, second.inputs[0].position), (1, fifth.0));
}

#[tokio::test]
async fn x_21_a_capture_says_whose_and_when() {
    let harness = Harness::with(past(), Limits::default());
    let scenario = |asked: &'static str| {
        let harness = &harness;
        async move { harness.get(&format!("/v1/demo/capture?{asked}")).await }
    };
    let around = scenario("key=user:1&around=1970-01-01T00:01:00Z&span_s=10").await;
    assert_eq!(around.json()["scenario"], r#"demo Some("user:1") None Around { from: 50000, to: 70000 }"#);
    let position = scenario("deployment=risk&position=6").await;
    assert_eq!(position.json()["scenario"], r#"demo None Some("risk") Position(Lsn(6))"#);
    assert_eq!(position.json()["modules"], serde_json::json!([{"name": "m@1", "digest": "d"}]));
    for (asked, status, code) in [
        ("key=user:1", 400, "bad_query"),
        ("around=1970-01-01T00:01:00Z", 400, "bad_query"),
        ("position=6", 400, "bad_query"),
        ("key=nobody&around=1970-01-01T00:01:00Z", 404, "nothing_recorded"),
        ("key=ancient&around=1970-01-01T00:01:00Z", 410, "beyond_retention"),
    ] {
        let answer = scenario(asked).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (status, &serde_json::json!(code)), "{asked}");
    }
    assert!(scenario("key=ancient&around=1970-01-01T00:01:00Z").await.json()["message"].to_string().contains("T9"));
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

#[tokio::test]
async fn one_event_is_shown_by_source_and_id_with_what_became_of_it() {
    let past = past();
    let event = Event { kind: "chat".into(), subject: "user:2".into(), id: "a/b c".into(), ..Event::default() };
    let (odd, again) = (past.event(event.clone()), past.event(event));
    past.durable();
    let harness = Harness::with(past, Limits::default());
    let shown: body::EventShown = harness.get("/v1/demo/events/app/e4").await.parse();
    assert_eq!((&*shown.source, &*shown.id, shown.position), ("app", "e4", again.0));
    let [traced] = &shown.events[..] else { panic!("{shown:?}") };
    assert_eq!((traced.event.position, &*traced.event.actor), (4, "b"));
    let [verdict] = &traced.deployments[..] else { panic!("{shown:?}") };
    assert_eq!((&*verdict.deployment, &*verdict.answer, verdict.key.as_deref()), ("risk", "matched", Some("user:1")));
    assert_eq!(verdict.matches[0].events.len(), 2);
    let shown: body::EventShown = harness.get("/v1/demo/events/app/a%2Fb%20c").await.parse();
    let positions: Vec<u64> = shown.events.iter().map(|traced| traced.event.position).collect();
    assert_eq!(positions, [odd.0, again.0], "an identity that was forgotten came again");
    assert_eq!(shown.events[0].deployments[0].answer, "not_subscribed");
    for path in ["/v1/demo/events/app/e99", "/v1/demo/events/web/e4", "/v1/other/events/app/e4"] {
        assert_eq!(harness.get(path).await.refusal(), (404, "no_event".to_owned()), "{path}");
    }
    let long = format!("/v1/demo/events/app/{}", "x".repeat(257));
    assert_eq!(harness.get(&long).await.refusal(), (400, "attribute_bytes".to_owned()));
}
