//! The door under strain: who is slow, silent, too large or too many is told so by the name of the limit, and nobody else
//! notices. And how the host ends while somebody is in the middle of a request.

use std::time::Duration;

use fishpond::model::Frame;
use fishpond_tests::service::{Answer, Service, Settings, Wire};
use serde_json::json;

use super::BUSINESS;
use super::telling::{connect, connected, telling};

const JSON: &str = "application/cloudevents+json";

fn with(limits: &[(&'static str, u64)]) -> Settings {
    Settings { limits: limits.to_vec(), ..Settings::default() }
}

fn serve(limits: &[(&'static str, u64)]) -> (tempfile::TempDir, Service) {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::start(folder.path(), &with(limits));
    (folder, service)
}

/// A refusal that names its limit, for programs and for people.
fn refused(answer: &Answer, status: u16, limit: &str) {
    assert_eq!(answer.told.refusal(), (status, limit.to_owned()), "{answer:?}");
    assert_eq!(answer.told.json()["limit"], limit);
    assert!(answer.told.text.contains(&format!("`{limit}`")), "{answer:?}");
}

fn event(id: &str) -> String {
    json!({ "specversion": "1.0", "source": "app", "id": id, "type": "visit" }).to_string()
}

/// Sends the head of a request with an event as its body, and the body's first bytes.
fn half(service: &Service, id: &str, sent: usize) -> (Wire, String) {
    let (mut wire, body, authorization) = (Wire::to(service.address()), event(id), bearer(service));
    let length = body.len().to_string();
    let headers = [("authorization", &*authorization), ("content-type", JSON), ("content-length", &*length)];
    wire.begin("POST", &format!("/v1/{BUSINESS}/events"), &headers);
    wire.send(&body[..sent]);
    (wire, body[sent..].to_owned())
}

fn bearer(service: &Service) -> String {
    format!("Bearer {}", service.token())
}

#[test]
fn one_connection_too_many_is_told_at_once_and_the_others_go_on() {
    let (_folder, mut service) = serve(&[("connections", 2), ("streams", 1), ("streams_per_person", 1)]);
    let token = service.token();
    let mut open = [Wire::to(service.address()), Wire::to(service.address())];
    for wire in &mut open {
        assert_eq!(wire.get("/v1/limits", &token).told.status, 200);
    }
    for _ in 0..3 {
        let mut late = Wire::to(service.address());
        // Also one that has sent its request already reads the answer, instead of a reset.
        late.begin("GET", "/healthz", &[]);
        let answer = late.answer();
        refused(&answer, 503, "connections");
        assert_eq!((answer.header("retry-after"), answer.header("connection")), (Some("1"), Some("close")));
        late.closed();
    }
    let [mut first, second] = open;
    assert_eq!(first.get("/v1/limits", &token).told.status, 200);
    let said = service.heard("connections were refused: all places are taken (`connections`)", 1);
    assert_eq!(said[0]["times"], 1, "what happens often is said seldom");
    // Who leaves makes room.
    drop(second);
    service.wait_until("there is room", |client| {
        // By the same connection: another one could find the place of this still taken.
        client.get("/healthz").status == 200 && client.metric("fishpond_http_shed_total") >= 3.0
    });
}

#[test]
fn one_request_too_many_is_told_at_once_and_a_stream_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = telling(folder.path(), &with(&[("requests_in_flight", 1)]));
    let mut stream = connect(&service, "ann");
    connected(&mut service, 1);
    assert_eq!(service.client().get("/v1/limits").status, 200, "a stream takes no place");
    let (mut first, rest) = half(&service, "1", 10);
    service.wait_until("the first has its place", |client| client.get("/v1/limits").status == 503);
    let mut second = Wire::to(service.address());
    let answer = second.get("/v1/limits", &service.token());
    refused(&answer, 503, "requests_in_flight");
    assert_eq!(answer.header("retry-after"), Some("1"));
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(service.client().get(path).status, 200, "{path} says how a full host is");
    }
    first.send(rest);
    assert_eq!(first.answer().told.status, 202);
    assert_eq!(second.get("/v1/limits", &service.token()).told.status, 200, "the connection was kept");
    super::telling::tell(&service.client(), "ann", "offer", 5);
    assert_eq!(stream.n(), 5);
}

#[test]
fn a_head_that_does_not_come_is_told_and_silence_is_closed() {
    let (_folder, service) = serve(&[("http_header_ms", 300)]);
    let mut silent = Wire::to(service.address());
    let mut half = Wire::to(service.address());
    half.send("GET /healthz HTTP/1.1\r\nhost: x\r\n");
    // A byte now and then does not help.
    let mut drip = Wire::to(service.address());
    drip.send("GET /healthz HTTP/1.1\r\nslow: ");
    for _ in 0..500 {
        if drip.has_news(Duration::from_millis(20)) {
            break;
        }
        drip.send("x");
    }
    for mut wire in [half, drip] {
        refused(&wire.answer(), 408, "http_header_ms");
        wire.closed();
    }
    silent.closed();
    // Also the second request of a connection has its time.
    let mut second = Wire::to(service.address());
    assert_eq!(second.get("/v1/limits", &service.token()).told.status, 200);
    second.send("GET /healthz HT");
    refused(&second.answer(), 408, "http_header_ms");
    second.closed();
}

#[test]
fn a_body_that_stands_still_is_told_and_a_slow_one_is_taken() {
    let (_folder, service) = serve(&[("http_body_ms", 1_000)]);
    let (mut stalled, _) = half(&service, "1", 10);
    let (mut silent, _) = half(&service, "2", 0);
    let (mut slow, rest) = half(&service, "3", 1);
    // The whole takes longer than the limit, each piece less.
    for byte in rest.as_bytes().chunks(rest.len() / 15) {
        assert!(!slow.has_news(Duration::from_millis(100)));
        slow.send(byte);
    }
    assert_eq!(slow.answer().told.ok()["accepted"], 1);
    for wire in [&mut stalled, &mut silent] {
        refused(&wire.answer(), 408, "http_body_ms");
        wire.closed();
    }
    assert_eq!(service.client().metric("fishpond_journal_last_position"), 1.0, "half an event is none");
}

#[test]
fn an_idle_connection_is_closed_and_a_quiet_stream_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = telling(folder.path(), &with(&[("http_idle_ms", 400), ("http_header_ms", 200)]));
    let mut stream = connect(&service, "ann");
    connected(&mut service, 1);
    for _ in 0..3 {
        let mut idle = Wire::to(service.address());
        assert_eq!(idle.get("/v1/limits", &service.token()).told.status, 200);
        // Without a word: it is no head that does not come, though that would have had less time.
        idle.closed();
    }
    super::telling::tell(&service.client(), "ann", "offer", 7);
    assert_eq!(stream.n(), 7, "it is still there");
}

#[test]
fn a_head_that_is_too_large_is_refused_also_where_nobody_reads_it_to_its_end() {
    let (_folder, service) = serve(&[("http_header_bytes", 2_000), ("http_headers", 10)]);
    let mut wire = Wire::to(service.address());
    let token = bearer(&service);
    let (long, authorization) = ("x".repeat(2_000), ("authorization", &*token));
    wire.begin("GET", "/v1/limits", &[authorization, ("long", &long)]);
    refused(&wire.answer(), 431, "http_header_bytes");
    wire.closed();
    let mut wire = Wire::to(service.address());
    let many: Vec<String> = (0..10).map(|number| format!("x-{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (&**name, "1")).collect();
    wire.begin("GET", "/v1/limits", &many);
    refused(&wire.answer(), 431, "http_headers");
    wire.closed();
    // Twice as much is not even kept: a short answer, and the end.
    for headers in [vec![("long", &*"x".repeat(5_000))], [&many[..], &many[..], &many[..]].concat()] {
        let mut wire = Wire::to(service.address());
        wire.begin("GET", "/v1/limits", &headers);
        assert_eq!(wire.answer().told.status, 431);
        wire.closed();
    }
    // An answer comes also to a body that nobody wants.
    let mut wire = Wire::to(service.address());
    let length = (64 << 20).to_string();
    wire.begin("POST", &format!("/v1/{BUSINESS}/events"), &[authorization, ("content-length", &length)]);
    wire.send(vec![b'x'; 4 << 20]);
    refused(&wire.answer(), 413, "request_bytes");
    wire.closed();
}

#[test]
fn a_host_without_free_files_says_so_seldom_and_takes_connections_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings { open_files: Some(64), ..Settings::default() };
    let mut service = Service::start(folder.path(), &settings);
    let open: Vec<Wire> = (0..64).map(|_| Wire::to(service.address())).collect();
    let said = service.heard("cannot accept connections: is the limit of open files too low?", 2);
    assert!(said[1]["times"].as_u64().expect("a number") > 3, "once a second at most: {said:?}");
    drop(open);
    service.wait_until("it accepts again", |client| client.try_get("/healthz").is_some_and(|told| told.status == 200));
    assert_eq!(service.terminate().code, Some(0));
}

const ENDING: &str = "ending: requests that have begun are finished, then the worker; a second signal ends at once";

#[test]
fn x_10_sigterm_finishes_the_request_in_flight_and_gives_up_the_body_that_stands_still() {
    let (folder, mut service) = serve(&[("http_body_ms", 2_000)]);
    let mut idle = Wire::to(service.address());
    assert_eq!(idle.get("/v1/limits", &service.token()).told.status, 200);
    let (mut stalled, _) = half(&service, "1", 10);
    let (mut flying, rest) = half(&service, "2", 10);
    // Both have begun: one that came later is answered.
    assert_eq!(service.client().get("/readyz").status, 200);
    service.signal("TERM");
    service.heard(ENDING, 1);
    idle.closed();
    flying.send(rest);
    let answer = flying.answer();
    assert_eq!((answer.told.status, answer.header("connection")), (202, Some("close")), "{answer:?}");
    flying.closed();
    refused(&stalled.answer(), 408, "http_body_ms");
    stalled.closed();
    let address = service.address().to_owned();
    assert!(std::net::TcpStream::connect(address).is_err(), "the door is closed");
    let ended = service.ended();
    assert_eq!(ended.code, Some(0), "{}", ended.text());
    let kept = Service::frames(folder.path(), &Settings::default());
    let ids = kept.iter().filter_map(|(_, frame)| match frame {
        Frame::Input(event) => Some(&*event.id),
        _ => None,
    });
    assert_eq!(ids.collect::<Vec<_>>(), ["2"], "what was acknowledged is there, and nothing else");
}

#[test]
fn x_10_a_second_sigterm_does_not_wait_for_a_request() {
    let (_folder, mut service) = serve(&[("http_body_ms", 600_000), ("request_ms", 600_000)]);
    let (mut stalled, _) = half(&service, "1", 10);
    assert_eq!(service.client().get("/readyz").status, 200);
    service.signal("TERM");
    service.heard(ENDING, 1);
    assert!(!stalled.has_news(Duration::from_millis(50)), "the request has its time");
    let begun = std::time::Instant::now();
    let ended = service.end("TERM");
    assert_eq!(ended.code, Some(130), "{}", ended.text());
    assert!(ended.text().contains("a second signal: leaving at once"), "{}", ended.text());
    assert!(begun.elapsed() < Duration::from_secs(10), "it waited");
    stalled.closed();
}
