//! The contract's JSON documents (`wit/schema/`), translated at the door into the model.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::model::{
    Attribute, Limits, Path, Plan, Predicate, Scalar, Select, Subscription, Test, WindowSpec, check_name,
};

/// The contract that this host speaks.
pub const CONTRACT: &str = "0.1";

const MAX_SUBSCRIPTIONS: usize = 32;
const MAX_TYPES: usize = 64;
const MAX_WINDOWS: usize = 16;
const MAX_WINDOW_MS: u64 = 31 * 24 * 3_600_000;
const MAX_MATCHES: usize = 64;
const MAX_QUERIES: usize = 32;
const PERMISSIONS: [&str; 1] = ["matches"];

/// What a module says of itself (`description.schema.json`).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    pub name: String,
    pub version: String,
    #[serde(default)]
    pub summary: String,
    #[serde(default)]
    pub authors: Vec<String>,
    pub contract: String,
    /// JSON Schema of the configuration.
    pub configuration: serde_json::Value,
    pub state: StateVersions,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateVersions {
    pub writes: u32,
    pub reads: Vec<u32>,
}

impl Description {
    pub fn parse(json: &str) -> Result<Description, String> {
        let description: Description = serde_json::from_str(json).map_err(|error| error.to_string())?;
        check_name("module", &description.name).map_err(|error| error.to_string())?;
        if description.version.is_empty() || description.version.len() > 64 {
            return Err("the version must have 1 to 64 bytes".to_owned());
        }
        if description.contract != CONTRACT {
            return Err(format!("it speaks contract {}, this host speaks {CONTRACT}", description.contract));
        }
        Ok(description)
    }
}

/// One thing wrong in a configuration (`diagnostics.schema.json`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Diagnostic {
    pub message: String,
    /// JSON pointer into the configuration.
    #[serde(default)]
    pub place: String,
    #[serde(default)]
    pub hint: String,
}

pub fn parse_diagnostics(json: &str) -> Vec<Diagnostic> {
    serde_json::from_str(json).unwrap_or_else(|_| {
        let hint = "The module did not answer a list of diagnostics.".to_owned();
        vec![Diagnostic { message: json.chars().take(1_024).collect(), place: String::new(), hint }]
    })
}

/// The argument of `configure` (`envelope.schema.json`). The configuration goes in as it was given.
pub fn envelope(business: &str, deployment: &str, configuration: &str, limits: &Limits) -> Result<String, String> {
    #[derive(Serialize)]
    struct Envelope<'a> {
        contract: &'a str,
        business: &'a str,
        deployment: &'a str,
        configuration: &'a RawValue,
        limits: BTreeMap<&'static str, u64>,
    }
    let configuration: &RawValue = serde_json::from_str(configuration).map_err(|error| error.to_string())?;
    let limits = BTreeMap::from([
        ("document_bytes", limits.document_bytes),
        ("fuel_per_input", limits.fuel_per_input),
        ("match_bytes", limits.match_bytes),
        ("matches_per_input", limits.matches_per_input),
        ("reply_bytes", limits.reply_bytes),
    ]);
    let envelope = Envelope { contract: CONTRACT, business, deployment, configuration, limits };
    serde_json::to_string(&envelope).map_err(|error| error.to_string())
}

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

/// Reads and bounds a plan.
pub fn parse_plan(json: &str) -> Result<Plan, String> {
    let plan: PlanJson = serde_json::from_str(json).map_err(|error| error.to_string())?;
    at_most("subscriptions", plan.subscriptions.len(), MAX_SUBSCRIPTIONS)?;
    at_most("windows", plan.windows.len(), MAX_WINDOWS)?;
    at_most("matches", plan.matches.len(), MAX_MATCHES)?;
    at_most("queries", plan.queries.len(), MAX_QUERIES)?;
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
    })
}

fn at_most(what: &str, count: usize, limit: usize) -> Result<(), String> {
    if count > limit { Err(format!("{count} {what}, at most {limit} are allowed")) } else { Ok(()) }
}

fn subscription(json: SubscriptionJson) -> Result<Subscription, String> {
    at_most("types of one subscription", json.types.len(), MAX_TYPES)?;
    let place = |error: String| format!("subscription `{}`: {error}", json.name);
    let select =
        json.select.iter().map(|name| attribute(name).ok_or_else(|| format!("there is no attribute `{name}`")));
    Ok(Subscription {
        key: path(&json.key).map_err(place)?,
        select: select.collect::<Result<_, _>>().map_err(place)?,
        data: select_data(json.data).map_err(place)?,
        predicates: json.predicates.into_iter().map(predicate).collect::<Result<_, _>>().map_err(place)?,
        types: json.types,
        name: json.name,
    })
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
    let mut specs: Vec<WindowSpec> = Vec::new();
    for window in json {
        let place = format!("window `{}`", window.name);
        if window.kind != "sliding" {
            return Err(format!("{place}: there is no kind `{}`, there is: sliding", window.kind));
        }
        if window.length_ms == 0 || window.length_ms > MAX_WINDOW_MS {
            return Err(format!("{place}: length_ms must be 1 to {MAX_WINDOW_MS}"));
        }
        if window.name.len() > 64 || specs.iter().any(|other| *other.name == *window.name) {
            return Err(format!("{place}: names are unique and have at most 64 bytes"));
        }
        specs.push(WindowSpec { name: (&*window.name).into(), length_ms: window.length_ms });
    }
    Ok(specs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_whole() {
        let plan = parse_plan(
            r#"{"subscriptions":[{"name":"b","types":["blacklist"],"key":"data.user.id","select":["actor"],
                "data":["reason"],"where":[{"path":"data.n","at_least":2},{"path":"scene","equals":"chat"}]}],
                "windows":[{"name":"w","kind":"sliding","length_ms":60000}],"permissions":["matches"],
                "state":{"writes":1,"reads":[1]},"matches":{"m":{"type":"object"}},"queries":{"q":{"parameters":{}}}}"#,
        )
        .expect("a plan");
        let subscription = &plan.subscriptions[0];
        assert_eq!(subscription.key, Path::Data(vec!["user".into(), "id".into()]));
        assert_eq!(subscription.predicates[0].test, Test::AtLeast(2.0));
        assert_eq!(subscription.predicates[1].test, Test::OneOf(vec![Scalar::Text("chat".into())]));
        assert_eq!(subscription.data, Select::Paths(vec![vec!["reason".into()]]));
        assert_eq!(&*plan.matches["m"], r#"{"type":"object"}"#);
    }

    #[test]
    fn what_the_host_does_not_know_is_refused_by_name() {
        let cases = [
            (r#"{"timers":[],"state":{"writes":1,"reads":[1]}}"#, "timers"),
            (r#"{"permissions":["ledger"],"state":{"writes":1,"reads":[1]}}"#, "ledger"),
            (
                r#"{"windows":[{"name":"w","kind":"hopping","length_ms":1}],"state":{"writes":1,"reads":[1]}}"#,
                "hopping",
            ),
            (
                r#"{"windows":[{"name":"w","kind":"sliding","length_ms":0}],"state":{"writes":1,"reads":[1]}}"#,
                "length_ms",
            ),
            (r#"{"subscriptions":[{"name":"s","types":["t"],"key":"who"}],"state":{"writes":1,"reads":[1]}}"#, "`who`"),
        ];
        for (json, word) in cases {
            let error = parse_plan(json).expect_err(json);
            assert!(error.contains(word), "{error}");
        }
    }
}
