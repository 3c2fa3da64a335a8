//! A host where events say what is found about whom, and policies say what becomes of it: what the tests of deliveries
//! have in common.

use std::path::Path;

use fishpond_tests::component;
use fishpond_tests::service::{Client, Service, Settings, Stream, Told};
use serde_json::{Value, json};

use super::BUSINESS;

/// The rule that finds what events say.
pub const FOUND: &str = "found";

/// A host where `offer` is shown in the app of whom it is about, and waits while that person is away.
pub fn telling(folder: &Path, settings: &Settings) -> Service {
    let service = Service::start(folder, settings);
    let client = service.client();
    client.upload(BUSINESS, &component("herald"));
    client.deploy(BUSINESS, FOUND, "herald", &json!({})).ok();
    policy(&client, "tell", &json!({ "match": "offer", "message": message("app") }));
    service
}

pub fn message(channel: &str) -> Value {
    json!({ "class": "marketing", "channel": channel, "content": { "title": "Grüße" } })
}

pub fn policy(client: &Client, id: &str, policy: &Value) {
    client.put(&format!("/v1/{BUSINESS}/policies/{id}"), policy).ok();
}

/// An event by which `name` is found about a person.
pub fn event(person: &str, name: &str, n: i64) -> String {
    let data = json!({ "match": name, "n": n });
    let id = format!("{person}-{name}-{n}");
    json!({ "specversion": "1.0", "id": id, "source": "/app", "type": "herald", "actorid": person, "data": data })
        .to_string()
}

/// Sends that event.
pub fn tell(client: &Client, person: &str, name: &str, n: i64) {
    let told = client.try_events(BUSINESS, &[event(person, name, n)]).expect("an answer");
    assert_eq!(told.ok()["accepted"], 1, "{told:?}");
}

/// What belongs to a person.
pub fn of(person: &str, what: &str) -> String {
    format!("/v1/{BUSINESS}/users/{person}/{what}")
}

/// A person's token, made by the operator.
pub fn user_token(service: &Service, person: &str, lasts_s: u64) -> String {
    let body = json!({ "user": person, "lasts_s": lasts_s }).to_string();
    let told = service.client().post(&format!("/v1/{BUSINESS}/user-tokens"), "application/json", body.as_bytes());
    told.ok()["token"].as_str().expect("a token").to_owned()
}

/// Opens a person's stream with a token in the header and others beside it.
pub fn stream(service: &Service, token: &str, person: &str, headers: &[(&str, &str)]) -> Result<Stream, Told> {
    let authorization = format!("Bearer {token}");
    let headers = [&[("authorization", &*authorization)], headers].concat();
    Stream::open(service.address(), &of(person, "actions"), &headers)
}

/// Opens a person's stream as a client does that has none of what was there before.
pub fn connect(service: &Service, person: &str) -> Stream {
    stream(service, &service.token(), person, &[]).expect("a stream")
}

pub fn acknowledge(client: &Client, person: &str, action: &str) -> Told {
    client.post(&of(person, &format!("actions/{action}/ack")), "application/json", b"")
}

/// Looks at what was found about a person, newest first, once there are so many.
pub fn decided(service: &mut Service, person: &str, count: usize) -> Vec<Value> {
    let list = |client: &Client| {
        let page = client.get(&format!("/v1/{BUSINESS}/decisions?person={person}")).ok();
        page["decisions"].as_array().expect("a list").clone()
    };
    service.wait_until("so many decisions", |client| list(client).len() >= count);
    list(&service.client())
}

/// Waits until the host knows how many are connected.
pub fn connected(service: &mut Service, count: usize) {
    service.wait_until("so many streams", |client| client.metric("fishpond_streams") == count as f64);
}
