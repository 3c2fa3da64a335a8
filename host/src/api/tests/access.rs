//! Who may ask, and in which form refusals come.

use super::*;

/// Every route that needs a token.
const GUARDED: [(&str, &str); 34] = [
    ("POST", "/v1/demo/events"),
    ("POST", "/v1/demo/modules"),
    ("GET", "/v1/demo/modules"),
    ("GET", "/v1/demo/deployments"),
    ("GET", "/v1/demo/deployments/risk"),
    ("PUT", "/v1/demo/deployments/risk"),
    ("POST", "/v1/demo/deployments/risk/pause"),
    ("POST", "/v1/demo/deployments/risk/resume"),
    ("GET", "/v1/demo/deployments/risk/queries/q?key=k"),
    ("GET", "/v1/demo/trace/k"),
    ("GET", "/v1/demo/matches"),
    ("GET", "/v1/demo/failed-events"),
    ("POST", "/v1/demo/deployments/risk/rollback"),
    ("POST", "/v1/demo/deployments/risk/retire"),
    ("GET", "/v1/demo/policies"),
    ("PUT", "/v1/demo/policies/p"),
    ("GET", "/v1/demo/policies/p"),
    ("DELETE", "/v1/demo/policies/p"),
    ("GET", "/v1/demo/policies/p/chain"),
    ("PUT", "/v1/demo/chain"),
    ("GET", "/v1/demo/decisions"),
    ("GET", "/v1/demo/decisions/summary"),
    ("GET", "/v1/demo/decisions/00ff"),
    ("POST", "/v1/demo/user-tokens"),
    ("GET", "/v1/demo/users/u/tags"),
    ("GET", "/v1/demo/users/u/actions"),
    ("POST", "/v1/demo/users/u/actions/00ff/ack"),
    ("GET", "/v1/demo/users/u/slots/top"),
    ("GET", "/v1/openapi.json"),
    ("GET", "/v1/limits"),
    ("GET", "/metrics"),
    ("DELETE", "/v1/demo/deployments/risk"),
    ("POST", "/v1/../metrics"),
    ("HEAD", "/metrics"),
];

#[tokio::test]
async fn nothing_but_health_answers_without_a_token() {
    let harness = Harness::new();
    for (method, path) in GUARDED {
        let mut anonymous = request(method, path, None, "");
        anonymous.headers_mut().remove("authorization");
        let told = harness.send(anonymous).await;
        if path.contains("..") {
            assert_eq!(told.refusal(), (404, "not_found".to_owned()));
            continue;
        }
        assert_eq!(told.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        assert!(told.headers["www-authenticate"].to_str().expect("text").starts_with("Bearer"));
        if method != "HEAD" {
            assert_eq!(told.refusal(), (401, "unauthorized".to_owned()));
            assert!(told.text.contains("the-folder/token"), "it says where the token is: {}", told.text);
            assert!(told.text.ends_with("}\n"), "a line has an end: {}", told.text);
        }
        let mut wrong = request(method, path, None, "");
        wrong.headers_mut().insert("authorization", "Bearer guess".parse().expect("a value"));
        assert_eq!(harness.send(wrong).await.status, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
    for path in ["/healthz", "/readyz"] {
        let mut anonymous = request("GET", path, None, "");
        anonymous.headers_mut().remove("authorization");
        assert_eq!(harness.send(anonymous).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn readiness_says_what_is_wrong() {
    let harness = Harness::new();
    *harness.shards.unhealthy.lock().expect("no panic") = Some("the disk is gone".to_owned());
    let told = harness.get("/readyz").await;
    assert_eq!(told.refusal(), (503, "not_ready".to_owned()));
    assert!(told.text.contains("the disk is gone"));
    assert_eq!(harness.get("/healthz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn wrong_addresses_methods_and_parameters_have_the_one_form() {
    let harness = Harness::new();
    for path in ["/", "/v1", "/v1/demo", "/v1/demo/nothing", "/v2/demo/events", "/v1/demo/events/"] {
        assert_eq!(harness.get(path).await.refusal(), (404, "not_found".to_owned()), "{path}");
    }
    let told = harness.get("/v1/demo/events").await;
    assert_eq!(told.refusal(), (405, "method_not_allowed".to_owned()));
    assert_eq!(told.headers["allow"], "POST");
    let bad = [
        ("/v1/demo/matches?limit=0", "bad_query"),
        ("/v1/demo/matches?limit=1001", "page_items"),
        ("/v1/demo/matches?limt=1", "bad_query"),
        ("/v1/demo/matches?after=-1", "bad_query"),
        ("/v1/demo/matches?after=1&after=2", "bad_query"),
        ("/v1/demo/trace/k?at=yesterday", "bad_query"),
        ("/v1/demo/trace/k?limit=9999999", "trace_items"),
        ("/v1/demo/deployments?name=risk", "bad_query"),
        ("/v1/demo/trace/%ff", "bad_path"),
        ("/v1/demo/deployments/risk/queries/q", "bad_query"),
        ("/v1/demo/deployments/risk/queries/q?key=", "bad_query"),
        ("/v1/demo/deployments/risk/queries/q?key=k&parameters=%5B%5D", "bad_query"),
        ("/v1/Demo/matches", "bad_name"),
    ];
    for (path, code) in bad {
        assert_eq!(harness.get(path).await.refusal(), (400, code.to_owned()), "{path}");
    }
    let long = format!("/v1/demo/trace/{}", "k".repeat(257));
    assert_eq!(harness.get(&long).await.refusal(), (400, "attribute_bytes".to_owned()));
}

#[tokio::test]
async fn a_request_has_an_id_a_metric_and_an_end() {
    let (wall, past) = Wall::past();
    let harness = Harness::with(past, Limits { request_ms: 30, ..Limits::default() });
    let wall = Open(wall);
    let mut given = request("GET", "/v1/limits", None, "");
    given.headers_mut().insert("x-request-id", "abc-7".parse().expect("a value"));
    assert_eq!(harness.send(given).await.headers["x-request-id"], "abc-7");
    let mut spaced = request("GET", "/v1/limits", None, "");
    spaced.headers_mut().insert("x-request-id", "a b".parse().expect("a value"));
    assert_eq!(harness.send(spaced).await.headers["x-request-id"].len(), 16);
    wall.0.set(true);
    let told = harness.event(&event("1", "1")).await;
    assert_eq!(told.refusal(), (503, "request_ms".to_owned()));
    wall.0.set(false);
    let text = harness.get("/metrics").await.text;
    for line in [
        r#"fishpond_http_request_seconds_count{route="/v1/limits",status="200"} 2"#,
        r#"fishpond_http_request_seconds_count{route="/v1/{business}/events",status="503"} 1"#,
        "fishpond_journal_last_position 1",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[tokio::test]
async fn limits_are_listed_by_name() {
    let harness = Harness::with(Past::new(), Limits { batch_events: 7, ..Limits::default() });
    let list: body::LimitList = harness.get("/v1/limits").await.parse();
    let found = list.limits.iter().find(|limit| limit.name == "batch_events").expect("it");
    assert_eq!((found.value, found.default, &*found.unit), (7, 10_000, "events"));
}
