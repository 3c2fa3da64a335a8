//! Whoever finds nothing of his own in what he reads writes nothing: neither a crash nor a base copy sends him back to
//! what retention has taken meanwhile.

use std::path::Path;

use fishpond::model::{Lsn, ShardSet};
use fishpond::scenario::BUSINESS;
use fishpond_tests::World;

use super::bounded::{deploy_all, hand_over, keep, load_oldest, pile, setup};

/// Opens the folder again and reads to the end. `risk` and the desk have met no gap.
fn reopened(folder: &Path, paused: ShardSet) -> World {
    let mut world = World::open(folder, &setup(2)).expect("it opens again");
    world.rest();
    let risk = world.host.parts.registry.deployment(BUSINESS, "risk").expect("a deployment");
    assert_eq!(risk.paused.shards, paused, "{}", risk.paused.reason);
    assert!(!world.alerted().iter().any(|(name, _)| name == "gap"), "{:?}", world.alerted());
    assert_eq!(world.unhealthy(), None);
    world
}

fn release(world: &mut World) -> Lsn {
    hand_over(world);
    world.host.keeper.retain();
    world.host.parts.log.first()
}

/// Everybody is far behind at the checkpoints, and reads on then: `risk` and the desk find nothing of theirs.
fn skipped(folder: &Path) -> World {
    let mut world = World::open(folder, &setup(2)).expect("a world");
    deploy_all(&world);
    world.rest();
    for hour in [11, 12, 13] {
        pile(&world, hour);
        keep(&mut world);
    }
    world.rest();
    world
}

/// Two starts later it is gone, and nobody misses it.
fn nobody_holds_what_is_released(mut world: World, folder: &Path) {
    release(&mut world);
    world.close();
    let mut world = reopened(folder, ShardSet::EMPTY);
    world.checkpoint();
    assert!(release(&mut world) > Lsn(1), "nothing was released");
    world.close();
    reopened(folder, ShardSet::EMPTY).close();
}

#[test]
fn who_only_skipped_is_not_sent_back_to_what_was_released() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = skipped(folder.path());
    nobody_holds_what_is_released(world, folder.path());
    // Everybody was at the beginning when it was taken.
    load_oldest(folder.path());
    reopened(folder.path(), ShardSet::EMPTY).close();
}

#[test]
fn who_stands_still_behind_what_he_skipped_still_stands_there_after_a_crash() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = skipped(folder.path());
    world.pause("risk");
    let stands = world.standing("risk");
    release(&mut world);
    world.close();
    let mut world = reopened(folder.path(), ShardSet::ALL);
    assert_eq!(world.standing("risk"), stands);
    world.checkpoint();
    assert!(release(&mut world) > Lsn(1), "nothing was released");
    world.close();
    let mut world = reopened(folder.path(), ShardSet::ALL);
    assert_eq!(world.standing("risk"), stands);
    world.resume("risk");
    world.close();
    load_oldest(folder.path());
    reopened(folder.path(), ShardSet::EMPTY).close();
}

#[test]
fn who_has_retired_holds_nothing_and_meets_no_gap() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = skipped(folder.path());
    let registry = world.host.parts.registry.clone();
    registry.retire(BUSINESS, "risk", "test").expect("it retires");
    world.rest();
    nobody_holds_what_is_released(world, folder.path());
}
