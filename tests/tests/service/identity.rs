//! what an app may do with the token of a person, and what nobody may do with it.

use fishpond_tests::service::{Client, Service, Settings, Stream, Told};
use serde_json::{Value, json};

use super::BUSINESS;
use super::telling::{acknowledge, connect, of, policy, stream, tell, telling, user_token};

/// Seconds.
const HOUR: u64 = 3_600;
const AUDIT: &str = "refused: a user's token was used for another";

/// Everything of a person that can be asked for, asked for with a token.
fn everything(service: &Service, token: &str, business: &str, person: &str) -> [Told; 4] {
    let client = Client::new(service.address(), token);
    let path = |what: &str| format!("/v1/{business}/users/{person}/{what}");
    let authorization = format!("Bearer {token}");
    let stream = Stream::open(service.address(), &path("actions"), &[("authorization", &*authorization)]);
    [
        stream.err().unwrap_or(Told { status: 200, text: "{}".to_owned() }),
        client.get(&path("tags")),
        client.get(&path("slots/home")),
        client.post(&path(&format!("actions/{}/ack", "0".repeat(32))), "application/json", b""),
    ]
}

fn all_refused(told: &[Told], status: u16, code: &str) {
    for told in told {
        assert_eq!(told.refusal(), (status, code.to_owned()), "{told:?}");
    }
}

#[test]
fn x_14_a_person_has_stream_acknowledgement_slot_and_tags_with_the_own_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = telling(folder.path(), &Settings::default());
    let operator = service.client();
    policy(&operator, "place", &json!({ "match": "news", "message": super::telling::message("slot:home") }));
    policy(&operator, "mark", &json!({ "match": "alarm", "tag": { "name": "seen", "value": "yes" } }));
    let token = user_token(&service, "ann", HOUR);
    let ann = Client::new(service.address(), &token);
    assert_eq!(ann.get(&of("ann", "slots/home")).status, 204);
    let mut live = stream(&service, &token, "ann", &[]).expect("a stream");
    // As a browser's `EventSource` has to.
    let in_address = of("ann", &format!("actions?access_token={token}"));
    let mut page = Stream::open(service.address(), &in_address, &[]).expect("a stream");
    for (n, name) in ["alarm", "news", "offer"].into_iter().enumerate() {
        tell(&operator, "ann", name, n as i64);
    }
    let came = live.next().expect("an action");
    assert_eq!((came.n(), page.n()), (2, 2));
    assert_eq!(came.action["content"], json!({ "title": "Grüße" }));
    let answer = acknowledge(&ann, "ann", came.action()).ok();
    assert_eq!(answer, json!({ "action": came.action(), "status": "acknowledged" }));
    // What was asked for before the last was shown has been done before it.
    let shown = ann.get(&of("ann", "slots/home")).ok();
    assert_eq!((&shown["fields"]["n"], &shown["channel"]), (&json!(1), &json!("slot:home")), "{shown}");
    acknowledge(&ann, "ann", shown["action"].as_str().expect("an action")).ok();
    assert_eq!(ann.get(&of("ann", "slots/home")).status, 204);
    let tags = ann.get(&of("ann", "tags")).ok();
    assert_eq!((&tags["tags"][0]["name"], &tags["tags"][0]["value"]), (&json!("seen"), &json!("yes")), "{tags}");
}

#[test]
fn x_14_nobody_gets_at_another_person_and_the_attempt_is_told_in_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = telling(folder.path(), &Settings::default());
    let (operator, token) = (service.client(), user_token(&service, "eve", HOUR));
    let mut bobs = connect(&service, "bob");
    tell(&operator, "bob", "offer", 1);
    let came = bobs.next().expect("an action");

    all_refused(&everything(&service, &token, BUSINESS, "bob"), 403, "wrong_user");
    let eve = Client::new(service.address(), &token);
    all_refused(&[acknowledge(&eve, "bob", came.action())], 403, "wrong_user");
    // Her own address does not help her to his action.
    assert_eq!(acknowledge(&eve, "eve", came.action()).refusal(), (404, "unknown_action".to_owned()));
    all_refused(&everything(&service, &token, "other", "eve"), 403, "wrong_business");

    let told = service.heard(AUDIT, 9);
    let line = |told: &Value| ["audit", "who", "of", "whom", "business"].map(|name| told[name].clone());
    let (users, businesses) = told.split_at(5);
    for told in users {
        assert_eq!(line(told), ["wrong_user", "eve", BUSINESS, "bob", BUSINESS], "{told}");
    }
    for told in businesses {
        assert_eq!(line(told), ["wrong_business", "eve", BUSINESS, "eve", "other"], "{told}");
    }
    assert_eq!(businesses.len(), 4);
    assert!(!service.terminate().text().contains(&token), "a token is in the log");
    // It is still his, and not acknowledged by anybody.
    let mut service = Service::start(folder.path(), &Settings::default());
    assert_eq!(connect(&service, "bob").n(), 1);
    assert_eq!(service.said(AUDIT), [] as [Value; 0]);
}

#[test]
fn x_14_an_expired_token_is_said_to_be_expired() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = telling(folder.path(), &Settings::default());
    let token = user_token(&service, "ann", 1);
    let ann = Client::new(service.address(), &token);
    let lasting = user_token(&service, "ann", 2);
    let mut live = stream(&service, &lasting, "ann", &[]).expect("a stream");
    service.wait_until("the token expires", |_| ann.get(&of("ann", "tags")).status != 200);
    all_refused(&everything(&service, &token, BUSINESS, "ann"), 401, "token_expired");
    // A stream ends with the token that opened it, and says why.
    assert!(live.next().is_none());
    assert_eq!(live.bye.as_deref(), Some("token_expired"));
    assert_eq!(
        stream(&service, &lasting, "ann", &[]).err().expect("a refusal").refusal(),
        (401, "token_expired".to_owned())
    );
    // Also where it would have been refused for another reason.
    all_refused(&everything(&service, &token, BUSINESS, "bob"), 401, "token_expired");
    let too_long = json!({ "user": "ann", "lasts_s": 25 * HOUR }).to_string();
    let told = service.client().post(&format!("/v1/{BUSINESS}/user-tokens"), "application/json", too_long.as_bytes());
    assert!(told.status == 400 && told.text.contains("user_token_ms"), "{told:?}");
}

#[test]
fn x_14_a_forged_token_is_worth_nothing() {
    let (folder, elsewhere) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let mut service = telling(folder.path(), &Settings::default());
    let other_host = Service::start(elsewhere.path(), &Settings::default());
    let token = user_token(&service, "ann", HOUR);
    let [head, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three parts: {token}") };
    let changed = |text: &str, at: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).expect("text")
    };
    let forged = [
        format!("{head}.{claims}.{}", changed(signature, 5)),
        format!("{head}.{}.{signature}", changed(claims, 30)),
        format!("{head}.{claims}."),
        // {"alg":"none"}
        format!("eyJhbGciOiJub25lIn0.{claims}."),
        user_token(&other_host, "ann", HOUR),
    ];
    for forged in &forged {
        all_refused(&everything(&service, forged, BUSINESS, "ann"), 401, "unauthorized");
    }
    assert_eq!(Client::new(service.address(), &token).get(&of("ann", "tags")).status, 200);
    // A new key ends all tokens; without one, they outlive the host.
    service.kill_and_restart();
    assert_eq!(Client::new(service.address(), &token).get(&of("ann", "tags")).status, 200);
    std::fs::remove_file(folder.path().join("user-token.key")).expect("the key");
    service.kill_and_restart();
    all_refused(&everything(&service, &token, BUSINESS, "ann"), 401, "unauthorized");
}

#[test]
fn x_14_a_persons_token_opens_no_door_of_the_operator() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = telling(folder.path(), &Settings::default());
    let (operator, token) = (service.client(), user_token(&service, "ann", HOUR));
    let ann = Client::new(service.address(), &token);
    let position = operator.metric("fishpond_journal_last_position");
    let document = operator.get("/v1/openapi.json").ok();
    let mut doors = 0;
    for (path, methods) in document["paths"].as_object().expect("addresses") {
        if path.contains("/users/") || ["/healthz", "/readyz"].contains(&&**path) {
            continue;
        }
        let address = path.replace("{business}", BUSINESS).replace(['{', '}'], "");
        for method in methods.as_object().expect("methods").keys().filter(|method| *method != "parameters") {
            let told = ann.ask(&method.to_uppercase(), &address);
            assert_eq!(told.refusal(), (401, "unauthorized".to_owned()), "{method} {path}");
            let in_address = Client::new(service.address(), "guess");
            let told = in_address.ask(&method.to_uppercase(), &format!("{address}?access_token={token}"));
            assert_eq!(told.refusal(), (401, "unauthorized".to_owned()), "{method} {path}?access_token=");
            doors += 1;
        }
    }
    assert!(doors > 25, "{doors} doors");
    assert_eq!(operator.metric("fishpond_journal_last_position"), position, "something was written");
}
