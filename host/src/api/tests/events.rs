//! Events in and answers out.

use super::*;
use crate::model::Start;

fn rejected(told: &Told) -> Vec<(usize, String, String)> {
    let problem = told.json();
    let rejected: Vec<body::Rejected> = serde_json::from_value(problem["rejected"].clone()).expect("rejected items");
    rejected.into_iter().map(|rejected| (rejected.item, rejected.path, rejected.code)).collect()
}

#[tokio::test]
async fn s0_03_an_event_is_stored_as_it_was_sent() {
    let harness = Harness::new();
    let json = r#"{"specversion":"1.0","id":"1","source":"/app","type":"browse","subject":"house","actorid":"u1","scene":"list",
        "time":"2026-02-28T11:59:59.5Z","data":{ "b": 1.0, "a": [] }}"#;
    assert_eq!(harness.event(json).await.json()["position"], 1);
    let (_, frame) = harness.past.log.scan(Lsn(1)).next().expect("a frame").expect("readable");
    let Frame::Input(stored) = frame else { panic!("{frame:?}") };
    assert_eq!((&*stored.business, &*stored.actor, &*stored.scene, &*stored.subject), ("demo", "u1", "list", "house"));
    assert_eq!((stored.time, stored.received), (harness.past.now() - 500, harness.past.now()));
    assert_eq!(&*stored.data, r#"{ "b": 1.0, "a": [] }"#);
}

#[tokio::test]
async fn s0_03_every_form_shows_when_where_what_and_who() {
    let harness = Harness::new();
    let structured = |id: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"/app","type":"browse","subject":"house","actorid":"u1",
                "scene":"list","time":"2026-02-28T11:59:59.5Z","data":{{"n":1}}}}"#
        )
    };
    assert_eq!(harness.event(&structured("1")).await.status, StatusCode::ACCEPTED);
    assert_eq!(harness.batch(&format!("[{}]", structured("2"))).await.status, StatusCode::ACCEPTED);
    let mut binary = request("POST", "/v1/demo/events", Some("application/json"), r#"{"n":1}"#);
    for (name, value) in [
        ("ce-specversion", "1.0"),
        ("ce-id", "3"),
        ("ce-source", "/app"),
        ("ce-type", "browse"),
        ("ce-subject", "house"),
        ("ce-actorid", "u1"),
        ("ce-scene", "list"),
        ("ce-time", "2026-02-28T11:59:59.5Z"),
    ] {
        binary.headers_mut().insert(name, value.parse().expect("a header"));
    }
    assert_eq!(harness.send(binary).await.status, StatusCode::ACCEPTED);
    harness.past.durable();
    let trace: body::TraceAnswer = harness.get("/v1/demo/trace/u1").await.parse();
    let elements: Vec<_> = trace.events.iter().map(|traced| &traced.event).collect();
    assert_eq!(elements.len(), 3);
    for event in elements {
        assert_eq!((&*event.time, &*event.scene), ("2026-02-28T11:59:59.500Z", "list"), "when and where");
        assert_eq!((&*event.kind, &*event.subject), ("browse", "house"), "what");
        assert_eq!((&*event.actor, event.time_replaced), ("u1", false), "who");
        assert_eq!(event.data.as_ref().map(|data| data.get().replace(' ', "")), Some(r#"{"n":1}"#.to_owned()));
    }
}

#[tokio::test]
async fn s0_03_a_wrong_clock_is_kept_and_marked_and_the_receipt_counts() {
    let harness = Harness::new();
    let claims = [
        ("2026-02-21T12:00:00Z", None),
        ("2026-02-21T11:59:59.999Z", Some("2026-02-21T11:59:59.999Z")),
        ("2026-02-28T12:05:00Z", None),
        ("2026-02-28T12:05:00.001Z", Some("2026-02-28T12:05:00.001Z")),
    ];
    for (number, (claim, _)) in claims.iter().enumerate() {
        let event =
            event(&number.to_string(), "1").replace(r#""data""#, &format!(r#""subject":"k","time":"{claim}","data""#));
        assert_eq!(harness.event(&event).await.status, StatusCode::ACCEPTED);
    }
    harness.past.durable();
    let trace: body::TraceAnswer = harness.get("/v1/demo/trace/k").await.parse();
    for (traced, (claim, claimed)) in trace.events.iter().zip(claims) {
        let event = &traced.event;
        assert_eq!((event.time_replaced, event.claimed_time.as_deref()), (claimed.is_some(), claimed), "{claim}");
        assert_eq!(event.time == event.received, claimed.is_some(), "{claim}");
    }
    assert_eq!(trace.events.len(), claims.len());
}

#[tokio::test]
async fn an_intake_is_a_configured_name_and_never_the_source() {
    let harness = Harness::new();
    let post = async |intake: &str, id: &str| {
        harness.post(&format!("/v1/demo/events{intake}"), "application/cloudevents+json", event(id, "1")).await
    };
    for (intake, id) in [("", "1"), ("?intake=http", "2"), ("?intake=batch", "3")] {
        assert_eq!(post(intake, id).await.status, StatusCode::ACCEPTED, "{intake}");
    }
    let unknown = post("?intake=elsewhere", "4").await;
    assert_eq!(unknown.refusal(), (404, "no_intake".to_owned()));
    assert!(unknown.text.contains("http, batch"), "{}", unknown.text);
    assert_eq!(post("?intake=/app", "5").await.refusal().0, 404);
    let names = harness.past.log.scan(Lsn(1)).map(|item| match item.expect("readable").1 {
        Frame::Input(event) => event.intake.to_string(),
        other => panic!("{other:?}"),
    });
    assert_eq!(names.collect::<Vec<_>>(), ["", "", "batch"]);
}

#[tokio::test]
async fn a_batch_tells_each_item_that_it_rejects() {
    let harness = Harness::new();
    let late = event("2", "1").replace(r#""data""#, r#""time":"soon","data""#);
    let batch = format!("[{},{late},7,{}]", event("1", "1"), event("3", "1"));
    let told = harness.batch(&batch).await;
    assert_eq!(told.status, StatusCode::ACCEPTED);
    assert_eq!((&told.json()["accepted"], &told.json()["position"]), (&2.into(), &2.into()));
    let expected = [(1, "/time".to_owned(), "bad_time".to_owned()), (2, String::new(), "bad_event".to_owned())];
    assert_eq!(rejected(&told), expected);
    let none = harness.batch(&format!("[7,{late}]")).await;
    assert_eq!(none.refusal(), (400, "nothing_accepted".to_owned()));
    assert_eq!(rejected(&none).len(), 2);
    assert_eq!(harness.batch("[]").await.status, StatusCode::ACCEPTED);
    let text = harness.get("/metrics").await.text;
    for line in [r#"result="accepted"} 2"#, r#"result="bad_time"} 2"#, r#"result="bad_event"} 2"#] {
        assert!(text.contains(&format!(r#"fishpond_events_total{{business="demo",{line}"#)), "{line} in {text}");
    }
}

#[tokio::test]
async fn a_large_batch_is_taken_whole() {
    let harness = Harness::new();
    let data = format!("\"{}\"", "x".repeat(1_000));
    let events: Vec<String> = (0..500).map(|i| event(&i.to_string(), &data)).collect();
    let told = harness.batch(&format!("[{}]", events.join(","))).await;
    assert_eq!((told.status, &told.json()["position"]), (StatusCode::ACCEPTED, &500.into()));
}

#[tokio::test]
async fn a_single_bad_event_is_refused_by_its_own_code() {
    let harness = Harness::new();
    let told = harness.event(r#"{"specversion":"1.0","id":"1","source":"s"}"#).await;
    assert_eq!(told.refusal(), (400, "bad_type".to_owned()));
    assert_eq!(rejected(&told), [(0, "/type".to_owned(), "bad_type".to_owned())]);
    let told = harness.event("{\n oops").await;
    assert_eq!(told.refusal(), (400, "not_json".to_owned()));
    assert_eq!((&told.json()["line"], &told.json()["column"]), (&2.into(), &2.into()));
    assert_eq!(harness.past.log.last(), Lsn::ZERO);
}

#[tokio::test]
async fn binary_events_come_with_headers() {
    let harness = Harness::new();
    let send = |content_type: Option<&str>, extra: &'static str| {
        let mut request = request("POST", "/v1/demo/events", content_type, r#"{"a":1}"#);
        let required = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/app"), ("ce-type", "browse")];
        for (name, value) in required.into_iter().chain([("CE-ActorId", extra)]) {
            let name = axum::http::HeaderName::try_from(name).expect("a name");
            request.headers_mut().insert(name, value.parse().expect("a value"));
        }
        harness.send(request)
    };
    assert_eq!(send(Some("application/json"), "user%3A1").await.status, StatusCode::ACCEPTED);
    let (_, frame) = harness.past.log.scan(Lsn(1)).next().expect("a frame").expect("readable");
    assert!(matches!(frame, Frame::Input(event) if &*event.actor == "user:1" && &*event.data == r#"{"a":1}"#));
    assert_eq!(send(Some("application/json"), "user%3A2").await.refusal(), (409, "id_reused".to_owned()));
    assert_eq!(send(Some("text/plain"), "a").await.refusal(), (400, "bad_datacontenttype".to_owned()));
}

#[tokio::test]
async fn other_content_types_are_told_what_is_accepted() {
    let harness = Harness::new();
    let utf16 = "application/cloudevents+json; charset=utf-16";
    for content_type in ["application/json", "text/plain", "application/cloudevents+avro", utf16, "é"] {
        let told = harness.post("/v1/demo/events", content_type, event("1", "1")).await;
        assert_eq!(told.refusal(), (415, "unsupported_content_type".to_owned()));
        for accepted in ["application/cloudevents+json", "application/cloudevents-batch+json", "ce-specversion"] {
            assert!(told.text.contains(accepted), "{}", told.text);
        }
    }
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_again() {
    let harness = Harness::new();
    harness.shards.full.store(true, Ordering::SeqCst);
    let told = harness.event(&event("1", "1")).await;
    assert_eq!(told.refusal(), (429, "journal_queue_bytes".to_owned()));
    assert_eq!(told.headers["retry-after"], "1");
    assert_eq!(told.json()["limit"], "journal_queue_bytes");
}

#[tokio::test]
async fn bodies_and_batches_have_bounds() {
    let limits = Limits { request_bytes: 500, batch_events: 2, ..Limits::default() };
    let harness = Harness::with(Past::new(), limits);
    let large = event("1", &format!("\"{}\"", "x".repeat(500)));
    let told = harness.event(&large).await;
    assert_eq!((told.refusal(), &told.json()["limit"]), ((413, "request_bytes".to_owned()), &"request_bytes".into()));
    assert_eq!(harness.batch("[1,2,3]").await.refusal(), (413, "batch_events".to_owned()));
}

#[tokio::test]
async fn invented_businesses_do_not_fill_the_metrics() {
    let harness = Harness::new();
    for i in 0..COUNTED_BUSINESSES + 3 {
        let told = harness.post(&format!("/v1/b{i}/events"), "application/cloudevents+json", "{}").await;
        assert_eq!(told.status, StatusCode::BAD_REQUEST);
    }
    let text = harness.metrics.render().expect("text");
    assert!(text.contains(r#"fishpond_events_total{business="other",result="bad_specversion"} 3"#));
    for bad in ["A", "a%2Fb", "-a", "a%00"] {
        let told = harness.post(&format!("/v1/{bad}/events"), "application/cloudevents+json", "{}").await;
        assert_eq!(told.refusal(), (400, "bad_name".to_owned()), "{bad}");
    }
}

#[tokio::test]
async fn x_23_what_is_blocked_is_429_and_passes_nothing_else_by() {
    let harness = Harness::new();
    harness.past.upload("demo", "risk");
    let id =
        harness.past.deploy("demo", "risk", &crate::trace::fixture::plan(r#""blocked""#, "subject", ""), Start::Latest);
    *harness.shards.blocks.lock().expect("no panic") = Some(id);
    let blocked = |id: &str| event(id, "1").replace(r#""type":"browse""#, r#""type":"blocked""#);
    assert_ne!(blocked("1"), event("1", "1"));
    let told = harness.event(&blocked("1")).await;
    assert_eq!(told.refusal(), (429, "lag_max_bytes".to_owned()));
    assert_eq!(told.headers["retry-after"], "1");
    assert!(told.text.contains("`risk` is 4096 bytes of the journal (3 positions) behind"), "{}", told.text);
    let none = harness.batch(&format!("[7,{}]", blocked("1"))).await;
    assert_eq!((none.refusal(), rejected(&none).len()), ((429, "lag_max_bytes".to_owned()), 2));
    let some = harness.batch(&format!("[{},{}]", blocked("1"), event("2", "1"))).await;
    assert_eq!((some.status, &some.json()["accepted"]), (StatusCode::ACCEPTED, &1.into()));
    assert_eq!(rejected(&some), [(0, String::new(), "lag_max_bytes".to_owned())]);
}
