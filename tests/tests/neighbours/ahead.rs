//! Who is behind reads ahead from the files, and of the outcomes of others only what its revision can have use for.

use fishpond::model::Limits;
use fishpond::scenario::small_limits;
use fishpond_tests::{Deploy, Setup, World};

fn found(world: &mut World, round: &str) {
    for n in 0..10 {
        world.events(&[&format!(r#"10:00:00 herald id={round}{n} actor=p{n} {{"match": "offer"}}"#)]);
        world.rest();
        world.sync();
    }
}

#[test]
fn a_revision_finds_in_the_backlog_what_the_one_before_had_no_use_for() {
    let limits = Limits { journal_tail_bytes: 0, ..small_limits() };
    let (_folder, mut world) = World::temporary(&Setup { limits, ..Setup::seed(1, 64) });
    world.deploy(&Deploy::new("found", "herald", "{}")).expect("it deploys");
    world.deploy(&Deploy::new("watches", "lists", "{}")).expect("it deploys");
    world.rest();
    world.pause("watches");
    found(&mut world, "early");
    let wants = r#"{"events": {"block_add": "fishpond.match"}}"#;
    world.deploy(&Deploy::new("watches", "lists", wants)).expect("it deploys");
    found(&mut world, "late");
    world.resume("watches");
    world.rest();
    let handled = world.handled();
    let by =
        |name: &str| handled.iter().filter(|one| one.deployment == name).map(|one| one.revision).collect::<Vec<_>>();
    assert_eq!(by("found").len(), 20);
    assert_eq!(by("watches"), [2; 10], "matches behind the activation, by the revision that reads them");
}
