//! Why: a filter in a chain of its own: its verdicts, and how the deliveries that it let pass ended.

use serde_json::Value;

use super::event::at;
use super::host::Host;
use super::input::Input;
use crate::channel::is_channel;
use crate::filter::Judgement;
use crate::plan::is_name;
use crate::{Action, Filter, MessageClass, Refusal, Settlement, Settlements, Verdict, VerdictKind};

/// Bytes of a verdict's numbers, and of its context.
const TEXT_MAX: usize = 4_096;
/// Milliseconds: how long an [`action`] is worth something.
const WORTH_MS: u64 = 86_400_000;

/// A verdict as the host records it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Id of the action.
    pub id: String,
    /// Which verdict.
    pub kind: VerdictKind,
    /// Why; empty for `allow`.
    pub reason: String,
    /// Milliseconds since the Unix epoch; of `hold` only.
    pub until: Option<u64>,
    /// Of `downgrade` only.
    pub channel: Option<String>,
    /// What people see beside it.
    pub numbers: Value,
    /// What comes back with the settlement, if the filter wants one.
    pub context: Option<String>,
}

/// An action of the class `marketing` for a person at midnight, worth something for a day; without an id. Change what
/// matters: `Action { time: at("10:00:00"), ..action("ann") }`.
pub fn action(person: &str) -> Action {
    let time = at("00:00:00");
    Action {
        person: person.into(),
        id: String::new(),
        match_name: "test".into(),
        policy: "test".into(),
        message_class: MessageClass::Marketing,
        channel: "app".into(),
        scene: String::new(),
        business: "test".into(),
        time,
        expires: time + WORTH_MS,
        attempt: 1,
        fields: "{}".into(),
    }
}

impl<R: Filter> Host<R> {
    /// Asks the filter, in a chain whose other filters allow: what it writes is kept if it allows or downgrades. The
    /// action's id, unless it has one, is the number of the action, from 1.
    ///
    /// # Errors
    /// What the filter refuses, or `undeclared_verdict`; it is in `refusals` as well.
    ///
    /// # Panics
    /// If the verdict is none that the contract takes: the message says what is wrong with it.
    pub fn judge(&mut self, action: Action) -> Result<Judged, Refusal> {
        self.judge_in_chain(action, true)
    }

    /// Asks the filter, in a chain that a later filter ends: nothing that it writes is kept, and no settlement comes.
    ///
    /// # Errors
    /// As `judge`.
    ///
    /// # Panics
    /// As `judge`.
    pub fn judge_and_drop(&mut self, action: Action) -> Result<Judged, Refusal> {
        self.judge_in_chain(action, false)
    }

    fn judge_in_chain(&mut self, mut action: Action, others_allow: bool) -> Result<Judged, Refusal> {
        self.actions += 1;
        if action.id.is_empty() {
            action.id = format!("{:032x}", self.actions);
        }
        let declared = self.plan.verdicts().cloned().unwrap_or_default();
        let input = Input::Other { id: action.id.clone(), time: action.time, now: action.time, hops: 0 };
        let passes = |kind| others_allow && matches!(kind, VerdictKind::Allow | VerdictKind::Downgrade);
        let ask = |rule: &R, cx: &mut crate::Context<'_>| {
            let verdict = rule.judge(&action, cx)?;
            if !declared.contains(&verdict.kind()) {
                let message = format!("the plan has no verdict {:?}: add it to `plan.judges([..])`", verdict.kind());
                return Err(Refusal::new("undeclared_verdict", message));
            }
            Ok(judged(&action.id, verdict))
        };
        let judged = self.run(&action.person, action.time, input, |judged: &Judged| passes(judged.kind), ask)?;
        if let Some(context) = judged.context.clone().filter(|_| passes(judged.kind)) {
            self.unsettled.insert(action.id.clone(), (action.person, context));
        }
        Ok(judged)
    }
}

impl<R: Settlements> Host<R> {
    /// Tells the filter how the delivery of an action ended (`delivered`, `failed`, `expired` or `unknown`), at a time in
    /// milliseconds since the Unix epoch. Once for each kept verdict with a context.
    ///
    /// # Panics
    /// If no such verdict waits.
    pub fn settle(&mut self, id: &str, status: &str, time: u64) -> &mut Self {
        let waiting = self.unsettled.remove(id);
        let (key, context) = waiting.unwrap_or_else(|| panic!("no kept verdict about the action `{id}` has a context"));
        let settlement = Settlement {
            key,
            effect: "delivery".into(),
            id: id.into(),
            status: status.into(),
            context,
            answer: "{}".into(),
            time,
            state_version: R::STATE.writes,
        };
        let input = Input::Other { id: id.into(), time, now: time, hops: 0 };
        // A refusal is kept by `run`; there is nobody to answer.
        let _ = self.run(&settlement.key, time, input, |()| true, |rule, cx| rule.on_settlement(&settlement, cx));
        self
    }
}

fn judged(id: &str, verdict: Verdict) -> Judged {
    let kind = verdict.kind();
    let (reason, until, channel) = match verdict.judgement {
        Judgement::Allow => (String::new(), None, None),
        Judgement::Deny { reason } => (reason.into_owned(), None, None),
        Judgement::Hold { until, reason } => (reason.into_owned(), Some(until), None),
        Judgement::Downgrade { channel, reason } => (reason.into_owned(), None, Some(channel)),
    };
    assert!(kind == VerdictKind::Allow || is_name(&reason), "`{reason}` is no reason: lower-case words joined by `_`");
    let other = channel.as_ref().filter(|channel| !is_channel(channel));
    assert_eq!(other, None, "there is no such channel: use `app`, `log` or `slot:` and a name");
    let numbers: Value = serde_json::from_str(&verdict.numbers).expect("numbers are JSON");
    assert!(numbers.is_object(), "numbers are an object, not {numbers}");
    assert!(verdict.numbers.len() <= TEXT_MAX, "numbers have {} bytes, at most {TEXT_MAX}", verdict.numbers.len());
    let context = verdict.context.filter(|_| matches!(kind, VerdictKind::Allow | VerdictKind::Downgrade));
    let bytes = context.as_ref().map_or(0, String::len);
    assert!(bytes <= TEXT_MAX, "the context has {bytes} bytes, at most {TEXT_MAX}");
    Judged { id: id.into(), kind, reason, until, channel, numbers, context }
}
