//! What the rules must have found: plain Rust over plain facts, slow and obvious, one deployment after the other.
//!
//! What it takes for granted, by the decision that says so:
//! - each deployment meets facts in the order of their positions, from behind its start up to its retirement; pauses,
//!   crashes and workers change nothing of that (1, 21, 27);
//! - a revision begins at its own position (21); a refused or trapped input leaves no trace but that its timer is gone (18);
//! - a timer fires at the first tick behind the input that set it whose clock has reached it, in the order of (time, key,
//!   name) (1, 13); what waits for the order of time likewise, and may set a timer that the same tick fires (11);
//! - what comes with a time below the watermark of the last tick is late (11, 12);
//! - windows: `risk` (13, 14); values expire by the input's own time (13);
//! - of matches under one `once` the first is acted upon (28).
//!
//! Effects of signals and derived events commute, because their place depends on batches (see `facts`).
//!
//! - `risk`: `c2c-blacklist`; `herald`: the guest of that name; `ticks`: which clocks a tick must show

mod herald;
mod risk;
pub mod ticks;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::facts::{Fact, Given, What};
use herald::Herald;
use risk::Risk;

/// What a (deployment, key) remembers.
#[derive(Clone, Default, Debug, PartialEq)]
pub struct Memory {
    pub values: BTreeMap<String, (Vec<u8>, Option<u64>)>,
    pub timers: BTreeMap<String, Timer>,
    pub entries: Vec<Entry>,
    /// Greatest min(time, received) that the window has seen.
    pub window_clock: u64,
    /// Greatest time of an input that has changed something.
    pub clock: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Timer {
    pub by_watermark: bool,
    pub due: u64,
    pub context: String,
    set_at: u64,
    /// It is an event that waits for its order.
    waiting: Option<Waiting>,
}

#[derive(Clone, Debug, PartialEq)]
struct Waiting {
    at: u64,
    data: String,
}

/// What one `observe` added.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub time: u64,
    pub at: u64,
    pub member: String,
}

/// What a rule asks for beside what it remembers.
#[derive(Default)]
struct Effects {
    /// Name, person, fields, `once`.
    matches: Vec<(String, String, Value, Option<String>)>,
    /// Key and payload.
    signals: Vec<(String, Value)>,
    /// Type and actor.
    published: Vec<(String, String)>,
}

/// The code of an input that came to nothing.
type Refused = &'static str;

enum Rule {
    Risk(Risk),
    Herald(Herald),
    /// Decides nothing by events: a filter.
    Silent,
}

impl Rule {
    fn new(module: &str, configuration: &Value) -> Rule {
        match module {
            "c2c-blacklist" => Rule::Risk(Risk::new(configuration)),
            "herald" => Rule::Herald(Herald::new(configuration)),
            _ => Rule::Silent,
        }
    }
}

/// One deployment on its way through the facts.
pub struct Deployment {
    name: String,
    rule: Rule,
    revision: u32,
    pub keys: BTreeMap<String, Memory>,
    watermark: u64,
    /// Whatever it waits for stays as it is.
    pub retired: bool,
}

/// What must have come of the facts.
#[derive(Default)]
pub struct Expected {
    pub handled: Vec<String>,
    pub said: Vec<String>,
    pub deployments: BTreeMap<String, Deployment>,
    /// Deployment, match, person, `once`.
    found: Vec<(String, String, String, Option<String>)>,
}

impl Expected {
    pub fn of(facts: &[Fact]) -> Expected {
        let mut expected = Expected::default();
        for fact in facts {
            if let What::Revised { deployment, module, revision: 1, configuration, behind } = &fact.what {
                let rule = Rule::new(module, configuration);
                let fresh = Deployment {
                    name: deployment.clone(),
                    rule,
                    revision: 1,
                    keys: BTreeMap::new(),
                    watermark: 0,
                    retired: false,
                };
                expected.run(fresh, facts.iter().filter(|fact| fact.at > *behind));
            }
        }
        expected
    }

    fn run<'a>(&mut self, mut deployment: Deployment, facts: impl Iterator<Item = &'a Fact>) {
        for fact in facts {
            match &fact.what {
                What::Retired { deployment: name } if *name == deployment.name => {
                    deployment.retired = true;
                    break;
                }
                What::Revised { deployment: name, module, revision, configuration, .. }
                    if *name == deployment.name && *revision > 1 =>
                {
                    (deployment.rule, deployment.revision) = (Rule::new(module, configuration), *revision);
                }
                What::Event(given) => deployment.event(fact.at, given, self),
                What::Tick { now, watermark } => deployment.tick(fact.at, *now, *watermark, self),
                What::Word { deployment: name, key, payload, time } if *name == deployment.name => {
                    deployment.signal(fact.at, key, payload, *time, self);
                }
                What::Published { kind, actor, time } => deployment.published(fact.at, kind, actor, *time, self),
                _ => {}
            }
        }
        self.deployments.insert(deployment.name.clone(), deployment);
    }

    /// What must have been done about the matches, by the policies that `generate` begins with.
    pub fn done(&self) -> Vec<String> {
        let (mut seen, mut done) = (BTreeSet::new(), Vec::new());
        for (deployment, name, person, once) in &self.found {
            let acts = ["offer", "news", "alarm"].contains(&&**name);
            let repeated = acts && once.is_some() && !seen.insert((deployment, name, person, once));
            let mut line = |what: &str| done.push(format!("{person} {name} {what}"));
            match &**name {
                "offer" if repeated => line("repeated"),
                "offer" if person == "flo" => line("denied"),
                "offer" => ["sent", "delivered"].into_iter().for_each(line),
                "news" if !repeated => line("tagged"),
                "alarm" if !repeated => line("published"),
                "news" | "alarm" => {}
                _ => line("no_route"),
            }
        }
        done
    }
}

impl Deployment {
    fn event(&mut self, at: u64, given: &Given, expected: &mut Expected) {
        let Some(key) = self.routed(given) else { return };
        let place = format!("{at} event");
        if key.is_empty() {
            return self.end(&place, "", Err("no_key"), expected);
        }
        if let Rule::Herald(Herald { ordered: true, .. }) = self.rule {
            return self.keep(at, key, given, expected);
        }
        self.handle(&place, key, given.time, expected, |rule, memory, effects| match rule {
            Rule::Risk(risk) => risk.event(at, given, memory, effects),
            Rule::Herald(herald) => herald.event(&given.data, key, given.time, (at, at), memory, effects),
            Rule::Silent => Ok(()),
        });
    }

    /// The key, if the event is for it.
    fn routed<'a>(&self, given: &'a Given) -> Option<&'a str> {
        match &self.rule {
            Rule::Risk(_) => ["blacklist", "unblacklist"].contains(&&*given.kind).then_some(&given.subject),
            Rule::Herald(herald) => (herald.hears == given.kind).then_some(&given.actor),
            Rule::Silent => None,
        }
    }

    fn keep(&mut self, at: u64, key: &str, given: &Given, expected: &mut Expected) {
        if given.time < self.watermark {
            return self.end(&format!("{at} event"), key, Err("late"), expected);
        }
        let waiting = Some(Waiting { at, data: given.data.clone() });
        let timer = Timer { by_watermark: true, due: given.time, context: String::new(), set_at: at, waiting };
        self.keys.entry(key.to_owned()).or_default().timers.insert(format!("~event/{at:016x}/0000"), timer);
        self.end(&format!("{at} kept"), key, Ok(Effects::default()), expected);
    }

    fn published(&mut self, at: u64, kind: &str, actor: &str, time: u64, expected: &mut Expected) {
        if matches!(&self.rule, Rule::Herald(herald) if herald.again && kind == herald::AGAIN) {
            self.handle(&format!("{at} event"), actor, time, expected, |_, _, effects| {
                herald::find("again", actor, 0, None, effects)
            });
        }
    }

    fn signal(&mut self, at: u64, key: &str, payload: &Value, time: u64, expected: &mut Expected) {
        self.handle(&format!("{at} signal"), key, time, expected, |rule, memory, effects| match rule {
            Rule::Herald(herald) => herald.signal(payload, key, time, at, memory, effects),
            _ => Ok(()),
        });
    }

    fn tick(&mut self, at: u64, now: u64, watermark: u64, expected: &mut Expected) {
        let reached =
            |timer: &Timer| timer.set_at < at && timer.due <= if timer.by_watermark { watermark } else { now };
        loop {
            let due = self.keys.iter().flat_map(|(key, memory)| memory.timers.iter().map(move |timer| (key, timer)));
            let due = due.filter(|(_, (_, timer))| reached(timer));
            let Some((key, (name, timer))) = due.min_by_key(|(key, (name, timer))| (timer.due, *key, *name)) else {
                self.watermark = watermark;
                return;
            };
            let (key, name, timer) = (key.clone(), name.clone(), timer.clone());
            self.fire(at, &key, &name, &timer, if timer.by_watermark { watermark } else { now }, expected);
        }
    }

    fn fire(&mut self, at: u64, key: &str, name: &str, timer: &Timer, now: u64, expected: &mut Expected) {
        let memory = self.keys.get_mut(key).expect("its timer is due");
        memory.timers.remove(name);
        memory.clock = memory.clock.max(timer.due);
        let place = match &timer.waiting {
            Some(waiting) => format!("{at} handed-over {}", waiting.at),
            None => format!("{at} timer {name}"),
        };
        self.handle(&place, key, timer.due, expected, |rule, memory, effects| match (rule, &timer.waiting) {
            (Rule::Herald(herald), Some(waiting)) => {
                herald.event(&waiting.data, key, timer.due, (at, waiting.at), memory, effects)
            }
            (Rule::Herald(herald), None) => herald.timer(&timer.context, key, (timer.due, now), at, memory, effects),
            _ => Ok(()),
        });
    }

    /// Runs the rule on a copy of what is remembered; a refusal leaves what was.
    fn handle(
        &mut self,
        place: &str,
        key: &str,
        time: u64,
        expected: &mut Expected,
        run: impl FnOnce(&Rule, &mut Memory, &mut Effects) -> Result<(), Refused>,
    ) {
        let before = self.keys.get(key).cloned().unwrap_or_default();
        let (mut after, mut effects) = (before.clone(), Effects::default());
        let ran = run(&self.rule, &mut after, &mut effects);
        if ran.is_ok() && after != before {
            after.clock = after.clock.max(time);
            self.keys.insert(key.to_owned(), after);
        }
        self.end(place, key, ran.map(|()| effects), expected);
    }

    fn end(&self, place: &str, key: &str, ran: Result<Effects, Refused>, expected: &mut Expected) {
        let place = format!("{}@{} {place} key={key}", self.name, self.revision);
        let Effects { matches, signals, published } = match ran {
            Ok(effects) => effects,
            Err(code) => return expected.handled.push(format!("{place} {code}")),
        };
        expected.handled.push(format!("{place} done"));
        for (name, person, fields, once) in matches {
            expected.handled.push(format!("{place} match {name} person={person} {fields} once={once:?}"));
            expected.found.push((self.name.clone(), name, person, once));
        }
        expected.said.extend(signals.iter().map(|(to, payload)| format!("{place} signal to={to} {payload}")));
        expected.said.extend(published.iter().map(|(kind, actor)| format!("{place} published {kind} actor={actor}")));
    }

    /// What the query `window` must answer about a key, at a time unless it has seen a later one.
    pub fn window(&self, key: &str, now: u64) -> Option<Vec<String>> {
        let Rule::Risk(risk) = &self.rule else { return None };
        let memory = self.keys.get(key).cloned().unwrap_or_default();
        Some(risk.ending(&memory, memory.clock.max(now)))
    }
}
