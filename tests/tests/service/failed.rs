//! X-21 and X-27 over HTTP and by the command line, as an operator has them at hand.

use std::path::Path;
use std::process::Output;

use fishpond_tests::component;
use fishpond_tests::service::{Client, Service, Settings, program};
use serde_json::{Value, json};

use super::BUSINESS;

fn event(id: &str, actor: &str, does: &str) -> String {
    // Where an event says nothing, what the configuration says is done.
    let data = if does == "stumble" { json!({}) } else { json!({ "do": does }) };
    json!({ "specversion": "1.0", "id": id, "source": "/app", "type": "do", "actorid": actor, "data": data })
        .to_string()
}

fn send(client: &Client, events: &[String]) {
    let told = client.try_events(BUSINESS, events).expect("an answer").ok();
    assert_eq!(told["accepted"], events.len(), "{told}");
}

fn fishpond(service: &Service, arguments: &[&str]) -> Output {
    let mut command = program();
    command.args(arguments).args(["--url", &format!("http://{}", service.address()), "--token", &service.token()]);
    command.output().expect("the program runs")
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// A host where `bad` stumbles and `other` does not.
fn stumbling(folder: &Path, settings: &Settings) -> Service {
    let service = Service::start(folder, settings);
    let client = service.client();
    client.upload(BUSINESS, &component("misbehave"));
    client.deploy(BUSINESS, "bad", "misbehave", &json!({ "do": "trap" })).ok();
    client.deploy(BUSINESS, "other", "misbehave", &json!({})).ok();
    service
}

fn matches(client: &Client, deployment: &str) -> Vec<Value> {
    let found = client.pages(&format!("/v1/{BUSINESS}/matches"), "matches");
    found.into_iter().filter(|found| found["deployment"] == deployment).collect()
}

#[test]
fn x_27_resent_over_http_it_matches_once_also_behind_a_kill_and_with_other_workers() {
    for workers in [1, 2, 4] {
        let folder = tempfile::tempdir().expect("a folder");
        let settings =
            Settings { limits: vec![("workers", workers), ("quarantine_faults", 1_000)], ..Settings::default() };
        let mut service = stumbling(folder.path(), &settings);
        let client = service.client();
        let events: Vec<String> = (0..12).map(|n| event(&format!("e{n}"), &format!("user:{n}"), "stumble")).collect();
        send(&client, &events);
        service.settle(BUSINESS);
        assert_eq!(matches(&client, "bad").len(), 0);
        let others = matches(&client, "other");
        client.deploy(BUSINESS, "bad", "misbehave", &json!({})).ok();
        let path = format!("/v1/{BUSINESS}/failed-events/resend");
        let body = json!({ "deployment": "bad", "all": true }).to_string();
        let told = client.post(&path, "application/json", body.as_bytes()).ok();
        assert_eq!(told["resent"], 12, "{told}");
        service.kill_and_restart();
        service.settle(BUSINESS);
        let client = service.client();
        let found = matches(&client, "bad");
        let mut ids: Vec<&str> = found.iter().filter_map(|found| found["events"][0]["id"].as_str()).collect();
        ids.sort_unstable();
        let mut expected: Vec<String> = (0..12).map(|n| format!("e{n}")).collect();
        expected.sort_unstable();
        assert_eq!(ids, expected, "{workers} workers");
        let told = client.post(&path, "application/json", body.as_bytes()).ok();
        let statuses = told["inputs"].as_array().expect("a list").iter().map(|input| input["status"].clone());
        assert_eq!((told["resent"].clone(), statuses.collect::<Vec<_>>()), (json!(0), vec![json!("replayed"); 12]));
        assert_eq!(matches(&client, "other"), others, "the other deployment saw nothing");
        let first = told["inputs"][0]["position"].to_string();
        let shown = said(&fishpond(&service, &["events", "show", "--deployment", "bad", "--position", &first]));
        assert!(shown.contains("key user:") && shown.contains(": done, revision 2, match seen "), "{shown}");
        let again = said(&fishpond(&service, &["events", "resend", "--deployment", "bad", "--position", &first]));
        assert!(again.contains("replayed at ") && again.ends_with("0 of 1 resent\n"), "{again}");
    }
}

#[test]
fn x_21_a_captured_trap_and_a_captured_key_play_on_a_laptop() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = stumbling(folder.path(), &Settings::default());
    let client = service.client();
    send(&client, &[event("e1", "user:7", "count"), event("e2", "user:7", "stumble"), event("e3", "8", "count")]);
    service.settle(BUSINESS);
    let failed = client.pages(&format!("/v1/{BUSINESS}/failed-events"), "failed");
    let position = failed[0]["position"].to_string();
    let place = |name: &str| folder.path().join(name).to_str().expect("a path").to_owned();
    let (trap, key, bare, modules) =
        (place("trap.scenario"), place("key.scenario"), place("bare.scenario"), place("modules"));
    let now = failed[0]["at"].as_str().expect("a time");
    said(&fishpond(
        &service,
        &["capture", "--deployment", "bad", "--position", &position, "-o", &trap, "--modules", &modules],
    ));
    said(&fishpond(&service, &["capture", "user:7", "--around", now, "-o", &key]));
    said(&fishpond(&service, &["capture", "user:8", "--around", now, "-o", &bare]));
    let text = std::fs::read_to_string(&key).expect("a file");
    assert!(text.contains("failed trap event=e2 key=user:7") && text.contains("other@1 match seen"), "{text}");
    let test = |file: &str| {
        let mut command = program();
        command.args(["test", file, "--modules", &modules]).output().expect("the program runs")
    };
    for file in [&trap, &key, &bare] {
        said(&test(file));
    }
    // A mended configuration plays otherwise, and the difference is shown.
    let text = std::fs::read_to_string(&trap).expect("a file");
    std::fs::write(&trap, text.replace(r#""do": "trap""#, r#""n": 1"#)).expect("written");
    let differs = test(&trap);
    let shown = String::from_utf8_lossy(&differs.stdout).into_owned();
    assert!(!differs.status.success() && shown.contains("+ ") && shown.contains("match seen person=user:7"), "{shown}");
    let nobody = fishpond(&service, &["capture", "nobody", "--around", now]);
    let error = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert!(!nobody.status.success() && error.contains("the journal reaches back to 20"), "{error}");
}
