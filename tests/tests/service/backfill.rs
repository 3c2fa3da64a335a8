//! `fishpond backfill` beside a host that serves: what it finds, what it refuses, and that nothing is left of one that was cut off.

use std::path::Path;
use std::process::Output;

use fishpond_tests::component;
use fishpond_tests::service::{Act, Crowd, Service, Settings, Wire, program};
use serde_json::Value;

use super::{BUSINESS, deploy_both, some_days_ago};

fn fishpond(service: &Service, arguments: &[&str]) -> Output {
    let mut command = program();
    command.args(arguments).args(["--url", &format!("http://{}", service.address()), "--token", &service.token()]);
    command.output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The values of all lines of a kind.
fn lines(output: &Output, kind: &str) -> Vec<Value> {
    assert!(output.status.success(), "{}", text(&output.stderr));
    let all = text(&output.stdout);
    let all =
        all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    all.filter_map(|line| line.get(kind).cloned()).collect()
}

/// What was found: name, person, fields and the events behind it.
fn found(matches: &[Value]) -> Vec<String> {
    let one = |found: &Value| {
        let ids: Vec<&Value> = found["events"].as_array().expect("a list").iter().map(|event| &event["id"]).collect();
        format!("{} {} {} {ids:?}", found["name"], found["person"], found["fields"])
    };
    let mut found: Vec<String> = matches.iter().map(one).collect();
    found.sort_unstable();
    found
}

fn live(service: &Service, deployment: &str) -> Vec<String> {
    let all = service.client().pages(&format!("/v1/{BUSINESS}/matches"), "matches");
    found(&all.into_iter().filter(|found| found["deployment"] == deployment).collect::<Vec<_>>())
}

/// A host that has met a crowd.
fn crowded(folder: &Path, acts: &[Act], percent: u64) -> Service {
    let settings = Settings { limits: vec![("backfill_percent", percent)], ..Settings::default() };
    let mut service = Service::start(folder, &settings);
    deploy_both(&service.client());
    for part in acts.chunks(1_000) {
        let events: Vec<String> = part.iter().map(Act::json).collect();
        assert_eq!(service.client().try_events(BUSINESS, &events).expect("an answer").status, 202);
    }
    service.settle(BUSINESS);
    service
}

#[test]
fn s1_07_a_backfill_by_the_command_finds_what_the_host_has_found() {
    let (folder, elsewhere) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let acts: Vec<Act> = Crowd::new(41, 60, some_days_ago()).take(2_500).collect();
    let mut service = crowded(folder.path(), &acts, 100);
    let position = service.client().metric("fishpond_journal_last_position");
    for deployment in ["risk", "rental"] {
        let told = fishpond(&service, &["backfill", deployment, "--json"]);
        assert_eq!(found(&lines(&told, "match")), live(&service, deployment), "{deployment}");
        let summary = &lines(&told, "summary")[0];
        assert_eq!((summary["events"].as_u64(), summary["gap"].is_null()), (Some(2_500), true), "{summary}");
    }
    assert!(live(&service, "risk").len() > 10, "{}", live(&service, "risk").len());
    // Another configuration finds more, and only here.
    let before = live(&service, "risk");
    let looser = fishpond(&service, &["backfill", "risk", "--config", r#"{"different_users": 2, "cooldown_s": 1}"#]);
    let shown = text(&looser.stdout);
    assert!(looser.status.success() && shown.matches("  high_risk  ").count() > before.len(), "{shown}");
    assert!(shown.contains("2500 events read") && shown.contains(r#"configuration {"different_users": 2"#), "{shown}");
    assert_eq!(live(&service, "risk"), before);
    assert_eq!(service.client().metric("fishpond_journal_last_position"), position, "something was written");
    // The same events from a file, with what is deployed, by this process: they come in the order of their times.
    let file = elsewhere.path().join("old.jsonl");
    std::fs::write(&file, acts.iter().map(|act| act.json() + "\n").collect::<String>()).expect("a file");
    let file = file.to_str().expect("a name");
    let told = fishpond(&service, &["backfill", "risk", "--events", file, "--json"]);
    assert_eq!(found(&lines(&told, "match")), before);
    let module = elsewhere.path().join("rule.wasm");
    std::fs::write(&module, component("c2c-blacklist")).expect("a file");
    let module = module.to_str().expect("a name");
    service.heard("backfill done", 3);
    assert_eq!(service.terminate().code, Some(0));
    let mut alone = program();
    alone.args(["backfill", "risk", "--local", "--json", "--module", module, "--events", file, "--config"]);
    let told = alone.arg(lines(&told, "summary")[0]["configuration"].to_string()).output().expect("the program runs");
    assert_eq!(found(&lines(&told, "match")), before);
}

#[test]
fn a_backfill_that_is_refused_or_meets_a_bad_line_says_so_and_fails() {
    let (folder, elsewhere) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let acts: Vec<Act> = Crowd::new(42, 60, some_days_ago()).take(50).collect();
    let service = crowded(folder.path(), &acts, 100);
    let refused = |arguments: &[&str]| {
        let told = fishpond(&service, &[&["backfill"], arguments].concat());
        assert_eq!(told.status.code(), Some(1), "{}", text(&told.stdout));
        text(&told.stderr)
    };
    assert!(refused(&["nobody"]).contains("no_deployment"));
    assert!(refused(&["risk", "--module", "nothing"]).contains("no_module"));
    assert!(refused(&["risk", "--config", r#"{"different_users": "many"}"#]).contains("different_users"));
    let behind = ["risk", "--since", "2026-01-02T00:00:00Z", "--until", "2026-01-01T00:00:00Z"];
    assert!(refused(&behind).contains("nothing lies between"));
    let file = elsewhere.path().join("bad.jsonl");
    std::fs::write(&file, format!("{}\n\n{}\nno event\n", acts[0].json(), acts[1].json())).expect("a file");
    let bad = refused(&["risk", "--events", file.to_str().expect("a name")]);
    assert!(bad.contains("has no result: line 4: not a JSON object") && bad.contains("bad_line"), "{bad}");
    assert_eq!(service.terminate().code, Some(0));
}

#[test]
fn a_backfill_that_is_cut_off_leaves_nothing_and_there_is_one_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let acts: Vec<Act> = Crowd::new(43, 60, some_days_ago()).take(20_000).collect();
    let mut service = crowded(folder.path(), &acts, 10);
    let path = format!("/v1/{BUSINESS}/deployments/risk/backfill");
    let scratch = folder.path().join("backfill");
    let left = || std::fs::read_dir(&scratch).expect("the folder is there").count();
    let begin = |service: &mut Service| {
        let mut wire = Wire::to(service.address());
        let authorization = format!("Bearer {}", service.token());
        wire.begin("POST", &path, &[("authorization", &authorization), ("content-length", "0")]);
        service.wait_until("it has begun", |_| left() == 1);
        wire
    };
    let leaving = begin(&mut service);
    let second = service.client().post(&path, "application/json", b"{}").refusal();
    assert_eq!(second, (409, "backfill_running".to_owned()));
    drop(leaving);
    service.heard("no backfill", 1);
    assert_eq!(left(), 0, "the client has left, and its scratch folder is there");
    let killed = begin(&mut service);
    service.kill_and_restart();
    drop(killed);
    assert_eq!(left(), 0, "a start has not removed what a killed host has left");
    // And an ordinary end does not wait for one.
    let ended = begin(&mut service);
    let log = service.terminate();
    assert_eq!((log.code, left()), (Some(0), 0), "{}", log.text());
    assert!(log.text().contains("it was ended from outside"), "{}", log.text());
    drop(ended);
}
