//! `on_error: pause`: the failing shard stands still until an operator helps, and nothing else does.

use fishpond::model::ports::Watch;
use fishpond::model::{OnError, ShardSet, shard_of};
use fishpond::scenario::BUSINESS;
use fishpond_tests::{Deploy, Setup, World, scenario};

fn done(id: &str) -> (String, String) {
    (id.to_owned(), "done".to_owned())
}

#[test]
fn x_05_pause_on_error_stops_only_the_failing_shard() {
    for (seed, most) in [(1, 1), (2, 4), (3, 64)] {
        let (_folder, mut world) = World::temporary(&Setup::seed(seed, most));
        let deploy = Deploy::new("bad", "misbehave", "{}").pausing();
        world.deploy(&deploy).expect("it deploys");
        assert_ne!(shard_of("ann"), shard_of("bo"), "the test needs two shards");
        world.events(&[
            "10:00:00 do id=a1 actor=ann",
            "10:00:01 do id=b1 actor=bo",
            "10:00:02 do id=b2 actor=bo {\"do\": \"trap\"}",
        ]);
        world.events(&["10:00:03 do id=a2 actor=ann", "10:00:04 do id=b3 actor=bo", "10:00:05 do id=a3 actor=ann"]);
        world.rest();
        let mut ends = world.ends("bad");
        ends.sort();
        assert_eq!(ends, ["a1", "a2", "a3", "b1"].map(done));
        let deployment = world.host.parts.registry.deployment(BUSINESS, "bad").expect("a deployment");
        assert_eq!(deployment.paused.shards, ShardSet::one(shard_of("bo")));
        assert!(deployment.paused.reason.contains("key `bo`: trap"), "{}", deployment.paused.reason);
        // A resume alone runs into the same trap; a revision that skips gets past it.
        world.resume("bad");
        world.rest();
        assert_eq!(world.ends("bad").len(), 4);
        world.deploy(&Deploy { on_error: OnError::Skip, ..deploy }).expect("it deploys");
        world.resume("bad");
        world.rest();
        let ends = world.ends("bad");
        assert_eq!(ends[4..], [("b2".to_owned(), "trap".to_owned()), done("b3")]);
        assert_eq!(world.query("bad", "count", "bo").expect("an answer").reply.body, "2".into());
        let progress = world.host.workers.board.progress(deployment.id).expect("a position");
        assert_eq!(progress.position, world.host.parts.log.last());
    }
}

/// A shard that was stopped has a backlog to read; it neither waits for the others nor holds them up.
#[test]
fn x_05_a_shard_that_catches_up_takes_turns_with_the_others() {
    let (_folder, mut world) = World::temporary(&Setup::seed(1, 1));
    let deploy = Deploy::new("bad", "misbehave", "{}").pausing();
    world.deploy(&deploy).expect("it deploys");
    world.events(&["10:00:00 do id=b0 actor=bo {\"do\": \"trap\"}"]);
    world.rest();
    let lines =
        |actor: &str| -> Vec<String> { (0..40).map(|n| format!("10:00:01 do id={actor}-{n} actor={actor}")).collect() };
    let send =
        |world: &World, lines: &[String]| drop(world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>()));
    send(&world, &lines("bo"));
    world.rest();
    world.deploy(&Deploy { on_error: OnError::Skip, ..deploy }).expect("it deploys");
    world.resume("bad");
    send(&world, &lines("ann"));
    // The desk, which passes over what they did, has every second turn.
    for _ in 0..80 {
        assert!(world.host.workers.step().expect("a step"), "there is more to read");
    }
    let handled = |actor: &str| world.handled().iter().filter(|handled| *handled.record.key == *actor).count();
    let (bo, ann) = (handled("bo"), handled("ann"));
    assert!(bo >= 10 && ann >= 10, "bo is at {bo}, ann at {ann}");
}

/// One event may be an input of two keys: what stopped for one of them is finished once for the other.
#[test]
fn x_05_pause_on_error_doubles_nothing_of_the_same_event() {
    for (seed, most) in [(1, 1), (2, 4), (3, 64)] {
        let (_folder, mut world) = World::temporary(&Setup::seed(seed, most));
        let deploy = Deploy::new("bad", "misbehave", "{}").pausing();
        world.deploy(&deploy).expect("it deploys");
        world.events(&[
            "10:00:00 both id=e1 actor=ann subject=bo",
            "10:00:01 both id=e2 actor=ann subject=bo {\"do\": \"trap_for_subject\"}",
            "10:00:02 both id=e3 actor=ann subject=bo",
        ]);
        world.rest();
        assert_eq!(world.query("bad", "count", "ann").expect("an answer").reply.body, "3".into());
        assert_eq!(world.query("bad", "count", "bo").expect("an answer").reply.body, "1".into());
        world.deploy(&Deploy { on_error: OnError::Skip, ..deploy }).expect("it deploys");
        world.resume("bad");
        world.rest();
        assert_eq!(world.query("bad", "count", "ann").expect("an answer").reply.body, "3".into());
        assert_eq!(world.query("bad", "count", "bo").expect("an answer").reply.body, "2".into());
        assert_eq!(world.ends("bad").len(), 6);
    }
}

#[test]
fn x_05_pause_on_error_outlives_a_restart() {
    scenario("tests/scenarios/x_05_pause_on_error.scenario");
}
