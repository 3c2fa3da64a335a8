//! A client that knows nothing of ours: `curl`, as the README shows it and beyond.

use std::path::Path;
use std::process::Command;

use fishpond_tests::service::{Service, Settings};
use fishpond_tests::{component, house, importing};
use serde_json::{Value, json};

use super::BUSINESS;

/// Runs a program of the machine and answers what it wrote.
fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}. This test needs curl: apt-get install curl"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

struct Curl {
    url: String,
    token: String,
}

impl Curl {
    fn of(service: &Service) -> Curl {
        let token = std::fs::read_to_string(service.folder().join("token")).expect("a token");
        Curl { url: format!("http://{}", service.address()), token: format!("authorization: Bearer {}", token.trim()) }
    }

    /// Status, media type and body of an answer to a request without a token.
    fn bare(&self, path: &str, arguments: &[&str]) -> (u16, String, String) {
        let mut command = Command::new("curl");
        command.args(["-sS", "--noproxy", "*", "-w", "\n%{http_code} %{content_type}", &format!("{}{path}", self.url)]);
        let text = run(command.args(arguments));
        let (body, last) = text.rsplit_once('\n').expect("what -w writes");
        let (status, kind) = last.split_once(' ').expect("a status");
        (status.parse().expect("a number"), kind.to_owned(), body.to_owned())
    }

    fn json(&self, path: &str, arguments: &[&str]) -> (u16, Value) {
        let (status, kind, body) = self.bare(path, &[&["-H", &self.token], arguments].concat());
        let body = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"));
        let expected = if status < 400 { "application/json" } else { "application/problem+json" };
        assert_eq!(kind, expected, "{path}: {body}");
        (status, body)
    }

    /// Posts events as this media type.
    fn events(&self, kind: &str, body: &str) -> (u16, Value) {
        let path = format!("/v1/{BUSINESS}/events");
        self.json(&path, &["-H", &format!("content-type: application/{kind}"), "-d", body])
    }

    fn refused(&self, answer: (u16, Value), status: u16, code: &str) -> Value {
        assert_eq!((answer.0, &answer.1["code"]), (status, &json!(code)), "{}", answer.1);
        assert!(answer.1["message"].as_str().is_some_and(|message| !message.is_empty()), "{}", answer.1);
        answer.1
    }
}

fn visit(id: &str, more: &str) -> String {
    format!(r#"{{"specversion":"1.0","source":"shop","id":"{id}","type":"visit","actorid":"cy"{more}}}"#)
}

const ONE: &str = "cloudevents+json";
const BATCH: &str = "cloudevents-batch+json";

/// A host where the third visit within a minute is greeted.
fn greeting(folder: &Path) -> Service {
    let limits = vec![("request_bytes", 300_000), ("batch_events", 20)];
    let service = Service::start(folder, &Settings { limits, ..Settings::default() });
    let client = service.client();
    client.upload(BUSINESS, &component("hello-rule"));
    client.deploy(BUSINESS, "hello", "hello-rule", &json!({})).ok();
    service
}

#[test]
fn events_come_in_by_curl_in_all_three_forms() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = greeting(folder.path());
    let curl = Curl::of(&service);
    let (status, first) = curl.events(ONE, &visit("c1", ""));
    let position = first["position"].as_u64().expect("a position");
    assert_eq!((status, first), (202, json!({ "accepted": 1, "duplicates": 0, "position": position, "rejected": [] })));
    // The same event again is a duplicate, and is told where the first one is.
    let again = curl.events(ONE, &visit("c1", ""));
    assert_eq!(again, (202, json!({ "accepted": 0, "duplicates": 1, "position": position, "rejected": [] })));
    let batch = format!("[{},{},{}]", visit("c2", ""), visit("c1", ""), visit("c2", ""));
    let (status, answer) = curl.events(BATCH, &batch);
    assert_eq!((status, &answer["accepted"], &answer["duplicates"]), (202, &json!(1), &json!(2)));
    let attributes =
        ["specversion: 1.0", "source: shop", "id: c3", "type: visit", "actorid: cy"].map(|one| format!("ce-{one}"));
    let mut arguments = vec!["-d", r#"{"page":"home"}"#, "-H", "content-type: application/json"];
    arguments.extend(attributes.iter().flat_map(|attribute| ["-H", attribute]));
    let (status, answer) = curl.json(&format!("/v1/{BUSINESS}/events"), &arguments);
    assert_eq!((status, &answer["accepted"]), (202, &json!(1)));
    service.settle(BUSINESS);

    let (status, page) = curl.json(&format!("/v1/{BUSINESS}/matches?person=cy"), &[]);
    let ids = |list: &Value, id: fn(&Value) -> &Value| {
        list.as_array().expect("a list").iter().map(|one| id(one).clone()).collect::<Vec<_>>()
    };
    assert_eq!((status, page["matches"].as_array().map(Vec::len)), (200, Some(1)), "{page}");
    let found = &page["matches"][0];
    assert_eq!(
        (&found["name"], &found["fields"], &found["revision"]),
        (&json!("hello"), &json!({ "visits": 3 }), &json!(1))
    );
    assert_eq!(ids(&found["events"], |event| &event["id"]), ["c1", "c2", "c3"]);
    let (status, trace) = curl.json(&format!("/v1/{BUSINESS}/trace/cy"), &[]);
    assert_eq!(
        (status, ids(&trace["events"], |traced| &traced["event"]["id"])),
        (200, vec![json!("c1"), json!("c2"), json!("c3")])
    );
    assert_eq!(
        ids(&trace["events"], |traced| &traced["deployments"][0]["answer"]),
        ["no_match", "no_match", "matched"]
    );
    assert_eq!(trace["events"][2]["event"]["data"], json!({ "page": "home" }));
}

#[test]
fn what_is_wrong_is_told_to_curl_with_item_place_and_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = greeting(folder.path());
    let curl = Curl::of(&service);
    let before = service.client().metric("fishpond_journal_last_position");
    let wrong = [
        (r#"{"specversion":"1.0","source":"shop","type":"visit"}"#.to_owned(), "bad_id", "/id"),
        (visit("w1", r#","time":"soon""#), "bad_time", "/time"),
        (visit("w1", "").replace("1.0", "0.3"), "bad_specversion", "/specversion"),
        (visit("w1", r#","Actor":"x""#), "bad_attribute", "/Actor"),
        (visit(&"w".repeat(300), ""), "attribute_bytes", "/id"),
    ];
    for (event, code, path) in &wrong {
        let problem = curl.refused(curl.events(ONE, event), 400, code);
        assert_eq!(
            (&problem["rejected"][0]["item"], &problem["rejected"][0]["path"]),
            (&json!(0), &json!(path)),
            "{problem}"
        );
        assert!(problem["rejected"][0]["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{problem}");
    }
    let problem =
        curl.refused(curl.events(BATCH, &format!("[{},{}]", wrong[0].0, wrong[1].0)), 400, "nothing_accepted");
    assert_eq!(problem["rejected"].as_array().map(Vec::len), Some(2));
    let problem = curl.refused(curl.events(ONE, "{\n oops"), 400, "not_json");
    assert_eq!((&problem["line"], &problem["column"]), (&json!(2), &json!(2)));
    assert_eq!(service.client().metric("fishpond_journal_last_position"), before, "something wrong was written");

    // One good among bad ones is accepted, the others are named.
    let (status, answer) = curl.events(BATCH, &format!("[{},{},7]", wrong[1].0, visit("c1", "")));
    let rejected = answer["rejected"].as_array().expect("a list");
    assert_eq!((status, &answer["accepted"], rejected.len()), (202, &json!(1), 2), "{answer}");
    assert_eq!(
        (&rejected[0]["item"], &rejected[0]["path"], &rejected[1]["item"]),
        (&json!(0), &json!("/time"), &json!(2))
    );
    let problem = curl.refused(curl.events(ONE, &visit("c1", r#","subject":"other""#)), 409, "id_reused");
    assert_eq!(problem["rejected"][0]["path"], "/id");
}

#[test]
fn who_has_no_token_or_asks_for_too_much_is_told_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = greeting(folder.path());
    let curl = Curl::of(&service);
    let events = format!("/v1/{BUSINESS}/events");
    for headers in [&[][..], &["-H", "authorization: Bearer guess"]] {
        let (status, kind, body) = curl.bare(&events, &[headers, &["-d", "{}"]].concat());
        let problem: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!((status, &*kind, &problem["code"]), (401, "application/problem+json", &json!("unauthorized")));
        let place = service.folder().join("token").display().to_string();
        assert!(problem["message"].as_str().is_some_and(|message| message.contains(&place)), "{problem}");
    }
    assert_eq!(curl.bare("/healthz", &[]).0, 200);
    let large = folder.path().join("large.json");
    std::fs::write(&large, visit("l1", &format!(r#","data":"{}""#, "x".repeat(300_000)))).expect("a file");
    let problem = curl.refused(curl.events(ONE, &format!("@{}", large.display())), 413, "request_bytes");
    assert_eq!(problem["limit"], "request_bytes");
    let many: Vec<String> = (0..21).map(|number| visit(&format!("m{number}"), "")).collect();
    curl.refused(curl.events(BATCH, &format!("[{}]", many.join(","))), 413, "batch_events");
    let problem = curl.refused(curl.events("json", &visit("c1", "")), 415, "unsupported_content_type");
    assert!(
        problem["message"].as_str().is_some_and(|message| message.contains("application/cloudevents+json")),
        "{problem}"
    );
    curl.refused(curl.json("/v1/demo/event", &[]), 404, "not_found");
    curl.refused(curl.json("/v1/demo/deployments/nobody", &[]), 404, "no_deployment");
    curl.refused(curl.json(&events, &[]), 405, "method_not_allowed");
}

#[test]
fn a_module_with_a_foreign_import_is_refused_with_its_name_and_a_remedy() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = greeting(folder.path());
    let (curl, file) = (Curl::of(&service), folder.path().join("module.wasm"));
    let upload = |component: &[u8]| {
        std::fs::write(&file, component).expect("a file");
        let arguments = ["-H", "content-type: application/wasm", "--data-binary", &format!("@{}", file.display())];
        curl.json(&format!("/v1/{BUSINESS}/modules"), &arguments)
    };
    let problem = curl.refused(upload(&importing("wasi:clocks/wall-clock@0.2.0")), 422, "unknown_import");
    let message = problem["message"].as_str().expect("a message");
    assert!(
        message.contains("imports `wasi:clocks/wall-clock@0.2.0`") && message.contains("take times from the input"),
        "{message}"
    );
    curl.refused(upload(b"#!/bin/sh"), 422, "not_wasm");
    assert_eq!(upload(&component("hello-rule")).0, 200, "the one that is there already");
}

/// The shell commands of a section of the README.
fn commands(section: &str) -> String {
    let page = std::fs::read_to_string(house::root().join("README.md")).expect("README.md");
    let text = page
        .split_once(&format!("\n## {section}\n"))
        .unwrap_or_else(|| panic!("the README has no section `{section}`"))
        .1;
    let text = text.split("\n## ").next().unwrap_or_default();
    let blocks = text.split("\n```").enumerate().filter(|(number, _)| number % 2 == 1);
    blocks.filter_map(|(_, block)| block.strip_prefix("sh\n")).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_readmes_commands_for_curl_work_as_they_are_written() {
    let (data, folder) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let mut service = greeting(data.path());
    std::os::unix::fs::symlink(data.path(), folder.path().join("fishpond-data")).expect("a link");
    let commands = commands("With curl alone").replace("127.0.0.1:7878", service.address());
    assert!(commands.matches("curl -s").count() >= 5 && commands.contains(service.address()), "{commands}");
    // Events first, then what was found: a person who types them is slower than the host.
    let (send, ask) =
        commands.split_at(commands.find("/matches").and_then(|at| commands[..at].rfind('\n')).expect("a question"));
    let variables = send.lines().filter(|line| line.starts_with("TOKEN=") || line.starts_with("URL="));
    let variables = variables.collect::<Vec<_>>().join("\n");
    let shell = |script: &str| {
        // Each answer is a line, failures are failures; how a person has it printed is the person's choice.
        let script =
            script.lines().map(|line| line.split(" | jq ").next().unwrap_or(line)).collect::<Vec<_>>().join("\n");
        let script = format!("set -e\ncurl() {{ command curl --noproxy '*' --fail-with-body \"$@\"; }}\n{script}\n");
        let text = run(Command::new("sh").args(["-c", &script]).current_dir(folder.path()));
        let answers =
            text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
        answers.collect::<Vec<Value>>()
    };
    let answers = shell(send);
    let accepted: Vec<_> =
        answers.iter().map(|answer| (&answer["accepted"], answer["rejected"].as_array().map(Vec::len))).collect();
    assert_eq!(accepted, [(&json!(1), Some(0)), (&json!(1), Some(1)), (&json!(1), Some(0))]);
    service.settle(BUSINESS);
    let answers = shell(&format!("{variables}\n{ask}"));
    assert_eq!((answers.len(), &answers[0]["matches"][0]["person"]), (2, &json!("cy")), "{answers:?}");
    let events = answers[1]["events"].as_array().expect("events");
    assert_eq!(events.iter().map(|traced| &traced["event"]["id"]).collect::<Vec<_>>(), ["c1", "c2", "c3"]);
}
