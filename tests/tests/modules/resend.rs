//! X-27: a failed input is handled once more, with its own identity, by the revision in force, in its own deployment alone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fishpond::model::{Frame, Limits, Lsn};
use fishpond::scenario::{BUSINESS, small_limits};
use fishpond::trace::{Asked, Failure, FailureQuery, resend};
use fishpond_tests::{Deploy, Setup, World, crashed, scenario};

/// Rest after which all is durable, and then everything of a deployment that has failed.
fn resend_all(world: &mut World, name: &str) -> Vec<(Failure, Asked)> {
    world.rest();
    world.sync();
    let query = FailureQuery {
        business: BUSINESS,
        deployment: Some(name),
        code: None,
        key: None,
        position: None,
        after: Lsn::ZERO,
        limit: 1_000,
        deadline: Instant::now() + Duration::from_secs(60),
    };
    let parts = &world.host.parts;
    let (answers, next) = resend(&world.host.keys, &parts.registry, &query, "test").expect("it resends");
    assert_eq!(next, None);
    world.rest();
    answers
}

fn bad(configuration: &'static str) -> Deploy {
    Deploy::new("bad", "misbehave", configuration)
}

/// What is done where an event does not say it.
const TRAPS: &str = r#"{"do": "trap"}"#;
const MENDED: &str = "{}";

/// Six persons, of whom every second event stumbles.
fn lines(from: usize) -> Vec<String> {
    let line = |n: usize| {
        let data = if n.is_multiple_of(2) { "{}" } else { r#"{"do": "count"}"# };
        format!("10:00:{:02} do id=e{n} actor=user:{} {data}", n % 60, n % 6 / 2)
    };
    (from..from + 18).map(line).collect()
}

enum Act {
    Deploy(Deploy),
    Events(Vec<String>),
    Resend,
}

fn acts() -> Vec<Act> {
    vec![
        Act::Deploy(bad(TRAPS)),
        Act::Deploy(Deploy::new("other", "misbehave", MENDED)),
        Act::Events(lines(0)),
        Act::Deploy(bad(MENDED)),
        Act::Resend,
        Act::Events(lines(18)),
    ]
}

/// Does it; answers the frame with which it has happened, zero for what is done again after any crash.
fn act(world: &mut World, act: &Act) -> Lsn {
    let done = match act {
        Act::Deploy(deploy) => world.deploy(deploy).expect("it deploys"),
        Act::Events(lines) => {
            world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>());
            Lsn::ZERO
        }
        Act::Resend => {
            resend_all(world, "bad");
            Lsn::ZERO
        }
    };
    world.rest();
    done
}

/// Per (deployment, key) what became of each input, in order.
fn outcomes(world: &World) -> BTreeMap<(String, String), Vec<String>> {
    let frames = world.frames().into_iter();
    let ids: BTreeMap<Lsn, String> = frames
        .filter_map(
            |(lsn, frame)| if let Frame::Input(event) = frame { Some((lsn, event.id.to_string())) } else { None },
        )
        .collect();
    let mut outcomes: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for handled in world.handled() {
        let record = handled.record;
        let matches: Vec<String> =
            record.outcome.matches.iter().map(|found| format!("{:032x} {}", found.id, found.fields)).collect();
        let line = format!(
            "{} replay {} by {}: {} {matches:?}",
            ids[&record.origin()],
            record.replay_of.is_some(),
            handled.revision,
            record.outcome.end.code()
        );
        outcomes.entry((handled.deployment, record.key.to_string())).or_default().push(line);
    }
    outcomes
}

fn setup(workers: u64) -> Setup {
    Setup { limits: Limits { workers, ..small_limits() }, ..Setup::seed(workers, 4) }
}

#[test]
fn x_27_a_resent_input_matches_once_and_only_in_its_own_deployment() {
    scenario("tests/scenarios/x_27_resend.scenario");
}

#[test]
fn x_27_the_match_of_a_replay_has_the_id_that_the_original_would_have_had() {
    let (_folder, mut world) = World::temporary(&Setup::default());
    let (_other, mut mended) = World::temporary(&Setup::default());
    world.deploy(&bad(TRAPS)).expect("it deploys");
    mended.deploy(&bad(MENDED)).expect("it deploys");
    let line = "10:00:00 do id=a1 actor=ann {}";
    for world in [&mut world, &mut mended] {
        world.events(&[line]);
        world.rest();
    }
    let original = mended.handled().remove(0).record;
    world.deploy(&bad(MENDED)).expect("it deploys");
    resend_all(&mut world, "bad");
    let replay = world.handled().remove(1).record;
    assert_eq!((replay.replay_of, replay.time, &replay.key), (Some(Lsn(3)), original.time, &original.key));
    let (found, expected) = (&replay.outcome.matches[0], &original.outcome.matches[0]);
    assert_eq!((found.id, &found.events), (expected.id, &expected.events));
    // The event's own position, not that of the frame that asked for it.
    assert_eq!((found.events[0].lsn, replay.lsn), (Lsn(3), Lsn(6)));
}

#[test]
fn x_27_resent_twice_is_replayed_and_appends_nothing() {
    let (_folder, mut world) = World::temporary(&Setup::default());
    for next in &acts()[..4] {
        act(&mut world, next);
    }
    let first = resend_all(&mut world, "bad");
    assert_eq!(first.len(), 9);
    assert!(first.iter().all(|(_, asked)| matches!(asked, Asked::Resent(_))), "{first:?}");
    let last = world.host.parts.log.last();
    let again = resend_all(&mut world, "bad");
    let expected: Vec<Asked> = first.iter().filter_map(|(_, asked)| asked.position()).map(Asked::Replayed).collect();
    assert_eq!(again.into_iter().map(|(_, asked)| asked).collect::<Vec<_>>(), expected);
    assert_eq!(world.host.parts.log.last(), last);
}

#[test]
fn x_27_what_has_not_ended_is_pending_and_is_handled_when_its_shard_goes_on() {
    let (_folder, mut world) = World::temporary(&Setup::default());
    for next in &acts()[..4] {
        act(&mut world, next);
    }
    world.pause("bad");
    let first = resend_all(&mut world, "bad");
    let again = resend_all(&mut world, "bad");
    let expected: Vec<Asked> = first.iter().filter_map(|(_, asked)| asked.position()).map(Asked::Pending).collect();
    assert_eq!((again.into_iter().map(|(_, asked)| asked).collect::<Vec<_>>(), expected.len()), (expected, 9));
    world.resume("bad");
    world.rest();
    let replays = world.handled().into_iter().filter(|handled| handled.record.replay_of.is_some());
    assert_eq!(replays.count(), 9);
}

#[test]
fn x_27_a_crash_behind_every_frame_loses_no_replay_and_doubles_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = World::open(folder.path(), &setup(1)).expect("a world");
    let done: Vec<Lsn> = acts().iter().map(|next| act(&mut world, next)).collect();
    let (expected, last) = (outcomes(&world), world.host.parts.log.last());
    let replays = expected.values().flatten().filter(|line| line.contains("replay true by 2: done"));
    assert_eq!(replays.count(), 9, "{expected:#?}");
    world.close();
    let stores = [(Lsn::ZERO, tempfile::tempdir().expect("a folder"))];
    for (last, workers) in (0..=last.0).map(Lsn).zip([1, 2, 4].into_iter().cycle()) {
        let again = tempfile::tempdir().expect("a folder");
        crashed(folder.path(), &stores, last, again.path());
        let mut world = World::open(again.path(), &setup(workers)).expect("it opens again");
        world.rest();
        for (next, done) in acts().iter().zip(&done) {
            if *done == Lsn::ZERO || *done > last {
                act(&mut world, next);
            }
        }
        assert_eq!(outcomes(&world), expected, "after a crash behind {last}, with {workers} workers");
    }
}
