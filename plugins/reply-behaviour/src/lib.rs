//! How a seller replies to buyers, in two parts.
//!
//! **The conversation** (`conversation`, key: the conversation): opened, then one or more messages of the buyer, then a
//! reply by the seller's own hand, all within `timeout_s` of the opening. That is the match `replied` about the seller,
//! with the seconds from the first message to the reply, made by all of these events. A conversation that was opened and not
//! replied to by then is the match `expired_partial`.
//!
//! **The last half hour** (`half_hour`, key: the seller): how many conversations inquired, how many of those were replied
//! to, and the median of the waiting. An inquiry is the first message of a conversation in the window, it is replied to by the
//! first reply behind it in the window. The query `replies` answers as of the newest event of the seller, or of `at`.
//!
//! What is of a kind in `ignored.kinds` (automatic replies, reminders) or of a type that is not listed is as if it had not been.
//! Both parts are windows that the host keeps, so both go by the events' own times: what arrives in another order
//! makes the same, up to one window behind; what is older is late, dropped and counted.

mod config;
mod conversation;
mod half_hour;
mod place;

use fishpond_sdk::prelude::*;

pub use crate::config::Config;
use crate::conversation::Conversations;
use crate::half_hour::HalfHour;
use crate::place::Said;

/// The rule of one deployment.
pub struct ReplyBehaviour {
    said: Said,
    conversations: Conversations,
    half_hour: HalfHour,
}

impl Rule for ReplyBehaviour {
    type Config = Config;

    fn configure(config: Config, plan: &mut Plan) -> Result<Self, Vec<Diagnostic>> {
        let said = config.check(plan);
        Ok(Self {
            conversations: Conversations::configure(&config, &said, plan),
            half_hour: HalfHour::configure(&config, &said, plan),
            said,
        })
    }

    fn on_event(&self, event: &Event, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let told = self.said.read(event)?;
        if told.ignored {
            return Ok(());
        }
        match self.conversations.step(event.subscription) {
            Some(step) => self.conversations.on_event(step, event, &told, cx),
            None => self.half_hour.on_event(event, &told, cx),
        }
    }
}

impl Timers for ReplyBehaviour {
    fn on_timer(&self, due: &Due, cx: &mut Context<'_>) -> Result<(), Refusal> {
        if self.conversations.owns(due) {
            self.conversations.on_timer(due, cx)
        } else {
            self.half_hour.on_timer(due, cx)
        }
    }
}

impl Queries for ReplyBehaviour {
    fn on_query(&self, query: &Query, cx: &mut QueryContext<'_>) -> Result<Reply, Refusal> {
        match query.name.as_str() {
            conversation::QUERY => self.conversations.on_query(cx),
            _ => self.half_hour.on_query(query, cx),
        }
    }
}

fishpond_sdk::export!(ReplyBehaviour with timers, queries);

#[cfg(test)]
mod tests;
