//! Promises of sending: nothing is left out, patience is bounded, no test waits.

use super::*;
use crate::api::body::Problem;
use crate::cli::client::Refusal;

/// The host's side of a run: what it is asked, and its next answers.
struct Host {
    bodies: Mutex<Vec<String>>,
    answers: Mutex<Vec<Result<EventsAnswer, client::Error>>>,
    slept: Mutex<Vec<Duration>>,
}

fn answer(json: &str) -> Result<EventsAnswer, client::Error> {
    Ok(serde_json::from_str(json).expect(json))
}

fn refused(status: u16, problem: Problem, retry_after: Option<u64>) -> Result<EventsAnswer, client::Error> {
    let retry_after = retry_after.map(Duration::from_secs);
    Err(client::Error::Refused(Box::new(Refusal { status, problem, retry_after, remedy: String::new() })))
}

fn unreachable() -> Result<EventsAnswer, client::Error> {
    Err(client::Error::Unreachable { url: "http://host".to_owned(), reason: "refused".to_owned() })
}

/// Sends a text in batches of two over one connection; when the answers are used up, everything is accepted.
fn send(text: &str, mut answers: Vec<Result<EventsAnswer, client::Error>>) -> (anyhow::Result<()>, Report, Host) {
    answers.reverse();
    let host = Host { bodies: Mutex::default(), answers: Mutex::new(answers), slept: Mutex::default() };
    let post = |body: &str| {
        host.bodies.lock().expect("bodies").push(body.to_owned());
        let next = host.answers.lock().expect("answers").pop();
        let events: Vec<serde_json::Value> = serde_json::from_str(body).expect("a batch");
        let accepted = format!(r#"{{"accepted":{},"duplicates":0,"position":1}}"#, events.len());
        next.unwrap_or_else(|| answer(&accepted))
    };
    let sleep = |pause: Duration| host.slept.lock().expect("sleeps").push(pause);
    let clock = Clock { now: &|| Duration::from_secs(1), sleep: &sleep };
    let bar = ProgressBar::hidden();
    let options = Options { name: "a.jsonl", rate: None, batch: 2 };
    let sender = Sender::new(text.as_bytes(), &options, clock, &bar, &post);
    let ended = sender.run(1);
    let report = sender.into_report();
    (ended, report, host)
}

#[test]
fn accepted_duplicates_and_rejected_are_added_up_with_their_lines() {
    let text = "{\"id\":\"1\"}\n\nnonsense\n{\"id\":\"2\"}\n{\"id\":\"3\"}\n";
    let first = r#"{"accepted":0,"duplicates":1,"position":9,
        "rejected":[{"item":1,"path":"/time","code":"bad_time","reason":"not RFC 3339"}]}"#;
    let (ended, report, host) = send(text, vec![answer(first)]);
    ended.expect("sent");
    assert_eq!(*host.bodies.lock().expect("bodies"), [r#"[{"id":"1"},{"id":"2"}]"#, r#"[{"id":"3"}]"#]);
    assert_eq!((report.accepted, report.duplicates, report.rejected), (1, 1, 2));
    let lines: Vec<(u64, &str)> =
        report.rejections.iter().map(|rejection| (rejection.line, &*rejection.code)).collect();
    assert_eq!(lines, [(3, "bad_line"), (4, "bad_time")]);
    assert_eq!(
        conclude(&report, 2.0, false).expect("text"),
        "1 event accepted, 1 had been before, 2 rejected; 2.0 s, 1 events/s"
    );
    let json = conclude(&report, 2.0, true).expect("JSON");
    assert!(json.starts_with(r#"{"accepted":1,"duplicates":1,"rejected":2,"rejections":[{"line":3,"#), "{json}");
}

#[test]
fn a_busy_or_absent_host_is_asked_again_with_the_same_events() {
    let busy = refused(429, Problem::default(), Some(3));
    let (ended, report, host) = send("{\"id\":\"1\"}\n", vec![busy, unreachable(), unreachable()]);
    ended.expect("sent");
    assert_eq!(report.accepted, 1);
    assert_eq!(*host.bodies.lock().expect("bodies"), [r#"[{"id":"1"}]"#; 4]);
    let slept = host.slept.lock().expect("sleeps");
    assert_eq!(slept[0], Duration::from_secs(3));
    assert!(slept[1] >= Duration::from_millis(100) && slept[2] >= Duration::from_millis(200), "{slept:?}");
}

#[test]
fn patience_ends_and_says_where() {
    let answers = (0..1_000).map(|_| unreachable()).collect();
    let (ended, report, host) = send("\n{\"id\":\"1\"}\n{\"id\":\"2\"}\n{\"id\":\"3\"}\n", answers);
    let error = format!("{:#}", ended.expect_err("nobody is there"));
    assert!(error.starts_with("batch from a.jsonl:2, tried for 120 s: no connection to http://host"), "{error}");
    let slept: Duration = host.slept.lock().expect("sleeps").iter().sum();
    assert!(slept >= PATIENCE && slept < PATIENCE + Duration::from_secs(6), "{slept:?}");
    assert_eq!((report.accepted, report.rejected), (0, 0));
}

#[test]
fn a_refusal_that_time_does_not_mend_ends_the_run() {
    let unauthorized = Problem { code: "unauthorized".into(), message: "no such token".into(), ..Problem::default() };
    let (ended, report, host) = send(
        "{}\n{}\n{}\n",
        vec![answer(r#"{"accepted":2,"duplicates":0,"position":1}"#), refused(401, unauthorized, None)],
    );
    let error = format!("{:#}", ended.expect_err("refused"));
    assert_eq!(error, "batch from a.jsonl:3: no such token (unauthorized, HTTP 401)");
    assert_eq!((report.accepted, host.slept.lock().expect("sleeps").len()), (2, 0));
}

#[test]
fn a_batch_that_is_rejected_as_a_whole_is_counted_and_the_next_one_goes_on() {
    let item = |item| Rejected { item, path: String::new(), code: "bad_id".into(), reason: "no id".into() };
    let all = Problem { rejected: vec![item(0), item(1)], ..Problem::default() };
    let (ended, report, _) = send("{}\n{}\n{}\n", vec![refused(400, all, None)]);
    ended.expect("sent");
    assert_eq!((report.accepted, report.rejected), (1, 2));
    let some = Problem { rejected: vec![item(0)], ..Problem::default() };
    let (ended, ..) = send("{}\n{}\n", vec![refused(400, some, None)]);
    ended.expect_err("the other event is neither accepted nor rejected");
}

#[test]
fn every_connection_takes_its_share_and_nothing_is_sent_twice() {
    let text: String = (0..1_000).map(|i| format!("{{\"id\":\"{i}\"}}\n")).collect();
    let seen = Mutex::new(Vec::new());
    let post = |body: &str| {
        let events: Vec<serde_json::Value> = serde_json::from_str(body).expect("a batch");
        let accepted = events.len();
        seen.lock().expect("seen").extend(events.into_iter().map(|event| event["id"].to_string()));
        answer(&format!(r#"{{"accepted":{accepted},"duplicates":0,"position":1}}"#))
    };
    let clock = Clock { now: &|| Duration::ZERO, sleep: &|_| () };
    let bar = ProgressBar::hidden();
    let options = Options { name: "a.jsonl", rate: None, batch: 7 };
    let sender = Sender::new(text.as_bytes(), &options, clock, &bar, &post);
    sender.run(4).expect("sent");
    assert_eq!(sender.into_report().accepted, 1_000);
    let mut seen = seen.into_inner().expect("seen");
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 1_000);
}
