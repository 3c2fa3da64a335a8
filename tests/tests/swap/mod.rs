//! X-01: another digest or configuration under flow. An activation is a position: below it everything runs on the
//! old revision, from it on everything on the new one, however late.

use std::collections::BTreeMap;

use fastrand::Rng;
use fishpond::app::Host;
use fishpond::engine::ConfigureError;
use fishpond::model::ports::{Submit, Submitted};
use fishpond::model::{Change, Frame, Limits, Lsn};
use fishpond::registry::{DeployRequest, Error};
use fishpond::scenario::BUSINESS;
use fishpond::shards::{Batching, Parts, Shards};
use fishpond_tests::{Deploy, Setup, World, component, event, frames, handled, scenario};

const PEOPLE: [&str; 5] = ["abe", "bea", "carl", "cora", "dan"];

/// Two digests, each with two configurations.
const REVISIONS: [(&str, &str); 4] =
    [("misbehave", "{}"), ("misbehave@0.2.0", "{}"), ("misbehave", r#"{"a": 1}"#), ("misbehave@0.2.0", r#"{"a": 2}"#)];

fn line(rng: &mut Rng, number: usize) -> String {
    let actor = PEOPLE[rng.usize(..PEOPLE.len())];
    format!("10:00:00 do id=e{number} actor={actor} {{\"do\": \"count\"}}")
}

/// Every input was handled once, on the revision of its position, and counted in its key's state without a gap.
fn check(parts: &Parts, accepted: usize) {
    let mut revisions: Vec<(Lsn, u32, String)> = Vec::new();
    let mut inputs: BTreeMap<Lsn, String> = BTreeMap::new();
    for (lsn, frame) in frames(parts) {
        match frame {
            Frame::Input(event) => drop(inputs.insert(lsn, event.actor.to_string())),
            Frame::Control(control) => {
                if let Change::DeploymentRevised { revision, digest, .. } = &control.change {
                    revisions.push((lsn, *revision, digest.to_string()));
                }
            }
            Frame::Outcome(_) | Frame::Mark(_) | Frame::Tick(_) | Frame::Report(_) | Frame::Outreach(_) => {}
        }
    }
    assert_eq!(inputs.len(), accepted);
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for found in handled(parts) {
        let lsn = found.record.lsn;
        let actor = inputs.remove(&lsn).unwrap_or_else(|| panic!("input {lsn} was handled twice"));
        let (_, revision, digest) = revisions.iter().rfind(|(from, ..)| *from <= lsn).expect("a revision");
        assert_eq!((found.revision, &found.digest), (*revision, digest), "input {lsn}; revisions {revisions:?}");
        let count = counts.entry(actor).or_default();
        *count += 1;
        let matches: Vec<&str> = found.record.outcome.matches.iter().map(|found| &*found.fields).collect();
        assert_eq!(matches, [format!("{{\"n\": {count}}}")], "input {lsn}");
    }
    assert!(inputs.is_empty(), "never handled: {inputs:?}");
}

#[test]
fn x_01_every_input_runs_on_the_revision_of_its_position() {
    for seed in 0..6 {
        let mut rng = Rng::with_seed(seed);
        let (_folder, mut world) = World::temporary(&Setup::seed(seed, 1 + rng.usize(..40)));
        world.deploy(&Deploy::new("count", REVISIONS[0].0, REVISIONS[0].1)).expect("it deploys");
        let mut sent = 0;
        for _ in 0..60 {
            match rng.u8(..6) {
                0 => {
                    let (module, configuration) = REVISIONS[rng.usize(..REVISIONS.len())];
                    world.deploy(&Deploy::new("count", module, configuration)).expect("it deploys");
                }
                1 => drop(world.host.workers.step().expect("the worker works")),
                2 => world.rest(),
                _ => {
                    let events: Vec<String> = (0..rng.usize(1..20)).map(|more| line(&mut rng, sent + more)).collect();
                    sent += events.len();
                    world.events(&events.iter().map(String::as_str).collect::<Vec<_>>());
                }
            }
        }
        world.rest();
        check(&world.host.parts, sent);
    }
}

#[test]
fn x_01_a_worker_that_lags_still_switches_at_the_position() {
    let mut rng = Rng::with_seed(1);
    let (folder, world) = World::temporary(&Setup::seed(3, 64));
    world.deploy(&Deploy::new("count", REVISIONS[0].0, REVISIONS[0].1)).expect("it deploys");
    for (index, (module, configuration)) in REVISIONS.into_iter().enumerate().skip(1) {
        let events: Vec<String> = (0..300).map(|more| line(&mut rng, index * 300 + more)).collect();
        world.events(&events.iter().map(String::as_str).collect::<Vec<_>>());
        world.deploy(&Deploy::new("count", module, configuration)).expect("it deploys");
    }
    assert!(world.handled().is_empty(), "the worker was to lag behind");
    // Also one that first sees all of it after a restart.
    world.close();
    let mut world = World::open(folder.path(), &Setup::seed(4, 64)).expect("it opens again");
    world.rest();
    check(&world.host.parts, 900);
}

/// The worker on its own thread, activations and events beside it: the position decides, not who is faster.
#[test]
fn x_01_a_swap_races_with_the_worker_and_loses_nothing() {
    let (_folder, world) = World::temporary(&Setup { batching: Batching::ByTime, ..Setup::default() });
    world.deploy(&Deploy::new("count", REVISIONS[0].0, REVISIONS[0].1)).expect("it deploys");
    let registry = world.host.parts.registry.clone();
    let upload = |name| registry.upload(BUSINESS, &component(name), "test").expect("it is a module").digest.to_string();
    let digests = ["misbehave", "misbehave@0.2.0"].map(upload);
    let Host { parts, intake, workers, .. } = world.host;
    let shards = Shards::start(workers).expect("a thread");
    let (limits, swaps, each) = (Limits::default(), 150, 5);
    let mut rng = Rng::with_seed(1);
    for swap in 0..swaps {
        let request = DeployRequest::new(&*digests[swap % 2], format!("{{\"swap\": {swap}}}"));
        parts.registry.deploy(BUSINESS, "count", request, "test").expect("it deploys");
        // Right behind it, while the worker still makes an instance of the revision before.
        for number in 0..each {
            let answers = intake.submit(vec![event(&line(&mut rng, swap * each + number), &limits)]);
            assert!(matches!(answers.expect("the journal takes it")[..], [Submitted::Accepted(_)]));
        }
    }
    assert!(shards.stop());
    check(&parts, swaps * each);
}

#[test]
fn x_01_a_refused_revision_changes_nothing() {
    let (_folder, mut world) = World::temporary(&Setup::default());
    world.deploy(&Deploy::new("count", "misbehave", "{}")).expect("it deploys");
    world.events(&["10:00:00 do id=e1 actor=abe"]);
    // Its upload is a change of its own; only the activation may change nothing.
    world.host.parts.registry.upload(BUSINESS, &component("misbehave@0.2.0"), "test").expect("it is a module");
    let (last, generation) = (world.host.parts.log.last(), world.host.parts.registry.generation());
    let refused = [
        ("{\"accept\": false}", "the module refuses"),
        ("{\"state\": 2}", "reads state versions [2], but version 1 is stored"),
        ("{", "not JSON"),
    ];
    for (configuration, why) in refused {
        let error = world.deploy(&Deploy::new("count", "misbehave@0.2.0", configuration)).expect_err("it is refused");
        assert!(error.to_string().contains(why), "{error}");
        if let Error::Configure(ConfigureError::Refused(diagnostics)) = &error {
            assert_eq!((&*diagnostics[0].place, &*diagnostics[0].hint), ("/accept", "say true"));
        }
        assert_eq!((world.host.parts.log.last(), world.host.parts.registry.generation()), (last, generation));
    }
    world.events(&["10:00:01 do id=e2 actor=abe"]);
    world.rest();
    check(&world.host.parts, 2);
    assert!(world.handled().iter().all(|found| found.revision == 1));
}

#[test]
fn x_01_rolling_back_is_an_activation_like_any_other() {
    let (_folder, mut world) = World::temporary(&Setup::default());
    for (number, module) in ["misbehave", "misbehave@0.2.0", "misbehave"].into_iter().enumerate() {
        world.deploy(&Deploy::new("count", module, "{}")).expect("it deploys");
        world.events(&[&format!("10:00:00 do id=e{number} actor=abe")]);
    }
    world.rest();
    check(&world.host.parts, 3);
    let digests: Vec<String> = world.handled().into_iter().map(|found| found.digest).collect();
    assert!(digests[0] == digests[2] && digests[0] != digests[1]);
}

#[test]
fn x_01_a_refused_configuration_says_why_and_where() {
    scenario("tests/scenarios/x_01_refused_configuration.scenario");
}
