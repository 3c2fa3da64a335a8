//! S1-15 with clients in other languages, of which most was written by others; and a producer likewise.

use std::collections::BTreeMap;

use fishpond_tests::service::{Cable, Client, Foreign, NODE, PYTHON, Service, Settings, node, python, script};
use serde_json::{Value, json};

use super::BUSINESS;
use super::telling::{connected, decided, of, tell, telling, user_token};

/// Seconds.
const HOUR: u64 = 3_600;

/// Ends of deliveries by what the event had said; each at most once.
fn ends(service: &mut Service, person: &str, count: usize) -> BTreeMap<i64, String> {
    let page = |client: &Client| client.get(&format!("/v1/{BUSINESS}/decisions?person={person}")).ok();
    let list = |page: &Value, what: &str| page[what].as_array().expect("a list").clone();
    service.wait_until("so many ends", |client| list(&page(client), "ends").len() >= count);
    let page = page(&service.client());
    let n_of: BTreeMap<String, i64> = list(&page, "decisions")
        .iter()
        .map(|look| (look["action"].to_string(), look["fields"]["n"].as_i64().expect("a number")))
        .collect();
    let ends = list(&page, "ends");
    let told: BTreeMap<i64, String> = ends
        .iter()
        .map(|end| (n_of[&end["action"].to_string()], end["end"].as_str().expect("an end").to_owned()))
        .collect();
    assert_eq!(told.len(), ends.len(), "an action has ended twice: {ends:?}");
    told
}

fn all_acknowledged(service: &mut Service, count: i64) {
    let ends = ends(service, "ann", count as usize);
    assert_eq!(ends, (1..=count).map(|n| (n, "acknowledged".to_owned())).collect(), "{ends:?}");
}

/// What a client says when it has received something and acknowledged it.
fn received(n: i64) -> [Value; 2] {
    [json!({ "came": n }), json!({ "acknowledged": n })]
}

#[test]
fn s1_15_a_client_in_python_receives_acknowledges_and_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = telling(folder.path(), &Settings::default());
    let (client, token) = (service.client(), user_token(&service, "ann", HOUR));
    let cable = Cable::to(service.address());
    tell(&client, "ann", "offer", 1);
    decided(&mut service, "ann", 1);
    let url = format!("http://{}", cable.address());
    let listener = Foreign::start(python().arg(script("listen.py")).args([&url, BUSINESS, "ann", &token]), PYTHON);
    assert_eq!(listener.take(3), [&[json!({ "open": "" })][..], &received(1)].concat());
    tell(&client, "ann", "offer", 2);
    assert_eq!(listener.take(2), received(2));
    cable.cut();
    connected(&mut service, 0);
    tell(&client, "ann", "offer", 3);
    decided(&mut service, "ann", 3);
    cable.mend();
    // However often it tried in vain, it did as the host had said.
    let meanwhile = listener.until(&json!({ "open": "2" }));
    assert!(!meanwhile.is_empty() && meanwhile.iter().all(|said| *said == json!({ "waits_s": 2.0 })), "{meanwhile:?}");
    assert_eq!(listener.take(2), received(3));
    tell(&client, "ann", "offer", 4);
    assert_eq!(listener.take(2), received(4));
    assert_eq!(listener.finish(), [] as [Value; 0], "something came twice");
    all_acknowledged(&mut service, 4);
}

#[test]
fn events_of_the_official_python_sdk_are_accepted_in_all_three_forms() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = telling(folder.path(), &Settings::default());
    let url = format!("http://{}", service.address());
    let producer = Foreign::start(python().arg(script("produce.py")).args([&url, BUSINESS, &service.token()]), PYTHON);
    let answers = producer.finish();
    let told = answers.iter().map(|told| {
        let answer = &told["answer"];
        (told["form"].as_str().expect("a form"), &told["status"], &answer["accepted"], &answer["duplicates"])
    });
    let (once, no, three, accepted) = (json!(1), json!(0), json!(3), json!(202));
    let expected = [
        ("structured", &accepted, &once, &no),
        // The same once more, as after a lost answer.
        ("structured", &accepted, &no, &once),
        ("binary", &accepted, &once, &no),
        ("batch", &accepted, &three, &no),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected, "{answers:?}");
    service.settle(BUSINESS);
    let client = service.client();
    let matches = client.pages(&format!("/v1/{BUSINESS}/matches"), "matches");
    let found = matches.iter().map(|found| (&found["person"], &found["fields"]["n"], &found["events"][0]["source"]));
    let (ann, source, numbers) = (json!("ann"), json!("/python"), [1, 2, 3, 4, 5].map(|n| json!(n)));
    assert_eq!(found.collect::<Vec<_>>(), numbers.each_ref().map(|n| (&ann, n, &source)));
    // Whatever the form, the event is the same one.
    let trace = client.get(&format!("/v1/{BUSINESS}/trace/ann")).ok();
    for traced in trace["events"].as_array().expect("events") {
        let event = &traced["event"];
        assert_eq!((&event["subject"], &event["data"]["match"]), (&json!("Größe 1"), &json!("offer")), "{event}");
        assert!(event["time_replaced"].as_bool() != Some(true), "{event}");
    }
}

/// The delivery client that we ship, behind a cable.
fn inbox(service: &Service, lasts_s: u64) -> (Cable, Foreign) {
    let cable = Cable::to(service.address());
    let (url, token, lasts_s) = (format!("http://{}", cable.address()), service.token(), lasts_s.to_string());
    let inbox = Foreign::start(&mut node(&[&url, BUSINESS, "ann", &token, &lasts_s]), NODE);
    let first = inbox.next().unwrap_or_else(|| panic!("the client does not run. {NODE}"));
    assert_eq!(first, state("connecting"));
    // Where the machine is slow, a token that lasts seconds has expired before it is used, and the client asks for another.
    let tried = inbox.until(&state("connected"));
    assert!(tried.iter().all(|said| said["state"].is_string()), "{tried:?}");
    (cable, inbox)
}

fn state(state: &str) -> Value {
    json!({ "state": state })
}

/// What it says when it has shown something and acknowledged it.
fn shown(n: i64) -> [Value; 2] {
    [json!({ "shown": n }), json!({ "acknowledged": n })]
}

#[test]
fn s1_15_our_delivery_client_shows_once_acknowledges_and_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = telling(folder.path(), &Settings::default());
    let client = service.client();
    let (cable, inbox) = inbox(&service, HOUR);
    tell(&client, "ann", "offer", 1);
    assert_eq!(inbox.take(2), shown(1));
    cable.cut();
    connected(&mut service, 0);
    tell(&client, "ann", "offer", 2);
    decided(&mut service, "ann", 2);
    cable.mend();
    let meanwhile = inbox.until(&state("connected"));
    assert!(meanwhile.len() > 1 && meanwhile.iter().all(|said| said["state"].is_string()), "{meanwhile:?}");
    assert_eq!(inbox.take(2), shown(2));
    tell(&client, "ann", "offer", 3);
    assert_eq!(inbox.take(2), shown(3));
    assert_eq!(inbox.finish(), [] as [Value; 0], "something came twice");
    all_acknowledged(&mut service, 3);
}

#[test]
fn s1_15_our_delivery_client_does_not_show_twice_what_it_could_not_acknowledge() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = telling(folder.path(), &Settings::default());
    let client = service.client();
    let (_cable, mut inbox) = inbox(&service, HOUR);
    inbox.tell("deafen");
    // Or the message may come before.
    assert_eq!(inbox.take(1), [json!({ "deaf": true })]);
    tell(&client, "ann", "offer", 1);
    assert_eq!(inbox.take(2), [json!({ "shown": 1 }), state("disconnected")]);
    // It comes again on the next stream, and on that of the page that is loaded anew.
    assert_eq!(inbox.take(3), ["connecting", "connected", "disconnected"].map(state));
    inbox.tell("reload");
    inbox.until(&state("closed"));
    assert_eq!(inbox.take(3), ["connecting", "connected", "disconnected"].map(state));
    inbox.tell("hear");
    let meanwhile = inbox.until(&json!({ "acknowledged": 1 }));
    assert!(meanwhile.iter().all(|said| said["state"].is_string()), "{meanwhile:?}");
    tell(&client, "ann", "offer", 2);
    assert_eq!(inbox.take(2), shown(2));
    assert_eq!(inbox.finish(), [] as [Value; 0]);
    all_acknowledged(&mut service, 2);
}

#[test]
fn x_14_our_delivery_client_asks_for_a_new_token_when_its_own_has_expired() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = telling(folder.path(), &Settings::default());
    let (_cable, inbox) = inbox(&service, 2);
    // Made after the client's, and so the last to expire.
    let later = Client::new(service.address(), &user_token(&service, "ann", 2));
    service.wait_until("the token expires", |_| later.get(&of("ann", "tags")).status == 401);
    // Its stream has ended with the token. It asks for a new one and gets what has come meanwhile.
    tell(&service.client(), "ann", "offer", 1);
    let meanwhile = inbox.until(&json!({ "acknowledged": 1 }));
    let (states, shown): (Vec<Value>, Vec<Value>) = meanwhile.into_iter().partition(|said| said["state"].is_string());
    assert_eq!(shown, [json!({ "shown": 1 })], "once");
    // Once at least: where the machine is slow, the next token expires before it is used as well.
    let anew = ["disconnected", "connecting", "connected"].map(state);
    assert!(states.starts_with(&anew), "{states:?}");
    let rest = inbox.finish();
    assert!(rest.iter().all(|said| said["state"].is_string()), "{rest:?}");
    all_acknowledged(&mut service, 1);
}
