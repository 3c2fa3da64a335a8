//! Where a deployment begins, and what becomes of one whose events are gone before it has read them.

use fishpond::model::{Change, Frame, Gap, Limits, Lsn, PauseCause, ShardSet, Start};
use fishpond::registry::Error;
use fishpond::scenario::{BUSINESS, small_limits};
use fishpond_tests::{Deploy, Setup, World};

fn setup() -> Setup {
    // The smallest segments there are, and a memory that does not hide what is gone from the files.
    let limits = Limits { journal_segment_bytes: 5 << 20, journal_tail_bytes: 1 << 20, ..small_limits() };
    Setup { limits, ..Setup::seed(1, 64) }
}

/// Enough for the journal to begin another segment, durable.
fn fill(world: &World, round: &str) {
    let pad = "x".repeat(30_000);
    let line = |n: usize| format!("10:00:00 do id={round}{n} actor=p{n} {{\"do\": \"count\", \"pad\": \"{pad}\"}}");
    let lines: Vec<String> = (0..200).map(line).collect();
    world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    world.sync();
}

/// Releases what can be released; answers the first position that is kept.
fn release(world: &World) -> Lsn {
    let log = &world.host.parts.log;
    log.release(log.last()).expect("released");
    assert!(log.first() > Lsn(20), "too little is gone: {}", log.first());
    log.first()
}

#[test]
fn a_new_deployment_begins_with_what_was_written_at_a_time_or_after_it() {
    let (_folder, mut world) = World::temporary(&setup());
    for time in ["10:00:00", "10:00:05", "10:00:10"] {
        world.events(&[&format!("{time} do id=e{time} actor=ann")]);
        world.sync();
    }
    let at = |time: &str| fishpond_tests::event(&format!("{time} do id=x actor=ann"), &Limits::default()).received;
    for (name, time, expected) in
        [("all", "09:00:00", 3), ("two", "10:00:05", 2), ("one", "10:00:05.001", 1), ("none", "10:00:10", 1)]
    {
        world
            .deploy(&Deploy { start: Start::At(at(time)), ..Deploy::new(name, "misbehave", "{}") })
            .expect("it deploys");
        world.rest();
        assert_eq!(world.ends(name).len(), expected, "{name}");
    }
    let again = Deploy { start: Start::At(at("10:00:00")), ..Deploy::new("all", "misbehave", "{}") };
    assert!(matches!(world.deploy(&again), Err(Error::HasBegun(_))));
    let later = Deploy { start: Start::At(at("11:00:00")), ..Deploy::new("later", "misbehave", "{}") };
    assert!(matches!(world.deploy(&later), Err(Error::StartInFuture)));
    fill(&world, "a");
    fill(&world, "b");
    world.rest();
    let first = release(&world);
    for (name, start) in [("early", Start::Earliest), ("old", Start::At(at("10:00:00")))] {
        world.deploy(&Deploy { start, ..Deploy::new(name, "misbehave", "{}") }).expect("it deploys");
        world.rest();
        let deployment = world.host.parts.registry.deployment(BUSINESS, name).expect("a deployment");
        assert_eq!(deployment.start.next(), first, "{name}: what is gone is no gap of it");
        assert!(deployment.paused.shards.is_empty(), "{name}");
        let read = world.documents("p199").iter().any(|view| *view.deployment == *name);
        assert!(read, "{name} has read what is kept");
    }
}

#[test]
fn x_29_resuming_over_a_gap_is_refused_unless_it_is_accepted_and_the_gap_is_told() {
    let (_folder, mut world) = World::temporary(&setup());
    world.deploy(&Deploy::new("late", "misbehave", "{}")).expect("it deploys");
    world.deploy(&Deploy::new("other", "misbehave", "{}")).expect("it deploys");
    world.events(&["10:00:00 do id=first actor=ann"]);
    world.rest();
    world.pause("late");
    fill(&world, "a");
    fill(&world, "b");
    world.rest();
    let first = release(&world);
    let standing = world.standing("late");
    let registry = world.host.parts.registry.clone();
    let resume = |accept| registry.resume_from(BUSINESS, "late", &standing, accept, "ops");
    let before = world.host.parts.log.last();
    let error = resume(false).expect_err("a gap");
    let from = standing[0].1.next();
    let gap = Gap { shards: ShardSet::ALL, from, to: first.previous() };
    assert!(matches!(&error, Error::Gap { gap: found, shards: 64, .. } if *found == gap), "{error}");
    assert!(
        error.to_string().contains("--accept-gap")
            && error.to_string().contains(&format!("{} frames", gap.positions()))
    );
    assert_eq!(world.host.parts.log.last(), before, "nothing was changed");
    resume(true).expect("accepted");
    world.rest();
    world.sync();
    let accepted = world.host.parts.log.scan(before.next()).find_map(|item| match item.expect("readable").1 {
        Frame::Control(control) => match control.change {
            Change::GapAccepted { gap, .. } => Some((gap, control.by.clone())),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(accepted, Some((gap, "ops".into())));
    let deployment = world.host.parts.registry.deployment(BUSINESS, "late").expect("a deployment");
    assert!(deployment.paused.shards.is_empty(), "{:?}", deployment.paused);
    let alerts: Vec<(String, bool)> = alerts_since(&world, before);
    assert_eq!(alerts, [("gap".to_owned(), true), ("gap".to_owned(), false)]);
    world.events(&["10:00:01 do id=after actor=ann"]);
    world.rest();
    let n = world.query("late", "count", "ann").expect("an answer").reply.body;
    assert_eq!(n, "2".into(), "it keeps what it had, and reads on behind the gap");
}

#[test]
fn x_29_a_reader_that_meets_a_gap_is_paused_before_it_and_its_worker_goes_on() {
    let (_folder, mut world) = World::temporary(&setup());
    world.deploy(&Deploy::new("late", "misbehave", "{}")).expect("it deploys");
    world.deploy(&Deploy::new("other", "misbehave", "{}")).expect("it deploys");
    world.events(&["10:00:00 do id=first actor=ann"]);
    world.rest();
    world.pause("late");
    fill(&world, "a");
    fill(&world, "b");
    world.rest();
    let first = release(&world);
    // As if it had been asked for before anything was released.
    world.resume("late");
    world.rest();
    let deployment = world.host.parts.registry.deployment(BUSINESS, "late").expect("a deployment");
    assert_eq!((deployment.paused.cause, deployment.paused.shards), (PauseCause::Gap, ShardSet::ALL));
    assert!(deployment.paused.reason.contains(&format!("below position {first}")), "{}", deployment.paused.reason);
    assert_eq!(world.alerts(), [("gap".to_owned(), "late".to_owned())]);
    assert_eq!(world.unhealthy(), None);
    world.events(&["10:00:01 do id=after actor=ann"]);
    world.rest();
    assert_eq!(world.query("other", "count", "ann").expect("an answer").reply.body, "2".into());
    let standing = world.standing("late");
    world.host.parts.registry.resume_from(BUSINESS, "late", &standing, true, "ops").expect("accepted");
    world.rest();
    assert_eq!(world.query("late", "count", "ann").expect("an answer").reply.body, "2".into());
    assert_eq!(world.alerts(), []);
}

fn alerts_since(world: &World, lsn: Lsn) -> Vec<(String, bool)> {
    let frames = world.host.parts.log.scan(lsn.next()).map(|item| item.expect("readable").1);
    let alerts = frames.filter_map(|frame| match frame {
        Frame::Control(control) => match &control.change {
            Change::Alert { name, raised, .. } => Some((name.to_string(), *raised)),
            _ => None,
        },
        _ => None,
    });
    alerts.collect()
}
