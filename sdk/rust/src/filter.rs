//! Why: what a filter is asked and what it answers: an action that is on its way to a person, and a verdict.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Refusal;
use crate::event::json_text;

/// An action that is on its way to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Whom it is for; windows and values belong to it.
    pub person: String,
    /// Stable over releases, retries and replays: 32 hexadecimal digits.
    pub id: String,
    /// Name of the match that led to it.
    pub match_name: String,
    /// Id of the policy that asks.
    pub policy: String,
    /// How much the person depends on it.
    pub message_class: MessageClass,
    /// Where it will go; an earlier filter may have changed it.
    pub channel: String,
    /// The policy's place in the app; may be empty.
    pub scene: String,
    /// Whose action it is. A filter of the platform sees those of every business.
    pub business: String,
    /// Milliseconds since the Unix epoch, receive clock: the time of this input.
    pub time: u64,
    /// Milliseconds since the Unix epoch: when the action is worth nothing any more.
    pub expires: u64,
    /// 1 the first time; more when a hold is released, a delivery is tried again, or what waited is looked at again.
    pub attempt: u32,
    /// The match's fields, a JSON object.
    pub fields: String,
}

impl Action {
    /// The match's fields as a type.
    ///
    /// # Errors
    /// `bad_event` with serde's message if they do not fit.
    pub fn fields<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Refusal> {
        serde_json::from_str(&self.fields).map_err(|error| Refusal::bad_event(format!("fields: {error}")))
    }
}

/// How much a person depends on a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageClass {
    /// Safety and account: must reach everybody.
    Critical,
    /// About what the person has done: an order, a payment.
    Transactional,
    /// Everything else.
    Marketing,
}

impl MessageClass {
    /// As in the contract: `critical`, `transactional`, `marketing`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Transactional => "transactional",
            Self::Marketing => "marketing",
        }
    }

    /// Reads the contract's text; a later host may know more classes than this module.
    #[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "called by the exports, and by the tests"))]
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        let classes = [Self::Critical, Self::Transactional, Self::Marketing];
        let unknown = || Refusal::bad_event(format!("this module knows no message class `{text}`"));
        classes.into_iter().find(|class| class.as_str() == text).ok_or_else(unknown)
    }
}

/// The kinds of verdicts, for `plan.judges([..])`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictKind {
    /// It may pass.
    Allow,
    /// It may not.
    Deny,
    /// Not now.
    Hold,
    /// It may, by another channel.
    Downgrade,
}

/// What a filter says about an action.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a verdict is what `judge` answers"]
pub struct Verdict {
    pub(crate) judgement: Judgement,
    pub(crate) numbers: String,
    pub(crate) context: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Judgement {
    Allow,
    Deny { reason: Cow<'static, str> },
    Hold { until: u64, reason: Cow<'static, str> },
    Downgrade { channel: String, reason: Cow<'static, str> },
}

impl Verdict {
    /// The action may pass.
    pub fn allow() -> Self {
        Self::new(Judgement::Allow)
    }

    /// The action may not pass. `reason`: lower-case words joined by `_`, at most 64 bytes.
    pub fn deny(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Judgement::Deny { reason: reason.into() })
    }

    /// Not now: the whole chain runs again at `until_ms` (milliseconds since the Unix epoch, receive clock). A time that
    /// has passed releases at the next tick.
    pub fn hold(until_ms: u64, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Judgement::Hold { until: until_ms, reason: reason.into() })
    }

    /// The action may pass by another channel, with which the chain goes on: `app`, `log`, or `slot:` and a name. Any other is
    /// a trap; check one that an operator names with `Plan::check_channel`.
    pub fn downgrade(channel: impl Into<String>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Judgement::Downgrade { channel: channel.into(), reason: reason.into() })
    }

    /// What people see beside the verdict: an object of at most 4 KiB of JSON. What was counted, against which cap, when
    /// it would pass. `{}` if nothing is said.
    ///
    /// # Panics
    /// If the numbers cannot be written as JSON (a map whose keys are no strings): a mistake in the module.
    pub fn numbers<T: Serialize>(mut self, numbers: &T) -> Self {
        self.numbers = json_text(numbers);
        self
    }

    /// Asks for the end of the delivery (`Settlements::on_settlement`), with a context of at most 4 KiB that comes back.
    /// Means nothing for `deny` and `hold`, which deliver nothing.
    pub fn settle(mut self, context: impl Into<String>) -> Self {
        self.context = Some(context.into());
        self
    }

    /// Which one it is.
    pub fn kind(&self) -> VerdictKind {
        match self.judgement {
            Judgement::Allow => VerdictKind::Allow,
            Judgement::Deny { .. } => VerdictKind::Deny,
            Judgement::Hold { .. } => VerdictKind::Hold,
            Judgement::Downgrade { .. } => VerdictKind::Downgrade,
        }
    }

    fn new(judgement: Judgement) -> Self {
        Self { judgement, numbers: "{}".to_owned(), context: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_of_a_later_host_is_refused() {
        assert_eq!(MessageClass::parse("transactional"), Ok(MessageClass::Transactional));
        let refusal = MessageClass::parse("Marketing").expect_err("it is none");
        assert_eq!(refusal, Refusal::bad_event("this module knows no message class `Marketing`"));
    }
}
