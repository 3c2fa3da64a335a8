//! Both columns of S0-01, natively.

use fishpond_sdk::testing::{Host, TestEvent, at, event};
use serde_json::{Value, json};

use super::OnlineStatus;

fn host(configuration: Value) -> Host<OnlineStatus> {
    Host::new(configuration).expect("the configuration is right")
}

/// Something of ann's phone.
fn phone(time: &str, what: &str) -> TestEvent {
    device(time, what, "phone")
}

fn device(time: &str, what: &str, device: &str) -> TestEvent {
    event(what).actor("ann").time(time).data(json!({ "device": device }))
}

fn status(host: &Host<OnlineStatus>) -> Value {
    host.query("status", "ann", json!({})).1
}

fn status_at(host: &Host<OnlineStatus>, time: &str) -> (Value, Value, Value) {
    let status = host.query("status", "ann", json!({ "at": at(time) })).1;
    (status["online"].clone(), status["seconds"].clone(), status["inferred"].clone())
}

/// Names and times of the matches.
fn changes(host: &Host<OnlineStatus>) -> Vec<(&str, u64)> {
    let change = |found: &'_ fishpond_sdk::testing::Found| found.fields["since"].as_u64().expect("a time");
    host.matches().iter().map(|found| (found.name.as_str(), change(found))).collect()
}

#[test]
fn s0_01_online_and_then_offline_since() {
    let mut host = host(json!({}));
    host.event(phone("10:00:00", "connect")).event(phone("10:01:00", "heartbeat"));
    let online = json!({"online": true, "since": at("10:00:00"), "seconds": 60, "inferred": false,
        "devices": ["phone"], "as_of": at("10:01:00")});
    assert_eq!(status(&host), online);
    host.event(phone("10:02:00", "disconnect"));
    assert_eq!(status_at(&host, "10:02:00"), (json!(false), json!(0), json!(false)));
    assert_eq!(status_at(&host, "10:03:05.999"), (json!(false), json!(65), json!(false)));
    assert_eq!(status_at(&host, "09:00:00"), (json!(false), json!(0), json!(false)), "never before the newest event");
    assert_eq!(changes(&host), [("came_online", at("10:00:00")), ("went_offline", at("10:02:00"))]);
    let left = &host.matches()[1];
    assert_eq!((left.person.as_str(), &left.fields["online_s"]), ("ann", &json!(120)));
    assert_eq!(left.once, Some(at("10:02:00").to_string()));
}

#[test]
fn s0_01_silence_ends_at_the_timeout_and_is_inferred() {
    let mut host = host(json!({"timeout_s": 30}));
    host.event(phone("10:00:00", "connect")).event(phone("10:00:20", "heartbeat"));
    host.advance_event(at("10:00:50") - 1);
    assert_eq!(host.matches().len(), 1, "the timer of the connect has looked and waits again");
    host.advance_receive(at("11:00:00"));
    assert_eq!(host.matches().len(), 1, "only the event clock counts");
    host.advance_event(at("10:00:50"));
    assert_eq!(changes(&host)[1..], [("went_offline", at("10:00:50"))]);
    assert_eq!(host.matches()[1].fields, json!({"since": at("10:00:50"), "inferred": true, "online_s": 50}));
    assert_eq!(status_at(&host, "10:01:00"), (json!(false), json!(10), json!(true)));
    host.event(phone("10:02:00", "heartbeat"));
    assert_eq!(status_at(&host, "10:02:01"), (json!(true), json!(1), json!(false)), "it is back");
}

#[test]
fn a_beat_at_the_timeout_is_in_time() {
    let mut host = host(json!({"timeout_s": 30}));
    host.event(phone("10:00:00", "connect")).event(phone("10:00:30", "heartbeat")).advance_event(at("10:00:30"));
    assert_eq!(changes(&host), [("came_online", at("10:00:00"))]);
    assert_eq!(status_at(&host, "10:01:00"), (json!(true), json!(60), json!(false)));
}

#[test]
fn a_question_does_not_wait_for_the_timer() {
    let mut host = host(json!({"timeout_s": 30}));
    host.event(phone("10:00:00", "connect"));
    assert_eq!(status_at(&host, "10:00:30"), (json!(true), json!(30), json!(false)));
    assert_eq!(status_at(&host, "10:00:31"), (json!(false), json!(1), json!(true)));
}

#[test]
fn a_gap_is_a_gap_whether_the_timer_fired_or_not() {
    for fired in [true, false] {
        let mut host = host(json!({"timeout_s": 30}));
        host.event(phone("10:00:00", "connect"));
        if fired {
            host.advance_event(at("10:05:00"));
        }
        host.event(phone("10:10:00", "heartbeat"));
        let expected =
            [("came_online", at("10:00:00")), ("went_offline", at("10:00:30")), ("came_online", at("10:10:00"))];
        assert_eq!(changes(&host), expected, "fired: {fired}");
    }
}

#[test]
fn s0_01_two_devices_are_online_until_the_last_closes() {
    let mut host = host(json!({}));
    host.event(device("10:00:00", "connect", "phone")).event(device("10:00:10", "connect", "web"));
    host.event(device("10:00:20", "disconnect", "phone"));
    assert_eq!(status(&host)["devices"], json!(["web"]));
    assert_eq!(status_at(&host, "10:00:20"), (json!(true), json!(20), json!(false)));
    host.event(device("10:00:30", "disconnect", "web"));
    assert_eq!(changes(&host), [("came_online", at("10:00:00")), ("went_offline", at("10:00:30"))]);
}

#[test]
fn a_device_leaves_once() {
    let mut host = host(json!({}));
    host.event(device("10:00:00", "connect", "phone")).event(device("10:00:10", "connect", "web"));
    host.event(device("10:00:20", "disconnect", "phone")).event(device("10:00:50", "disconnect", "phone"));
    host.event(device("10:00:40", "disconnect", "web"));
    assert_eq!(status(&host)["since"], at("10:00:40"));
}

#[test]
fn one_that_is_silent_does_not_end_the_other() {
    let mut host = host(json!({"timeout_s": 30}));
    host.event(device("10:00:00", "connect", "phone")).event(device("10:00:20", "connect", "web"));
    host.advance_event(at("10:00:40"));
    assert_eq!((status(&host)["online"].clone(), status(&host)["devices"].clone()), (json!(true), json!(["web"])));
    host.advance_event(at("10:00:50"));
    assert_eq!(changes(&host)[1..], [("went_offline", at("10:00:50"))]);
    assert_eq!(host.refusals(), []);
}

#[test]
fn s0_01_a_late_event_does_not_move_the_state_backwards() {
    let mut host = host(json!({"timeout_s": 600}));
    host.event(phone("10:00:00", "connect")).event(phone("10:05:00", "disconnect"));
    let before = changes(&host).len();
    host.event(phone("10:04:00", "heartbeat")).event(phone("10:03:00", "connect"));
    assert_eq!((status_at(&host, "10:05:10"), changes(&host).len()), ((json!(false), json!(10), json!(false)), before));
    host.event(phone("10:06:00", "connect")).event(phone("10:05:30", "disconnect"));
    assert_eq!(status_at(&host, "10:06:10"), (json!(true), json!(10), json!(false)));
}

#[test]
fn a_late_device_moves_since_to_no_earlier_time() {
    let mut host = host(json!({"timeout_s": 30}));
    host.event(phone("10:00:00", "connect")).event(phone("10:00:20", "disconnect"));
    host.event(device("10:00:10", "heartbeat", "web"));
    assert_eq!(status(&host)["since"], at("10:00:20"), "web was heard of after the phone was, and is not silent yet");
    assert_eq!(status(&host)["devices"], json!(["web"]));
    host.event(device("10:03:00", "disconnect", "tv"));
    let before = changes(&host).len();
    host.event(device("10:02:00", "connect", "watch"));
    assert_eq!((status(&host)["online"].clone(), changes(&host).len()), (json!(false), before), "silent long since");
}

#[test]
fn the_receive_clock_judges_by_receipt() {
    let mut host = host(json!({"timeout_s": 30, "clock": "receive"}));
    host.event(phone("10:00:00", "connect")).advance_event(at("11:00:00"));
    assert_eq!(changes(&host).len(), 1);
    assert_eq!(status_at(&host, "10:30:00").0, json!(true), "only its timer knows that clock");
    host.advance_receive(at("10:00:30"));
    assert_eq!(changes(&host)[1..], [("went_offline", at("10:00:30"))]);
}

#[test]
fn devices_are_bounded_and_the_first_that_left_makes_room() {
    let mut host = host(json!({"max_devices": 2}));
    host.event(device("10:00:00", "connect", "a")).event(device("10:00:01", "connect", "b"));
    host.event(device("10:00:02", "connect", "c").id("full"));
    assert_eq!((host.refusals()[0].event.as_str(), &*host.refusals()[0].refusal.code), ("full", "too_many_devices"));
    host.event(device("10:00:03", "disconnect", "a")).event(device("10:00:04", "connect", "c"));
    assert_eq!(status(&host)["devices"], json!(["b", "c"]));
}

#[test]
fn a_device_may_be_unnamed_and_must_be_readable() {
    let mut host = host(json!({}));
    host.event(event("connect").actor("ann").time("10:00:00"));
    assert_eq!(status(&host)["devices"], json!([""]));
    host.event(event("connect").actor("ann").data(json!({"device": 5})));
    host.event(event("connect").actor("ann").data(json!({"device": "x".repeat(65)})));
    let codes: Vec<&str> = host.refusals().iter().map(|one| &*one.refusal.code).collect();
    assert_eq!(codes, ["bad_event", "bad_event"]);
}

#[test]
fn nothing_is_known_of_who_was_never_seen() {
    let mut host = host(json!({}));
    assert_eq!(status(&host)["since"], Value::Null);
    host.event(phone("10:00:00", "disconnect"));
    assert_eq!(status(&host)["since"], at("10:00:00"));
    assert!(host.matches().is_empty());
}

#[test]
fn the_key_and_the_types_are_configurable() {
    let events = json!({"connect": "in", "heartbeat": "here", "disconnect": "out"});
    let mut host = host(json!({"key": "data.seller.id", "events": events}));
    host.event(event("in").data(json!({"seller": {"id": "ann"}})).time("10:00:00"));
    assert_eq!(status(&host)["online"], json!(true));
}

#[test]
fn a_wrong_configuration_says_where() {
    let events = json!({"connect": "x", "heartbeat": "x", "disconnect": ""});
    let wrong = json!({"key": "data.", "events": events, "timeout_s": 0, "max_devices": 65});
    let problems = Host::<OnlineStatus>::new(wrong).expect_err("it is wrong");
    let places: Vec<&str> = problems.iter().map(|problem| problem.place.as_str()).collect();
    assert_eq!(places, ["/timeout_s", "/max_devices", "/events/heartbeat", "/events/disconnect", "/key"]);
    for key in ["actor", "subject", "data.a.b-c_1"] {
        assert!(Host::<OnlineStatus>::new(json!({ "key": key })).is_ok(), "{key}");
    }
}
