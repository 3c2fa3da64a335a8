//! What a seed does to a host: lines of a scenario, and what a scenario cannot do.

use std::fmt;

use fastrand::Rng;

pub const PEOPLE: [&str; 7] = ["abe", "bea", "carl", "cora", "dan", "eve", "flo"];

/// 2026-01-01T00:00:00Z, the day of scenarios, milliseconds.
const DAY: u64 = 1_767_225_600_000;

const MINUTE: u64 = 60_000;

/// One step. Each stands for itself, so that any of them may be left out.
#[derive(Clone, Debug)]
pub enum Action {
    /// Of a scenario.
    Line(String),
    /// `queued`: its producer has not heard of it before the next step.
    Send { event: Sent, queued: bool },
    /// A deployment that begins with the first event.
    FromEarliest { name: String, module: &'static str, configuration: &'static str },
    /// A question about who is in `risk`'s window; not while it stands still.
    Ask { key: &'static str },
    /// The process ends at once; what is durable of the frames that nobody was told of is up to so many thousandths. Then
    /// there are so many workers, and producers send again what they have not heard of.
    Crash { thousandths: u64, workers: u64 },
    /// An orderly end, everything in the store.
    Stop { workers: u64 },
}

/// An event as a producer sends it. Times are milliseconds of the day.
#[derive(Clone, Debug)]
pub struct Sent {
    pub source: &'static str,
    pub id: String,
    pub received: u64,
    time: Option<u64>,
    kind: &'static str,
    attributes: String,
    data: String,
}

impl Sent {
    /// An event of the type `herald` or `other` with the time of its receipt.
    pub fn new(id: &str, received: u64, kind: &'static str, actor: &str, data: &str) -> Sent {
        let (attributes, data) = (format!(" actor={actor}"), data.to_owned());
        Sent { source: "shop", id: id.to_owned(), received, time: Some(received), kind, attributes, data }
    }

    /// What a producer must not change when it sends it again.
    pub fn content(&self) -> String {
        format!("{} {} {}", self.kind, self.attributes, self.data)
    }

    pub fn line(&self, received: u64, queued: bool) -> String {
        let verb = if queued { "queue" } else { "event" };
        let time = self.time.map_or("-".to_owned(), clock);
        let Sent { source, id, kind, attributes, data, .. } = self;
        format!("{verb} {time} {kind} id={id} source={source} received={}{attributes} {data}", clock(received))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Line(line) => f.write_str(line),
            Action::Send { event, queued } => f.write_str(&event.line(event.received, *queued)),
            other => write!(f, "# {other:?}"),
        }
    }
}

pub fn clock(ms: u64) -> String {
    let (seconds, rest) = (ms / 1_000, ms % 1_000);
    format!("{:02}:{:02}:{:02}.{rest:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// Rules, policies and the chain that every run begins with.
const BEGIN: [&str; 10] = [
    "deploy risk = c2c-blacklist {}",
    "deploy tell = herald {}",
    r#"deploy hear = herald {"hears": "other"}"#,
    r#"deploy sorted = herald {"ordered": true, "event_clock": true}"#,
    r#"deploy strict = herald on_error=pause {"hears": "other", "again": false}"#,
    r#"deploy names = lists {"block": ["flo"]}"#,
    r#"policy say {"match": "offer", "message": {"class": "transactional", "channel": "log", "content": {"text": "hi"}}}"#,
    r#"policy mark {"match": "news", "tag": {"name": "seen"}}"#,
    r#"policy pass {"match": "alarm", "publish": {"type": "herald.again"}}"#,
    "chain names:closed",
];

/// What gets past a trap that has stopped `strict`, and back.
const MEND: [&str; 3] = [
    r#"deploy strict = herald on_error=skip {"hears": "other", "again": false}"#,
    "resume strict",
    r#"deploy strict = herald on_error=pause {"hears": "other", "again": false}"#,
];

/// Whom operators stop now and then.
const STOPPED: [&str; 4] = ["risk", "tell", "hear", "sorted"];

/// Steps with which every run begins, and ends.
pub const FIRST: usize = BEGIN.len();
pub const LAST: usize = STOPPED.len() + 2 + 2;

/// The steps of a seed.
pub fn steps(seed: u64, count: usize) -> Vec<Action> {
    let rng = Rng::with_seed(seed);
    let mut generator =
        Generator { rng, now: 36_000_000, number: 0, sent: Vec::new(), extras: Vec::new(), steps: Vec::new() };
    BEGIN.iter().for_each(|step| generator.line(*step));
    (0..count).for_each(|_| generator.one());
    generator.end();
    generator.steps
}

struct Generator {
    rng: Rng,
    /// Milliseconds of the day.
    now: u64,
    number: u64,
    sent: Vec<Sent>,
    /// Deployments that were made on the way.
    extras: Vec<String>,
    steps: Vec<Action>,
}

impl Generator {
    fn line(&mut self, line: impl Into<String>) {
        self.steps.push(Action::Line(line.into()));
    }

    fn one(&mut self) {
        match self.rng.u8(..100) {
            0..58 => self.event(),
            58..63 => self.again(),
            63..65 => self.reuse(),
            65..75 => self.advance(),
            75..80 => self.stop_or_go(),
            80..83 => self.revise(),
            83..86 => self.extra(),
            86..88 => MEND.iter().for_each(|step| self.line(*step)),
            88..93 => {
                let step = Action::Crash { thousandths: self.rng.u64(..=1_000), workers: self.workers() };
                self.steps.push(step);
            }
            93..94 => {
                let step = Action::Stop { workers: self.workers() };
                self.steps.push(step);
            }
            94..97 => self.line("checkpoint"),
            _ => {
                let key = self.person();
                self.steps.push(Action::Ask { key });
            }
        }
    }

    /// Everybody goes on, and every timer is due.
    fn end(&mut self) {
        STOPPED.iter().for_each(|name| self.line(format!("resume {name}")));
        MEND[..2].iter().for_each(|step| self.line(*step));
        for _ in 0..2 {
            self.now += 20 * MINUTE;
            self.line(format!("advance to {}", clock(self.now)));
        }
    }

    fn workers(&mut self) -> u64 {
        [1, 2, 4][self.rng.usize(..3)]
    }

    fn person(&mut self) -> &'static str {
        PEOPLE[self.rng.usize(..PEOPLE.len())]
    }

    fn send(&mut self, event: Sent) {
        let queued = self.rng.u8(..3) == 0;
        self.sent.push(event.clone());
        self.steps.push(Action::Send { event, queued });
    }

    fn event(&mut self) {
        self.now += self.rng.u64(..15_000);
        let time = match self.rng.u8(..20) {
            0 => None,
            // Slow ones, those that windows or the order of time find late, and those that are beyond any belief.
            1..=3 => Some(self.now - self.rng.u64(..8_000)),
            4 | 5 => Some(self.now - self.rng.u64(..4 * MINUTE)),
            6 => Some(self.now + self.rng.u64(..6 * MINUTE)),
            _ => Some(self.now),
        };
        self.number += 1;
        let (kind, attributes, data) = if self.rng.bool() { self.of_risk() } else { self.of_herald() };
        let intake = if self.rng.u8(..6) == 0 { " intake=slow" } else { "" };
        let source = ["shop", "app"][self.rng.usize(..2)];
        let (id, attributes) = (format!("e{}", self.number), format!("{attributes}{intake}"));
        self.send(Sent { source, id, received: self.now, time, kind, attributes, data });
    }

    fn of_risk(&mut self) -> (&'static str, String, String) {
        let (subject, actor) = (PEOPLE[self.rng.usize(..3)], self.person());
        let (kind, attributes) = match self.rng.u8(..14) {
            0 | 1 => ("unblacklist", format!(" subject={subject} actor={actor}")),
            2 => ("blacklist", format!(" subject={subject}")),
            3 => ("blacklist", format!(" actor={actor}")),
            _ => ("blacklist", format!(" subject={subject} actor={actor}")),
        };
        (kind, attributes, String::new())
    }

    fn of_herald(&mut self) -> (&'static str, String, String) {
        let kind = ["herald", "herald", "other"][self.rng.usize(..3)];
        let attributes = if self.rng.u8(..20) == 0 { String::new() } else { format!(" actor={}", self.person()) };
        let data = match self.rng.u8(..22) {
            0..5 => self.find(),
            5..9 => self.timer(),
            9 => r#"{"do": "cancel"}"#.to_owned(),
            10 | 11 => r#"{"do": "publish"}"#.to_owned(),
            12 | 13 => {
                let (to, then, find) = (self.person(), self.find(), self.rng.u8(1..3));
                format!(r#"{{"do": "signal", "to": "{to}", "then": {then}, "find": {find}}}"#)
            }
            14 | 15 => r#"{"do": "trap"}"#.to_owned(),
            16 | 17 => format!(
                r#"{{"do": "remember", "match": "v{}", "n": {}}}"#,
                self.rng.u8(..2),
                self.rng.u64(..2 * MINUTE)
            ),
            18 | 19 => format!(r#"{{"do": "recall", "match": "v{}"}}"#, self.rng.u8(..2)),
            20 => r#"{"match": "nothing"}"#.to_owned(),
            _ => r#"{"n": "many"}"#.to_owned(),
        };
        (kind, attributes, data)
    }

    fn find(&mut self) -> String {
        let name = ["offer", "alarm", "news"][self.rng.usize(..3)];
        let (n, find) = (self.rng.u8(..9), self.rng.u8(1..3));
        match self.rng.bool() {
            true => format!(r#"{{"match": "{name}", "n": {n}, "once": "k"}}"#),
            false => format!(r#"{{"match": "{name}", "n": {n}, "find": {find}}}"#),
        }
    }

    fn timer(&mut self) -> String {
        let at = DAY + self.now - 20_000 + self.rng.u64(..3 * MINUTE);
        let clock = ["receive", "receive", "event"][self.rng.usize(..3)];
        let what = match self.rng.u8(..8) {
            0 => r#"{\"do\": \"trap\"}"#,
            1 => r#"{\"do\": \"recall\", \"match\": \"v1\"}"#,
            2 => "nothing",
            3 => "news",
            _ => "offer",
        };
        format!(r#"{{"do": "timer", "match": "{what}", "clock": "{clock}", "at": {at}}}"#)
    }

    /// The same once more, as far back as identities are remembered.
    fn again(&mut self) {
        let recent: Vec<&Sent> = self.sent.iter().filter(|sent| sent.received + 4 * MINUTE > self.now).collect();
        if let Some(event) = self.rng.choice(recent).cloned() {
            self.steps.push(Action::Send { event: Sent { received: self.now, ..event }, queued: self.rng.bool() });
        }
    }

    /// Another event under an identity that is known.
    fn reuse(&mut self) {
        let Some(event) = self.sent.last().cloned().filter(|sent| sent.received + 4 * MINUTE > self.now) else {
            return;
        };
        let event = Sent { received: self.now, attributes: format!("{} scene=other", event.attributes), ..event };
        self.steps.push(Action::Send { event, queued: false });
    }

    fn advance(&mut self) {
        self.now += match self.rng.u8(..8) {
            0 => 12 * MINUTE,
            1 | 2 => self.rng.u64(..4 * MINUTE),
            _ => self.rng.u64(..20_000),
        };
        self.line(format!("advance to {}", clock(self.now)));
    }

    fn stop_or_go(&mut self) {
        let name = STOPPED[self.rng.usize(..STOPPED.len())];
        let deed = if self.rng.u8(..3) == 0 { "pause" } else { "resume" };
        self.line(format!("{deed} {name}"));
    }

    fn revise(&mut self) {
        let line = match self.rng.u8(..5) {
            0 => "deploy tell = herald {}",
            1 => "rollback risk",
            2 => r#"deploy risk = c2c-blacklist {"window_s": 20, "cooldown_s": 300}"#,
            3 => r#"deploy risk = c2c-blacklist {"window_s": 90, "different_users": 3, "cooldown_s": 60}"#,
            _ => r#"deploy risk = c2c-blacklist {"window_s": 60, "cooldown_s": 45}"#,
        };
        self.line(line);
    }

    /// A deployment comes, or one of those goes.
    fn extra(&mut self) {
        if !self.extras.is_empty() && self.rng.u8(..3) == 0 {
            let gone = self.extras.swap_remove(self.rng.usize(..self.extras.len()));
            return self.line(format!("retire {gone}"));
        }
        self.number += 1;
        let name = format!("extra{}", self.number);
        self.extras.push(name.clone());
        let (module, configuration) = match self.rng.bool() {
            true => ("c2c-blacklist", r#"{"window_s": 120, "cooldown_s": 30}"#),
            false => ("herald", r#"{"ordered": true, "event_clock": true}"#),
        };
        match self.rng.bool() {
            true => self.line(format!("deploy {name} = {module} {configuration}")),
            false => self.steps.push(Action::FromEarliest { name, module, configuration }),
        }
    }
}
