//! Limits that a module meets, each lowered until it is hit: the refusal names it, or what it sizes gets smaller. Which test
//! hits which limit is in docs/limits.md.

use fishpond::model::{Frame, Limits};
use fishpond::registry::Error;
use fishpond::scenario::BUSINESS;
use fishpond::shards::Batching;
use fishpond_tests::{Deploy, Setup, World};

fn lowered(change: impl FnOnce(&mut Limits)) -> Setup {
    let mut setup = Setup::seed(1, 1 << 20);
    change(&mut setup.limits);
    setup
}

fn misbehave() -> Deploy {
    Deploy::new("bad", "misbehave", "{}")
}

/// Uploads and deploys under a lowered limit; the refusal as its author reads it.
fn refused(change: impl FnOnce(&mut Limits)) -> String {
    let (_folder, world) = World::temporary(&lowered(change));
    world.deploy(&misbehave()).expect_err("it is over the limit").to_string()
}

fn names(text: &str, limit: &str) {
    assert!(text.contains(&format!("`{limit}`")), "{limit}: {text}");
}

#[test]
fn a_module_that_needs_more_than_an_instance_may_have_is_refused_by_the_limit() {
    names(&refused(|limits| limits.guest_memory_bytes = 1 << 16), "guest_memory_bytes");
    names(&refused(|limits| limits.guest_table_elements = 1), "guest_table_elements");
    names(&refused(|limits| limits.guest_instances = 1), "guest_instances");
    names(&refused(|limits| limits.fuel_configure = 100), "fuel_configure");
    names(&refused(|limits| limits.description_bytes = 20), "description_bytes");
}

#[test]
fn one_module_deployment_or_byte_of_configuration_too_many_is_refused_by_the_limit() {
    names(&refused(|limits| limits.configuration_bytes = 1), "configuration_bytes");
    let (_folder, world) = World::temporary(&lowered(|limits| (limits.modules, limits.deployments) = (1, 1)));
    world.deploy(&misbehave()).expect("one has its place");
    world.deploy(&misbehave()).expect("another revision is no other deployment");
    let second = world.deploy(&Deploy::new("second", "misbehave", "{}")).expect_err("one too many");
    assert!(matches!(second, Error::Limit { name: "deployments", limit: 1 }), "{second}");
    names(&second.to_string(), "deployments");
    let module = world.deploy(&Deploy::new("bad", "herald", "{}")).expect_err("one too many");
    assert!(matches!(module, Error::Limit { name: "modules", limit: 1 }), "{module}");
    names(&module.to_string(), "modules");
}

/// What four events come to: calls of the module, and the numbers that it found.
fn four(setup: &Setup, what: &str) -> (u64, Vec<String>) {
    let (_folder, mut world) = World::temporary(setup);
    world.deploy(&misbehave()).expect("it deploys");
    let lines: Vec<String> =
        (0..4).map(|n| format!("10:00:0{n} do id=e{n} actor=ann {{\"do\": \"{what}\"}}")).collect();
    world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    world.rest();
    let calls = world.host.parts.metrics.calls.with_label_values(&[BUSINESS, "bad"]).get();
    let handled = world.handled();
    let found = handled.iter().flat_map(|handled| &handled.record.outcome.matches);
    (calls, found.map(|found| found.fields.to_string()).collect())
}

#[test]
fn a_batch_ends_at_each_of_its_bounds() {
    let calls = |change: fn(&mut Limits)| four(&lowered(change), "count").0;
    assert_eq!(calls(|_| ()), 1);
    assert_eq!(calls(|limits| limits.batch_inputs = 2), 2);
    assert_eq!(calls(|limits| limits.batch_bytes = 1), 4);
    let timed = |us| {
        let setup = lowered(|limits| limits.batch_us = us);
        four(&Setup { batching: Batching::ByTime, ..setup }, "count").0
    };
    assert_eq!((timed(1), timed(60_000_000)), (4, 1));
}

#[test]
fn an_instance_is_replaced_by_calls_and_by_memory() {
    // What no module may have, a counter in a global, shows how old the instance is.
    let counted = |change: fn(&mut Limits)| {
        let mut setup = Setup::seed(1, 1);
        change(&mut setup.limits);
        four(&setup, "global_counter").1
    };
    let numbers = |numbers: [u64; 4]| numbers.map(|n| format!("{{\"n\": {n}}}")).to_vec();
    assert_eq!(counted(|_| ()), numbers([0, 1, 2, 3]));
    assert_eq!(counted(|limits| limits.instance_calls = 2), numbers([0; 4]));
    assert_eq!(counted(|limits| limits.instance_memory_bytes = 1), numbers([0; 4]));
}

#[test]
fn instances_leave_by_least_use_over_the_memory_mark() {
    // Two deployments see every event; a counter in a global shows how old their instances are.
    let counted = |mark| {
        let (_folder, mut world) = World::temporary(&Setup {
            limits: lowered(|limits| limits.instances_memory_bytes = mark).limits,
            ..Setup::seed(1, 1)
        });
        for name in ["one", "two"] {
            world.deploy(&Deploy::new(name, "misbehave", "{}")).expect("it deploys");
        }
        for n in 0..3 {
            world.events(&[&format!("10:00:0{n} do id=e{n} actor=ann {{\"do\": \"global_counter\"}}")]);
            world.rest();
        }
        let metrics = &world.host.parts.metrics;
        let kept = (metrics.instances.get(), metrics.instance_bytes.get());
        let handled = world.handled();
        let of = |name: &str| -> Vec<String> {
            let own = handled.iter().filter(|handled| handled.deployment == name);
            own.flat_map(|handled| &handled.record.outcome.matches).map(|found| found.fields.to_string()).collect()
        };
        (of("one"), of("two"), kept)
    };
    let numbers = |numbers: [u64; 3]| numbers.map(|n| format!("{{\"n\": {n}}}")).to_vec();
    let (one, two, (both, bytes)) = counted(u64::MAX / 64);
    assert_eq!((one, two, both), (numbers([0, 1, 2]), numbers([0, 1, 2]), 2));
    let (one, two, kept) = counted(bytes.unsigned_abs() - 1);
    assert_eq!((one, two), (numbers([0; 3]), numbers([0; 3])), "each leaves when the other has its turn");
    assert_eq!(kept, (1, bytes / 2), "the one that was used last stays");
}

#[test]
fn a_call_over_the_watchdog_is_tried_again_and_then_its_shards_pause() {
    let setup = lowered(|limits| {
        (limits.watchdog_ms, limits.host_retries, limits.fuel_per_input) = (1, 1, u64::MAX);
    });
    let (_folder, mut world) = World::temporary(&setup);
    world.deploy(&misbehave()).expect("it deploys");
    world.events(&["10:00:00 do id=e1 actor=ann {\"do\": \"loop\"}"]);
    // The clock of the watchdog ticks ten times a second.
    let begun = std::time::Instant::now();
    world.rest();
    let lasted = begun.elapsed().as_millis();
    assert_eq!(world.ends("bad"), [], "a host failure is no verdict");
    let paused = world.host.parts.registry.deployment(BUSINESS, "bad").expect("it").paused.clone();
    assert!(paused.reason.contains("longer than 1 ms"), "{}", paused.reason);
    names(&paused.reason, "watchdog_ms");
    assert!(lasted >= 200, "it was tried once only: {lasted} ms");
}

#[test]
fn so_many_bytes_of_journal_begin_a_checkpoint() {
    let marks = |bytes| {
        let (_folder, mut world) = World::temporary(&lowered(|limits| limits.checkpoint_bytes = bytes));
        world.deploy(&misbehave()).expect("it deploys");
        for actor in ["ann", "bo", "cy"] {
            world.events(&[&format!("10:00:00 do id={actor} actor={actor}")]);
            world.rest();
            let log = &world.host.parts.log;
            log.wait_committed(log.last()).expect("the disk works");
        }
        world.rest();
        world.frames().iter().filter(|(_, frame)| matches!(frame, Frame::Mark(_))).count()
    };
    assert_eq!(marks(1 << 30), 0);
    assert!(marks(1) > 0);
}
