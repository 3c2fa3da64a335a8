//! X-28 with the real program: two posts of one event, nobody waits for the answers, the host is killed.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use fishpond::model::Frame;
use fishpond_tests::service::{Service, Settings};
use serde_json::json;

use super::BUSINESS;

fn event(number: u64) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"e{number}","source":"/app","type":"browse","subject":"house:1","actorid":"user:1"}}"#
    )
}

/// Sends a request and leaves the answer where it is.
fn post(service: &Service, body: &str) -> TcpStream {
    let token = std::fs::read_to_string(service.folder().join("token")).expect("a token");
    let mut stream = TcpStream::connect(service.address()).expect("the host listens");
    let (token, length) = (token.trim(), body.len());
    let head = format!(
        "POST /v1/{BUSINESS}/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: \
         application/cloudevents+json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).expect("it takes the request");
    stream
}

#[test]
fn x_28_what_was_not_answered_before_a_kill_is_sent_again_and_there_once() {
    let (folder, settings, kills) = (tempfile::tempdir().expect("a folder"), Settings::default(), 8);
    let mut service = Service::start(folder.path(), &settings);
    let mut answers: BTreeMap<&str, u32> = BTreeMap::new();
    for number in 0..kills {
        let event = event(number);
        let mut posts = [post(&service, &event), post(&service, &event)];
        // In every second round somebody has an answer; then the event must be there.
        let told = number % 2 == 1;
        if told {
            let mut status = [0; 12];
            posts[0].read_exact(&mut status).expect("an answer");
            assert_eq!(&status, b"HTTP/1.1 202");
        }
        service.kill_and_restart();
        drop(posts);
        let client = service.client();
        let again = client.post(&format!("/v1/{BUSINESS}/events"), "application/cloudevents+json", event.as_bytes());
        assert_eq!(again.status, 202, "{again:?}");
        let answer = again.json();
        let (accepted, duplicates) = (answer["accepted"] == json!(1), answer["duplicates"] == json!(1));
        assert!(accepted != duplicates && (duplicates || !told), "acknowledged before the kill {told}: {answer}");
        *answers.entry(if duplicates { "duplicate" } else { "accepted" }).or_default() += 1;
    }
    println!("sent again after a kill: {answers:?}");
    assert_eq!(service.terminate().code, Some(0));
    let mut ids: Vec<String> = Vec::new();
    for (_, frame) in Service::frames(folder.path(), &settings) {
        if let Frame::Input(event) = frame {
            ids.push(event.id.to_string());
        }
    }
    assert_eq!(ids, (0..kills).map(|number| format!("e{number}")).collect::<Vec<_>>());
}
