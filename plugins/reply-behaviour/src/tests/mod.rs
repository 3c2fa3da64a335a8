//! Natively: conversations (S0-04), the last half hour (S0-02), and what an operator may set.

mod configuration;
mod conversation;
mod half_hour;

use fishpond_sdk::testing::{Host, TestEvent, event};
use serde_json::{Value, json};

use super::ReplyBehaviour;

fn host(configuration: Value) -> Host<ReplyBehaviour> {
    Host::new(configuration).expect("the configuration is right")
}

/// The buyer opens a chat with sue.
fn opened(time: &str, chat: &str) -> TestEvent {
    event("chat.opened").actor("bob").subject(chat).time(time).data(json!({"seller": "sue"}))
}

/// The buyer writes to sue.
fn message(time: &str, chat: &str) -> TestEvent {
    event("chat.message").actor("bob").subject(chat).time(time).data(json!({"seller": "sue"}))
}

/// Somebody replies to the buyer.
fn reply_by(who: &str, time: &str, chat: &str) -> TestEvent {
    event("chat.reply").actor(who).subject(chat).time(time)
}

fn reply(time: &str, chat: &str) -> TestEvent {
    reply_by("sue", time, chat)
}
