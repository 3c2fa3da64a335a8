//! Why: what the host does before a rule is called: subscription, prefilter, key, and selection.

use serde_json::{Map, Value};

use super::event::TestEvent;
use crate::subscription::{Data, Test};
use crate::{Event, Field, Path, Predicate, Subscription};

/// The event as a rule sees it; None if the subscription does not want it.
pub(crate) fn route(event: &TestEvent, id: &str, subscription: &Subscription) -> Option<Event> {
    let wanted = subscription.types.contains(&event.event_type)
        && subscription.filter.iter().all(|predicate| holds(predicate, event, id));
    if !wanted {
        return None;
    }
    let chosen = |field: Field, value: Option<&str>| match value {
        Some(value) if subscription.select.contains(&field) => value.to_owned(),
        _ => String::new(),
    };
    Some(Event {
        subscription: subscription.number(),
        time: event.time,
        key: key(value(event, id, &subscription.key)?)?,
        event_type: chosen(Field::EventType, Some(&event.event_type)),
        subject: chosen(Field::Subject, event.subject.as_deref()),
        actor: chosen(Field::Actor, event.actor.as_deref()),
        source: chosen(Field::Source, Some(&event.source)),
        id: chosen(Field::Id, Some(id)),
        data: select(&event.data, &subscription.data),
    })
}

/// An attribute by the name that `inputs.attribute` knows.
pub(crate) fn attribute(event: &TestEvent, id: &str, name: &str) -> Option<String> {
    match name {
        "type" => Some(event.event_type.clone()),
        "subject" => event.subject.clone(),
        "actor" => event.actor.clone(),
        "source" => Some(event.source.clone()),
        "id" => Some(id.to_owned()),
        "time" | "receivedat" | "now" => Some(event.time.to_string()),
        "time-replaced" | "late" | "undeduplicated" => Some("false".to_owned()),
        "hops" => Some("0".to_owned()),
        other => event.extensions.get(other).cloned(),
    }
}

fn value(event: &TestEvent, id: &str, path: &Path) -> Option<Value> {
    let name = match path {
        Path::Subject => "subject",
        Path::Actor => "actor",
        Path::Source => "source",
        Path::Id => "id",
        Path::Type => "type",
        Path::Scene => "scene",
        Path::Data(members) => return place(&event.data, members).cloned(),
    };
    attribute(event, id, name).map(Value::String)
}

fn place<'a>(data: &'a Value, members: &str) -> Option<&'a Value> {
    members.split('.').try_fold(data, |value, member| value.get(member))
}

fn key(value: Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn holds(predicate: &Predicate, event: &TestEvent, id: &str) -> bool {
    let found = value(event, id, &predicate.path);
    let number = |value: &Value| value.as_f64();
    match (&predicate.test, &found) {
        (Test::Exists(wanted), found) => found.is_some() == *wanted,
        (_, None) => false,
        (Test::Equals(wanted), Some(found)) => equal(wanted, found),
        (Test::OneOf(wanted), Some(found)) => wanted.iter().any(|wanted| equal(wanted, found)),
        (Test::AtLeast(bound), Some(found)) => number(found).zip(bound.as_f64()).is_some_and(|(n, bound)| n >= bound),
        (Test::AtMost(bound), Some(found)) => number(found).zip(bound.as_f64()).is_some_and(|(n, bound)| n <= bound),
    }
}

/// Equal by JSON type and value: 1 and 1.0 are equal.
fn equal(wanted: &Value, found: &Value) -> bool {
    wanted == found || (wanted.is_number() && wanted.as_f64() == found.as_f64())
}

fn select(data: &Value, wanted: &Data) -> String {
    match wanted {
        Data::None => String::new(),
        Data::All => data.to_string(),
        Data::Paths(paths) => {
            let mut chosen = Value::Object(Map::new());
            for path in paths {
                if let Path::Data(members) = path
                    && let Some(value) = place(data, members)
                {
                    put(&mut chosen, members, value.clone());
                }
            }
            chosen.to_string()
        }
    }
}

fn put(object: &mut Value, members: &str, value: Value) {
    let (first, rest) = members.split_once('.').map_or((members, None), |(first, rest)| (first, Some(rest)));
    match rest {
        None => object[first] = value,
        Some(rest) => {
            if !object[first].is_object() {
                object[first] = Value::Object(Map::new());
            }
            put(&mut object[first], rest, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::event;
    use crate::{Plan, StateVersions, data};

    fn plan() -> Plan {
        Plan::new(StateVersions { writes: 1, reads: &[1] })
    }

    fn routed(build: impl FnOnce(&mut Subscription), event: &TestEvent) -> Option<Event> {
        let mut plan = plan();
        build(plan.subscribe("all", ["sale"], Path::Actor));
        route(event, "1", &plan.subscriptions()[0])
    }

    #[test]
    fn only_what_is_selected_arrives() {
        let sale = event("sale").actor("ann").subject("lamp").data(json!({"price": {"fen": 5, "unit": "CNY"}, "x": 1}));
        let seen = routed(
            |wants| {
                wants.select([Field::Subject]).data_paths(["price.fen", "gone"]);
            },
            &sale,
        );
        let seen = seen.expect("it is wanted");
        assert_eq!((seen.key.as_str(), seen.subject.as_str(), seen.actor.as_str()), ("ann", "lamp", ""));
        assert_eq!(seen.data, r#"{"price":{"fen":5}}"#);
    }

    #[test]
    fn predicates_are_judged_by_type_and_value() {
        let sale = event("sale").actor("ann").data(json!({"fen": 5, "kind": "rental"}));
        let passes = |predicate: Predicate| {
            routed(
                |wants| {
                    wants.only_if(predicate);
                },
                &sale,
            )
            .is_some()
        };
        assert!(passes(data("kind").equals("rental")) && !passes(data("kind").equals("sale")));
        assert!(passes(data("fen").equals(5.0)) && !passes(data("fen").equals("5")));
        assert!(passes(data("fen").one_of([4, 5])) && !passes(data("fen").one_of([4, 6])));
        assert!(passes(data("fen").at_least(5)) && !passes(data("fen").at_least(6)));
        assert!(passes(data("fen").at_most(5)) && !passes(data("fen").at_most(4)));
        assert!(!passes(data("kind").at_least(1)) && !passes(data("gone").equals("rental")));
        assert!(passes(data("gone").is_missing()) && !passes(data("gone").exists()));
        assert!(passes(Path::Actor.equals("ann")) && passes(Path::Subject.is_missing()));
    }

    #[test]
    fn an_event_without_its_key_is_not_handled() {
        assert_eq!(routed(|_| {}, &event("sale")), None);
        assert_eq!(routed(|_| {}, &event("visit").actor("ann")), None);
    }
}
