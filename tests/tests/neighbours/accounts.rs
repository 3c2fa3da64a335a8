//! What a deployment used, how far it is behind and where it failed, as an operator of a running host sees it.

use fishpond_tests::component;
use fishpond_tests::service::{Service, Settings};
use serde_json::{Value, json};

const BUSINESS: &str = "shop";

fn event(id: &str, deed: &str) -> String {
    let data = json!({ "do": deed });
    json!({ "specversion": "1.0", "id": id, "source": "/app", "type": "do", "actorid": id, "data": data }).to_string()
}

#[test]
fn x_04_faults_are_counted_and_shown_and_the_fifth_is_an_alert() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = Service::start(folder.path(), &Settings::default());
    let client = service.client();
    client.upload(BUSINESS, &component("misbehave"));
    client.deploy(BUSINESS, "bad", "misbehave", &json!({})).ok();
    let path = format!("/v1/{BUSINESS}/deployments/bad");
    let alerts = format!("/v1/{BUSINESS}/alerts");
    let deeds = ["count", "fly", "fly", "trap", "trap", "trap", "loop"];
    let events: Vec<String> = deeds.iter().zip(0..).map(|(deed, n): (_, i32)| event(&format!("e{n}"), deed)).collect();
    client.try_events(BUSINESS, &events).expect("an answer").ok();
    service.wait_until("all read", |client| client.get(&path).ok()["lag"] == 0);
    let view = client.get(&path).ok();
    assert_eq!((&view["state"], &view["faults"]), (&json!("active"), &json!(4)), "{view}");
    assert_eq!(view["usage"]["inputs"], json!({ "done": 1, "bad_event": 2, "trap": 3, "fuel": 1 }), "{view}");
    assert!(
        view["usage"]["fuel"].as_u64().expect("a number") > 50_000_000 && view["usage"]["calls"].as_u64() >= Some(5)
    );
    assert_eq!((&view["usage"]["documents"], &view["usage"]["matches"]["seen"]), (&json!(7), &json!(1)), "{view}");
    // Workers fail side by side, so which of them was last is not said.
    let shown = view["last_faults"].as_array().expect("a list").iter();
    let mut shown: Vec<_> = shown.map(|fault| (fault["key"].as_str(), fault["code"].as_str())).collect();
    shown.sort_unstable();
    let expected = [("e3", "trap"), ("e4", "trap"), ("e5", "trap"), ("e6", "fuel")];
    assert_eq!(shown, expected.map(|(key, code)| (Some(key), Some(code))), "{view}");
    assert_eq!(client.metric("fishpond_faults"), 4.0);
    assert_eq!(client.get(&alerts).ok(), json!({ "alerts": [] }));

    client.try_events(BUSINESS, &[event("f", "trap")]).expect("an answer").ok();
    service.wait_until("an alert", |client| {
        client.get(&alerts).ok()["alerts"].as_array().is_some_and(|all| all.len() == 1)
    });
    let open = client.get(&alerts).ok();
    let alert: &Value = &open["alerts"][0];
    assert_eq!((&alert["name"], &alert["subject"]), (&json!("quarantined"), &json!("bad")), "{alert}");
    assert!(alert["advice"].as_str().is_some_and(|advice| advice.contains("deployment resume bad")), "{alert}");
    assert_eq!((client.get(&path).ok()["state"].clone(), client.metric("fishpond_alert")), (json!("quarantined"), 1.0));
    service.kill_and_restart();
    let client = service.client();
    assert_eq!(client.get(&alerts).ok(), open, "the same one is open");
    client.post(&format!("{path}/resume"), "application/json", b"").ok();
    assert_eq!((client.get(&alerts).ok(), client.metric("fishpond_alert")), (json!({ "alerts": [] }), 0.0));
}
