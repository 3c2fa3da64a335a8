//! Modules, deployments and queries.

use super::*;
use crate::model::ports::Sample;
use crate::model::{Change, ShardSet, Start};
use crate::trace::fixture::plan;

fn harness() -> Harness {
    let harness = Harness::new();
    harness.past.upload("demo", "risk");
    harness.past.deploy("demo", "risk", &plan(r#""browse""#, "subject", ""), Start::Latest);
    harness
}

async fn put(harness: &Harness, name: &str, body: &str) -> Told {
    harness.put(&format!("/v1/demo/deployments/{name}"), body.to_owned()).await
}

#[tokio::test]
async fn deployments_are_shown_as_they_are() {
    let harness = harness();
    let list: body::DeploymentList = harness.get("/v1/demo/deployments").await.parse();
    let [view] = &list.deployments[..] else { panic!("{list:?}") };
    assert_eq!((&*view.name, view.id, &*view.state, view.revision), ("risk", 2, "active", 1));
    assert_eq!((&*view.module.name, &*view.module.version, view.module.digest.len()), ("risk", "1.0.0", 64));
    assert_eq!(view.configuration.get(), r#"{ "n": 5 }"#, "as it was given");
    assert_eq!((view.position, view.lag, view.activated_at_lsn, &*view.by), (Some(7), Some(3), 2, "ops"));
    assert_eq!(view.activated_at, "2026-02-28T12:00:00.000Z");
    let one: body::DeploymentView = harness.get("/v1/demo/deployments/risk").await.parse();
    assert_eq!((one.id, one.on_error.as_str(), one.paused.is_none()), (2, "skip", true));
    assert_eq!(harness.get("/v1/demo/deployments/none").await.refusal(), (404, "no_deployment".to_owned()));
    assert_eq!(harness.get("/v1/other/deployments/risk").await.refusal(), (404, "no_deployment".to_owned()));
    let modules: body::ModuleList = harness.get("/v1/demo/modules").await.parse();
    assert_eq!((modules.modules.len(), &*modules.modules[0].name, &*modules.modules[0].by), (1, "risk", "ops"));
    assert_eq!(harness.get("/v1/other/modules").await.json(), serde_json::json!({"modules": []}));
}

#[tokio::test]
async fn x_06_the_answer_names_what_is_not_granted() {
    let harness = harness();
    let asks = r#"{"permissions":["matches","publish","signals"],"state":{"writes":1,"reads":[1]}}"#;
    harness.past.deploy("demo", "asks", asks, Start::Latest);
    let told = harness.get("/v1/demo/deployments/asks").await;
    let view: body::DeploymentView = told.parse();
    assert_eq!(
        (view.permissions, view.not_granted),
        (vec!["matches".to_owned()], vec!["publish".into(), "signals".into()])
    );
    let text = harness.get("/v1/demo/deployments/risk").await.json().to_string();
    assert!(!text.contains("not_granted"), "{text}");
}

#[tokio::test]
async fn a_pause_has_an_author_and_a_reason() {
    let harness = harness();
    let path = "/v1/demo/deployments/risk";
    let told = harness.post(&format!("{path}/pause"), "application/json", r#"{"reason":"too many"}"#).await;
    let view: body::DeploymentView = told.parse();
    let paused = view.paused.expect("paused");
    assert_eq!((&*view.state, paused.shards, &*paused.reason), ("paused", 64, "too many"));
    assert_eq!(paused.since, "2026-02-28T12:00:00.000Z");
    let (_, frame) = harness.past.log.scan(Lsn(3)).next().expect("a frame").expect("readable");
    let Frame::Control(control) = frame else { panic!("{frame:?}") };
    assert_eq!(&*control.by, "ops");
    assert!(matches!(&control.change, Change::Paused { shards: ShardSet::ALL, reason, .. } if &**reason == "too many"));
    assert_eq!(
        harness.post(&format!("{path}/pause"), "application/json", "").await.refusal(),
        (409, "already_paused".to_owned())
    );
    let text = harness.get("/metrics").await.text;
    assert!(text.contains(r#"fishpond_paused_shards{business="demo",deployment="risk"} 64"#));
    assert!(text.contains(r#"fishpond_lag_events{business="demo",deployment="risk"} 3"#));
    let view: body::DeploymentView = harness.post(&format!("{path}/resume"), "application/json", "").await.parse();
    assert_eq!((&*view.state, view.paused), ("active", None));
    assert_eq!(
        harness.post(&format!("{path}/resume"), "application/json", "").await.refusal(),
        (409, "not_paused".to_owned())
    );
    let bad = [(r#"{"reson":"x"}"#, "bad_body"), ("{", "not_json"), (r#"{"reason":7}"#, "bad_body")];
    for (body, code) in bad {
        let told = harness.post(&format!("{path}/pause"), "application/json", body).await;
        assert_eq!(told.refusal(), (400, code.to_owned()), "{body}");
    }
    let long = format!(r#"{{"reason":"{}"}}"#, "x".repeat(2_000));
    assert_eq!(
        harness.post(&format!("{path}/pause"), "application/json", long).await.refusal(),
        (400, "log_bytes".to_owned())
    );
}

#[tokio::test]
async fn a_bad_deployment_is_refused_before_anything_is_written() {
    let harness = harness();
    let before = harness.past.log.last();
    let cases = [
        ("x", r#"{"module":"risk"}"#, (400, "bad_body")),
        ("x", r#"{"module":"risk","configuration":{},"onerror":"skip"}"#, (400, "bad_body")),
        ("x", r#"{"module":"risk","configuration":{},"on_error":"stop"}"#, (400, "bad_body")),
        ("x", r#"{"module":"risk","configuration":{},"start":"now"}"#, (400, "bad_body")),
        ("x", r#"{"module":"risk","configuration":{},"from":"here"}"#, (400, "bad_body")),
        ("x", r#"{"module":"risk","configuration":{},"from":"backlog"}"#, (404, "no_deployment")),
        ("x", r#"{"module":"risk","configuration":{]}"#, (400, "not_json")),
        ("X", r#"{"module":"risk","configuration":{}}"#, (400, "bad_name")),
        ("x", r#"{"module":"none","configuration":{}}"#, (422, "no_module")),
        ("x", r#"{"module":"risk@2.0.0","configuration":{}}"#, (422, "no_module")),
    ];
    for (name, body, (status, code)) in cases {
        assert_eq!(put(&harness, name, body).await.refusal(), (status, code.to_owned()), "{body}");
    }
    let told = put(&harness, "x", "{\n \"module\": 7}").await;
    assert_eq!((&told.json()["line"], &told.json()["column"]), (&2.into(), &12.into()));
    assert_eq!(harness.past.log.last(), before);
}

#[tokio::test]
async fn what_is_no_module_is_refused() {
    let harness = Harness::with(Past::new(), Limits { module_bytes: 100, ..Limits::default() });
    let upload = |kind: &'static str, body: &'static [u8]| harness.post("/v1/demo/modules", kind, body);
    assert_eq!(upload("application/wasm", b"\0asm").await.refusal(), (422, "not_wasm".to_owned()));
    assert_eq!(upload("application/octet-stream", b"text").await.refusal(), (422, "not_wasm".to_owned()));
    assert_eq!(upload("text/plain", b"text").await.refusal(), (415, "unsupported_content_type".to_owned()));
    assert_eq!(upload("application/wasm", &[0; 101]).await.refusal(), (413, "module_bytes".to_owned()));
    assert_eq!(harness.past.log.last(), Lsn::ZERO);
}

#[tokio::test]
async fn a_query_is_passed_on_and_its_answer_with_where_it_stands() {
    let harness = harness();
    harness.past.durable();
    let path = "/v1/demo/deployments/risk/queries/count";
    *harness.shards.answer.lock().expect("no panic") = Some(Ok(reply(Lsn(2))));
    let told = harness.get(&format!("{path}?key=user%2F%3A1&parameters=%7B%22a%22%3A1%7D")).await;
    let expected = concat!(r#"{"status":"ok","body":{"n": 1},"retry":false,"position":2,"lag":2,"revision":1}"#, "\n");
    assert_eq!((told.status, &*told.text), (StatusCode::OK, expected));
    let asked = harness.shards.asked.lock().expect("no panic")[0].clone();
    assert_eq!((&*asked.business, &*asked.deployment, &*asked.query), ("demo", "risk", "count"));
    assert_eq!((&*asked.key, &*asked.parameters), ("user/:1", r#"{"a":1}"#));
    let errors = [
        (AskError::NoDeployment("risk".into()), (404, "no_deployment")),
        (AskError::NoQuery { query: "count".into(), known: "others".into() }, (404, "no_query")),
        (AskError::Refused { code: "bad_period".into(), message: "m".into() }, (422, "bad_period")),
        (AskError::Host("h".into()), (500, "host_failure")),
    ];
    for (error, (status, code)) in errors {
        *harness.shards.answer.lock().expect("no panic") = Some(Err(error));
        assert_eq!(harness.get(&format!("{path}?key=k")).await.refusal(), (status, code.to_owned()));
    }
    *harness.shards.answer.lock().expect("no panic") = None;
    assert_eq!(harness.get(&format!("{path}?key=k")).await.refusal(), (500, "host_failure".to_owned()));
    let long = format!("{path}?key=k&parameters=%7B%22a%22%3A%22{}%22%7D", "x".repeat(20_000));
    assert_eq!(harness.get(&long).await.refusal(), (400, "query_bytes".to_owned()));
}

#[tokio::test]
async fn a_repair_of_what_runs_is_refused_and_stops_nothing() {
    let harness = harness();
    let before = harness.past.log.last();
    let body = r#"{"module":"risk","configuration":{},"from":"backlog"}"#;
    let told = put(&harness, "risk", body).await;
    assert_eq!(told.refusal(), (409, "not_paused".to_owned()));
    assert!(told.text.contains("no shard of the deployment `risk` is paused"), "{}", told.text);
    assert_eq!(harness.past.log.last(), before);
}

#[tokio::test]
async fn going_back_needs_somewhere_to_go() {
    let harness = harness();
    let path = "/v1/demo/deployments/risk/rollback";
    assert_eq!(harness.post(path, "application/json", "").await.refusal(), (409, "no_revision".to_owned()));
    let told = harness.post(path, "application/json", r#"{"to":7}"#).await;
    assert_eq!(told.refusal(), (422, "no_revision".to_owned()));
    assert_eq!(harness.post(path, "application/json", r#"{"too":1}"#).await.refusal(), (400, "bad_body".to_owned()));
    let other = "/v1/demo/deployments/none/rollback";
    assert_eq!(harness.post(other, "application/json", "").await.refusal(), (404, "no_deployment".to_owned()));
}

#[tokio::test]
async fn a_retired_deployment_stays_in_the_list_and_is_never_changed_again() {
    let harness = harness();
    let path = "/v1/demo/deployments/risk";
    let view: body::DeploymentView = harness.post(&format!("{path}/retire"), "application/json", "").await.parse();
    assert_eq!((&*view.name, &*view.state), ("risk", "retired"));
    let list: body::DeploymentList = harness.get("/v1/demo/deployments").await.parse();
    assert_eq!(list.deployments[0].state, "retired");
    for verb in ["retire", "pause", "resume"] {
        let told = harness.post(&format!("{path}/{verb}"), "application/json", "").await;
        assert_eq!(told.refusal(), (409, "retired".to_owned()), "{verb}");
    }
    let none = harness.post("/v1/demo/deployments/none/retire", "application/json", "").await;
    assert_eq!(none.refusal(), (404, "no_deployment".to_owned()));
}

#[tokio::test]
async fn choices_and_times_of_a_start_are_checked_before_anything_is_done() {
    let harness = harness();
    let past = harness.past.log.last();
    for (member, words) in [
        (r#""on_quarantine":"park""#, "stop or rollback"),
        (r#""on_lag":"stop""#, "park or block"),
        (r#""from":"yesterday""#, "2026-11-20T10:00:00Z"),
    ] {
        let told = put(&harness, "fresh", &format!(r#"{{"module":"risk","configuration":{{}},{member}}}"#)).await;
        assert_eq!(told.refusal(), (400, "bad_body".to_owned()), "{member}");
        assert!(told.text.contains(words), "{member}: {}", told.text);
    }
    assert_eq!(harness.past.log.last(), past);
}

#[tokio::test]
async fn a_deployment_shows_what_it_used_and_its_last_faults() {
    let harness = harness();
    let metrics = &harness.metrics;
    metrics.fuel.with_label_values(&["demo", "risk"]).inc_by(70);
    metrics.inputs.with_label_values(&["demo", "risk", "trap"]).inc_by(3);
    let (key, code, message) = ("ann".into(), "trap".into(), "unreachable".into());
    let sample = Sample { lsn: Lsn(9), revision: 1, key, code, message, at: 1_772_280_000_123 };
    *harness.shards.faults.lock().expect("no panic") = Faulty { counted: 2, samples: vec![sample] };
    let view: body::DeploymentView = harness.get("/v1/demo/deployments/risk").await.parse();
    assert_eq!(
        (view.usage.fuel, &view.usage.inputs["trap"], view.usage.documents, view.usage.state_bytes),
        (70, &3, 2, 300)
    );
    assert_eq!((view.lag_bytes, view.lag_ms, view.faults), (Some(4_096), Some(50), 2));
    let [fault] = &view.last_faults[..] else { panic!("{view:?}") };
    assert_eq!((fault.position, &*fault.key, &*fault.code, fault.revision), (9, "ann", "trap", 1));
    assert_eq!(fault.at, "2026-02-28T12:00:00.123Z");
    assert_eq!((&*view.on_quarantine, &*view.on_lag, view.begins_at), ("stop", "park", 3));
    let text = harness.get("/metrics").await.text;
    for line in ["lag_bytes", "lag_milliseconds", "state_bytes", "faults"]
        .map(|name| format!(r#"fishpond_{name}{{business="demo",deployment="risk"}}"#))
    {
        assert!(text.contains(&line), "{line} in {text}");
    }
}

#[tokio::test]
async fn x_20_open_alerts_are_listed_with_what_to_do_and_are_metrics() {
    let harness = harness();
    let list = |told: Told| told.parse::<body::AlertList>().alerts;
    assert_eq!(list(harness.get("/v1/demo/alerts").await), []);
    let id = harness.past.registry.deployment("demo", "risk").expect("deployed").id;
    harness.past.registry.quarantine(id, 1, "5 faults").expect("quarantined");
    let [alert] = &list(harness.get("/v1/demo/alerts").await)[..] else { panic!("not one alert") };
    assert_eq!((&*alert.name, &*alert.subject, &*alert.message), ("quarantined", "risk", "5 faults"));
    assert_eq!(alert.since, "2026-02-28T12:00:00.000Z");
    assert!(alert.advice.contains("fishpond deployment resume risk"), "{}", alert.advice);
    assert_eq!(list(harness.get("/v1/other/alerts").await), []);
    let line = r#"fishpond_alert{business="demo",name="quarantined",subject="risk"} 1"#;
    assert!(harness.get("/metrics").await.text.contains(line));
    let view: body::DeploymentView = harness.get("/v1/demo/deployments/risk").await.parse();
    assert_eq!((&*view.state, &*view.paused.expect("standing still").cause), ("quarantined", "quarantine"));
    let resumed = harness.post("/v1/demo/deployments/risk/resume", "application/json", "{}").await;
    assert_eq!(resumed.json()["state"], "active");
    assert_eq!(list(harness.get("/v1/demo/alerts").await), []);
    assert!(!harness.get("/metrics").await.text.contains("fishpond_alert{"));
}
