//! The text form of a scenario.
//!
//! - `event`: what goes into the host; `outreach`: what is done about matches; `time`: times and lengths of time

mod captured;
mod event;
mod outreach;
mod time;

pub use captured::{Captured, quoted};
pub use event::{DeployStep, EventStep, Target};
pub use time::{EPOCH, format_time, rfc3339};

use crate::channels::ScriptedEnd;
use crate::model::Limits;
use crate::model::outreach::{ChainPart, Policy};
use crate::outreach::EntryRequest;

/// The business that scenarios play in.
pub const BUSINESS: &str = "scenario";

#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Everything above the `---`, as written.
    pub input: String,
    pub steps: Vec<(usize, Step)>,
    /// Lines below the `---`.
    pub expected: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Creates a deployment or activates its next revision.
    Deploy(DeployStep),
    /// A revision that handles what the paused shards have not.
    Repair(DeployStep),
    /// What an operator does to a deployment.
    Operate {
        deed: Deed,
        target: Target,
    },
    Event(Box<EventStep>),
    /// What has failed is handled once more.
    Resend {
        target: Target,
        what: Resent,
    },
    Query {
        target: Target,
        query: String,
        key: String,
        /// JSON text.
        parameters: String,
    },
    /// Time passes.
    Advance(Advance),
    Policy {
        id: String,
        /// As recorded; else the next one.
        revision: Option<u32>,
        change: PolicyChange,
    },
    Chain {
        part: ChainPart,
        revision: Option<u32>,
        entries: Vec<EntryRequest>,
    },
    /// What a person or the person's app does.
    Person {
        user: String,
        act: PersonAct,
    },
    /// How the channel `log` ends from now on.
    Channel {
        end: ScriptedEnd,
    },
    /// What the chain would say now of the newest action about a match.
    WhatIf {
        user: String,
        match_name: String,
    },
    /// Closes the host without a checkpoint and opens it again.
    Restart,
    /// Brings all documents to the store.
    Checkpoint,
    /// What `fishpond capture` writes.
    Captured(Captured),
}

/// What is done to a policy.
#[derive(Debug, Clone, PartialEq)]
pub enum PolicyChange {
    Set(Box<Policy>),
    /// The HTTP API would refuse it, so the run says so.
    Refused(String),
    Remove,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    Pause,
    Resume,
    Rollback,
    Retire,
    /// It reads nothing until it is let go.
    HoldBack,
    LetGo,
}

/// Which failed inputs of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resent {
    /// By the event's id.
    Event(String),
    All {
        code: Option<String>,
    },
}

/// Milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advance {
    By(u64),
    /// Since the Unix epoch.
    To(u64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersonAct {
    /// Opens the stream of actions.
    Connect,
    Disconnect,
    /// By the action's number in the inbox.
    Acknowledge(u64),
    /// Asks for what a place in the app shows.
    Slot(String),
    Inbox,
    Tags,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct ParseError {
    pub line: usize,
    pub message: String,
}

impl Scenario {
    pub fn parse(text: &str) -> Result<Scenario, ParseError> {
        let mut scenario = Scenario { input: String::new(), steps: Vec::new(), expected: Vec::new() };
        let mut lines = text.lines().enumerate();
        let mut events = 0;
        for (index, line) in lines.by_ref() {
            if line.trim_end() == "---" {
                break;
            }
            scenario.input.push_str(line);
            scenario.input.push('\n');
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            let step = parse_step(trimmed, &mut events).map_err(|message| ParseError { line: index + 1, message })?;
            scenario.steps.push((index + 1, step));
        }
        scenario.expected = lines.map(|(_, line)| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect();
        Ok(scenario)
    }

    /// The file with another expected part.
    pub fn with_expected(&self, expected: &[String]) -> String {
        let mut text = format!("{}---\n", self.input);
        expected.iter().for_each(|line| {
            text.push_str(line);
            text.push('\n');
        });
        text
    }

    /// The key that it was captured of.
    pub fn captured_key(&self) -> Option<&str> {
        self.captured().find_map(|step| if let Captured::Only(key) = step { Some(&**key) } else { None })
    }

    /// Bounds that it says, over those of scenarios.
    pub fn limits(&self, mut limits: Limits) -> Limits {
        for step in self.captured() {
            if let Captured::Limit { name, value } = step
                && let Some(limit) = limits.get_mut(name)
            {
                *limit = *value;
            }
        }
        limits
    }

    fn captured(&self) -> impl Iterator<Item = &Captured> {
        self.steps.iter().filter_map(|(_, step)| if let Step::Captured(step) = step { Some(step) } else { None })
    }

    /// Names of the modules that it deploys.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|(_, step)| match step {
            Step::Deploy(deploy) | Step::Repair(deploy) => Some(&*deploy.module),
            _ => None,
        })
    }
}

fn parse_step(line: &str, events: &mut u64) -> Result<Step, String> {
    let (verb, rest) = split(line);
    if let Some(step) = captured::parse(verb, rest) {
        return step;
    }
    match verb {
        "deploy" => event::deploy(verb, rest).map(Step::Deploy),
        "repair" => event::deploy(verb, rest).map(Step::Repair),
        "event" | "queue" => {
            *events += 1;
            let event = event::event(rest, *events)?;
            Ok(Step::Event(Box::new(EventStep { queued: verb == "queue", ..event })))
        }
        "resend" => event::resend(rest),
        "query" => event::query(rest),
        "pause" => operate(Deed::Pause, rest),
        "resume" => operate(Deed::Resume, rest),
        "rollback" => operate(Deed::Rollback, rest),
        "retire" => operate(Deed::Retire, rest),
        "hold-back" => operate(Deed::HoldBack, rest),
        "let-go" => operate(Deed::LetGo, rest),
        "advance" => advance(rest),
        "policy" => outreach::policy(rest),
        "chain" => outreach::chain(rest),
        "channel" => outreach::channel(rest),
        "what-if" => outreach::what_if(rest),
        "connect" => person(rest, |_| Ok(PersonAct::Connect)),
        "disconnect" => person(rest, |_| Ok(PersonAct::Disconnect)),
        "ack" => person(rest, acknowledge),
        "slot" => person(rest, |rest| one_word(rest, "expected: slot USER SLOT").map(PersonAct::Slot)),
        "inbox" => person(rest, |_| Ok(PersonAct::Inbox)),
        "tags" => person(rest, |_| Ok(PersonAct::Tags)),
        "restart" => Ok(Step::Restart),
        "checkpoint" => Ok(Step::Checkpoint),
        other => Err(format!(
            "`{other}` is no step: use deploy, repair, pause, resume, rollback, retire, hold-back or let-go for \
             deployments; event, resend, query or advance; policy, chain, channel or what-if; connect, disconnect, ack, slot, \
             inbox or tags for persons; restart or checkpoint; \
             capture, business, limit, document, tick, report, present or absent in what was captured"
        )),
    }
}

/// The first word and what follows it.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_once(char::is_whitespace).map_or((text, ""), |(word, rest)| (word, rest.trim_start()))
}

fn one_word(rest: &str, usage: &str) -> Result<String, String> {
    let (word, more) = split(rest);
    if word.is_empty() || !more.is_empty() { Err(usage.to_owned()) } else { Ok(word.to_owned()) }
}

fn operate(deed: Deed, rest: &str) -> Result<Step, String> {
    let name = one_word(rest, "expected the name of a deployment, and nothing more")?;
    Ok(Step::Operate { deed, target: Target::parse(&name) })
}

fn advance(rest: &str) -> Result<Step, String> {
    let usage = "expected: advance 1h30m, or advance to 10:00:00";
    let (first, more) = split(rest);
    match (first, more) {
        ("", _) => Err(usage.to_owned()),
        ("to", time) => time::parse_time(&one_word(time, usage)?).map(|time| Step::Advance(Advance::To(time))),
        (length, "") => time::parse_length(length).map(|length| Step::Advance(Advance::By(length))),
        _ => Err(usage.to_owned()),
    }
}

/// A step about one person; `act` reads what follows the name.
fn person(rest: &str, act: impl FnOnce(&str) -> Result<PersonAct, String>) -> Result<Step, String> {
    let (user, more) = split(rest);
    if user.is_empty() {
        return Err("expected the name of a person".to_owned());
    }
    let act = act(more)?;
    let alone = !matches!(act, PersonAct::Acknowledge(_) | PersonAct::Slot(_));
    if alone && !more.is_empty() {
        return Err(format!("expected the name of a person, and nothing more: `{more}` means nothing"));
    }
    Ok(Step::Person { user: user.to_owned(), act })
}

fn acknowledge(rest: &str) -> Result<PersonAct, String> {
    let usage = "expected: ack USER #NUMBER, as the stream shows it";
    let word = one_word(rest, usage)?;
    let number = word.strip_prefix('#').and_then(|number| number.parse().ok());
    number.map(PersonAct::Acknowledge).ok_or_else(|| usage.to_owned())
}

fn json_or(text: &str, default: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(default.to_owned());
    }
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| format!("not JSON: {error}"))?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outreach::{Act, Channel, Class, Fail, Offline};

    fn only(line: &str) -> Step {
        let mut scenario = Scenario::parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        scenario.steps.remove(0).1
    }

    #[test]
    fn a_scenario_is_read_and_written_back() {
        let text =
            "# title\ndeploy r = m {\"a\":1}\nevent 10:00:00.5 visit actor=a zone=x {\"b\":2}\nquery r q k\n---\nout\n";
        let scenario = Scenario::parse(text).expect("a scenario");
        assert_eq!(scenario.steps.len(), 3);
        assert_eq!(scenario.expected, ["out"]);
        let Step::Event(event) = &scenario.steps[1].1 else { panic!("an event") };
        assert_eq!((event.id.as_str(), event.actor.as_str(), event.data.as_str()), ("1", "a", "{\"b\":2}"));
        assert_eq!(event.extensions["zone"], "x");
        assert_eq!(scenario.modules().collect::<Vec<_>>(), ["m"]);
        assert_eq!(scenario.with_expected(&scenario.expected), text);
    }

    #[test]
    fn a_policy_is_the_body_of_the_api_with_times_of_the_scenario() {
        let text = r#"policy p {"match": "seen", "priority": 2, "valid_until": "10:00:00", "message":
            {"class": "critical", "channel": "app", "content": {"b": 1, "a": 2}, "lasts_s": 60, "offline": {"fallback": "log"}}}"#;
        let Step::Policy { id, change: PolicyChange::Set(policy), .. } = only(&text.replace('\n', " ")) else {
            panic!("a policy")
        };
        assert_eq!((&*id, &*policy.match_name, policy.priority, policy.enabled), ("p", "seen", 2, true));
        assert_eq!(policy.valid_until, Some(time::parse_time("10:00:00").expect("a time")));
        let Act::Message(message) = policy.act else { panic!("a message") };
        assert_eq!((message.class, message.channel), (Class::Critical, Channel::App));
        assert_eq!((&*message.content, message.lasts_ms), (r#"{"b": 1, "a": 2}"#, 60_000));
        assert_eq!(message.offline, Offline::Fallback(Channel::Log));
        assert_eq!(
            only("policy p remove"),
            Step::Policy { id: "p".to_owned(), revision: None, change: PolicyChange::Remove }
        );
    }

    #[test]
    fn a_chain_says_its_part_and_of_each_filter_what_differs() {
        let Step::Chain { part, entries, .. } = only("chain policy=p lists:open:final caps:marketing,critical") else {
            panic!("a chain")
        };
        assert_eq!(part, ChainPart::Policy("p".into()));
        assert_eq!((entries[0].on_error, entries[0].allow_final, entries[0].classes.len()), (Fail::Open, true, 0));
        assert_eq!((entries[1].on_error, entries[1].allow_final), (Fail::Closed, false));
        assert_eq!(entries[1].classes, [Class::Marketing, Class::Critical]);
        assert_eq!(only("chain"), Step::Chain { part: ChainPart::Business, revision: None, entries: Vec::new() });
        assert_eq!(
            only("chain platform"),
            Step::Chain { part: ChainPart::Platform, revision: None, entries: Vec::new() }
        );
    }

    #[test]
    fn deployments_of_the_platform_are_named_with_it() {
        let Step::Operate { deed: Deed::HoldBack, target } = only("hold-back platform/lists") else { panic!("a deed") };
        assert_eq!((target.business, &*target.name, &*target.to_string()), ("platform", "lists", "platform/lists"));
    }

    #[test]
    fn errors_name_their_line() {
        for (text, word) in [
            ("deploy r m", "expected: deploy"),
            ("repair r m", "expected: repair"),
            ("event 25:00:00 visit", "is no time"),
            ("event 10:00:00 visit actor", "neither"),
            ("event 10:00:00 visit {\"a\"", "not JSON"),
            ("wait 5", "is no step"),
            ("resend r", "expected: resend"),
            ("resend r e1", "expected: resend"),
            ("pause a b", "nothing more"),
            ("advance", "expected: advance"),
            ("advance soon", "is no length"),
            ("advance to noon", "is no time"),
            ("policy p", "expected: policy"),
            ("policy p {\"match\": \"m\", \"publish\": {\"type\": \"t\"}, \"valid_from\": \"soon\"}", "is no time"),
            ("policy p {\"match\": \"m\", \"wrong\": 1}", "unknown field"),
            ("chain policy=", "expected: chain"),
            ("chain lists:softly", "`softly`"),
            ("chain :open", "names no filter"),
            ("channel app = fail", "only the channel log"),
            ("channel log fail", "expected: channel"),
            ("channel log = maybe", "cannot end"),
            ("connect", "name of a person"),
            ("connect ann now", "means nothing"),
            ("ack ann 7", "expected: ack"),
            ("slot ann", "expected: slot"),
            ("limit nothing = 1", "no limit `nothing`"),
            ("document r", "expected: document"),
            ("tick 10:00:00", "expected: tick"),
            ("report 10:00:00 ann acknowledged", "32 hexadecimal digits"),
            ("what-if ann", "expected: what-if"),
        ] {
            let error = Scenario::parse(&format!("\n{text}\n")).expect_err(text);
            assert_eq!(error.line, 2);
            assert!(error.message.contains(word), "{error}");
        }
    }
}
