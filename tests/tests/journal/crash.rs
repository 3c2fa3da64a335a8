//! A crash behind every frame: the folder as it would be, opened again, all inputs sent again. What comes out must be
//! what comes out without a crash (DECISIONS 27).

use std::collections::{BTreeMap, BTreeSet};

use fishpond::model::{Document, Frame, Limits, Lsn};
use fishpond_tests::{Deploy, Setup, World, copy_folder, crashed, flow, highest, parts_equal};

/// What happens to the host, in order. Each is followed by everything running to rest.
enum Act {
    Deploy(Deploy),
    Events(Vec<String>),
    Pause(&'static str),
    Resume(&'static str),
    Checkpoint,
}

fn acts() -> Vec<Act> {
    let lines = flow::lines(11, 80);
    let events = |from: usize, to: usize| Act::Events(lines[from..to].to_vec());
    let bad = Deploy::new("bad", "misbehave", "{}");
    vec![
        Act::Deploy(Deploy::new("risk", "c2c-blacklist", r#"{"cooldown_s": 90}"#)),
        Act::Deploy(bad.clone().pausing()),
        events(0, 20),
        Act::Checkpoint,
        events(20, 32),
        Act::Pause("risk"),
        events(32, 44),
        Act::Deploy(Deploy::new("risk", "c2c-blacklist", r#"{"window_s": 120, "cooldown_s": 60}"#)),
        Act::Resume("risk"),
        Act::Deploy(bad),
        Act::Resume("bad"),
        events(44, 60),
        Act::Checkpoint,
        events(60, lines.len()),
    ]
}

/// Does an act and answers the frame with which it has happened. Events are sent again in any case (zero), and
/// answered as duplicates where they are there already.
fn act(world: &mut World, act: &Act) -> Lsn {
    let done = match act {
        Act::Deploy(deploy) => world.deploy(deploy).expect("it deploys"),
        Act::Events(lines) => {
            world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>());
            Lsn::ZERO
        }
        Act::Pause(name) => world.pause(name),
        Act::Resume(name) => world.resume(name),
        Act::Checkpoint => {
            world.checkpoint();
            world.stored()
        }
    };
    world.rest();
    done
}

/// A run without a crash, what it left behind, and the store as it was at each quiet point.
struct Uncut {
    folder: tempfile::TempDir,
    /// For each act the frame with which it had happened.
    done: Vec<Lsn>,
    /// Copies of the store, and the highest position in each.
    stores: Vec<(Lsn, tempfile::TempDir)>,
    last: Lsn,
    result: Result,
}

fn uncut(acts: &[Act], setup: &Setup) -> Uncut {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stores = vec![(Lsn::ZERO, tempfile::tempdir().expect("a folder"))];
    let mut done = Vec::new();
    let mut world = World::open(folder.path(), setup).expect("a world");
    for next in acts {
        done.push(act(&mut world, next));
        world.sync();
        if matches!(next, Act::Checkpoint) {
            let copy = tempfile::tempdir().expect("a folder");
            copy_folder(&folder.path().join("store"), copy.path()).expect("a copy");
            stores.push((highest(copy.path()), copy));
        }
    }
    let result = Result::of(&mut world);
    let last = world.host.parts.log.last();
    world.close();
    Uncut { folder, done, stores, last, result }
}

/// What a run comes to, without positions: those differ after a crash.
#[derive(PartialEq, Debug, Default)]
struct Result {
    /// Per (deployment, key): each input in order, with its revision, its end and its matches.
    outcomes: BTreeMap<(String, String), Vec<String>>,
    matches: BTreeSet<String>,
    matches_written: usize,
    documents: BTreeMap<(String, String), Parts>,
}

#[derive(Debug)]
struct Parts(Document);

impl PartialEq for Parts {
    fn eq(&self, other: &Parts) -> bool {
        parts_equal(&self.0, &other.0)
    }
}

impl Result {
    fn of(world: &mut World) -> Result {
        let ids: BTreeMap<Lsn, String> = world
            .frames()
            .into_iter()
            .filter_map(
                |(lsn, frame)| if let Frame::Input(event) = frame { Some((lsn, event.id.to_string())) } else { None },
            )
            .collect();
        let mut result = Result::default();
        for handled in world.handled() {
            let (record, by) =
                (&handled.record, format!("{}@{} {}", handled.deployment, handled.revision, handled.digest));
            let mut line =
                format!("{} by {by}: {:?} late {}", ids[&record.lsn], record.outcome.end, record.outcome.late);
            for found in &record.outcome.matches {
                let events: Vec<String> =
                    found.events.iter().map(|event| format!("{}/{}", event.source, event.id)).collect();
                let found =
                    format!("{by}: {} {} {} {events:?} {:?}", found.name, found.person, found.fields, found.once);
                line.push_str(&found);
                result.matches.insert(found);
                result.matches_written += 1;
            }
            // What has no key belongs to no order: its shard is that of its event.
            let key = if record.key.is_empty() { ids[&record.lsn].clone() } else { record.key.to_string() };
            result.outcomes.entry((handled.deployment, key)).or_default().push(line);
        }
        for person in flow::PEOPLE {
            for view in world.documents(person) {
                result.documents.insert((view.deployment.to_string(), person.to_owned()), Parts(view.document));
            }
        }
        result
    }
}

#[test]
fn a_crash_behind_every_frame_changes_nothing() {
    let acts = acts();
    let uncut = uncut(&acts, &Setup::seed(7, 6));
    check_uncut(&uncut);
    for last in 0..=uncut.last.0 {
        let last = Lsn(last);
        let folder = tempfile::tempdir().expect("a folder");
        crashed(uncut.folder.path(), &uncut.stores, last, folder.path());
        let mut world = World::open(folder.path(), &after(last)).expect("it opens again");
        assert_eq!(world.host.report.journal.last, last);
        world.rest();
        for (next, done) in acts.iter().zip(&uncut.done) {
            // All events are sent again; what else was durable has happened.
            if *done == Lsn::ZERO || *done > last {
                act(&mut world, next);
            }
        }
        let result = Result::of(&mut world);
        assert_eq!(result.outcomes, uncut.result.outcomes, "outcomes after a crash behind {last}");
        assert_eq!(result.documents, uncut.result.documents, "documents after a crash behind {last}");
        assert_eq!(result.matches, uncut.result.matches, "matches after a crash behind {last}");
        assert_eq!(
            result.matches_written,
            result.matches.len(),
            "a match twice in the journal after a crash behind {last}"
        );
    }
}

/// Batches fall otherwise than before the crash, and there may be another number of workers.
fn after(last: Lsn) -> Setup {
    let setup = Setup::seed(last.0, 1 + last.0 as usize % 9);
    let workers = [1, 2, 4][last.0 as usize % 3];
    Setup { limits: Limits { workers, ..setup.limits.clone() }, ..setup }
}

/// The run must hold what a crash could break.
fn check_uncut(uncut: &Uncut) {
    let result = &uncut.result;
    assert_eq!(result.matches_written, result.matches.len());
    assert!(
        result.matches.len() >= 8 && uncut.last.0 >= 100,
        "{} matches, {} frames",
        result.matches.len(),
        uncut.last
    );
    let lines: Vec<&String> = result.outcomes.values().flatten().collect();
    for part in ["Trapped", "no_key", "bad_event", "risk@1", "risk@2", "bad@1", "bad@2"] {
        assert!(lines.iter().any(|line| line.contains(part)), "the flow holds no {part}");
    }
    assert_eq!(uncut.stores.len(), 3);
    assert!(uncut.stores.windows(2).all(|two| two[0].0 < two[1].0));
}

/// A store that is ahead of its journal proves that the journal has lost what was durable.
#[test]
fn a_journal_that_ends_below_its_store_is_refused() {
    let acts = acts();
    let uncut = uncut(&acts, &Setup::seed(7, 6));
    let (highest, store) = &uncut.stores[1];
    let folder = tempfile::tempdir().expect("a folder");
    crashed(uncut.folder.path(), &uncut.stores, highest.previous(), folder.path());
    std::fs::remove_dir_all(folder.path().join("store")).expect("removed");
    copy_folder(store.path(), &folder.path().join("store")).expect("a copy");
    let Err(error) = World::open(folder.path(), &Setup::default()) else { panic!("it was continued") };
    let text = format!("{error:#}");
    assert!(
        text.contains(&format!("the store holds LSN {highest}")) && text.contains("Restore the file from a backup"),
        "{text}"
    );
}
