//! Both columns of S1-05 and the boundaries of S1-07, natively.

use fishpond_sdk::testing::{Host, TestEvent, event};
use serde_json::{Value, json};

use super::C2cBlacklist;

fn host(configuration: Value) -> Host<C2cBlacklist> {
    Host::new(configuration).expect("the configuration is right")
}

/// `who` blacklists carl.
fn blacklist(time: &str, who: &str) -> TestEvent {
    event("blacklist").subject("carl").actor(who).time(time)
}

fn risks(events: impl IntoIterator<Item = TestEvent>) -> Vec<Value> {
    let mut host = host(json!({}));
    for one in events {
        host.event(one);
    }
    host.matches().iter().map(|found| found.fields["by"].clone()).collect()
}

#[test]
fn s1_05_two_different_users_within_a_minute_are_a_risk_once() {
    let mut host = host(json!({}));
    host.event(blacklist("10:00:00", "bea").id("e1")).event(blacklist("10:00:30", "abe").id("e2"));
    host.event(blacklist("10:00:40", "dan").id("e3"));
    assert_eq!(host.matches().len(), 1, "a third inside the cool-down changes nothing");
    let found = &host.matches()[0];
    assert_eq!((found.name.as_str(), found.person.as_str()), ("high_risk", "carl"));
    assert_eq!(found.fields, json!({"by": ["abe", "bea"]}));
    assert_eq!(found.events, ["e1", "e2"]);
    assert_eq!(found.once.as_deref(), Some("20454"), "the day of 2026-01-01");
}

#[test]
fn s1_05_one_user_twice_is_no_risk() {
    assert!(risks([blacklist("10:00:00", "abe"), blacklist("10:00:30", "abe")]).is_empty());
}

#[test]
fn s1_05_unblacklist_between_drops_what_was_before() {
    let undo = event("unblacklist").subject("carl").actor("abe").time("10:00:10");
    let other = event("unblacklist").subject("cora").actor("abe").time("10:00:10");
    assert!(risks([blacklist("10:00:00", "abe"), undo, blacklist("10:00:20", "bea")]).is_empty());
    assert_eq!(risks([blacklist("10:00:00", "abe"), other, blacklist("10:00:20", "bea")]).len(), 1);
}

#[test]
fn s1_05_after_the_cool_down_there_is_a_second_match() {
    let mut host = host(json!({"cooldown_s": 600}));
    host.event(blacklist("10:00:00", "abe")).event(blacklist("10:00:10", "bea"));
    host.event(blacklist("10:10:00", "abe")).event(blacklist("10:10:09.999", "bea"));
    assert_eq!(host.matches().len(), 1);
    host.event(blacklist("10:10:10", "dan"));
    assert_eq!(host.matches().len(), 2);
    assert_eq!(host.matches()[1].fields, json!({"by": ["abe", "bea", "dan"]}));
    assert_ne!(host.matches()[0].once, host.matches()[1].once);
}

#[test]
fn s1_07_the_edge_belongs_to_the_window() {
    assert_eq!(risks([blacklist("10:00:00", "abe"), blacklist("10:01:00", "bea")]).len(), 1);
    assert!(risks([blacklist("10:00:00", "abe"), blacklist("10:01:00.001", "bea")]).is_empty());
}

#[test]
fn s1_07_the_window_slides_and_knows_no_minute() {
    let pair_across = [blacklist("10:00:59", "abe"), blacklist("10:01:01", "bea")];
    assert_eq!(risks(pair_across), [json!(["abe", "bea"])]);
    let slid = [blacklist("10:00:00", "abe"), blacklist("10:00:50", "abe"), blacklist("10:01:50", "bea")];
    assert_eq!(risks(slid), [json!(["abe", "bea"])], "the second of abe's is still in it");
}

#[test]
fn s1_07_equal_times_and_late_events_count_once() {
    assert_eq!(risks([blacklist("10:00:00", "abe"), blacklist("10:00:00", "bea")]).len(), 1);
    let late = [blacklist("10:02:00", "dan"), blacklist("10:00:30", "abe"), blacklist("10:00:00", "bea")];
    assert_eq!(risks(late), [json!(["abe", "bea"])]);
}

#[test]
fn users_are_counted_per_blacklisted_user() {
    let about = |subject: &str, who: &str| event("blacklist").subject(subject).actor(who);
    assert!(risks([about("carl", "abe"), about("cora", "bea")]).is_empty());
}

#[test]
fn an_event_that_nobody_did_is_the_producers_fault() {
    let mut host = host(json!({}));
    host.event(event("blacklist").subject("carl").id("e1")).event(blacklist("00:00:01", "abe"));
    assert_eq!((host.refusals()[0].event.as_str(), &*host.refusals()[0].refusal.code), ("e1", "bad_event"));
    assert!(host.matches().is_empty());
}

#[test]
fn the_threshold_is_configurable() {
    let mut host = host(json!({"different_users": 3, "window_s": 10}));
    host.event(blacklist("10:00:00", "abe")).event(blacklist("10:00:05", "bea"));
    assert!(host.matches().is_empty());
    host.event(blacklist("10:00:10", "dan"));
    assert_eq!(host.matches()[0].fields, json!({"by": ["abe", "bea", "dan"]}));
}

#[test]
fn a_wrong_configuration_says_where_and_what_to_do() {
    let wrong = json!({"window_s": 0, "different_users": 0, "cooldown_s": 99_999_999});
    let problems = Host::<C2cBlacklist>::new(wrong).expect_err("it is wrong");
    let places: Vec<&str> = problems.iter().map(|problem| problem.place.as_str()).collect();
    assert_eq!(places[..3], ["/window_s", "/different_users", "/cooldown_s"]);
    assert_eq!(problems[0].hint, "choose a value from 1 to 2678400");
    let problems = Host::<C2cBlacklist>::new(json!({"windows": 5})).expect_err("it is wrong");
    assert_eq!(problems[0].place, "/windows");
}

#[test]
fn the_query_shows_who_is_in_the_window() {
    let mut host = host(json!({}));
    host.event(blacklist("10:00:00", "old")).event(blacklist("10:01:30", "abe"));
    let answer = host.query("window", "carl", json!({}));
    assert_eq!(answer, ("ok".to_owned(), json!({"by": ["abe"], "needed": 2})));
    assert_eq!(host.query("window", "cora", json!({})).1["by"], json!([]));
}
