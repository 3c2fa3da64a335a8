//! Values that have expired leave their documents, and leave them alike where they are redone.

use fishpond::model::{Document, Frame, Op};
use fishpond_tests::{Deploy, Setup, World, parts_equal};

const DAY: u64 = 86_400;
/// 2026-01-01, seconds.
const START: u64 = 1_767_225_600;

/// An event about a peer, whose value lasts for a minute.
fn remember(seconds: u64, peer: &str) -> String {
    let time = jiff::Timestamp::from_second((START + seconds) as i64).expect("a time");
    format!("{time} herald id={peer} actor=ann {{\"do\": \"remember\", \"match\": \"{peer}\", \"n\": 60000}}")
}

fn document(world: &mut World) -> Document {
    world.documents("ann").into_iter().next().expect("one deployment").document
}

fn expiries(world: &World) -> usize {
    let records = world.handled();
    let ops = records.iter().flat_map(|handled| &handled.record.outcome.ops);
    ops.filter(|op| matches!(op, Op::Expire { .. })).count()
}

/// Opens the folder again without its store: everything is redone.
fn redone(folder: &tempfile::TempDir, world: World) -> World {
    world.close();
    std::fs::remove_dir_all(folder.path().join("store")).expect("there was a store");
    World::open(folder.path(), &Setup::seed(9, 3)).expect("it opens again")
}

fn world() -> (tempfile::TempDir, World) {
    let (folder, world) = World::temporary(&Setup::seed(1, 7));
    world.deploy(&Deploy::new("found", "herald", "{}")).expect("it deploys");
    (folder, world)
}

#[test]
fn a_name_for_each_peer_fills_no_document_for_ever() {
    let (folder, mut world) = world();
    // Far more than 64 KiB of names, all at once: a full document drops what has expired.
    let lines: Vec<String> = (0..3_000).map(|n| remember(n, &format!("peer_{n}"))).collect();
    world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    world.rest();
    assert!(world.handled().iter().all(|handled| handled.record.outcome.end.code() == "done"));
    let live = document(&mut world);
    assert!(live.values().len() >= 60 && (live.bytes() as u64) <= 64 << 10, "{} bytes", live.bytes());
    assert!(expiries(&world) > 1);
    let mut world = redone(&folder, world);
    assert!(parts_equal(&document(&mut world), &live));
}

#[test]
fn what_no_later_input_can_see_is_dropped_and_nothing_else() {
    let (folder, mut world) = world();
    let week = 7 * DAY;
    // A request may take 30 s, and an event may be a week late.
    let lines = [remember(0, "first"), remember(10, "second"), remember(week + 90, "third")];
    let names = |world: &mut World| -> Vec<String> {
        document(world).values().iter().map(|(name, _)| name.to_string()).collect()
    };
    for line in &lines[..2] {
        world.events(&[line]);
    }
    world.rest();
    assert_eq!(names(&mut world), ["first", "second"]);
    world.events(&[&lines[2]]);
    world.rest();
    assert_eq!(names(&mut world), ["second", "third"], "the first expired a week and 30 s before");
    world.checkpoint();
    world.events(&[&remember(week + 100, "fourth")]);
    world.rest();
    assert_eq!(names(&mut world), ["fourth", "third"]);
    assert_eq!(expiries(&world), 2);
    let live = document(&mut world);
    let mut world = redone(&folder, world);
    assert!(parts_equal(&document(&mut world), &live));
    assert!(world.frames().iter().any(|(_, frame)| matches!(frame, Frame::Mark(_))));
}
