//! Signals over crashes and workers: a crash behind every frame, the host opened again with 1, 2 or 4 workers, all inputs
//! sent again. Each signal is handled exactly once, and it is the same signal, whatever fell between.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use fishpond::model::{Limits, Lsn, Via};
use fishpond::scenario::small_limits;
use fishpond_tests::{Deploy, Setup, World, copy_folder, crashed, flow, highest};

const DEPLOYMENT: &str = "found";

enum Act {
    Deploy(Deploy),
    Events(Vec<String>),
    Resume,
    Checkpoint,
}

/// Word over one, two and three keys, some of it refused, some of it a trap.
fn lines(seed: u64, count: usize) -> Vec<String> {
    let mut rng = Rng::with_seed(seed);
    let mut lines = Vec::new();
    for number in 0..count {
        let actor = flow::PEOPLE[rng.usize(..flow::PEOPLE.len())];
        let mut said = match number % 8 {
            3 => r#"{"do": "trap", "n": 1}"#.to_owned(),
            6 => r#"{"match": "nothing", "n": 1}"#.to_owned(),
            _ => format!(r#"{{"match": "offer", "n": {number}}}"#),
        };
        for _ in 0..rng.u8(1..4) {
            let to = flow::PEOPLE[rng.usize(..flow::PEOPLE.len())];
            let find = rng.u8(1..4);
            said = format!(r#"{{"do": "signal", "to": "{to}", "find": {find}, "n": {number}, "then": {said}}}"#);
        }
        lines.push(format!("10:{:02}:{:02} herald id=e{number} actor={actor} {said}", number / 60, number % 60));
    }
    lines
}

fn acts() -> Vec<Act> {
    let lines = lines(5, 24);
    let events = |from: usize, to: usize| Act::Events(lines[from..to].to_vec());
    let found = Deploy::new(DEPLOYMENT, "herald", "{}");
    vec![
        Act::Deploy(found.clone()),
        events(0, 8),
        Act::Checkpoint,
        // What traps now stops its shard, and the next revision gets past it.
        Act::Deploy(found.clone().pausing()),
        events(8, 16),
        Act::Deploy(found),
        Act::Resume,
        Act::Checkpoint,
        events(16, lines.len()),
    ]
}

/// Answers the frame with which the act has happened; events are sent again in any case (zero).
fn act(world: &mut World, act: &Act) -> Lsn {
    let done = match act {
        Act::Deploy(deploy) => world.deploy(deploy).expect("it deploys"),
        Act::Events(lines) => {
            world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>());
            Lsn::ZERO
        }
        Act::Resume => world.resume(DEPLOYMENT),
        Act::Checkpoint => {
            world.checkpoint();
            world.stored()
        }
    };
    world.rest();
    done
}

/// What a run comes to. Which of two signals of different senders comes first depends on where their frames fall, so only
/// what does not hang on that is compared.
#[derive(PartialEq, Debug, Default)]
struct Result {
    /// Sender and receiver, by the signal's identity.
    sent: BTreeMap<u128, (String, String)>,
    /// The same of those that were handled, with how that ended.
    handled: BTreeMap<u128, (String, String)>,
    ends: BTreeMap<u128, String>,
    matches: BTreeSet<String>,
    documents: BTreeMap<String, String>,
}

impl Result {
    /// Fails if any signal was sent or handled twice.
    fn of(world: &mut World, place: &str) -> Result {
        let mut result = Result::default();
        for record in world.handled().into_iter().map(|handled| handled.record) {
            for signal in &record.outcome.signals {
                let twice = result.sent.insert(signal.id, (record.key.to_string(), signal.key.to_string()));
                assert_eq!(twice, None, "a signal was sent twice: {place}");
            }
            if let Via::Signal { id, sender, .. } = &record.via {
                let twice = result.handled.insert(*id, (sender.to_string(), record.key.to_string()));
                assert_eq!(twice, None, "a signal was handled twice: {place}");
                result.ends.insert(*id, record.outcome.end.code().to_owned());
            }
            let found = record.outcome.matches.iter();
            result.matches.extend(found.map(|found| format!("{:032x} {} {}", found.id, found.person, found.fields)));
        }
        for person in flow::PEOPLE {
            for view in world.documents(person) {
                let values: Vec<_> = view.document.values().iter().map(|(name, value)| (name, &value.bytes)).collect();
                result.documents.insert(person.to_owned(), format!("{values:?} {}", view.document.clock()));
            }
        }
        assert_eq!(result.handled, result.sent, "{place}");
        result
    }
}

fn setup(seed: u64, most: usize, workers: u64) -> Setup {
    Setup { limits: Limits { workers, ..small_limits() }, ..Setup::seed(seed, most) }
}

#[test]
fn signals_are_handled_once_over_a_crash_behind_every_frame_and_any_number_of_workers() {
    let original = tempfile::tempdir().expect("a folder");
    let mut stores = vec![(Lsn::ZERO, tempfile::tempdir().expect("a folder"))];
    let acts = acts();
    let mut done = Vec::new();
    let mut world = World::open(original.path(), &setup(7, 6, 1)).expect("a world");
    for next in &acts {
        done.push(act(&mut world, next));
        world.sync();
        if matches!(next, Act::Checkpoint) {
            let copy = tempfile::tempdir().expect("a folder");
            copy_folder(&original.path().join("store"), copy.path()).expect("a copy");
            stores.push((highest(copy.path()), copy));
        }
    }
    let uncut = Result::of(&mut world, "without a crash");
    let end = world.host.parts.log.last();
    world.close();
    check(&uncut, end);
    for last in (0..=end.0).map(Lsn) {
        let place = format!("after a crash behind {last}");
        let folder = tempfile::tempdir().expect("a folder");
        crashed(original.path(), &stores, last, folder.path());
        let workers = [1, 2, 4][last.0 as usize % 3];
        let setup = setup(last.0, 1 + last.0 as usize % 9, workers);
        let mut world = World::open(folder.path(), &setup).expect("it opens again");
        world.rest();
        for (next, done) in acts.iter().zip(&done) {
            if *done == Lsn::ZERO || *done > last {
                act(&mut world, next);
            }
        }
        assert_eq!(Result::of(&mut world, &place), uncut, "{place}");
    }
}

/// The run must hold what a crash could break.
fn check(uncut: &Result, end: Lsn) {
    let ends: BTreeSet<&str> = uncut.ends.values().map(String::as_str).collect();
    assert_eq!(ends, BTreeSet::from(["bad_event", "done", "trap"]));
    assert!(uncut.sent.len() >= 60 && end.0 >= 60, "{} signals, {end} frames", uncut.sent.len());
    assert!(uncut.matches.len() >= 20 && uncut.documents.len() == flow::PEOPLE.len(), "{uncut:#?}");
}

#[test]
fn signals_cross_workers_and_come_to_the_same() {
    let played = |counts: &[u64]| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut world = World::open(folder.path(), &setup(counts[0], 6, counts[0])).expect("a world");
        world.deploy(&Deploy::new(DEPLOYMENT, "herald", "{}")).expect("it deploys");
        let lines = lines(9, 200);
        world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        for count in &counts[1..] {
            for _ in 0..10 {
                assert!(world.host.workers.step().expect("a worker works"), "there is more to read");
            }
            world.close();
            world = World::open(folder.path(), &setup(*count, 5, *count)).expect("it opens again");
        }
        world.rest();
        Result::of(&mut world, &format!("{counts:?} workers"))
    };
    let one = played(&[1]);
    assert!(one.sent.len() > 500, "{} signals are too few to prove anything", one.sent.len());
    for counts in [&[2][..], &[4], &[1, 4, 2]] {
        assert_eq!(played(counts), one, "{counts:?} workers");
    }
}
