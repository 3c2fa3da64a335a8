//! Why: the pattern opened, message (repeatable), own reply, within the timeout; one instance at a time for each
//! conversation.
//!
//! What has come of it lies in a window as long as the timeout, so it is judged by the events' times and a match names
//! the events themselves. A reply that arrives behind later messages of its buyer makes the match all the same;
//! those are named too.

use fishpond_sdk::prelude::*;
use fishpond_sdk::{Entry, Subscription};

use crate::config::Config;
use crate::place::{Said, Told};

/// The query about one conversation.
pub const QUERY: &str = "conversation";
/// The document's named value.
const CHAT: &str = "chat";
/// How long a conversation is remembered: longer than any timeout.
const KEPT: Duration = Duration::from_secs(32 * 86_400);
/// Events of one conversation within the timeout that make no match yet.
const EVENTS_MAX: u64 = 200;

const MESSAGE: &str = "message";
const OPENED: &str = "opened:";
const REPLY: &str = "reply:";

/// The fields of `replied`.
#[derive(Serialize, JsonSchema)]
struct Replied {
    conversation: String,
    /// Messages of the buyer up to the reply.
    messages: usize,
    /// Seconds from the first of them to the reply.
    waited_s: f64,
}

/// The fields of `expired_partial`.
#[derive(Serialize, JsonSchema)]
struct ExpiredPartial {
    conversation: String,
    /// How far it came.
    reached: Reached,
    /// Messages of the buyer.
    messages: usize,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Reached {
    Opened,
    Message,
}

/// The answer to the query `conversation`.
#[derive(Serialize, JsonSchema)]
struct Shown {
    /// Whose conversation it is, while it waits for a message or a reply.
    seller: Option<String>,
    /// Milliseconds since the Unix epoch: when it was opened.
    since: Option<u64>,
    /// Messages of the buyer since.
    messages: usize,
    /// Matches `replied` so far, forgotten after 32 days without an event.
    replied: u64,
    /// Matches `expired_partial` so far.
    expired_partial: u64,
}

/// A conversation, as it is stored.
#[derive(Default, Serialize, Deserialize)]
struct Chat {
    open: Option<Open>,
    replied: u64,
    expired_partial: u64,
}

#[derive(Serialize, Deserialize)]
struct Open {
    seller: String,
    /// Milliseconds since the Unix epoch.
    since: u64,
    /// Of the event.
    id: String,
}

#[derive(Clone, Copy)]
pub enum Step {
    Opened,
    Message,
    Reply,
}

/// The part of the rule that is keyed by conversation.
pub struct Conversations {
    /// Numbers of the subscriptions.
    steps: [(u32, Step); 3],
    chat: Window,
    expiry: Timer,
    replied: Match<Replied>,
    expired_partial: Match<ExpiredPartial>,
    timeout_ms: u64,
}

impl Conversations {
    pub fn configure(config: &Config, said: &Said, plan: &mut Plan) -> Self {
        let key = || said.conversation.path();
        let number = |subscription: &mut Subscription| said.select(subscription).number();
        let opened = number(plan.subscribe("opened", config.events.opened.clone(), key()).select([Field::Id]));
        let messages = number(plan.subscribe("messages", config.events.message.clone(), key()));
        let replies = number(plan.subscribe("replies", config.events.reply.clone(), key()).select([Field::Actor]));
        plan.answers::<NoParameters, Shown>(QUERY);
        Self {
            steps: [(opened, Step::Opened), (messages, Step::Message), (replies, Step::Reply)],
            chat: plan.sliding("chat", Duration::from_secs(config.timeout_s)),
            expiry: plan.timer_event("expiry"),
            replied: plan.emits("replied"),
            expired_partial: plan.emits("expired_partial"),
            timeout_ms: config.timeout_s.saturating_mul(1_000),
        }
    }

    /// None: the subscription is not of this part.
    pub fn step(&self, subscription: u32) -> Option<Step> {
        self.steps.iter().find(|(number, _)| *number == subscription).map(|(_, step)| *step)
    }

    pub fn owns(&self, due: &Due) -> bool {
        due.is(&self.expiry)
    }

    pub fn on_event(&self, step: Step, event: &Event, told: &Told, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let mut chat: Chat = cx.load(CHAT)?.unwrap_or_default();
        let count = match step {
            Step::Opened => self.open(event, told, &mut chat, cx)?,
            Step::Message => cx.observe(self.chat, MESSAGE).count,
            Step::Reply if event.actor.is_empty() => {
                return Err(Refusal::bad_event("nobody replied: set the extension `actorid`"));
            }
            // Until the opening has come nobody knows whose reply it must be.
            Step::Reply if chat.open.as_ref().is_some_and(|open| open.seller != event.actor) => return Ok(()),
            Step::Reply => cx.observe(self.chat, &format!("{REPLY}{}", event.actor)).count,
        };
        if !self.complete(&event.key, &mut chat, cx) && count > EVENTS_MAX {
            let message = format!("{EVENTS_MAX} events of the conversation wait already");
            return Err(Refusal::new("too_many_messages", message));
        }
        store(&chat, cx);
        Ok(())
    }

    pub fn on_timer(&self, due: &Due, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let mut chat: Chat = cx.load(CHAT)?.unwrap_or_default();
        let Some(open) = chat.open.take() else { return Ok(()) };
        let entries = cx.entries(self.chat);
        self.forget_replies(&entries, cx);
        let expired = expired(&due.key, messages(&entries, open.since));
        cx.emit(self.expired_partial.about(&open.seller, &expired).window(self.chat));
        cx.clear(self.chat);
        chat.expired_partial += 1;
        store(&chat, cx);
        Ok(())
    }

    pub fn on_query(&self, cx: &mut QueryContext<'_>) -> Result<Reply, Refusal> {
        let chat: Chat = cx.load(CHAT)?.unwrap_or_default();
        let entries = cx.entries(self.chat);
        Ok(Reply::ok(&Shown {
            since: chat.open.as_ref().map(|open| open.since),
            messages: chat.open.as_ref().map_or(0, |open| messages(&entries, open.since)),
            seller: chat.open.map(|open| open.seller),
            replied: chat.replied,
            expired_partial: chat.expired_partial,
        }))
    }

    /// Begins an instance, unless one waits for its reply; answers the events in the window.
    fn open(&self, event: &Event, told: &Told, chat: &mut Chat, cx: &mut Context<'_>) -> Result<u64, Refusal> {
        if told.seller.is_empty() {
            return Err(Refusal::bad_event("the conversation is nobody's: say the seller where `seller` points to"));
        }
        if let Some(open) = &chat.open {
            let overdue = event.time > open.since.saturating_add(self.timeout_ms);
            if event.time < open.since || (!overdue && messages(&cx.entries(self.chat), open.since) > 0) {
                return Ok(0);
            }
            if overdue {
                // Its timer would fire soon, but the new instance needs it. Its events are out of reach by now.
                let expired = expired(&event.key, 0);
                cx.emit(self.expired_partial.about(&open.seller, &expired).also(open.id.clone()));
                chat.expired_partial += 1;
                chat.open = None;
            }
        }
        cx.clear(self.chat);
        let count = cx.observe(self.chat, &format!("{OPENED}{}", told.seller)).count;
        if count > 0 {
            cx.set_timer(&self.expiry, event.time.saturating_add(self.timeout_ms), "");
            chat.open = Some(Open { seller: told.seller.clone(), since: event.time, id: event.id.clone() });
        }
        Ok(count)
    }

    /// Emits the match if what lies in the window around the input is one.
    fn complete(&self, conversation: &str, chat: &mut Chat, cx: &mut Context<'_>) -> bool {
        let Some(open) = &chat.open else { return false };
        let entries = cx.entries(self.chat);
        let Some((messages, waited_ms)) = found(&entries, &open.seller) else { return false };
        self.forget_replies(&entries, cx);
        let replied = Replied { conversation: conversation.to_owned(), messages, waited_s: waited_ms as f64 / 1_000.0 };
        cx.emit(self.replied.about(&open.seller, &replied).window(self.chat));
        cx.clear(self.chat);
        cx.cancel_timer(&self.expiry);
        chat.replied += 1;
        chat.open = None;
        true
    }

    /// So that a match names no reply but the one that made it: that is the input, or later than it.
    fn forget_replies(&self, entries: &[Entry], cx: &mut Context<'_>) {
        let mut members: Vec<&str> = entries.iter().map(|entry| entry.member.as_str()).collect();
        members.retain(|member| member.starts_with(REPLY));
        members.sort_unstable();
        members.dedup();
        members.into_iter().for_each(|member| cx.forget(self.chat, member));
    }
}

/// Messages up to the first own reply behind one, and milliseconds from the first of them to it.
fn found(entries: &[Entry], seller: &str) -> Option<(usize, u64)> {
    let opened = entries.iter().position(|entry| entry.member.starts_with(OPENED))?;
    let first = opened + entries[opened..].iter().position(|entry| entry.member == MESSAGE)?;
    let own = |entry: &Entry| entry.member.strip_prefix(REPLY) == Some(seller);
    let reply = first + entries[first..].iter().position(own)?;
    let messages = entries[first..reply].iter().filter(|entry| entry.member == MESSAGE).count();
    Some((messages, entries[reply].time - entries[first].time))
}

/// Messages of the buyer since the opening.
fn messages(entries: &[Entry], since: u64) -> usize {
    entries.iter().filter(|entry| entry.member == MESSAGE && entry.time >= since).count()
}

fn expired(conversation: &str, messages: usize) -> ExpiredPartial {
    let reached = if messages == 0 { Reached::Opened } else { Reached::Message };
    ExpiredPartial { conversation: conversation.to_owned(), reached, messages }
}

fn store(chat: &Chat, cx: &mut Context<'_>) {
    let bytes = serde_json::to_vec(chat).expect("names and numbers can be written as JSON");
    cx.set_for(CHAT, &bytes, KEPT);
}
