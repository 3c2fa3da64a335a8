//! What an operator may set, and what is sent back.

use fishpond_sdk::testing::{Host, event};
use serde_json::json;

use super::super::ReplyBehaviour;
use super::host;

#[test]
fn places_types_kinds_and_times_are_configurable() {
    let mut host = host(json!({
        "events": {"opened": ["o"], "message": ["m", "m2"], "reply": ["r"]},
        "conversation": "data.chat.id", "seller": "subject",
        "ignored": {"kind": "data.by", "kinds": ["robot"]},
        "timeout_s": 60, "window_s": 60,
    }));
    let say = |what: &str, time: &str, by: &str| {
        let data = json!({"chat": {"id": 7}, "by": by});
        event(what).subject("sue").actor("sue").time(time).data(data)
    };
    host.event(say("o", "10:00:00", "")).event(say("m2", "10:00:10", "")).event(say("r", "10:00:20", "robot"));
    assert!(host.matches().is_empty());
    host.event(say("r", "10:00:40", "hand"));
    assert_eq!(host.matches()[0].fields, json!({"conversation": "7", "messages": 1, "waited_s": 30.0}));
    assert_eq!(host.query("replies", "sue", json!({})).1["median_s"], 30.0);
}

#[test]
fn a_wrong_configuration_says_where() {
    let wrong = json!({
        "events": {"opened": ["x"], "message": ["y", "x"], "reply": []},
        "conversation": "chat", "seller": "data.a..b",
        "ignored": {"kind": "data", "kinds": [""]},
        "timeout_s": 0, "window_s": 0,
    });
    let problems = Host::<ReplyBehaviour>::new(wrong).expect_err("it is wrong");
    let places: Vec<&str> = problems.iter().map(|problem| problem.place.as_str()).collect();
    let expected = [
        "/timeout_s",
        "/window_s",
        "/events/message/1",
        "/events/reply",
        "/ignored/kinds/0",
        "/conversation",
        "/seller",
        "/ignored/kind",
    ];
    assert_eq!(places[..8], expected);
    assert!(Host::<ReplyBehaviour>::new(json!({"ignored": {"kinds": []}})).is_ok());
}
