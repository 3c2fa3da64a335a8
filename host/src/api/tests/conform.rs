//! Every answer that a test of the API gets is held against the document about it: its status, its code, its body.

use std::sync::LazyLock;

use axum::http::Method;
use serde_json::json;

use super::*;
use crate::api::openapi::described;

static DOCUMENT: LazyLock<Json> = LazyLock::new(|| serde_json::to_value(described()).expect("JSON"));

/// # Panics
/// If the document does not have this answer.
pub fn check(method: &Method, path: &str, told: &Told) {
    let faults = faults(method, path, told.status, &told.headers, &told.text);
    assert!(faults.is_empty(), "{method} {path} is described otherwise: {faults:?}: {} {}", told.status, told.text);
}

/// Wherein an answer differs from the document; what has no operation there has no rule.
pub fn faults(method: &Method, path: &str, status: StatusCode, headers: &HeaderMap, text: &str) -> Vec<String> {
    let Some(operation) = operation(method, path) else { return vec![] };
    let Some(response) = operation["responses"].get(status.as_str()) else {
        return vec![format!("there is no {status}")];
    };
    let kind = headers.get("content-type").map_or("", |kind| kind.to_str().expect("text"));
    if kind.is_empty() {
        return if text.is_empty() { vec![] } else { vec!["a body without a type".to_owned()] };
    }
    let Some(content) = response["content"].get(kind.split(';').next().unwrap_or_default()) else {
        return vec![format!("there is no {kind}")];
    };
    if !kind.ends_with("json") {
        return vec![];
    }
    let schema = json!({ "allOf": [content["schema"]], "components": DOCUMENT["components"] });
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let body = serde_json::from_str(text).expect("JSON");
    validator.iter_errors(&body).map(|fault| format!("{}: {fault}", fault.instance_path())).collect()
}

/// The operation at an address: a path without parameters before one that has some.
fn operation(method: &Method, path: &str) -> Option<&'static Json> {
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    let fits = |template: &str| {
        let parts = |text: &str| text.split('/').map(str::to_owned).collect::<Vec<_>>();
        let (template, path) = (parts(template), parts(path));
        let same = |(own, given): (&String, &String)| own.starts_with('{') || own == given;
        template.len() == path.len() && template.iter().zip(&path).all(same)
    };
    let fitting = paths.iter().filter(|(template, _)| fits(template));
    let (_, item) = fitting.min_by_key(|(template, _)| template.matches('{').count())?;
    item.get(method.as_str().to_lowercase())
}

#[tokio::test]
async fn an_answer_that_is_not_described_is_found() {
    let harness = Harness::new();
    let told = harness.get("/v1/limits").await;
    let with = |status: u16, text: &str| {
        let status = StatusCode::from_u16(status).expect("a status");
        faults(&Method::GET, "/v1/limits", status, &told.headers, text)
    };
    assert_eq!(with(200, &told.text), [""; 0]);
    assert!(!with(200, &told.text.replacen("\"unit\"", "\"units\"", 1)).is_empty(), "a member is missing");
    assert!(!with(200, &told.text.replacen("8388608", "\"much\"", 1)).is_empty(), "a number is a text");
    assert!(!with(201, &told.text).is_empty(), "another status");
    let refused = harness.get("/v1/demo/matches?limit=0").await;
    let with = |status, text: &str| faults(&Method::GET, "/v1/demo/matches", status, &refused.headers, text);
    assert_eq!(with(refused.status, &refused.text), [""; 0]);
    assert!(!with(refused.status, &refused.text.replace("bad_query", "bad_mood")).is_empty(), "another code");
}
