//! S0-02: the statistics of a seller.

use fishpond_sdk::testing::{Host, TestEvent, at};
use serde_json::{Value, json};

use super::super::ReplyBehaviour;
use super::{host, message, reply, reply_by};

/// inquiries, replied, rate, median_s
fn replies(host: &Host<ReplyBehaviour>) -> [Value; 4] {
    asked(host, json!({}))
}

fn replies_at(host: &Host<ReplyBehaviour>, time: &str) -> [Value; 4] {
    asked(host, json!({ "at": at(time) }))
}

fn asked(host: &Host<ReplyBehaviour>, parameters: Value) -> [Value; 4] {
    let (status, body) = host.query("replies", "sue", parameters);
    assert_eq!((status.as_str(), &body["late_dropped"]), ("ok", &json!(0)));
    ["inquiries", "replied", "rate", "median_s"].map(|name| body[name].clone())
}

fn five_inquiries() -> Host<ReplyBehaviour> {
    let mut host = host(json!({}));
    for (second, chat) in ["c1", "c2", "c3", "c4", "c5"].into_iter().enumerate() {
        host.event(message(&format!("10:00:0{second}"), chat)).event(message("10:00:30", chat));
    }
    host.event(reply("10:01:00", "c1")).event(reply("10:00:41", "c2")).event(reply("10:05:02", "c3"));
    host
}

#[test]
fn s0_02_inquiries_replied_rate_and_median() {
    let mut host = five_inquiries();
    assert_eq!(replies(&host), [json!(5), json!(3), json!(0.6), json!(60.0)]);
    host.event(reply("10:06:00", "c1")).event(reply("10:10:03", "c4"));
    assert_eq!(replies(&host), [json!(5), json!(4), json!(0.8), json!(180.0)], "only the first reply counts");
}

#[test]
fn s0_02_nothing_after_half_an_hour_of_silence() {
    let mut host = five_inquiries();
    host.advance_event(at("10:35:02"));
    assert_eq!(replies_at(&host, "10:30:30"), [json!(5), json!(3), json!(0.6), json!(30.0)], "of 10:00:30");
    assert_eq!(replies_at(&host, "10:30:31"), [json!(0), json!(0), json!(0.0), Value::Null]);
    host.advance_event(at("10:35:02") + 1);
    assert_eq!(replies(&host), [json!(0), json!(0), json!(0.0), Value::Null]);
    host.event(message("11:00:00", "c1"));
    assert_eq!(replies(&host)[0], 1);
    host.advance_event(at("11:30:01"));
    assert_eq!(replies(&host)[0], 0, "the timer was set again");
}

#[test]
fn the_timer_waits_again_while_there_is_something() {
    let mut host = host(json!({}));
    host.event(message("10:00:00", "c1")).event(message("10:20:00", "c2")).advance_event(at("10:40:00"));
    assert_eq!(replies(&host)[0], 1);
    host.advance_event(at("10:50:01"));
    assert_eq!(replies(&host)[0], 0);
}

#[test]
fn s0_02_what_no_hand_wrote_does_not_count() {
    let mut host = host(json!({}));
    let kind = |event: TestEvent, kind: &str| event.data(json!({"seller": "sue", "kind": kind}));
    host.event(message("10:00:00", "c1")).event(kind(reply("10:00:05", "c1"), "auto_reply"));
    host.event(kind(message("10:00:10", "c2"), "security_reminder"));
    assert_eq!(replies(&host), [json!(1), json!(0), json!(0.0), Value::Null]);
}

#[test]
fn a_reply_by_another_or_before_the_message_is_no_reply() {
    let mut host = host(json!({}));
    host.event(reply("09:59:00", "c1")).event(message("10:00:00", "c1")).event(reply_by("sam", "10:00:10", "c1"));
    assert_eq!(replies(&host)[..2], [json!(1), json!(0)]);
    assert_eq!(host.query("replies", "sam", json!({})).1["inquiries"], 0);
}

#[test]
fn s0_02_the_order_of_arrival_does_not_matter() {
    let mut host = host(json!({}));
    host.event(reply("10:02:00", "c1")).event(message("10:01:00", "c1")).event(message("10:00:00", "c1"));
    assert_eq!(replies(&host), [json!(1), json!(1), json!(1.0), json!(120.0)]);
}

#[test]
fn the_edges_belong_to_the_half_hour() {
    let mut host = host(json!({}));
    host.event(message("10:00:00", "c1")).event(reply("10:30:00", "c1"));
    assert_eq!(replies(&host)[..2], [json!(1), json!(1)]);
    host.event(reply("10:30:00.001", "c1"));
    assert_eq!(replies(&host)[0], 0);
}

#[test]
fn one_seller_has_so_many_messages() {
    let mut host = host(json!({}));
    for number in 0..1_001 {
        host.event(message("10:00:00", &format!("c{number}")));
    }
    assert_eq!(host.refusals().len(), 1);
    assert_eq!(host.refusals()[0].refusal.code, "too_many_messages");
    assert_eq!(replies(&host)[0], 1_000);
}

#[test]
fn a_message_of_no_conversation_is_the_producers_fault() {
    let mut host = host(json!({"conversation": "data.chat"}));
    host.event(message("10:00:00", "c1"));
    assert_eq!(host.refusals()[0].refusal.code, "bad_event");
}
