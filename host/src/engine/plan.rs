//! The plan (`wit/schema/plan.schema.json`): read, bounded, translated into the model.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::contract::StateVersions;
use crate::model::{
    Attribute, FilterSpec, Order, Path, Plan, Predicate, Scalar, Select, Subscription, Test, TimerClock, WindowSpec,
};

const MAX_SUBSCRIPTIONS: usize = 32;
const MAX_TYPES: usize = 64;
const MAX_ATTRIBUTES: usize = 64;
const MAX_PREDICATES: usize = 16;
const MAX_ONE_OF: usize = 256;
const MAX_WINDOWS: usize = 16;
const MAX_WINDOW_MS: u64 = 31 * 24 * 3_600_000;
const MAX_MATCHES: usize = 64;
const MAX_QUERIES: usize = 32;
const MAX_TIMERS: usize = 16;
const MAX_SIGNALS: usize = 16;
const PERMISSIONS: [&str; 3] = ["matches", "publish", "signals"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanJson {
    #[serde(default)]
    subscriptions: Vec<SubscriptionJson>,
    #[serde(default)]
    windows: Vec<WindowJson>,
    #[serde(default)]
    attributes: Vec<Box<str>>,
    #[serde(default)]
    permissions: Vec<Box<str>>,
    state: StateVersions,
    #[serde(default)]
    matches: BTreeMap<Box<str>, serde_json::Value>,
    #[serde(default)]
    queries: BTreeMap<Box<str>, QueryJson>,
    #[serde(default)]
    timers: BTreeMap<Box<str>, String>,
    #[serde(default)]
    signals: Vec<Box<str>>,
    #[serde(default, deserialize_with = "present")]
    filter: Option<FilterJson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubscriptionJson {
    name: Box<str>,
    types: Vec<Box<str>>,
    key: String,
    #[serde(default)]
    select: Vec<String>,
    #[serde(default)]
    data: DataJson,
    #[serde(default, rename = "where")]
    predicates: Vec<PredicateJson>,
    #[serde(default)]
    order: OrderJson,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
enum OrderJson {
    #[default]
    Arrival,
    EventTime,
}

#[derive(Deserialize, Default)]
#[serde(untagged)]
enum DataJson {
    #[default]
    Absent,
    Word(String),
    Paths(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PredicateJson {
    path: String,
    equals: Option<ScalarJson>,
    one_of: Option<Vec<ScalarJson>>,
    exists: Option<bool>,
    at_least: Option<f64>,
    at_most: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ScalarJson {
    Bool(bool),
    Number(f64),
    Text(Box<str>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowJson {
    name: Box<str>,
    kind: String,
    length_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QueryJson {
    parameters: serde_json::Value,
    /// For people; what a reply holds is the module's affair.
    #[serde(default, rename = "reply")]
    _reply: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FilterJson {
    verdicts: Vec<Box<str>>,
}

/// A member that is there is not `null`.
fn present<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(json: D) -> Result<Option<T>, D::Error> {
    T::deserialize(json).map(Some)
}

/// Reads and bounds a plan.
pub fn parse_plan(json: &str) -> Result<Plan, String> {
    let plan: PlanJson = serde_json::from_str(json).map_err(|error| error.to_string())?;
    plan.state.check()?;
    at_most("subscriptions", plan.subscriptions.len(), MAX_SUBSCRIPTIONS)?;
    unique("subscription", plan.subscriptions.iter().map(|subscription| &*subscription.name))?;
    at_most("windows", plan.windows.len(), MAX_WINDOWS)?;
    at_most("matches", plan.matches.len(), MAX_MATCHES)?;
    at_most("queries", plan.queries.len(), MAX_QUERIES)?;
    at_most("attributes", plan.attributes.len(), MAX_ATTRIBUTES)?;
    at_most("timers", plan.timers.len(), MAX_TIMERS)?;
    at_most("signals", plan.signals.len(), MAX_SIGNALS)?;
    unique("signal", plan.signals.iter().map(|name| &**name))?;
    plan.signals.iter().try_for_each(|name| word("signal", name))?;
    plan.matches.keys().try_for_each(|name| word("match", name))?;
    plan.queries.keys().try_for_each(|name| word("query", name))?;
    if let Some(unknown) = plan.permissions.iter().find(|permission| !PERMISSIONS.contains(&&***permission)) {
        return Err(format!("there is no permission `{unknown}`; there is: {}", PERMISSIONS.join(", ")));
    }
    let schemas = |schemas: BTreeMap<Box<str>, serde_json::Value>| {
        schemas.into_iter().map(|(name, schema)| (name, schema.to_string().into())).collect()
    };
    Ok(Plan {
        subscriptions: plan.subscriptions.into_iter().map(subscription).collect::<Result<_, _>>()?,
        windows: windows(plan.windows)?,
        attributes: plan.attributes,
        permissions: plan.permissions,
        state_writes: plan.state.writes,
        state_reads: plan.state.reads,
        matches: schemas(plan.matches),
        queries: schemas(plan.queries.into_iter().map(|(name, query)| (name, query.parameters)).collect()),
        timers: plan.timers.into_iter().map(timer).collect::<Result<_, _>>()?,
        signals: plan.signals,
        filter: plan.filter.map(filter).transpose()?,
    })
}

fn timer((name, clock): (Box<str>, String)) -> Result<(Box<str>, TimerClock), String> {
    word("timer", &name)?;
    match &*clock {
        "receive" => Ok((name, TimerClock::Receive)),
        "event" => Ok((name, TimerClock::Event)),
        _ => Err(format!("timer `{name}`: there is no clock `{clock}`; there is: receive, event")),
    }
}

fn filter(json: FilterJson) -> Result<FilterSpec, String> {
    if json.verdicts.is_empty() {
        return Err("`filter` lists no verdicts, and could say nothing: list one at least".to_owned());
    }
    unique("verdict", json.verdicts.iter().map(|verdict| &**verdict))?;
    let mut spec = FilterSpec::default();
    for verdict in &json.verdicts {
        match &**verdict {
            "allow" => spec.allow = true,
            "deny" => spec.deny = true,
            "hold" => spec.hold = true,
            "downgrade" => spec.downgrade = true,
            _ => return Err(format!("there is no verdict `{verdict}`; there is: allow, deny, hold, downgrade")),
        }
    }
    Ok(spec)
}

fn at_most(what: &str, count: usize, limit: usize) -> Result<(), String> {
    if count > limit { Err(format!("{count} {what}, at most {limit} are allowed")) } else { Ok(()) }
}

fn unique<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(format!(
                "there are two {what} entries `{name}`: give each its own name, and list nothing twice"
            ));
        }
    }
    Ok(())
}

/// Lower-case words joined by `_`: names become labels, file names and column names.
fn word(what: &str, name: &str) -> Result<(), String> {
    let part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let starts = name.starts_with(|first: char| first.is_ascii_lowercase());
    if name.len() > 64 || !starts || !name.split('_').all(part) {
        let name: String = name.chars().take(80).collect();
        return Err(format!("`{name}` is no name for a {what}: use lower-case words joined by `_`, 1 to 64 bytes"));
    }
    Ok(())
}

fn subscription(json: SubscriptionJson) -> Result<Subscription, String> {
    let place = |error: String| format!("subscription `{}`: {error}", json.name);
    word("subscription", &json.name)?;
    if json.types.is_empty() {
        return Err(place("it has no types, and would get no event: list one at least".to_owned()));
    }
    at_most("types", json.types.len(), MAX_TYPES).map_err(place)?;
    unique("type", json.types.iter().map(|kind| &**kind)).map_err(place)?;
    at_most("predicates in `where`", json.predicates.len(), MAX_PREDICATES).map_err(place)?;
    Ok(Subscription {
        key: path(&json.key).map_err(place)?,
        select: json.select.iter().map(|name| selected(name)).collect::<Result<_, _>>().map_err(place)?,
        data: select_data(json.data).map_err(place)?,
        predicates: json.predicates.into_iter().map(predicate).collect::<Result<_, _>>().map_err(place)?,
        types: json.types,
        name: json.name,
        order: match json.order {
            OrderJson::Arrival => Order::Arrival,
            OrderJson::EventTime => Order::EventTime,
        },
    })
}

/// A field of the event record; the scene is none.
fn selected(name: &str) -> Result<Attribute, String> {
    match attribute(name) {
        Some(Attribute::Scene) => {
            Err("`scene` is no field of an event and cannot be selected: list it under the plan's \
             `attributes` and ask `inputs.attribute` for it"
                .to_owned())
        }
        Some(attribute) => Ok(attribute),
        None => Err(format!("there is no attribute `{name}`: select event-type, subject, actor, source or id")),
    }
}

fn attribute(name: &str) -> Option<Attribute> {
    Some(match name {
        "type" | "event-type" => Attribute::Type,
        "subject" => Attribute::Subject,
        "actor" => Attribute::Actor,
        "source" => Attribute::Source,
        "id" => Attribute::Id,
        "scene" => Attribute::Scene,
        _ => return None,
    })
}

fn path(text: &str) -> Result<Path, String> {
    match text.strip_prefix("data.") {
        Some(rest) => data_path(rest).map(Path::Data),
        None => attribute(text)
            .map(Path::Attribute)
            .ok_or_else(|| format!("`{text}` is no path: use subject, actor, source, id, type, scene or data.a.b")),
    }
}

fn data_path(rest: &str) -> Result<Vec<Box<str>>, String> {
    let members: Vec<Box<str>> = rest.split('.').map(Box::from).collect();
    if members.len() > 8 || members.iter().any(|member| member.is_empty()) {
        return Err(format!("`data.{rest}` is no path: 1 to 8 names joined by dots"));
    }
    Ok(members)
}

fn select_data(json: DataJson) -> Result<Select, String> {
    match json {
        DataJson::Absent => Ok(Select::None),
        DataJson::Word(word) if word == "none" => Ok(Select::None),
        DataJson::Word(word) if word == "all" => Ok(Select::All),
        DataJson::Word(word) => Err(format!("`data` is `none`, `all` or a list of paths, not `{word}`")),
        DataJson::Paths(paths) => {
            let members = |text: &String| data_path(text.strip_prefix("data.").unwrap_or(text));
            paths.iter().map(members).collect::<Result<_, _>>().map(Select::Paths)
        }
    }
}

fn predicate(json: PredicateJson) -> Result<Predicate, String> {
    let values = json.one_of.as_ref().map(Vec::len);
    if values == Some(0) {
        return Err(format!("`one_of` on `{}` is empty, and would never hold", json.path));
    }
    at_most("values in `one_of`", values.unwrap_or(0), MAX_ONE_OF)?;
    let tests = [
        json.equals.map(|value| Test::OneOf(vec![scalar(value)])),
        json.one_of.map(|values| Test::OneOf(values.into_iter().map(scalar).collect())),
        json.exists.map(Test::Exists),
        json.at_least.map(Test::AtLeast),
        json.at_most.map(Test::AtMost),
    ];
    let mut tests = tests.into_iter().flatten();
    match (tests.next(), tests.next()) {
        (Some(test), None) => Ok(Predicate { path: path(&json.path)?, test }),
        _ => Err(format!(
            "the predicate on `{}` needs exactly one of equals, one_of, exists, at_least, at_most",
            json.path
        )),
    }
}

fn scalar(json: ScalarJson) -> Scalar {
    match json {
        ScalarJson::Bool(value) => Scalar::Bool(value),
        ScalarJson::Number(value) => Scalar::Number(value),
        ScalarJson::Text(value) => Scalar::Text(value),
    }
}

fn windows(json: Vec<WindowJson>) -> Result<Vec<WindowSpec>, String> {
    unique("window", json.iter().map(|window| &*window.name))?;
    let mut specs: Vec<WindowSpec> = Vec::new();
    for window in json {
        let place = format!("window `{}`", window.name);
        if window.kind != "sliding" {
            return Err(format!("{place}: there is no kind `{}`, there is: sliding", window.kind));
        }
        if window.length_ms == 0 || window.length_ms > MAX_WINDOW_MS {
            return Err(format!("{place}: length_ms must be 1 to {MAX_WINDOW_MS}"));
        }
        word("window", &window.name)?;
        specs.push(WindowSpec { name: (&*window.name).into(), length_ms: window.length_ms });
    }
    Ok(specs)
}

#[cfg(test)]
mod tests;
