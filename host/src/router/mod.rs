//! Which events reach a deployment, under which key, and with which part of their data. Pure.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;
use serde_json::Value as Json;

use crate::model::{Attribute, Event, Path, Plan, Predicate, Scalar, Select, Test};

/// A plan's subscriptions, indexed by event type.
pub struct Router {
    by_type: HashMap<Box<str>, Vec<u32>, FxBuildHasher>,
    /// Longest key that is accepted, bytes.
    key_bytes: usize,
}

/// One subscription's view of an event.
#[derive(Debug, PartialEq)]
pub enum Routed {
    Input {
        subscription: u32,
        key: Box<str>,
        /// The selected data where it is not all or nothing.
        data: Option<Box<str>>,
    },
    /// The event belongs to the subscription but cannot be handled: the producer's fault.
    Bad { subscription: u32, code: &'static str, message: String },
}

impl Router {
    pub fn new(plan: &Plan, key_bytes: usize) -> Router {
        let mut by_type: HashMap<Box<str>, Vec<u32>, FxBuildHasher> = HashMap::default();
        for (number, subscription) in plan.subscriptions.iter().enumerate() {
            for kind in &subscription.types {
                by_type.entry(kind.clone()).or_default().push(number as u32);
            }
        }
        Router { by_type, key_bytes }
    }

    /// Does any subscription name this type?
    pub fn subscribes(&self, event_type: &str) -> bool {
        self.by_type.contains_key(event_type)
    }

    /// Calls `found` for each subscription that the event belongs to, in the plan's order.
    pub fn route(&self, plan: &Plan, event: &Event, mut found: impl FnMut(Routed)) {
        let Some(numbers) = self.by_type.get(&*event.kind) else { return };
        // Parsed at most once for all subscriptions, and only if one of them asks for a path in it.
        let mut data: Option<Json> = None;
        for number in numbers {
            let subscription = &plan.subscriptions[*number as usize];
            if !subscription.predicates.iter().all(|predicate| holds(predicate, event, &mut data)) {
                continue;
            }
            found(match self.key(&subscription.key, event, &mut data) {
                Ok(key) => {
                    Routed::Input { subscription: *number, key, data: select(&subscription.data, event, &mut data) }
                }
                Err((code, message)) => Routed::Bad { subscription: *number, code, message },
            });
        }
    }

    /// What the subscription of this number selects of an event's data, as [`Self::route`] tells it.
    pub fn selected(&self, plan: &Plan, subscription: u32, event: &Event) -> Option<Box<str>> {
        let subscription = plan.subscriptions.get(subscription as usize)?;
        select(&subscription.data, event, &mut None)
    }

    fn key(&self, path: &Path, event: &Event, data: &mut Option<Json>) -> Result<Box<str>, (&'static str, String)> {
        let key: Box<str> = match path {
            Path::Attribute(attribute) => attribute_text(*attribute, event).into(),
            Path::Data(members) => match lookup(parsed(event, data), members) {
                Some(Json::String(text)) => text.as_str().into(),
                Some(Json::Number(number)) => number.to_string().into(),
                _ => "".into(),
            },
        };
        if key.is_empty() {
            return Err((
                "no_key",
                format!("the event has no {}, which the subscription uses as its key", describe(path)),
            ));
        }
        if key.len() > self.key_bytes {
            let message = format!(
                "the key in {} has {} bytes, at most {} are allowed",
                describe(path),
                key.len(),
                self.key_bytes
            );
            return Err(("attribute_bytes", message));
        }
        Ok(key)
    }
}

/// A path as people write it.
fn describe(path: &Path) -> String {
    match path {
        Path::Attribute(Attribute::Type) => "`type`".to_owned(),
        Path::Attribute(Attribute::Subject) => "`subject`".to_owned(),
        Path::Attribute(Attribute::Actor) => "`actorid`".to_owned(),
        Path::Attribute(Attribute::Source) => "`source`".to_owned(),
        Path::Attribute(Attribute::Id) => "`id`".to_owned(),
        Path::Attribute(Attribute::Scene) => "`scene`".to_owned(),
        Path::Data(members) => format!("`data.{}`", members.join(".")),
    }
}

fn attribute_text(attribute: Attribute, event: &Event) -> &str {
    match attribute {
        Attribute::Type => &event.kind,
        Attribute::Subject => &event.subject,
        Attribute::Actor => &event.actor,
        Attribute::Source => &event.source,
        Attribute::Id => &event.id,
        Attribute::Scene => &event.scene,
    }
}

/// Intake has checked that data is JSON, so what cannot be read here is absent data.
fn parsed<'a>(event: &Event, data: &'a mut Option<Json>) -> &'a Json {
    data.get_or_insert_with(|| serde_json::from_str(&event.data).unwrap_or(Json::Null))
}

fn lookup<'a>(data: &'a Json, members: &[Box<str>]) -> Option<&'a Json> {
    members.iter().try_fold(data, |at, member| at.as_object()?.get(&**member))
}

fn holds(predicate: &Predicate, event: &Event, data: &mut Option<Json>) -> bool {
    match &predicate.path {
        Path::Attribute(attribute) => {
            let text = attribute_text(*attribute, event);
            let text = (!text.is_empty()).then(|| Json::String(text.to_owned()));
            test(&predicate.test, text.as_ref())
        }
        Path::Data(members) => test(&predicate.test, lookup(parsed(event, data), members)),
    }
}

fn test(test: &Test, value: Option<&Json>) -> bool {
    let number = || value.and_then(Json::as_f64);
    match test {
        Test::Exists(wanted) => value.is_some_and(|value| !value.is_null()) == *wanted,
        Test::OneOf(scalars) => value.is_some_and(|value| scalars.iter().any(|scalar| equal(scalar, value))),
        Test::AtLeast(least) => number().is_some_and(|number| number >= *least),
        Test::AtMost(most) => number().is_some_and(|number| number <= *most),
    }
}

fn equal(scalar: &Scalar, value: &Json) -> bool {
    match (scalar, value) {
        (Scalar::Text(text), Json::String(value)) => **text == **value,
        (Scalar::Number(number), Json::Number(value)) => value.as_f64() == Some(*number),
        (Scalar::Bool(flag), Json::Bool(value)) => flag == value,
        _ => false,
    }
}

/// An object that holds only the selected paths, nested as in the original.
fn select(select: &Select, event: &Event, data: &mut Option<Json>) -> Option<Box<str>> {
    let Select::Paths(paths) = select else { return None };
    let data = parsed(event, data);
    let mut picked = Json::Object(serde_json::Map::new());
    for path in paths {
        if let Some(value) = lookup(data, path) {
            insert(&mut picked, path, value.clone());
        }
    }
    Some(picked.to_string().into())
}

fn insert(into: &mut Json, path: &[Box<str>], value: Json) {
    let (Json::Object(members), Some((first, rest))) = (into, path.split_first()) else { return };
    if rest.is_empty() {
        members.insert(first.to_string(), value);
    } else {
        let inner = members.entry(first.to_string()).or_insert_with(|| Json::Object(serde_json::Map::new()));
        insert(inner, rest, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Subscription;

    fn subscription(key: Path, data: Select, predicates: Vec<Predicate>) -> Subscription {
        Subscription {
            name: "s".into(),
            types: vec!["browse".into()],
            key,
            select: vec![],
            data,
            predicates,
            order: Default::default(),
        }
    }

    fn routed(subscription: Subscription, event: &Event) -> Vec<Routed> {
        let plan = Plan { subscriptions: vec![subscription], ..Plan::default() };
        let mut found = Vec::new();
        Router::new(&plan, 16).route(&plan, event, |routed| found.push(routed));
        found
    }

    fn browse(data: &str) -> Event {
        Event { kind: "browse".into(), actor: "u1".into(), data: data.into(), ..Event::default() }
    }

    fn path(members: &[&str]) -> Vec<Box<str>> {
        members.iter().map(|member| Box::from(*member)).collect()
    }

    #[test]
    fn only_subscribed_types_are_routed() {
        let subscription = subscription(Path::Attribute(Attribute::Actor), Select::None, vec![]);
        let input = Routed::Input { subscription: 0, key: "u1".into(), data: None };
        assert_eq!(routed(subscription.clone(), &browse("")), [input]);
        let other = Event { kind: "chat".into(), ..browse("") };
        assert_eq!(routed(subscription, &other), []);
    }

    #[test]
    fn predicates_are_tested_before_any_call() {
        let cases = [
            (Test::OneOf(vec![Scalar::Text("rental".into())]), true),
            (Test::OneOf(vec![Scalar::Text("other".into()), Scalar::Number(1.0)]), false),
            (Test::Exists(true), true),
            (Test::Exists(false), false),
            (Test::AtLeast(1.0), false),
        ];
        for (test, expected) in cases {
            let predicate = Predicate { path: Path::Data(path(&["category"])), test: test.clone() };
            let subscription = subscription(Path::Attribute(Attribute::Actor), Select::None, vec![predicate]);
            assert_eq!(!routed(subscription, &browse(r#"{"category":"rental"}"#)).is_empty(), expected, "{test:?}");
        }
        let bounds = [
            (Test::AtLeast(2.0), true),
            (Test::AtLeast(2.1), false),
            (Test::AtMost(2.0), true),
            (Test::AtMost(1.9), false),
        ];
        for (test, expected) in bounds {
            let predicate = Predicate { path: Path::Data(path(&["n"])), test };
            let subscription = subscription(Path::Attribute(Attribute::Actor), Select::None, vec![predicate]);
            assert_eq!(!routed(subscription, &browse(r#"{"n":2}"#)).is_empty(), expected);
        }
    }

    #[test]
    fn a_missing_or_long_key_is_the_producers_fault() {
        let subscription = subscription(Path::Data(path(&["user", "id"])), Select::None, vec![]);
        let code = |data: &str| match &routed(subscription.clone(), &browse(data))[..] {
            [Routed::Bad { code, .. }] => *code,
            other => panic!("{other:?}"),
        };
        assert_eq!(code("{}"), "no_key");
        assert_eq!(code(r#"{"user":{"id":true}}"#), "no_key");
        assert_eq!(code(r#"{"user":{"id":"12345678901234567"}}"#), "attribute_bytes");
        let number = routed(subscription.clone(), &browse(r#"{"user":{"id":7}}"#));
        assert_eq!(number, [Routed::Input { subscription: 0, key: "7".into(), data: None }]);
    }

    #[test]
    fn data_is_selected_by_path() {
        let select = Select::Paths(vec![path(&["a", "b"]), path(&["a", "c"]), path(&["x"]), path(&["none"])]);
        let subscription = subscription(Path::Attribute(Attribute::Actor), select, vec![]);
        let found = routed(subscription, &browse(r#"{"a":{"b":1,"c":2,"d":3},"x":[1],"y":4}"#));
        let data = Some(r#"{"a":{"b":1,"c":2},"x":[1]}"#.into());
        assert_eq!(found, [Routed::Input { subscription: 0, key: "u1".into(), data }]);
    }
}
