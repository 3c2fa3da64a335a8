//! S1-04: what a match is made of can be told from the match, and counted again from the events.

use std::collections::{BTreeMap, BTreeSet};

use fishpond::model::{Event, Frame};
use fishpond_tests::{Deploy, Setup, World, flow};

/// Milliseconds: the rule's default window.
const WINDOW_MS: u64 = 60_000;

fn busy() -> (tempfile::TempDir, World) {
    let (folder, mut world) = World::temporary(&Setup::default());
    world.deploy(&Deploy::new("risk", "c2c-blacklist", r#"{"cooldown_s": 30}"#)).expect("it deploys");
    world.submit(flow::events(4, 400)).expect("the journal takes them");
    world.rest();
    (folder, world)
}

#[test]
fn s1_04_matches_can_be_computed_again_from_the_events_they_list() {
    let (_folder, world) = busy();
    let mut events: BTreeMap<(String, String), Event> = BTreeMap::new();
    for (_, frame) in world.frames() {
        if let Frame::Input(event) = frame {
            events.insert((event.source.to_string(), event.id.to_string()), Event::clone(&event));
        }
    }
    let mut seen = 0;
    for handled in world.handled() {
        for found in &handled.record.outcome.matches {
            let used: Vec<&Event> =
                found.events.iter().map(|used| &events[&(used.source.to_string(), used.id.to_string())]).collect();
            let by: BTreeSet<&str> = used.iter().map(|event| &*event.actor).collect();
            let fields: serde_json::Value = serde_json::from_str(&found.fields).expect("fields are JSON");
            assert_eq!(fields["by"], serde_json::json!(by), "{found:?}");
            assert!(
                by.len() >= 2
                    && used.iter().all(|event| *event.subject == *found.person && *event.kind == *"blacklist"),
                "{found:?}"
            );
            let times: BTreeSet<u64> = used.iter().map(|event| event.time).collect();
            let (first, last) = (times.first().expect("events"), times.last().expect("events"));
            assert!(last - first <= WINDOW_MS && times.contains(&handled.record.time), "{found:?}");
            seen += 1;
        }
    }
    assert!(seen >= 10, "only {seen} matches: the flow is too thin to prove anything");
}

/// Retention of events is not built yet; what must outlive them is in the match's own frame already.
#[test]
fn s1_04_a_match_names_events_digest_and_revision_without_the_events() {
    let (_folder, world) = busy();
    let deployment = world.host.parts.registry.deployment(fishpond::scenario::BUSINESS, "risk").expect("a deployment");
    let digest = deployment.newest().digest.to_string();
    let matching: Vec<_> =
        world.handled().into_iter().filter(|handled| !handled.record.outcome.matches.is_empty()).collect();
    assert!(!matching.is_empty());
    for handled in matching {
        assert_eq!((handled.digest.as_str(), handled.revision), (digest.as_str(), 1));
        for found in &handled.record.outcome.matches {
            assert!(
                found.events.len() >= 2
                    && found.events.iter().all(|event| !event.source.is_empty() && !event.id.is_empty())
            );
        }
    }
}
