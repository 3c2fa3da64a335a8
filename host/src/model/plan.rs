//! What a deployment needs, as its module's `configure` answered it (`wit/schema/plan.schema.json`).

use std::collections::BTreeMap;
use std::sync::Arc;

/// What begins so are events of the host itself: nobody else may make one.
pub const HOST_TYPES: &str = "fishpond.";

/// The native half of a deployment: which events reach it, keyed how, and what the host keeps for it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Plan {
    pub subscriptions: Vec<Subscription>,
    pub windows: Vec<WindowSpec>,
    /// Names that `inputs.attribute` may be asked for.
    pub attributes: Vec<Box<str>>,
    /// What the module asks for; the deployment's permissions decide.
    pub permissions: Vec<Box<str>>,
    pub state_writes: u32,
    pub state_reads: Vec<u32>,
    /// Match name -> JSON Schema (text) of its fields.
    pub matches: BTreeMap<Box<str>, Box<str>>,
    /// Query name -> JSON Schema (text) of its parameters.
    pub queries: BTreeMap<Box<str>, Box<str>>,
    /// Timers that the module may set.
    pub timers: BTreeMap<Box<str>, TimerClock>,
    /// Signals that its keys send to each other.
    pub signals: Vec<Box<str>>,
    /// The deployment is a filter.
    pub filter: Option<FilterSpec>,
}

/// Which clock a timer waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum TimerClock {
    /// The host's own, as ticks tell it.
    #[default]
    Receive,
    /// The watermark.
    Event,
}

/// The verdicts that a filter may reach.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FilterSpec {
    pub allow: bool,
    pub deny: bool,
    pub hold: bool,
    pub downgrade: bool,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Subscription {
    pub name: Box<str>,
    pub types: Vec<Box<str>>,
    /// Where in the event the key is found.
    pub key: Path,
    pub select: Vec<Attribute>,
    pub data: Select,
    /// All must hold; tested natively, before any call.
    pub predicates: Vec<Predicate>,
    pub order: Order,
}

/// In which order the inputs of a key come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// Of their positions.
    #[default]
    Arrival,
    /// Of (time, position): the host keeps them in the document until the watermark has passed their times.
    EventTime,
}

impl Plan {
    /// A type that it reads and the host itself tells of its work; None if there is none.
    pub fn told_by_host(&self) -> Option<&str> {
        let mut types = self.subscriptions.iter().flat_map(|subscription| &subscription.types);
        types.find(|name| name.starts_with(HOST_TYPES)).map(|name| &**name)
    }

    /// May an input set a timer, or wait as one?
    pub fn sets_timers(&self) -> bool {
        !self.timers.is_empty() || self.subscriptions.iter().any(|subscription| subscription.order == Order::EventTime)
    }

    /// What of the plan waits for the watermark, in words; None if nothing does.
    pub fn waits_for_watermark(&self) -> Option<String> {
        let subscription = self.subscriptions.iter().find(|subscription| subscription.order == Order::EventTime);
        let timer = || self.timers.iter().find(|(_, clock)| **clock == TimerClock::Event);
        let ordered = subscription.map(|subscription| format!("the order of subscription `{}`", subscription.name));
        ordered.or_else(|| timer().map(|(name, _)| format!("timer `{name}`")))
    }
}

/// A place in an event.
#[derive(Clone, PartialEq, Debug)]
pub enum Path {
    Attribute(Attribute),
    /// Object members below `data`.
    Data(Vec<Box<str>>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attribute {
    Type,
    Subject,
    Actor,
    Source,
    Id,
    Scene,
}

/// How much of the data an event record carries.
#[derive(Clone, PartialEq, Debug)]
pub enum Select {
    None,
    All,
    /// An object with these paths only.
    Paths(Vec<Vec<Box<str>>>),
}

#[derive(Clone, PartialEq, Debug)]
pub struct Predicate {
    pub path: Path,
    pub test: Test,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Test {
    OneOf(Vec<Scalar>),
    Exists(bool),
    AtLeast(f64),
    AtMost(f64),
}

#[derive(Clone, PartialEq, Debug)]
pub enum Scalar {
    Text(Box<str>),
    Number(f64),
    Bool(bool),
}

/// A sliding window over event time. Documents keep it by name; a plan numbers it for the calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WindowSpec {
    pub name: Arc<str>,
    /// Milliseconds; two entries share a window if last - first <= length.
    pub length_ms: u64,
}
