//! One flipped bit: below the last durable mark the folder is refused, above it the rest of a write is cut.

use std::path::Path;

use fishpond::journal::Failpoints;
use fishpond::model::ports::Submitted;
use fishpond_tests::damage::{flip, flip_in_last_group, groups, last_segment};
use fishpond_tests::{Deploy, Hold, Setup, World, copy_folder, flow};

fn played(folder: &Path, setup: &Setup) -> World {
    let mut world = World::open(folder, setup).expect("a world");
    world.deploy(&Deploy::new("risk", "c2c-blacklist", "{}")).expect("it deploys");
    for part in flow::lines(3, 40).chunks(8) {
        world.events(&part.iter().map(String::as_str).collect::<Vec<_>>());
        world.rest();
        world.sync();
    }
    world
}

fn bytes(folder: &Path) -> Vec<u8> {
    std::fs::read(last_segment(&folder.join("journal"))).expect("a segment")
}

#[test]
fn a_bit_flipped_below_the_durable_mark_is_refused_with_place_and_remedy() {
    let folder = tempfile::tempdir().expect("a folder");
    played(folder.path(), &Setup::default()).close();
    let segment = last_segment(&folder.path().join("journal"));
    let places = groups(&segment);
    assert!(places.len() > 6, "only {} groups", places.len());
    let mut rng = fastrand::Rng::with_seed(9);
    // The last group is the empty one that proves the one before it.
    for group in &places[..places.len() - 1] {
        let bit = group.start + rng.u64(..group.end - group.start);
        flip(&segment, bit);
        let damaged = bytes(folder.path());
        let Err(error) = World::open(folder.path(), &Setup::default()) else { panic!("byte {bit} was not missed") };
        let text = format!("{error:#}");
        assert!(text.contains(&format!("{} is damaged at byte {}", segment.display(), group.start)), "{text}");
        assert!(text.contains("Restore the file from a backup") && text.contains("Nothing was changed"), "{text}");
        assert!(bytes(folder.path()) == damaged, "a refused open changed the file");
        flip(&segment, bit);
    }
    World::open(folder.path(), &Setup::default()).expect("undamaged it opens").close();
}

#[test]
fn a_bit_flipped_above_the_durable_mark_is_cut() {
    let (folder, image) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let hold = Hold::default();
    let points = Failpoints { before_sync: Some(hold.failpoint()), ..Failpoints::default() };
    let world = played(folder.path(), &Setup { failpoints: points, ..Setup::default() });
    let durable = world.host.parts.log.last();
    let held = hold.begin();
    let line = "11:00:00 blacklist id=last subject=carl actor=abe";
    let lost = world.events(&[line])[0].lsn();
    hold.wait_until_held();
    copy_folder(folder.path(), image.path()).expect("a copy");
    drop(held);
    world.close();
    flip_in_last_group(&last_segment(&image.path().join("journal")));
    let mut world = World::open(image.path(), &Setup::default()).expect("it opens");
    let opened = &world.host.report.journal;
    assert_eq!((opened.last, opened.cut.as_ref().map(|cut| cut.lsn)), (durable, Some(lost)));
    assert_eq!(world.events(&[line]), [Submitted::Accepted(lost)]);
    world.rest();
    world.close();
}
