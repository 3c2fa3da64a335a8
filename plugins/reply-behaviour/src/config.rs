//! Why: what an operator sets, and every reason to send it back.

use fishpond_sdk::{Diagnostic, Plan};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::place::{Place, Said};

/// Seconds: 31 days.
const LONGEST_S: u64 = 31 * 86_400;
/// Types of one step, and kinds that are ignored.
const LISTED_MAX: usize = 16;
/// Bytes of an event type, and of a kind.
const TEXT_BYTES_MAX: usize = 256;

/// What an operator sets.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Types of the events; others are not read at all.
    pub events: EventTypes,
    /// Where every event says which conversation it belongs to: `subject`, or a place such as `data.chat`.
    conversation: String,
    /// Where openings and buyers' messages say whose conversation it is. A reply is its actor's.
    seller: String,
    /// What no hand has written.
    ignored: Ignored,
    /// Seconds from the opening to the reply, both edges inclusive.
    #[schemars(range(min = 1, max = LONGEST_S))]
    pub timeout_s: u64,
    /// Seconds that the statistics look back, both edges inclusive.
    #[schemars(range(min = 1, max = LONGEST_S))]
    pub window_s: u64,
}

/// No type is in two lists.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventTypes {
    /// Opens a conversation.
    #[schemars(length(min = 1, max = LISTED_MAX))]
    pub opened: Vec<String>,
    /// A message of the buyer.
    #[schemars(length(min = 1, max = LISTED_MAX))]
    pub message: Vec<String>,
    /// A reply; its actor is who replied.
    #[schemars(length(min = 1, max = LISTED_MAX))]
    pub reply: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Ignored {
    /// Where an event says of what kind it is: `subject`, or a place such as `data.kind`.
    kind: String,
    /// Kinds of messages and replies that are as if they had not been.
    #[schemars(length(max = LISTED_MAX))]
    kinds: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            events: EventTypes::default(),
            conversation: "subject".into(),
            seller: "data.seller".into(),
            ignored: Ignored::default(),
            timeout_s: 1_800,
            window_s: 1_800,
        }
    }
}

impl Default for EventTypes {
    fn default() -> Self {
        Self {
            opened: vec!["chat.opened".into()],
            message: vec!["chat.message".into()],
            reply: vec!["chat.reply".into()],
        }
    }
}

impl Default for Ignored {
    fn default() -> Self {
        Self { kind: "data.kind".into(), kinds: vec!["auto_reply".into(), "security_reminder".into()] }
    }
}

impl Config {
    /// Enters what is wrong into the plan; answers where events say what.
    pub fn check(&self, plan: &mut Plan) -> Said {
        plan.check("/timeout_s", self.timeout_s, 1..=LONGEST_S, "seconds");
        plan.check("/window_s", self.window_s, 1..=LONGEST_S, "seconds");
        self.events.check(plan);
        plan.check("/ignored/kinds", self.ignored.kinds.len(), 0..=LISTED_MAX, "kinds");
        for (number, kind) in self.ignored.kinds.iter().enumerate() {
            plan.check(&format!("/ignored/kinds/{number}"), kind.len(), 1..=TEXT_BYTES_MAX, "bytes");
        }
        Said {
            conversation: place("/conversation", &self.conversation, plan),
            seller: place("/seller", &self.seller, plan),
            kind: place("/ignored/kind", &self.ignored.kind, plan),
            ignored: self.ignored.kinds.clone(),
        }
    }
}

impl EventTypes {
    fn check(&self, plan: &mut Plan) {
        let mut seen: Vec<&str> = Vec::new();
        for (name, types) in [("opened", &self.opened), ("message", &self.message), ("reply", &self.reply)] {
            plan.check(&format!("/events/{name}"), types.len(), 1..=LISTED_MAX, "types");
            for (number, event_type) in types.iter().enumerate() {
                let place = format!("/events/{name}/{number}");
                plan.check(&place, event_type.len(), 1..=TEXT_BYTES_MAX, "bytes");
                if seen.contains(&event_type.as_str()) {
                    let hint = "name each type once";
                    plan.refuse(Diagnostic::new(place, format!("`{event_type}` would say two things"), hint));
                }
                seen.push(event_type);
            }
        }
    }
}

fn place(at: &str, text: &str, plan: &mut Plan) -> Place {
    Place::parse(text).unwrap_or_else(|| {
        let hint = "use `subject`, or `data.` and at most 8 member names joined by dots";
        plan.refuse(Diagnostic::new(at, format!("`{text}` is no place in an event"), hint));
        Place::Subject
    })
}
