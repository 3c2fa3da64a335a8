//! Events beyond the dedup horizon, as producers and operators see them: marked, or refused where an intake says so.

use fishpond::model::Frame;
use fishpond_tests::service::{Service, Settings, Told};
use serde_json::{Value, json};

use super::{BUSINESS, some_days_ago};

const JSON: &str = "application/cloudevents+json";

/// The last identity is all that is remembered.
fn settings(environment: &[(&'static str, &'static str)]) -> Settings {
    let environment = environment.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Settings { limits: vec![("dedup_ids", 1)], environment, ..Settings::default() }
}

fn event(id: &str, data: u64) -> Value {
    json!({ "specversion": "1.0", "source": "app", "id": id, "type": "visit", "actorid": "ann", "data": data })
}

/// Dated in a minute: newer than anything that was forgotten.
fn dated(id: &str) -> Value {
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(60);
    let mut event = event(id, 1);
    event["time"] = json!(soon.to_string());
    event
}

fn post(service: &Service, event: &Value) -> Told {
    service.client().post(&format!("/v1/{BUSINESS}/events"), JSON, event.to_string().as_bytes())
}

fn accepted(service: &Service, event: &Value) {
    assert_eq!(post(service, event).ok()["accepted"], 1, "{event}");
}

/// Id and mark of each event, as the trace shows them.
fn traced(service: &Service) -> Vec<(String, bool)> {
    let trace = service.client().get(&format!("/v1/{BUSINESS}/trace/ann")).ok();
    let events = trace["events"].as_array().expect("events");
    let of = |traced: &Value| {
        let marked = traced["event"]["undeduplicated"].as_bool().unwrap_or(false);
        (traced["event"]["id"].as_str().expect("an id").to_owned(), marked)
    };
    events.iter().map(of).collect()
}

#[test]
fn what_may_have_come_before_is_accepted_and_marked_also_after_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = Service::start(folder.path(), &settings(&[]));
    accepted(&service, &event("e1", 1));
    assert_eq!(post(&service, &event("e1", 1)).ok()["duplicates"], 1);
    assert_eq!(post(&service, &event("e1", 2)).refusal(), (409, "id_reused".to_owned()));
    accepted(&service, &event("e2", 1));
    service.kill_and_restart();
    assert_eq!(post(&service, &event("e2", 2)).refusal(), (409, "id_reused".to_owned()));
    accepted(&service, &event("e1", 1));
    assert_eq!(post(&service, &event("e1", 2)).refusal(), (409, "id_reused".to_owned()));
    accepted(&service, &dated("e3"));
    let metrics = service.client().get("/metrics").text;
    assert!(metrics.contains("fishpond_undeduplicated_events_total 1\n"), "{metrics}");
    let expected = [("e1", false), ("e2", false), ("e1", true), ("e3", false)];
    let mut found = traced(&service);
    found.sort();
    let mut expected = expected.map(|(id, marked)| (id.to_owned(), marked));
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn an_intake_that_refuses_older_events_says_so_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(&[("FISHPOND_API_INTAKES", "http, nightly"), ("FISHPOND_API_REFUSE_OLDER", "http")]);
    let mut service = Service::start(folder.path(), &settings);
    accepted(&service, &event("e1", 1));
    accepted(&service, &event("e2", 1));
    for _ in 0..2 {
        let refused = post(&service, &event("e1", 1));
        assert_eq!(refused.refusal(), (400, "undeduplicated".to_owned()));
        assert!(refused.text.contains("api.refuse_older"), "{refused:?}");
        service.kill_and_restart();
    }
    let mut old = event("e4", 1);
    old["time"] = json!(jiff::Timestamp::from_millisecond(some_days_ago() as i64).expect("a time").to_string());
    let batch = [dated("e3"), event("e1", 1), old].map(|event| event.to_string());
    let answer = service.client().try_events(BUSINESS, &batch).expect("an answer").ok();
    assert_eq!(answer["accepted"], 1);
    let codes: Vec<_> = answer["rejected"].as_array().expect("items").iter().map(|item| &item["code"]).collect();
    assert_eq!(codes, ["undeduplicated", "undeduplicated"]);
    // Another intake accepts and marks.
    let path = format!("/v1/{BUSINESS}/events?intake=nightly");
    let marked = service.client().post(&path, JSON, event("e1", 1).to_string().as_bytes());
    assert_eq!(marked.ok()["accepted"], 1);
    assert_eq!(service.terminate().code, Some(0));
    let inputs = Service::frames(folder.path(), &settings).into_iter().filter_map(|(_, frame)| match frame {
        Frame::Input(event) => Some((event.id.to_string(), event.undeduplicated)),
        _ => None,
    });
    let expected = [("e1", false), ("e2", false), ("e3", false), ("e1", true)];
    assert_eq!(inputs.collect::<Vec<_>>(), expected.map(|(id, marked)| (id.to_owned(), marked)));
}
