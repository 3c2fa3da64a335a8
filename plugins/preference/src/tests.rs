//! What is declined, what passes all the same, and who says so, natively.

use fishpond_sdk::testing::{Host, TestEvent, action, at, event};
use fishpond_sdk::{Action, MessageClass};
use serde_json::{Value, json};

use super::Preference;

fn host() -> Host<Preference> {
    Host::new(json!({})).expect("the configuration is right")
}

fn said(how: &str, time: &str, data: Value) -> TestEvent {
    event(&format!("preference.{how}")).actor("ann").time(time).data(data)
}

fn message(class: MessageClass, scene: &str, policy: &str) -> Action {
    Action { message_class: class, scene: scene.into(), policy: policy.into(), ..action("ann") }
}

fn marketing() -> Action {
    message(MessageClass::Marketing, "feed", "spring")
}

fn ask(host: &mut Host<Preference>, action: Action) -> (String, Value) {
    let judged = host.judge(action).expect("it is judged");
    (judged.reason, judged.numbers)
}

fn passes(host: &mut Host<Preference>, action: Action) -> bool {
    ask(host, action).0.is_empty()
}

fn denied(time: &str, scope: Value) -> (String, Value) {
    ("opted_out".to_owned(), json!({"since": at(time), "scope": scope}))
}

#[test]
fn who_has_said_nothing_gets_everything() {
    assert_eq!(ask(&mut host(), marketing()), (String::new(), json!({})));
}

#[test]
fn an_opt_out_without_data_is_everything_but_critical() {
    for data in [Value::Null, json!({})] {
        let mut host = host();
        host.event(said("opt_out", "10:00:00", data));
        assert_eq!(ask(&mut host, marketing()), denied("10:00:00", json!("everything")));
        assert!(!passes(&mut host, message(MessageClass::Transactional, "", "")));
        let critical = ask(&mut host, message(MessageClass::Critical, "feed", "spring"));
        assert_eq!(critical, (String::new(), json!({"exempt": "critical"})));
        assert!(passes(&mut host, action("bob")));
    }
}

#[test]
fn each_thing_that_the_data_names_is_declined() {
    let mut host = host();
    let data = json!({"classes": ["marketing"], "scenes": ["feed"], "policies": ["orders"]});
    host.event(said("opt_out", "10:00:00", data));
    let class = |scene, policy| message(MessageClass::Marketing, scene, policy);
    let order = |scene, policy| message(MessageClass::Transactional, scene, policy);
    assert_eq!(ask(&mut host, class("home", "x")), denied("10:00:00", json!({"class": "marketing"})));
    assert_eq!(ask(&mut host, order("feed", "x")), denied("10:00:00", json!({"scene": "feed"})));
    assert_eq!(ask(&mut host, order("home", "orders")), denied("10:00:00", json!({"policy": "orders"})));
    assert!(passes(&mut host, order("home", "x")));
}

#[test]
fn the_newest_word_that_covers_the_action_decides() {
    let mut host = host();
    host.event(said("opt_out", "10:00:00", Value::Null));
    host.event(said("opt_in", "10:01:00", json!({"scenes": ["feed"]})));
    assert_eq!(
        ask(&mut host, marketing()),
        (String::new(), json!({"since": at("10:01:00"), "scope": {"scene": "feed"}}))
    );
    assert!(!passes(&mut host, message(MessageClass::Marketing, "home", "spring")));
    host.event(said("opt_out", "10:02:00", json!({"classes": ["marketing"]})));
    assert_eq!(ask(&mut host, marketing()), denied("10:02:00", json!({"class": "marketing"})));
    assert!(passes(&mut host, message(MessageClass::Transactional, "feed", "spring")));
    host.event(said("opt_in", "10:03:00", Value::Null));
    assert!(passes(&mut host, marketing()));
}

#[test]
fn an_opt_out_counts_however_fast_the_clock_of_the_word_before_was() {
    let mut host = host();
    host.event(said("opt_in", "10:04:00", Value::Null)).event(said("opt_out", "10:01:00", Value::Null));
    assert_eq!(ask(&mut host, marketing()), denied("10:04:00.001", json!("everything")));
    host.event(said("opt_in", "10:03:59", Value::Null)).event(said("opt_in", "10:04:00", Value::Null));
    assert!(!passes(&mut host, marketing()), "late, and repeated");
    host.event(said("opt_in", "10:04:00.001", Value::Null));
    assert!(passes(&mut host, marketing()), "newer than all that let through before");
}

#[test]
fn an_opt_out_counts_also_against_newer_words_about_more_less_or_something_else_of_it() {
    for scope in [Value::Null, json!({"classes": ["marketing"]}), json!({"scenes": ["feed"]})] {
        for declined in [Value::Null, json!({"classes": ["marketing"]}), json!({"policies": ["spring"]})] {
            let mut host = host();
            host.event(said("opt_in", "10:04:00", scope.clone())).event(said("opt_out", "10:01:00", declined.clone()));
            assert_eq!(ask(&mut host, marketing()).0, "opted_out", "{scope} and then {declined}");
            host.event(said("opt_in", "10:02:00", scope.clone()));
            assert!(!passes(&mut host, marketing()), "a late {scope} does not take {declined} back");
        }
    }
}

#[test]
fn what_was_said_about_another_scene_makes_no_opt_in_old() {
    let mut host = host();
    host.event(said("opt_out", "10:04:00", json!({"scenes": ["home"]})));
    host.event(said("opt_out", "10:01:00", json!({"scenes": ["feed"]})));
    host.event(said("opt_in", "10:02:00", json!({"scenes": ["feed"]})));
    assert!(passes(&mut host, marketing()));
    assert!(!passes(&mut host, message(MessageClass::Marketing, "home", "spring")));
}

#[test]
fn a_late_or_repeated_opt_in_takes_no_opt_out_back() {
    let mut host = host();
    host.event(said("opt_in", "09:59:00", Value::Null)).event(said("opt_out", "10:00:00", Value::Null));
    host.event(said("opt_in", "09:59:00", Value::Null));
    assert_eq!(ask(&mut host, marketing()), denied("10:00:00", json!("everything")));
    host.event(said("opt_in", "10:00:00", json!({"policies": ["spring"]})));
    assert!(passes(&mut host, marketing()), "equally new: the last one");
    host.event(said("opt_out", "10:03:00", json!({"scenes": ["feed"]})));
    host.event(said("opt_in", "10:02:00", json!({"policies": ["spring"]})));
    assert!(!passes(&mut host, marketing()), "another scope does not make the older word newer");
    assert!(
        passes(&mut host, message(MessageClass::Marketing, "home", "spring")),
        "where nothing newer is said it counts"
    );
}

#[test]
fn an_opt_out_of_everything_always_fits() {
    let mut host = host();
    let scenes: Vec<String> = (0..100).map(|number| format!("s{number}")).collect();
    host.event(said("opt_in", "10:04:00", json!({"scenes": scenes})));
    host.event(said("opt_out", "10:01:00", Value::Null));
    assert_eq!(host.refusals(), []);
    assert!(!passes(&mut host, message(MessageClass::Marketing, "s99", "spring")));
}

#[test]
fn the_query_answers_what_can_still_decide() {
    let mut host = host();
    assert_eq!(host.query("preference", "ann", json!({})), ("ok".to_owned(), json!({"words": []})));
    host.event(said("opt_out", "10:00:00", json!({"scenes": ["feed", "home"]})));
    host.event(said("opt_in", "10:01:00", json!({"scenes": ["feed"]})));
    let words = json!([
        {"scope": {"scene": "home"}, "out": true, "since": at("10:00:00")},
        {"scope": {"scene": "feed"}, "out": false, "since": at("10:01:00")},
    ]);
    assert_eq!(host.query("preference", "ann", json!({})).1, json!({"words": words}));
    host.event(said("opt_out", "10:02:00", Value::Null));
    let words = json!([{"scope": "everything", "out": true, "since": at("10:02:00")}]);
    assert_eq!(host.query("preference", "ann", json!({})).1, json!({"words": words}));
}

#[test]
fn data_that_nobody_can_follow_is_the_producers_fault() {
    let wrong = [
        json!({"clases": ["marketing"]}),
        json!({"classes": ["adverts"]}),
        json!({"classes": ["marketing", "critical"]}),
        json!({"scenes": "feed"}),
        json!({"scenes": [""]}),
        json!({"policies": ["p".repeat(257)]}),
        json!({"classes": [], "scenes": []}),
        json!("marketing"),
        json!([]),
    ];
    for data in wrong {
        let mut host = host();
        host.event(said("opt_out", "10:00:00", data.clone()));
        assert_eq!(host.refusals().len(), 1, "{data}");
        assert_eq!(host.refusals()[0].refusal.code, "bad_event", "{data}");
        assert!(passes(&mut host, marketing()), "{data}");
    }
}

#[test]
fn words_are_bounded() {
    let mut host = host();
    let scenes: Vec<String> = (0..100).map(|number| format!("s{number}")).collect();
    host.event(said("opt_out", "10:00:00", json!({"scenes": scenes})));
    host.event(said("opt_out", "10:00:01", json!({"scenes": ["s0"]})));
    assert_eq!(host.refusals(), []);
    host.event(said("opt_out", "10:00:02", json!({"scenes": ["feed"]})));
    assert_eq!(host.refusals()[0].refusal.code, "too_many_words");
    host.event(said("opt_out", "10:00:03", Value::Null));
    assert!(!passes(&mut host, marketing()));
}

#[test]
fn event_types_are_configurable() {
    let configuration = json!({"events": {"opt_out": "unsubscribed", "opt_in": "subscribed"}});
    let mut host = Host::<Preference>::new(configuration).expect("the configuration is right");
    host.event(said("opt_out", "10:00:00", Value::Null));
    assert!(passes(&mut host, marketing()));
    host.event(event("unsubscribed").actor("ann").time("10:00:00"));
    assert!(!passes(&mut host, marketing()));
    host.event(event("subscribed").actor("ann").time("10:00:01"));
    assert!(passes(&mut host, marketing()));
}

#[test]
fn a_wrong_configuration_says_where() {
    let problems = Host::<Preference>::new(json!({"events": {"opt_out": "", "opt_in": ""}})).expect_err("it is wrong");
    let places: Vec<&str> = problems.iter().map(|problem| problem.place.as_str()).collect();
    assert_eq!(places[..3], ["/events/opt_out", "/events/opt_in", "/events/opt_in"]);
    assert_eq!(problems[2].message, "`` would decline and take back");
}
