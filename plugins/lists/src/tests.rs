//! Who is listed, by whom and since when, natively.

use fishpond_sdk::testing::{Host, Judged, action, at, event};
use fishpond_sdk::{Action, MessageClass};
use serde_json::{Value, json};

use super::Lists;

fn host(configuration: Value) -> Host<Lists> {
    Host::new(configuration).expect("the configuration is right")
}

fn ask(host: &mut Host<Lists>, person: &str) -> (String, Value) {
    let Judged { reason, numbers, .. } = host.judge(action(person)).expect("it is judged");
    (reason, numbers)
}

fn allowed(list: Value) -> (String, Value) {
    (String::new(), json!({ "list": list }))
}

fn blocked(since: Value, source: &str) -> (String, Value) {
    ("blocked".to_owned(), json!({"list": "block", "since": since, "source": source}))
}

#[test]
fn configured_persons_are_found_in_any_order() {
    let mut host = host(json!({"block": ["eve", "bob", "eve", "dan"], "allow": ["zoe", "ann"]}));
    for person in ["bob", "dan", "eve"] {
        assert_eq!(ask(&mut host, person), blocked(Value::Null, "configuration"));
    }
    assert_eq!(ask(&mut host, "ann"), allowed(json!("allow")));
    assert_eq!(ask(&mut host, "bo"), allowed(Value::Null));
}

#[test]
fn an_event_is_effective_at_once_and_for_its_subject_only() {
    let mut host = host(json!({}));
    assert_eq!(ask(&mut host, "ann"), allowed(Value::Null));
    host.event(event("list.block.add").subject("ann").actor("bob").time("10:00:00"));
    assert_eq!(ask(&mut host, "ann"), blocked(json!(at("10:00:00")), "event"));
    assert_eq!(ask(&mut host, "bob"), allowed(Value::Null));
    host.event(event("list.block.remove").subject("ann").time("10:00:00"));
    assert_eq!(ask(&mut host, "ann"), allowed(Value::Null));
}

#[test]
fn an_event_wins_over_the_configuration() {
    let mut host = host(json!({"block": ["ann"], "allow": ["bob"], "only_allowed": true}));
    host.event(event("list.block.remove").subject("ann").time("10:00:00"));
    host.event(event("list.allow.add").subject("ann").time("10:00:00"));
    assert_eq!(ask(&mut host, "ann"), allowed(json!("allow")));
    host.event(event("list.allow.remove").subject("bob").time("10:00:00"));
    let numbers = json!({"list": "allow", "since": at("10:00:00"), "source": "event"});
    assert_eq!(ask(&mut host, "bob"), ("not_on_allow_list".to_owned(), numbers));
}

#[test]
fn what_stops_counts_however_fast_the_clock_of_the_event_before_was() {
    let mut host = host(json!({"only_allowed": true}));
    host.event(event("list.allow.add").subject("ann").time("10:04:00"));
    assert_eq!(ask(&mut host, "ann"), allowed(json!("allow")));
    host.event(event("list.allow.remove").subject("ann").time("10:01:00"));
    let numbers = json!({"list": "allow", "since": at("10:04:00.001"), "source": "event"});
    assert_eq!(ask(&mut host, "ann"), ("not_on_allow_list".to_owned(), numbers));
    host.event(event("list.block.remove").subject("ann").time("10:04:00"));
    host.event(event("list.block.add").subject("ann").time("10:01:00"));
    assert_eq!(ask(&mut host, "ann"), blocked(json!(at("10:04:00.001")), "event"));
}

#[test]
fn what_lets_through_counts_only_if_nothing_newer_was_seen() {
    let mut host = host(json!({"only_allowed": true}));
    host.event(event("list.allow.add").subject("ann").time("10:04:00"));
    host.event(event("list.allow.remove").subject("ann").time("10:01:00"));
    host.event(event("list.allow.add").subject("ann").time("10:03:59"));
    host.event(event("list.allow.add").subject("ann").time("10:04:00"));
    assert_eq!(ask(&mut host, "ann").0, "not_on_allow_list", "late, and repeated");
    host.event(event("list.allow.add").subject("ann").time("10:04:00.001"));
    assert_eq!(ask(&mut host, "ann"), allowed(json!("allow")));
    host.event(event("list.block.add").subject("ann").time("10:05:00"));
    host.event(event("list.block.remove").subject("ann").time("10:04:59"));
    assert_eq!(ask(&mut host, "ann"), blocked(json!(at("10:05:00")), "event"));
    host.event(event("list.block.remove").subject("ann").time("10:05:00"));
    assert_eq!(ask(&mut host, "ann"), allowed(json!("allow")));
}

/// The numbers of who is on no list tell whether a word is left.
fn is_remembered(host: &mut Host<Lists>, person: &str, time: &str) -> bool {
    let judged = host.judge(Action { time: at(time), ..action(person) }).expect("it is judged");
    assert_eq!(judged.reason, "not_on_allow_list");
    judged.numbers["source"] == "event"
}

#[test]
fn of_who_is_on_no_list_nothing_stays() {
    let mut host = host(json!({"only_allowed": true}));
    host.event(event("list.allow.add").subject("ann").time("10:00:00"));
    host.event(event("list.allow.remove").subject("ann").time("10:01:00"));
    assert!(is_remembered(&mut host, "ann", "10:15:59.999") && !is_remembered(&mut host, "ann", "10:16:00"));
    // The time that counts is ahead of the event that says so.
    host.event(event("list.allow.add").subject("bob").time("10:04:00"));
    host.event(event("list.allow.remove").subject("bob").time("10:01:00"));
    assert!(is_remembered(&mut host, "bob", "10:19:00") && !is_remembered(&mut host, "bob", "10:19:00.001"));
}

#[test]
fn what_is_late_finds_the_time_of_what_was_long_ago() {
    let mut host = host(json!({"only_allowed": true}));
    host.event(event("list.allow.add").subject("ann").time("10:00:00"));
    host.event(event("list.allow.remove").subject("ann").time("10:01:00"));
    host.event(event("list.allow.add").subject("ann").time("10:00:30"));
    assert!(!is_remembered(&mut host, "ann", "23:00:00"), "a late event has put her on the list again");
}

#[test]
fn who_is_configured_or_listed_is_kept_for_good() {
    let mut host = host(json!({"block": ["ann"], "allow": ["eve"], "only_allowed": true}));
    host.event(event("list.block.remove").subject("ann").time("10:00:00"));
    host.event(event("list.allow.add").subject("ann").time("10:00:00"));
    host.event(event("list.allow.remove").subject("eve").time("10:00:00"));
    let mut in_a_month = |person| {
        let judged = host.judge(Action { time: at("10:00:00") + 31 * 86_400_000, ..action(person) });
        judged.expect("it is judged").reason
    };
    assert_eq!((in_a_month("ann").as_str(), in_a_month("eve").as_str()), ("", "not_on_allow_list"));
}

#[test]
fn only_the_allowed_where_it_says_so() {
    let mut host = host(json!({"allow": ["ann"], "only_allowed": true}));
    assert_eq!(ask(&mut host, "ann"), allowed(json!("allow")));
    let numbers = json!({"list": "allow", "since": null, "source": "configuration"});
    assert_eq!(ask(&mut host, "bob"), ("not_on_allow_list".to_owned(), numbers));
}

#[test]
fn the_block_list_comes_first() {
    let mut host = host(json!({"allow": ["ann"], "block": ["ann"]}));
    assert_eq!(ask(&mut host, "ann"), blocked(Value::Null, "configuration"));
}

#[test]
fn the_lists_are_for_some_classes_if_it_says_so() {
    let mut host = host(json!({"block": ["ann"], "classes": ["marketing", "transactional"]}));
    let mut critical = action("ann");
    critical.message_class = MessageClass::Critical;
    let passed = host.judge(critical.clone()).expect("it is judged");
    assert_eq!((passed.reason.as_str(), passed.numbers), ("", json!({"list": null, "exempt": "critical"})));
    assert_eq!(ask(&mut host, "ann").0, "blocked");
    let mut all = Host::<Lists>::new(json!({"block": ["ann"]})).expect("the configuration is right");
    assert_eq!(all.judge(critical).expect("it is judged").reason, "blocked");
}

#[test]
fn event_types_are_configurable() {
    let mut host = host(json!({"events": {"block_add": "fraud.confirmed"}}));
    host.event(event("list.block.add").subject("ann"));
    assert_eq!(ask(&mut host, "ann"), allowed(Value::Null));
    host.event(event("fraud.confirmed").subject("ann"));
    assert_eq!(ask(&mut host, "ann").0, "blocked");
    host.event(event("list.block.remove").subject("ann"));
    assert_eq!(ask(&mut host, "ann"), allowed(Value::Null));
}

#[test]
fn a_wrong_configuration_says_where() {
    let many: Vec<String> = (0..10_001).map(|number| number.to_string()).collect();
    let wrong = json!({
        "classes": [],
        "block": ["ann", ""],
        "allow": many,
        "events": {"block_add": "", "allow_add": "list.block.remove"},
    });
    let problems = Host::<Lists>::new(wrong).expect_err("it is wrong");
    let places: Vec<&str> = problems.iter().map(|problem| problem.place.as_str()).collect();
    assert_eq!(places, ["/classes", "/block/1", "/allow", "/events/block_add", "/events/allow_add"]);
    assert_eq!(problems[4].message, "`list.block.remove` would change two things");
    let problems = Host::<Lists>::new(json!({"classes": ["urgent"]})).expect_err("it is wrong");
    assert_eq!(problems[0].place, "/classes/0");
}
