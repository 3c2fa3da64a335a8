//! same module, same events, same outcomes byte for byte, however they were batched.

use std::collections::BTreeMap;

use fishpond::codec::encode_frame;
use fishpond::model::{DeploymentId, Digest, Frame, Lsn, Outcome, ShardSet};
use fishpond::scenario::{Checked, Scenario, check};
use fishpond::shards::Batching;
use fishpond_tests::{Deploy, Setup, World, flow, modules, parts_equal, scenario};

/// Per (deployment, key) the bytes of each input's record.
pub type Outcomes = BTreeMap<(String, String), Vec<Vec<u8>>>;

pub fn outcomes(world: &World) -> Outcomes {
    let mut outcomes = Outcomes::new();
    for handled in world.handled() {
        let place = (handled.deployment.clone(), handled.record.key.to_string());
        let alone = Outcome {
            deployment: DeploymentId(1),
            revision: handled.revision,
            digest: Digest::parse(&handled.digest).expect("a digest"),
            shards: ShardSet::ALL,
            position: Lsn(1),
            now: 0,
            state_version: 1,
            inputs: vec![handled.record],
            wholes: Vec::new(),
        };
        outcomes.entry(place).or_default().push(encode_frame(&Frame::Outcome(alone.into())));
    }
    // Inputs without a key have no order among each other.
    outcomes.iter_mut().filter(|((_, key), _)| key.is_empty()).for_each(|(_, records)| records.sort());
    outcomes
}

pub fn deploy_all(world: &World) {
    for deploy in [
        Deploy::new("risk", "c2c-blacklist", "{}"),
        Deploy::new("rental", "rental-browse", "{}"),
        Deploy::new("bad", "misbehave", "{}"),
    ] {
        world.deploy(&deploy).expect("it deploys");
    }
}

fn played(setup: &Setup, seed: u64) -> (tempfile::TempDir, World) {
    let (folder, mut world) = World::temporary(setup);
    deploy_all(&world);
    world.submit(flow::events(seed, 300)).expect("the journal takes them");
    world.rest();
    (folder, world)
}

#[test]
fn x_05_same_events_same_bytes_whatever_the_batches() {
    let seed = 5;
    let (_folder, mut first) = played(&Setup::seed(1, 7), seed);
    let expected = outcomes(&first);
    assert!(expected.len() > 15, "the flow is too thin to prove anything");
    let by_time = Setup { batching: Batching::ByTime, ..Setup::default() };
    let singly = Setup { singly: true, ..Setup::default() };
    for (name, setup) in
        [("99/50", Setup::seed(99, 50)), ("1", Setup::seed(0, 1)), ("by time", by_time), ("singly", singly)]
    {
        let (_folder, mut other) = played(&setup, seed);
        assert!(outcomes(&other) == expected, "batches {name}: outcomes differ");
        for person in flow::PEOPLE {
            let (one, two) = (first.documents(person), other.documents(person));
            assert_eq!(one.len(), two.len(), "batches {name}, {person}");
            for (one, two) in one.iter().zip(&two) {
                assert!(parts_equal(&one.document, &two.document), "batches {name}, {person}: {one:?} and {two:?}");
            }
        }
    }
}

#[test]
fn x_05_a_module_with_state_in_its_globals_is_found_out() {
    let text = |what: &str| {
        let event = |id: u32| format!("event 10:00:0{id} do id=e{id} actor=ann {{\"do\": \"{what}\"}}\n");
        format!("deploy bad = misbehave {{}}\n{}{}{}---\n", event(1), event(2), event(3))
    };
    for (what, honest) in [("count", true), ("global_counter", false)] {
        let scenario = Scenario::parse(&text(what)).expect("a scenario");
        let Checked::Differs(lines) = check(&scenario, modules(), false).expect("it runs") else {
            panic!("nothing was seen")
        };
        let seen: Vec<String> = lines.iter().map(|line| line.trim_start_matches("+ ").to_owned()).collect();
        let scenario = Scenario::parse(&scenario.with_expected(&seen)).expect("a scenario");
        assert_eq!(check(&scenario, modules(), false).expect("it runs"), Checked::Passed);
        match check(&scenario, modules(), true).expect("it runs") {
            Checked::Passed => assert!(honest, "{what} was not found out"),
            Checked::Differs(lines) => assert!(!honest && lines[0].contains("singly"), "{what}: {lines:?}"),
            Checked::Blessed => panic!("nothing was to be blessed"),
        }
    }
}

#[test]
fn x_05_typed_outcomes_are_told_by_the_scenario_runner() {
    scenario("tests/scenarios/x_05_typed_outcomes.scenario");
}
