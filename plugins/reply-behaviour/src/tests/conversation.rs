//! S0-04: the pattern, and what is none.

use fishpond_sdk::testing::{Host, TestEvent, at};
use serde_json::{Value, json};

use super::super::ReplyBehaviour;
use super::{host, message, opened, reply, reply_by};

fn run(events: impl IntoIterator<Item = TestEvent>) -> Host<ReplyBehaviour> {
    let mut host = host(json!({}));
    for one in events {
        host.event(one);
    }
    assert_eq!(host.refusals(), []);
    host
}

fn names(host: &Host<ReplyBehaviour>) -> Vec<&str> {
    host.matches().iter().map(|found| found.name.as_str()).collect()
}

fn kind(event: TestEvent, kind: &str) -> TestEvent {
    event.data(json!({"seller": "sue", "kind": kind}))
}

fn shown(host: &Host<ReplyBehaviour>) -> Value {
    host.query("conversation", "c1", json!({})).1
}

#[test]
fn s0_04_one_match_with_all_its_events_and_no_other() {
    let host = run([
        opened("10:00:00", "c1").id("e1"),
        message("10:00:10", "c1").id("e2"),
        message("10:00:20", "c1").id("e3"),
        message("10:00:30", "c1").id("e4"),
        kind(reply("10:00:31", "c1"), "auto_reply").id("a1"),
        kind(message("10:00:32", "c1"), "security_reminder").id("a2"),
        reply("10:01:11.500", "c1").id("e5"),
    ]);
    assert_eq!(host.matches().len(), 1);
    let found = &host.matches()[0];
    assert_eq!((found.name.as_str(), found.person.as_str()), ("replied", "sue"));
    assert_eq!(found.fields, json!({"conversation": "c1", "messages": 3, "waited_s": 61.5}));
    assert_eq!(found.events, ["e1", "e2", "e3", "e4", "e5"]);
}

#[test]
fn s0_04_a_reply_before_the_message_is_none() {
    let mut host = run([opened("10:00:00", "c1"), reply("10:00:05", "c1").id("early"), message("10:00:10", "c1")]);
    assert_eq!(names(&host), [""; 0]);
    host.event(reply("10:00:20", "c1"));
    assert_eq!(host.matches()[0].events, ["1", "3", "4"], "the early reply is no part of it");
}

#[test]
fn s0_04_a_reply_by_another_seller_is_none() {
    let mut host = run([opened("10:00:00", "c1"), message("10:00:10", "c1"), reply_by("sam", "10:00:20", "c1")]);
    assert_eq!(names(&host), [""; 0]);
    host.event(reply("10:00:30", "c1"));
    assert_eq!((host.matches().len(), &host.matches()[0].person), (1, &"sue".to_owned()));
}

#[test]
fn s0_04_an_automatic_reply_alone_is_none() {
    let host = run([opened("10:00:00", "c1"), message("10:00:10", "c1"), kind(reply("10:00:20", "c1"), "auto_reply")]);
    assert_eq!(names(&host), [""; 0]);
    assert_eq!(shown(&host)["messages"], 1, "it still waits");
}

#[test]
fn s0_04_interleaved_chats_are_one_match_each() {
    let host = run([
        opened("10:00:00", "c1").id("a1"),
        opened("10:00:01", "c2").id("b1"),
        message("10:00:02", "c2").id("b2"),
        message("10:00:03", "c1").id("a2"),
        reply("10:00:04", "c1").id("a3"),
        message("10:00:05", "c2").id("b3"),
        reply("10:00:06", "c2").id("b4"),
    ]);
    let found: Vec<(&Value, &[String])> =
        host.matches().iter().map(|found| (&found.fields["conversation"], found.events.as_slice())).collect();
    assert_eq!(found[0].1, ["a1", "a2", "a3"]);
    assert_eq!((found.len(), found[1]), (2, (&json!("c2"), &["b1", "b2", "b3", "b4"].map(str::to_owned)[..])));
}

#[test]
fn s0_04_what_has_no_reply_in_time_is_counted() {
    let early = reply("10:00:05", "c1").id("early");
    let mut host = run([opened("10:00:00", "c1").id("e1"), early, message("10:00:10", "c1").id("e2")]);
    host.event(reply_by("sam", "10:00:20", "c1")).event(opened("10:00:00", "c2").id("f1"));
    host.advance_event(at("10:30:00") - 1);
    assert_eq!(names(&host), [""; 0]);
    host.advance_event(at("10:30:00")).event(reply("10:30:01", "c1"));
    assert_eq!(names(&host), ["expired_partial", "expired_partial"]);
    let [first, second] = [&host.matches()[0], &host.matches()[1]];
    assert_eq!(first.fields, json!({"conversation": "c1", "reached": "message", "messages": 1}));
    let timer = format!("expiry@{}", at("10:30:00"));
    assert_eq!(first.events, ["e1", "e2", &*timer]);
    assert_eq!(second.fields, json!({"conversation": "c2", "reached": "opened", "messages": 0}));
    let counts = json!({"seller": null, "since": null, "messages": 0, "replied": 0, "expired_partial": 1});
    assert_eq!(shown(&host), counts);
}

#[test]
fn the_timeout_includes_its_edge() {
    for (time, expected) in [("10:30:00", "replied"), ("10:30:00.001", "expired_partial")] {
        let mut host = run([opened("10:00:00", "c1"), message("10:29:00", "c1"), reply(time, "c1")]);
        host.advance_event(at("11:00:00"));
        assert_eq!(names(&host), [expected], "{time}");
    }
}

#[test]
fn the_order_of_arrival_does_not_matter() {
    let events = [opened("10:00:00", "c1"), message("10:00:10", "c1"), reply("10:00:20", "c1")];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let named = |number: usize| events[number].clone().id(&number.to_string());
        let mut host = run([reply_by("sam", "10:00:15", "c1")].into_iter().chain(order.map(named)));
        host.advance_event(at("11:00:00"));
        assert_eq!(names(&host), ["replied"], "{order:?}");
        let found = &host.matches()[0];
        assert_eq!(found.events, ["0", "1", "2"], "{order:?}");
        assert_eq!(found.fields["waited_s"], 10.0);
    }
}

#[test]
fn after_a_match_the_next_begins_with_an_opening() {
    let mut host = run([opened("10:00:00", "c1"), message("10:00:10", "c1"), reply("10:00:20", "c1")]);
    host.event(message("10:00:30", "c1")).event(reply("10:00:40", "c1"));
    assert_eq!(host.matches().len(), 1);
    host.event(opened("10:01:00", "c1")).event(message("10:01:10", "c1")).event(reply("10:01:20", "c1"));
    assert_eq!((host.matches().len(), &host.matches()[1].events[..]), (2, &["6", "7", "8"].map(str::to_owned)[..]));
    host.advance_event(at("12:00:00"));
    assert_eq!((host.matches().len(), shown(&host)["replied"].clone()), (2, json!(2)), "no timer is left");
}

#[test]
fn an_opening_begins_anew_until_the_buyer_has_written() {
    let mut host = run([opened("10:00:00", "c1"), opened("10:20:00", "c1"), message("10:21:00", "c1")]);
    host.event(opened("10:22:00", "c1")).event(opened("10:19:00", "c1")).event(reply("10:40:00", "c1"));
    assert_eq!(names(&host), ["replied"]);
    assert_eq!(host.matches()[0].events, ["2", "3", "6"]);
}

#[test]
fn an_opening_behind_the_timeout_counts_the_one_before() {
    let mut host = run([opened("10:00:00", "c1").id("old"), message("10:01:00", "c1")]);
    host.event(opened("10:30:01", "c1").id("new"));
    assert_eq!(names(&host), ["expired_partial"]);
    assert_eq!(host.matches()[0].events, ["new", "old"]);
    host.event(message("10:31:00", "c1")).event(reply("10:32:00", "c1")).advance_event(at("12:00:00"));
    assert_eq!(names(&host), ["expired_partial", "replied"]);
    assert_eq!(host.matches()[1].fields["messages"], 1);
}

#[test]
fn what_waits_is_bounded_and_a_reply_always_fits() {
    let strangers = reply_by("sam", "10:00:30", "c1");
    let mut host = run([opened("10:00:00", "c1"), strangers.clone(), strangers]);
    for second in 0..200 {
        host.event(message("10:01:00", "c1").time_ms(at("10:01:00") + second * 1_000));
    }
    let refused: Vec<&str> = host.refusals().iter().map(|one| &*one.refusal.code).collect();
    assert_eq!(refused, ["too_many_messages"]);
    host.event(reply("10:10:00", "c1"));
    assert_eq!(host.matches()[0].fields["messages"], 199);
}

#[test]
fn what_nobody_can_place_is_the_producers_fault() {
    let mut host = host(json!({}));
    host.event(opened("10:00:00", "c1").data(json!({})));
    host.event(opened("10:00:00", "c1").data(json!({"seller": "s".repeat(241)})));
    host.event(fishpond_sdk::testing::event("chat.reply").subject("c1"));
    let codes: Vec<&str> = host.refusals().iter().map(|one| &*one.refusal.code).collect();
    assert_eq!(codes, ["bad_event", "bad_event", "bad_event"]);
}
