//! A slow module beside a fast one, and one that traps all the time: what they cost their neighbours.

use std::time::{Duration, Instant};

use fishpond::model::Limits;
use fishpond::model::ports::Watch;
use fishpond::scenario::{BUSINESS, small_limits};
use fishpond::shards::Batching;
use fishpond_tests::{Deploy, Setup, World};

fn calls(world: &World, name: &str) -> u64 {
    world.host.parts.metrics.calls.with_label_values(&[BUSINESS, name]).get()
}

fn guest_us(world: &World, name: &str) -> u64 {
    world.host.parts.metrics.guest_microseconds.with_label_values(&[BUSINESS, name]).get()
}

fn lag(world: &World, name: &str) -> u64 {
    let id = world.host.parts.registry.deployment(BUSINESS, name).expect("a deployment").id;
    world.host.workers.board.progress(id).expect("a position").lag
}

#[test]
fn x_23_a_trap_on_every_second_event_costs_at_most_two_calls_for_each() {
    for (seed, most, faults) in [(1, 1, u64::MAX), (2, 8, u64::MAX), (3, 256, u64::MAX), (4, 256, 5)] {
        let limits = Limits { quarantine_faults: faults, quarantine_ms: 0, ..small_limits() };
        let (_folder, mut world) = World::temporary(&Setup { limits, ..Setup::seed(seed, most) });
        world.deploy(&Deploy::new("bad", "misbehave", "{}")).expect("it deploys");
        let deed = |n: usize| if n.is_multiple_of(2) { "trap" } else { "count" };
        let line = |n: usize| format!("10:00:00 do id=e{n} actor=p{} {{\"do\": \"{}\"}}", n % 17, deed(n));
        let lines: Vec<String> = (0..200).map(line).collect();
        world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        world.rest();
        assert_eq!(world.ends("bad").len(), 200);
        let calls = calls(&world, "bad");
        assert!((200..=400).contains(&calls), "{calls} calls with up to {most} inputs in a batch");
    }
}

/// The fast one's events of a run, how long it took to read them, and how much guest time each had.
struct Ran {
    took: Duration,
    fast_us: u64,
    slow_us: u64,
    slow_call_us: u64,
    slow_lag: u64,
}

/// `slow`: beside a module that takes some 50 ms an event.
fn run(slow: bool) -> Ran {
    let limits = Limits { fuel_per_input: 10_000_000_000, ..small_limits() };
    let (_folder, mut world) = World::temporary(&Setup { limits, batching: Batching::ByTime, ..Setup::default() });
    world.deploy(&Deploy::new("fast", "misbehave", r#"{"do": "spin", "spins": 20000}"#)).expect("it deploys");
    if slow {
        world.deploy(&Deploy::new("slow", "misbehave", r#"{"do": "spin", "spins": 30000000}"#)).expect("it deploys");
    }
    // Instances are made before time is taken.
    world.events(&["10:00:00 do id=first actor=ann"]);
    world.rest();
    let before = ["fast", "slow"].map(|name| guest_us(&world, name));
    let lines: Vec<String> = (0..10_000).map(|n| format!("10:00:01 do id=e{n} actor=p{}", n % 50)).collect();
    world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let (started, mut slow_call_us) = (Instant::now(), 0);
    loop {
        let had = guest_us(&world, "slow");
        assert!(world.host.workers.step().expect("a step"), "there is more to read");
        slow_call_us = slow_call_us.max(guest_us(&world, "slow") - had);
        if guest_us(&world, "fast") > before[0] && lag(&world, "fast") < 10 {
            break;
        }
    }
    let took = started.elapsed();
    let [fast_us, slow_us] = ["fast", "slow"].map(|name| guest_us(&world, name));
    let slow_lag = if slow { lag(&world, "slow") } else { 0 };
    Ran { took, fast_us: fast_us - before[0], slow_us: slow_us - before[1], slow_call_us, slow_lag }
}

/// Whose turn is next follows from the guest time that each has had, so this holds on a busy machine too.
#[test]
fn x_23_a_slow_module_has_no_more_of_its_worker_than_its_neighbour() {
    let beside = run(true);
    assert!(beside.slow_us > 0 && beside.slow_lag > 100, "the slow one lags: {}", beside.slow_lag);
    let fair = beside.fast_us + 2 * beside.slow_call_us;
    assert!(beside.slow_us <= fair, "slow {} us, fast {} us", beside.slow_us, beside.fast_us);
}

/// On a machine that others use too one try may be unlucky.
#[test]
fn x_23_the_neighbour_of_a_slow_module_keeps_half_of_its_throughput() {
    let mut ratios = Vec::new();
    for _ in 0..4 {
        let (alone, beside) = (run(false), run(true));
        ratios.push(alone.took.as_secs_f64() / beside.took.as_secs_f64());
        if ratios.last().is_some_and(|ratio| *ratio >= 0.5) {
            return;
        }
    }
    panic!("throughput beside a slow module, as a share of that alone: {ratios:?}");
}
