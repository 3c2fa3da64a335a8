//! What running one input yields: a value. Nothing of it has happened until somebody else commits it.

use super::outreach::{Published, Verdict};
use super::{EventRef, Op, Signal};

/// How an input ended. Everything but `Done` leaves no trace in the document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    Done,
    /// By the module (`inputs.refuse`, `bad_event`) or by a limit, schema or permission of the host. Never counts
    /// against the module.
    Refused {
        code: Box<str>,
        message: Box<str>,
    },
    Trapped {
        message: Box<str>,
    },
    OutOfFuel {
        limit: u64,
    },
}

/// Codes under which the host itself ends an input, besides the names of limits. A module may not refuse by them.
pub const HOST_CODES: [&str; 17] = [
    "done",
    "trap",
    "fuel",
    "no_key",
    "not_permitted",
    "match_schema",
    "unknown_match",
    "undeclared_attribute",
    "unknown_timer",
    "unknown_signal",
    "undeclared_verdict",
    "no_verdict",
    "no_handler",
    "not_in_filter",
    "bad_event_type",
    LATE,
    "not_subscribed",
];

/// The input came behind the watermark that its order waits for; also how a late `observe` is listed.
pub const LATE: &str = "late";

impl End {
    /// The code under which it is counted and listed.
    pub fn code(&self) -> &str {
        match self {
            End::Done => "done",
            End::Refused { code, .. } => code,
            End::Trapped { .. } => "trap",
            End::OutOfFuel { .. } => "fuel",
        }
    }

    /// The code as a metric's label: of the codes that modules choose there may be any number.
    pub fn label(&self) -> &str {
        let code = self.code();
        let known = code == "bad_event" || HOST_CODES.contains(&code) || super::Limits::is_name(code);
        if known { code } else { "refused" }
    }

    pub fn message(&self) -> String {
        match self {
            End::Done => String::new(),
            End::Refused { message, .. } | End::Trapped { message } => message.to_string(),
            End::OutOfFuel { limit } => format!("the input used up its fuel limit of {limit} units (`fuel_per_input`)"),
        }
    }

    /// Does it count against the module (and `on_error` decide)?
    pub fn is_fault(&self) -> bool {
        matches!(self, End::Trapped { .. } | End::OutOfFuel { .. })
    }
}

/// A named, typed fact about one person, with the events that made it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Match {
    /// Made from the deployment, the input's identity, the name and its number among the input's matches: a replay makes
    /// the same.
    pub id: u128,
    pub name: Box<str>,
    pub person: Box<str>,
    /// JSON object.
    pub fields: Box<str>,
    /// The input's own event and those of the windows that the module named, oldest first, each once.
    pub events: Vec<EventRef>,
    /// Ids of further events that the module named.
    pub also: Vec<Box<str>>,
    /// Repeats with the same key are one fact for whoever acts on them.
    pub once: Option<Box<str>>,
}

/// Fixed cost of a match or an event in it beside its texts.
const ITEM_BYTES: usize = 32;

impl Match {
    /// Upper bound of the encoded size, bytes.
    pub fn bytes(&self) -> usize {
        let events = self.events.iter().map(|event| ITEM_BYTES + event.source.len() + event.id.len());
        let also = self.also.iter().map(|id| ITEM_BYTES + id.len());
        let once = self.once.as_ref().map_or(0, |once| once.len());
        ITEM_BYTES + self.name.len() + self.person.len() + self.fields.len() + once + events.chain(also).sum::<usize>()
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    pub status: Box<str>,
    /// JSON text.
    pub body: Box<str>,
    pub retry: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogLine {
    pub level: &'static str,
    pub message: Box<str>,
}

/// The outcome of one input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InputOutcome {
    pub end: End,
    /// On the document of the input's key, in order.
    pub ops: Vec<Op>,
    pub matches: Vec<Match>,
    pub published: Vec<Published>,
    /// For keys of the same deployment, in the order in which they were sent.
    pub signals: Vec<Signal>,
    /// Of a filter; a part of the decision, not of this outcome's record.
    pub verdict: Option<Verdict>,
    pub reply: Option<Reply>,
    /// An `observe` found the input older than its window accepts.
    pub late: bool,
    /// Its event came beyond the dedup horizon: what it found may have been found before.
    pub undeduplicated: bool,
    /// For the log, not for the journal.
    pub logs: Vec<LogLine>,
}

impl InputOutcome {
    /// An input that ended without any effect.
    pub fn without_effects(end: End) -> InputOutcome {
        InputOutcome {
            end,
            ops: Vec::new(),
            matches: Vec::new(),
            published: Vec::new(),
            signals: Vec::new(),
            verdict: None,
            reply: None,
            late: false,
            undeduplicated: false,
            logs: Vec::new(),
        }
    }
}
