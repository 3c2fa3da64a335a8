//! Who is listed, by whom and since when, natively.

use fishpond_sdk::MessageClass;
use fishpond_sdk::testing::{Host, Judged, action, at, event};
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
fn the_greatest_time_counts_whatever_arrives_last() {
    let mut host = host(json!({}));
    host.event(event("list.block.remove").subject("ann").time("10:00:01"));
    host.event(event("list.block.add").subject("ann").time("10:00:00"));
    assert_eq!(ask(&mut host, "ann"), allowed(Value::Null));
    host.event(event("list.block.add").subject("ann").time("10:00:02"));
    assert_eq!(ask(&mut host, "ann"), blocked(json!(at("10:00:02")), "event"));
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
