//! Why: how often and how fast a seller replied lately, from the messages and replies that the seller's window holds.

use std::collections::BTreeMap;

use fishpond_sdk::prelude::*;
use fishpond_sdk::{Entry, Path};

use crate::config::Config;
use crate::place::{Said, Told};

/// The document's named value.
const SEEN: &str = "seen";
/// Messages and replies of one seller in one window: what one call answers. The document may be full before that
/// (`document_bytes`).
const MESSAGES_MAX: u64 = 1_000;

/// Amounts of the entries.
const INQUIRES: i64 = 0;
const REPLIES: i64 = 1;

/// The parameters of the query `replies`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Milliseconds since the Unix epoch, event time. Absent, or before the seller's newest event: that event's time.
    at: Option<u64>,
}

/// The answer to the query `replies`.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Replies {
    /// Conversations in which a buyer wrote.
    inquiries: usize,
    /// Those of them that the seller replied to.
    replied: usize,
    /// Replied of inquiries; 0 without any.
    rate: f64,
    /// Seconds from the first message to the reply; of two in the middle their mean. Null: none was replied to.
    median_s: Option<f64>,
    /// Messages and replies that came too late to be counted, ever.
    late_dropped: u64,
    /// Milliseconds since the Unix epoch: the end of the window.
    as_of: u64,
}

/// What is remembered of a seller, as it is stored.
#[derive(Default, Serialize, Deserialize)]
struct Seen {
    /// Milliseconds since the Unix epoch: the newest message or reply.
    newest: u64,
    /// The timer is set.
    waits: bool,
    late_dropped: u64,
}

/// The part of the rule that is keyed by seller.
pub struct HalfHour {
    inquiries: u32,
    talk: Window,
    quiet: Timer,
    window_ms: u64,
}

impl HalfHour {
    pub fn configure(config: &Config, said: &Said, plan: &mut Plan) -> Self {
        let inquiries = plan.subscribe("inquiries", config.events.message.clone(), said.seller.path());
        let inquiries = said.select(inquiries).number();
        said.select(plan.subscribe("own_replies", config.events.reply.clone(), Path::Actor));
        plan.answers::<Asked, Replies>("replies");
        Self {
            inquiries,
            talk: plan.sliding("talk", Duration::from_secs(config.window_s)),
            quiet: plan.timer_event("quiet"),
            window_ms: config.window_s.saturating_mul(1_000),
        }
    }

    pub fn on_event(&self, event: &Event, told: &Told, cx: &mut Context<'_>) -> Result<(), Refusal> {
        if told.conversation.is_empty() {
            return Err(Refusal::bad_event("of no conversation: say it where `conversation` points to"));
        }
        let amount = if event.subscription == self.inquiries { INQUIRES } else { REPLIES };
        let count = cx.observe_amount(self.talk, &told.conversation, amount).count;
        if count > MESSAGES_MAX {
            let message = format!("the seller has {MESSAGES_MAX} messages in one window: shorten `window_s`");
            return Err(Refusal::new("too_many_messages", message));
        }
        let mut seen: Seen = cx.load(SEEN)?.unwrap_or_default();
        if count == 0 {
            // The window holds at least this one, unless it was late.
            seen.late_dropped += 1;
        } else {
            seen.newest = seen.newest.max(event.time);
            self.wait(&mut seen, cx);
        }
        cx.store(SEEN, &seen);
        Ok(())
    }

    /// The window has become empty, which no event tells: from now on the query knows, and the document is small.
    pub fn on_timer(&self, due: &Due, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let mut seen: Seen = cx.load(SEEN)?.unwrap_or_default();
        seen.waits = false;
        if due.time > seen.newest.saturating_add(self.window_ms) {
            cx.clear(self.talk);
        } else {
            self.wait(&mut seen, cx);
        }
        cx.store(SEEN, &seen);
        Ok(())
    }

    pub fn on_query(&self, query: &Query, cx: &mut QueryContext<'_>) -> Result<Reply, Refusal> {
        let as_of = query.parameters::<Asked>()?.at.unwrap_or(0).max(query.time);
        let seen: Seen = cx.load(SEEN)?.unwrap_or_default();
        let mut entries = cx.entries(self.talk);
        entries.retain(|entry| entry.time >= as_of.saturating_sub(self.window_ms));
        let waits = waits_ms(&entries);
        let inquiries = waits.len();
        let mut waits: Vec<u64> = waits.into_iter().flatten().collect();
        let replied = waits.len();
        Ok(Reply::ok(&Replies {
            inquiries,
            replied,
            rate: if inquiries == 0 { 0.0 } else { replied as f64 / inquiries as f64 },
            median_s: median(&mut waits).map(|ms| ms / 1_000.0),
            late_dropped: seen.late_dropped,
            as_of,
        }))
    }

    /// A new message moves no timer: one that fires too early waits again.
    fn wait(&self, seen: &mut Seen, cx: &mut Context<'_>) {
        if !seen.waits {
            // Both edges belong to the window.
            let empty = seen.newest.saturating_add(self.window_ms).saturating_add(1);
            cx.set_timer(&self.quiet, empty, "");
            seen.waits = true;
        }
    }
}

/// For each conversation with a message, milliseconds from the first one to the first reply behind it.
fn waits_ms(entries: &[Entry]) -> Vec<Option<u64>> {
    let mut conversations: BTreeMap<&str, (u64, Option<u64>)> = BTreeMap::new();
    for entry in entries {
        if entry.amount == INQUIRES {
            conversations.entry(&entry.member).or_insert((entry.time, None));
        } else if let Some((first, reply)) = conversations.get_mut(entry.member.as_str()) {
            reply.get_or_insert(entry.time - *first);
        }
    }
    conversations.into_values().map(|(_, waited)| waited).collect()
}

fn median(values: &mut [u64]) -> Option<f64> {
    values.sort_unstable();
    let middle = values.len() / 2;
    let upper = *values.get(middle)? as f64;
    Some(if values.len() % 2 == 1 { upper } else { (values[middle - 1] as f64 + upper) / 2.0 })
}
