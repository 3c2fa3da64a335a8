//! A deployment that is too far behind: parked, or intake waits for it, each alone.

use fishpond::model::ports::{Submitted, Watch};
use fishpond::model::{Event, Guard, Limits, OnLag, PauseCause, ShardSet};
use fishpond::registry::Deployment;
use fishpond::scenario::{BUSINESS, small_limits};
use fishpond_tests::{Deploy, Setup, World, event};

const LIMIT: u64 = 256 << 10;

fn setup() -> Setup {
    Setup { limits: Limits { lag_max_bytes: LIMIT, ..small_limits() }, ..Setup::seed(1, 64) }
}

fn deployment(world: &World, name: &str) -> Deployment {
    (*world.host.parts.registry.deployment(BUSINESS, name).expect("a deployment")).clone()
}

/// A deployment that reads nothing until it is let go.
fn held(world: &mut World, deploy: &Deploy) {
    world.deploy(deploy).expect("it deploys");
    world.rest();
    let id = deployment(world, deploy.name).id;
    world.host.workers.hold_back(id, true);
}

fn let_go(world: &mut World, name: &str) {
    let id = deployment(world, name).id;
    world.host.workers.hold_back(id, false);
    world.rest();
}

fn one(kind: &str, id: &str) -> Event {
    event(
        &format!("10:00:00 {kind} id={id} actor=ann {{\"do\": \"count\", \"pad\": \"{}\"}}", "x".repeat(8_000)),
        &Limits::default(),
    )
}

/// Events of about so many bytes of the journal, durable, and everybody who may has read them.
fn fill(world: &mut World, round: &str, bytes: u64) {
    let events = (0..bytes / 8_000 + 1).map(|n| one("other", &format!("{round}-{n}"))).collect();
    world.submit(events).expect("the journal takes them");
    world.sync();
    world.rest();
}

#[test]
fn x_23_who_is_too_far_behind_is_parked_with_an_alert_and_catches_up_when_resumed() {
    let (_folder, mut world) = World::temporary(&setup());
    held(&mut world, &Deploy::new("slow", "misbehave", "{}"));
    world.deploy(&Deploy::new("fast", "misbehave", "{}")).expect("it deploys");
    fill(&mut world, "a", LIMIT / 2);
    let id = deployment(&world, "slow").id;
    let progress = world.host.workers.board.progress(id).expect("a position");
    assert!(progress.lag > 10 && progress.lag_bytes > LIMIT / 2 && progress.lag_bytes < LIMIT, "{progress:?}");
    assert_eq!((deployment(&world, "slow").paused.shards, world.alerts()), (ShardSet::EMPTY, vec![]));
    fill(&mut world, "b", LIMIT);
    let slow = deployment(&world, "slow");
    assert_eq!((slow.paused.shards, slow.paused.cause), (ShardSet::ALL, PauseCause::Lag));
    assert!(slow.paused.reason.contains("`lag_max_bytes`"), "{}", slow.paused.reason);
    assert_eq!(world.alerts(), [("lag".to_owned(), "slow".to_owned())]);
    let fast = deployment(&world, "fast");
    assert_eq!(
        (fast.paused.shards, world.host.workers.board.progress(fast.id).expect("a position").lag),
        (ShardSet::EMPTY, 0)
    );
    // Whoever is resumed far behind may catch up: it is parked again only when it falls back as much again.
    world.resume("slow");
    world.rest();
    assert_eq!((deployment(&world, "slow").paused.shards, world.alerts()), (ShardSet::EMPTY, vec![]));
    fill(&mut world, "c", LIMIT / 4);
    assert_eq!(world.alerts(), []);
    fill(&mut world, "d", LIMIT);
    assert_eq!(world.alerts(), [("lag".to_owned(), "slow".to_owned())]);
    world.resume("slow");
    let_go(&mut world, "slow");
    let progress = world.host.workers.board.progress(id).expect("a position");
    assert_eq!((progress.lag, progress.lag_bytes, progress.lag_ms, world.alerts()), (0, 0, 0, vec![]));
}

#[test]
fn x_23_who_blocks_intake_does_so_for_its_own_types_in_its_own_business_until_it_has_caught_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = World::open(folder.path(), &setup()).expect("a world");
    let guard = Guard { on_lag: OnLag::Block, ..Guard::default() };
    held(&mut world, &Deploy { guard, ..Deploy::new("slow", "misbehave", "{}") });
    let id = deployment(&world, "slow").id;
    let accepted = world.submit(vec![one("do", "first")]).expect("accepted")[0];
    assert!(matches!(accepted, Submitted::Accepted(_)));
    fill(&mut world, "a", 2 * LIMIT);
    assert_eq!(world.alerts(), [("blocked".to_owned(), "slow".to_owned())]);
    assert_eq!(deployment(&world, "slow").paused.shards, ShardSet::EMPTY, "it reads on as it can");
    let elsewhere = Event { business: "elsewhere".into(), ..one("do", "e1") };
    let answers =
        world.submit(vec![one("do", "d1"), one("both", "b1"), one("other", "o1"), elsewhere, one("do", "first")]);
    let answers = answers.expect("the journal takes them");
    let [
        Submitted::Blocked(one_blocked),
        Submitted::Blocked(other),
        Submitted::Accepted(_),
        Submitted::Accepted(_),
        again,
    ] = answers[..]
    else {
        panic!("{answers:?}")
    };
    assert_eq!((one_blocked, other), (id, id));
    assert!(matches!(again, Submitted::Duplicate(lsn) if lsn == accepted.lsn()), "what has come is known: {again:?}");
    // A restart goes on waiting for it.
    world.sync();
    world.close();
    let mut world = World::open(folder.path(), &setup()).expect("it opens again");
    world.host.workers.hold_back(id, true);
    world.rest();
    assert_eq!(world.alerts(), [("blocked".to_owned(), "slow".to_owned())]);
    assert_eq!(world.submit(vec![one("do", "d1")]).expect("an answer"), [Submitted::Blocked(id)]);
    // Whoever is paused is not waited for.
    world.pause("slow");
    world.rest();
    assert_eq!(world.alerts(), []);
    world.resume("slow");
    let_go(&mut world, "slow");
    let answers = world.submit(vec![one("do", "d1")]).expect("the journal takes it");
    assert!(matches!(answers[..], [Submitted::Accepted(_)]), "{answers:?}");
}
