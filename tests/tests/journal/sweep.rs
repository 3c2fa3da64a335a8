//! Documents in which nothing is left to see leave the store, by frames of the journal: no crash brings one back, and
//! none loses anything.

use std::path::Path;

use fishpond::model::{Limits, Lsn};
use fishpond::scenario::small_limits;
use fishpond_tests::{Deploy, Setup, World, copy_folder, crashed, highest, parts_equal};

/// A window is a minute long. Events may be a minute late.
fn setup(workers: u64) -> Setup {
    let limits = Limits { workers, skew_past_ms: 60_000, request_ms: 1_000, ..small_limits() };
    Setup { limits, ..Setup::seed(3, 50) }
}

fn send(world: &mut World, time: &str, deed: &str, people: impl Iterator<Item = String>) {
    let line = |person| format!("{time} do id={person}-{time} actor={person} {{\"do\": \"{deed}\"}}");
    let lines: Vec<String> = people.map(line).collect();
    for lines in lines.chunks(500) {
        world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    }
    world.rest();
}

fn people(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| format!("p{n}"))
}

/// Sweeps run behind a checkpoint; rows are removed with the next one.
fn checkpoint(world: &mut World) {
    world.checkpoint();
    world.rest();
}

fn rows(world: &World) -> u64 {
    world.host.parts.store.check(|_, _| Ok(())).expect("it can be read").rows
}

fn swept(world: &World) -> u64 {
    world.host.parts.metrics.swept_documents.get()
}

#[test]
fn ten_thousand_documents_whose_windows_have_passed_leave_the_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = World::open(folder.path(), &setup(2)).expect("a world");
    world.deploy(&Deploy::new("rule", "misbehave", "{}")).expect("it deploys");
    send(&mut world, "10:00:00", "observe", people(10_000));
    send(&mut world, "10:00:00", "count", (0..20).map(|n| format!("kept{n}")));
    // Timers wait for an hour that does not come.
    send(&mut world, "10:00:00", "set_timer", (0..20).map(|n| format!("timed{n}")));
    checkpoint(&mut world);
    checkpoint(&mut world);
    assert_eq!((rows(&world), swept(&world)), (10_040, 0), "an event of 9:59 may come yet");
    send(&mut world, "10:05:00", "observe", ["late".to_owned()].into_iter());
    checkpoint(&mut world);
    checkpoint(&mut world);
    assert_eq!((rows(&world), swept(&world)), (41, 10_000));
    assert!(world.documents("p7").is_empty());
    send(&mut world, "10:05:01", "observe", people(3));
    let before: Vec<_> = ["p1", "kept1", "timed1", "late"].iter().flat_map(|key| world.documents(key)).collect();
    assert_eq!(before.len(), 4);
    world.close();
    for workers in [1, 4] {
        let mut world = World::open(folder.path(), &setup(workers)).expect("it opens again");
        let after: Vec<_> = ["p1", "kept1", "timed1", "late"].iter().flat_map(|key| world.documents(key)).collect();
        assert_eq!(after.len(), 4);
        let equal = |(one, other): (&_, &_)| equal(one, other);
        assert!(before.iter().zip(&after).all(equal), "{before:?}, {after:?}");
        assert!(world.documents("p7").is_empty());
        world.close();
    }
}

fn equal(one: &fishpond::model::ports::DocumentView, other: &fishpond::model::ports::DocumentView) -> bool {
    one.deployment == other.deployment && parts_equal(&one.document, &other.document)
}

#[test]
fn so_many_rows_are_swept_behind_each_checkpoint() {
    for (sweep_rows, rounds) in [(40, 3), (0, 0), (1_000, 1)] {
        let limits = Limits { sweep_rows, ..setup(1).limits };
        let (_folder, mut world) = World::temporary(&Setup { limits, ..setup(1) });
        world.deploy(&Deploy::new("rule", "misbehave", "{}")).expect("it deploys");
        send(&mut world, "10:00:00", "observe", people(100));
        checkpoint(&mut world);
        send(&mut world, "10:05:00", "count", ["late".to_owned()].into_iter());
        for round in 1..=4 {
            checkpoint(&mut world);
            let most = (sweep_rows * round).min(100);
            let least = if round >= rounds && rounds > 0 { 100 } else { most.saturating_sub(1) };
            assert!((least..=most).contains(&swept(&world)), "{} in round {round} of {sweep_rows}", swept(&world));
        }
    }
}

/// What each person's inputs came to, in the order of the persons.
fn outcomes(world: &World) -> Vec<String> {
    let handled = world.handled().into_iter();
    let said = handled.map(|handled| {
        let fields: Vec<_> = handled.record.outcome.matches.iter().map(|found| found.fields.clone()).collect();
        format!("{} {} {} {fields:?}", handled.record.key, handled.record.time, handled.record.outcome.end.code())
    });
    let mut said: Vec<String> = said.collect();
    said.sort();
    said
}

/// All that happens. What is there already is answered as duplicates.
fn play(world: &mut World, mut checkpointed: impl FnMut()) {
    let mut steps = |world: &mut World| {
        checkpoint(world);
        world.sync();
        checkpointed();
    };
    if world.host.parts.registry.snapshot().is_empty() {
        world.deploy(&Deploy::new("rule", "misbehave", "{}")).expect("it deploys");
    }
    send(world, "10:00:00", "observe", people(30));
    steps(world);
    send(world, "10:05:00", "count", ["late".to_owned()].into_iter());
    steps(world);
    send(world, "10:05:01", "observe", people(6));
    steps(world);
    send(world, "10:05:02", "observe", people(12));
}

#[test]
fn a_crash_behind_every_frame_of_a_sweep_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stores = vec![(Lsn::ZERO, tempfile::tempdir().expect("a folder"))];
    let copy = |from: &Path| {
        let copy = tempfile::tempdir().expect("a folder");
        copy_folder(&from.join("store"), copy.path()).expect("a copy");
        (highest(copy.path()), copy)
    };
    let mut world = World::open(folder.path(), &setup(2)).expect("a world");
    play(&mut world, || stores.push(copy(folder.path())));
    world.sync();
    assert_eq!(swept(&world), 30, "nobody else has been swept");
    let (expected, last) = (outcomes(&world), world.host.parts.log.last());
    let keys: Vec<String> = people(30).chain(["late".to_owned()]).collect();
    let before: Vec<_> = keys.iter().map(|key| world.documents(key)).collect();
    world.close();
    for cut in 1..=last.0 {
        let into = tempfile::tempdir().expect("a folder");
        crashed(folder.path(), &stores, Lsn(cut), into.path());
        let mut world = World::open(into.path(), &setup(1 + cut % 3)).expect("it opens again");
        play(&mut world, || {});
        assert_eq!(outcomes(&world), expected, "cut behind {cut}");
        // Those that were not swept before the crash are swept now.
        checkpoint(&mut world);
        checkpoint(&mut world);
        for (key, before) in keys.iter().zip(&before) {
            let after = world.documents(key);
            let same = before.len() == after.len() && before.iter().zip(&after).all(|(one, other)| equal(one, other));
            assert!(same, "cut behind {cut}, {key}: {before:?}, {after:?}");
        }
        assert_eq!(rows(&world), 13, "cut behind {cut}");
    }
}
