//! whoever is told that an event was accepted, will find it after any crash.

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use fishpond::journal::{Committed, Error, Failpoints};
use fishpond::model::ports::{SubmitError, Submitted};
use fishpond::model::{Frame, Lsn};
use fishpond_tests::{Deploy, Hold, Setup, World, copy_folder, event};

/// What a request that waits for this position would be told now.
fn told(world: &World, lsn: Lsn) -> Option<Result<Committed, Error>> {
    let waits = pin!(world.host.parts.log.committed(lsn));
    match waits.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

const EVENT: &str = "10:00:00 blacklist id=e1 subject=carl actor=abe";

fn has_event(world: &World) -> bool {
    world.frames().iter().any(|(_, frame)| matches!(frame, Frame::Input(event) if *event.id == *"e1"))
}

/// Two posts of one id while the disk is held; the crash comes before it is let go. What is on disk by then is copied,
/// and `lose` takes from it what a crash takes from unsynced data.
fn crash_while_held(points: impl FnOnce(&Hold) -> Failpoints, lose: impl FnOnce(&Path)) {
    let (folder, image) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let hold = Hold::default();
    let setup = Setup { failpoints: points(&hold), ..Setup::default() };
    let world = World::open(folder.path(), &setup).expect("a world");
    world.deploy(&Deploy::new("risk", "c2c-blacklist", "{}")).expect("it deploys");
    world.sync();
    let held = hold.begin();
    let first = world.events(&[EVENT])[0];
    let second = world.events(&[EVENT])[0];
    assert!(matches!(first, Submitted::Accepted(_)) && second == Submitted::Duplicate(first.lsn()));
    hold.wait_until_held();
    assert!(told(&world, first.lsn()).is_none() && told(&world, second.lsn()).is_none(), "an answer before the sync");
    copy_folder(folder.path(), image.path()).expect("a copy");
    lose(&image.path().join("journal"));
    assert!(told(&world, first.lsn()).is_none() && told(&world, second.lsn()).is_none(), "an answer before the sync");
    // The host that was not killed: both are answered once the sync is through.
    drop(held);
    world.sync();
    for answer in [first, second] {
        assert_eq!(told(&world, answer.lsn()).expect("an answer").expect("it is durable").lsn(), first.lsn());
    }
    world.close();
    // The one that was: the event is gone, and whoever sends it again is the first.
    let world = World::open(image.path(), &Setup::default()).expect("it opens after the crash");
    assert!(!has_event(&world), "what was to be lost is there");
    assert!(matches!(world.events(&[EVENT])[0], Submitted::Accepted(_)));
    assert!(has_event(&world));
    world.close();
}

#[test]
fn x_28_no_one_holds_an_answer_for_what_was_never_written() {
    crash_while_held(|hold| Failpoints { before_write: Some(hold.failpoint()), ..Failpoints::default() }, |_| {});
}

#[test]
fn x_28_no_one_holds_an_answer_for_what_was_written_and_not_synced() {
    let tear = |journal: &Path| {
        let segment = fishpond_tests::damage::last_segment(journal);
        fishpond_tests::damage::flip_in_last_group(&segment);
    };
    crash_while_held(|hold| Failpoints { before_sync: Some(hold.failpoint()), ..Failpoints::default() }, tear);
}

/// DECISIONS 50: after a failed sync nothing is accepted and nothing is tried again.
#[test]
fn a_failed_sync_ends_intake_for_the_life_of_the_process() {
    let (folder, hold) = (tempfile::tempdir().expect("a folder"), Hold::default());
    let points = Failpoints { before_sync: Some(hold.failpoint()), ..Failpoints::default() };
    let mut world = World::open(folder.path(), &Setup { failpoints: points, ..Setup::seed(1, 1) }).expect("a world");
    world.deploy(&Deploy::new("count", "misbehave", "{}")).expect("it deploys");
    world.events(&["10:00:00 do id=e0 actor=ann"]);
    world.rest();
    world.events(&["10:00:01 do id=e1 actor=ann", "10:00:02 do id=e2 actor=ann"]);
    world.sync();
    assert_eq!(world.unhealthy(), None);
    hold.fail();
    let lsn = world.events(&["10:00:03 do id=e3 actor=ann"])[0].lsn();
    world.host.parts.log.wait_committed(lsn).expect_err("its sync fails");
    assert!(told(&world, lsn).is_some_and(|answer| answer.is_err()), "a waiting request must learn that it failed");
    let calls = hold.calls();
    let reason = world.unhealthy().expect("a reason");
    for part in ["the journal has failed", "no more disk", "restart the host"] {
        assert!(reason.contains(part), "{reason}");
    }
    for number in 4..7 {
        let next = event(&format!("10:00:04 do id=e{number} actor=ann"), &Setup::default().limits);
        let error = world.submit(vec![next]).expect_err("nothing is accepted");
        assert!(matches!(&error, SubmitError::Failed(reason) if reason.contains("no more disk")), "{error}");
    }
    world.deploy(&Deploy::new("other", "misbehave", "{}")).expect_err("nothing is deployed");
    world.host.workers.run_to_rest().expect_err("nothing is handled");
    // An answer at a durable position may show only what is durable: e0. What was run in vain is none.
    let durable = world.host.parts.log.journal().durable();
    let answer = world.query("count", "count", "ann").expect("an answer");
    assert!(answer.position > durable || *answer.reply.body == *"1", "{answer:?} at {durable}");
    assert_eq!(hold.calls(), calls, "a sync was tried again");
    drop(world);
    let mut world = World::open(folder.path(), &Setup::default()).expect("it opens with a new disk");
    world.rest();
    // e3 was written and not synced: it may be there or not, and nobody was told.
    let answer = world.query("count", "count", "ann").expect("an answer");
    assert!(["3", "4"].contains(&&*answer.reply.body), "{answer:?}");
}
