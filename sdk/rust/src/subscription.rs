//! Why: which events a rule wants and how much of each. What is not selected costs nothing, and what a predicate
//! rejects never reaches the guest.

use serde::{Serialize, Serializer};
use serde_json::Value;

/// A place in an event: an attribute, or [`data`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Path {
    /// The object acted on.
    Subject,
    /// Who acted (extension `actorid`).
    Actor,
    /// CloudEvents `source`.
    Source,
    /// CloudEvents `id`.
    Id,
    /// CloudEvents `type`.
    Type,
    /// Place in the app (extension `scene`).
    Scene,
    /// Member names in the data, joined by dots: `price.unit`. At most 8 names.
    Data(String),
}

/// A place in the event's data: `data("price.unit")`.
pub fn data(members: impl Into<String>) -> Path {
    Path::Data(members.into())
}

impl Path {
    /// Holds if the value is there and equal, by JSON type and value.
    pub fn equals(self, value: impl Into<Value>) -> Predicate {
        Predicate { path: self, test: Test::Equals(value.into()) }
    }

    /// Holds if the value is there and one of these; at most 256.
    pub fn one_of<V: Into<Value>>(self, values: impl IntoIterator<Item = V>) -> Predicate {
        Predicate { path: self, test: Test::OneOf(values.into_iter().map(Into::into).collect()) }
    }

    /// Holds if there is a value.
    pub fn exists(self) -> Predicate {
        Predicate { path: self, test: Test::Exists(true) }
    }

    /// Holds if there is no value.
    pub fn is_missing(self) -> Predicate {
        Predicate { path: self, test: Test::Exists(false) }
    }

    /// Holds if the value is a number of at least this.
    pub fn at_least(self, bound: impl Into<serde_json::Number>) -> Predicate {
        Predicate { path: self, test: Test::AtLeast(bound.into()) }
    }

    /// Holds if the value is a number of at most this.
    pub fn at_most(self, bound: impl Into<serde_json::Number>) -> Predicate {
        Predicate { path: self, test: Test::AtMost(bound.into()) }
    }
}

impl Serialize for Path {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Subject => serializer.serialize_str("subject"),
            Self::Actor => serializer.serialize_str("actor"),
            Self::Source => serializer.serialize_str("source"),
            Self::Id => serializer.serialize_str("id"),
            Self::Type => serializer.serialize_str("type"),
            Self::Scene => serializer.serialize_str("scene"),
            Self::Data(members) => serializer.collect_str(&format_args!("data.{members}")),
        }
    }
}

/// A test that the host runs before it calls the module.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Predicate {
    pub(crate) path: Path,
    #[serde(flatten)]
    pub(crate) test: Test,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Test {
    Equals(Value),
    OneOf(Vec<Value>),
    Exists(bool),
    AtLeast(serde_json::Number),
    AtMost(serde_json::Number),
}

/// An attribute that a subscription can let arrive with each event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// `event.event_type`
    EventType,
    /// `event.subject`
    Subject,
    /// `event.actor`
    Actor,
    /// `event.source`
    Source,
    /// `event.id`
    Id,
}

/// How much of the data arrives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Data {
    None,
    All,
    #[serde(untagged)]
    Paths(Vec<Path>),
}

/// One subscription of a plan, being built: `plan.subscribe(..).select([Field::Actor])`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Subscription {
    #[serde(skip)]
    number: u32,
    pub(crate) name: String,
    pub(crate) types: Vec<String>,
    pub(crate) key: Path,
    pub(crate) select: Vec<Field>,
    pub(crate) data: Data,
    #[serde(rename = "where")]
    pub(crate) filter: Vec<Predicate>,
    #[serde(skip_serializing_if = "Order::is_arrival")]
    pub(crate) order: Order,
}

/// In which order the events of a key come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Order {
    Arrival,
    EventTime,
}

impl Order {
    fn is_arrival(&self) -> bool {
        *self == Self::Arrival
    }
}

impl Subscription {
    pub(crate) fn new(number: u32, name: String, types: Vec<String>, key: Path) -> Self {
        Self {
            number,
            name,
            types,
            key,
            select: Vec::new(),
            data: Data::None,
            filter: Vec::new(),
            order: Order::Arrival,
        }
    }

    /// Lets these attributes arrive; the others are empty.
    pub fn select(&mut self, fields: impl IntoIterator<Item = Field>) -> &mut Self {
        for field in fields {
            if !self.select.contains(&field) {
                self.select.push(field);
            }
        }
        self
    }

    /// Lets the whole data arrive.
    pub fn all_data(&mut self) -> &mut Self {
        self.data = Data::All;
        self
    }

    /// Lets only these places of the data arrive, each at its depth: `["price.unit", "category"]`. At most 64.
    pub fn data_paths<P: Into<String>>(&mut self, paths: impl IntoIterator<Item = P>) -> &mut Self {
        self.data = Data::Paths(paths.into_iter().map(data).collect());
        self
    }

    /// Only events for which this holds; several of them must all hold. At most 16.
    pub fn only_if(&mut self, predicate: Predicate) -> &mut Self {
        self.filter.push(predicate);
        self
    }

    /// Lets its events come in the order of their times, each when the watermark has passed its time: seconds later. Until
    /// then they are kept in the document of their key, and count in its 64 KiB; what comes behind the watermark is
    /// listed as `late` and never comes.
    pub fn in_event_time(&mut self) -> &mut Self {
        self.order = Order::EventTime;
        self
    }

    /// What `event.subscription` is for its events.
    pub fn number(&self) -> u32 {
        self.number
    }
}
