//! Checkpoints, restarts and eviction: documents come from the store and from the journal, and nobody can tell.

use fishpond::journal::Failpoints;
use fishpond::model::ports::DocumentView;
use fishpond::model::{Frame, InputRecord, Limits, Lsn, OnError};
use fishpond::scenario::BUSINESS;
use fishpond_tests::{Deploy, Handled, Hold, Setup, World, flow, parts_equal};

fn all_documents(world: &mut World) -> Vec<DocumentView> {
    flow::PEOPLE.iter().flat_map(|person| world.documents(person)).collect()
}

fn same_documents(one: &[DocumentView], other: &[DocumentView]) {
    assert_eq!(one.len(), other.len());
    for (one, other) in one.iter().zip(other) {
        assert!(
            one.deployment == other.deployment && parts_equal(&one.document, &other.document),
            "{one:?} and {other:?}"
        );
    }
}

fn deploy(world: &World) {
    for deploy in [Deploy::new("risk", "c2c-blacklist", "{}"), Deploy::new("bad", "misbehave", "{}")] {
        world.deploy(&deploy).expect("it deploys");
    }
}

fn send(world: &mut World, lines: &[String]) {
    world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    world.rest();
}

#[test]
fn a_restart_redoes_only_what_is_above_the_checkpoint() {
    let lines = flow::lines(21, 120);
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = World::open(folder.path(), &Setup::default()).expect("a world");
    deploy(&world);
    send(&mut world, &lines[..100]);
    world.checkpoint();
    let mark = world.stored();
    assert!(world.frames().iter().any(|(lsn, frame)| *lsn == mark && matches!(frame, Frame::Mark(_))));
    send(&mut world, &lines[100..]);
    let above = |(lsn, frame): &&(Lsn, Frame)| *lsn > mark && matches!(frame, Frame::Outcome(_));
    let above = world.frames().iter().filter(above).count() as u64;
    let before = all_documents(&mut world);
    world.close();
    let mut world = World::open(folder.path(), &Setup::default()).expect("it opens again");
    let outcomes = world.frames().iter().filter(|(_, frame)| matches!(frame, Frame::Outcome(_))).count() as u64;
    assert!(above > 0 && above < outcomes / 2, "{above} of {outcomes}");
    assert_eq!(world.host.report.redone, above);
    same_documents(&before, &all_documents(&mut world));
    // Nothing is handled again, and the next events meet the documents as they were.
    let handled = world.handled().len();
    world.rest();
    assert_eq!(world.handled().len(), handled);
    world.close();
}

/// Behind a mark each document is logged whole at its first change: many of them in one batch are more than a frame
/// may hold, and the worker goes on.
#[test]
fn many_large_documents_behind_a_checkpoint_fit_the_journal() {
    const KEYS: usize = 400;
    let act = |round: usize, what: &str| -> Vec<String> {
        let line = |key| format!("10:0{round}:00 do id=e{round}-{key} actor=k{key} {{\"do\": \"{what}\"}}");
        (0..KEYS).map(line).collect()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = World::open(folder.path(), &Setup::seed(6, 100_000)).expect("a world");
    world.deploy(&Deploy::new("bad", "misbehave", "{}")).expect("it deploys");
    send(&mut world, &act(0, "some_state"));
    world.checkpoint();
    send(&mut world, &act(1, "count"));
    let wholes = |(_, frame): &(Lsn, Frame)| match frame {
        Frame::Outcome(outcome) => outcome.wholes.iter().map(|whole| whole.bytes.len()).sum(),
        _ => 0,
    };
    let bytes: usize = world.frames().iter().map(wholes).sum();
    assert!(bytes as u64 > Limits::default().journal_frame_bytes, "{bytes} bytes of whole documents");
    assert!(world.ends("bad").iter().all(|(_, code)| code == "done"), "{:?}", world.ends("bad"));
    let before: Vec<_> = (0..KEYS).flat_map(|key| world.documents(&format!("k{key}"))).collect();
    assert_eq!(before.len(), KEYS);
    world.close();
    std::fs::remove_dir_all(folder.path().join("store")).expect("removed");
    let mut world = World::open(folder.path(), &Setup::default()).expect("it opens again");
    let after: Vec<_> = (0..KEYS).flat_map(|key| world.documents(&format!("k{key}"))).collect();
    same_documents(&before, &after);
    world.close();
}

#[test]
fn a_restart_without_a_store_comes_to_the_same() {
    let lines = flow::lines(22, 120);
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = World::open(folder.path(), &Setup::default()).expect("a world");
    deploy(&world);
    send(&mut world, &lines[..60]);
    world.checkpoint();
    send(&mut world, &lines[60..]);
    let before = all_documents(&mut world);
    world.close();
    std::fs::remove_dir_all(folder.path().join("store")).expect("removed");
    let mut world = World::open(folder.path(), &Setup::default()).expect("it opens again");
    same_documents(&before, &all_documents(&mut world));
    world.close();
}

#[test]
fn documents_that_were_evicted_are_read_back_and_nobody_can_tell() {
    let lines = flow::lines(23, 400);
    let small = Limits { documents_memory_bytes: 1_500, ..Setup::default().limits };
    let [all, few] = [Setup::default().limits, small].map(|limits| {
        let (_folder, mut world) = World::temporary(&Setup { limits, ..Setup::default() });
        deploy(&world);
        for part in lines.chunks(20) {
            send(&mut world, part);
            // Only clean documents leave.
            world.checkpoint();
        }
        world.rest();
        let in_memory = world.host.parts.metrics.documents.get();
        let events = |record: &InputRecord| -> Vec<String> {
            record.outcome.matches.iter().flat_map(|found| &found.events).map(|event| event.id.to_string()).collect()
        };
        // Without positions: checkpoints that eviction asks for are frames as well.
        let mut outcomes: Vec<_> = world
            .handled()
            .into_iter()
            .map(|Handled { deployment, record, .. }| {
                let fields: Vec<_> = record.outcome.matches.iter().map(|found| found.fields.clone()).collect();
                (deployment, record.key.clone(), record.time, record.outcome.end.clone(), fields, events(&record))
            })
            .collect();
        // In the order of the journal for each key.
        outcomes.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        (in_memory, all_documents(&mut world), outcomes)
    });
    assert!(all.0 as usize >= all.1.len(), "without a bound all documents stay: {} of {}", all.0, all.1.len());
    assert!(few.0 < all.0 / 2, "nothing was evicted: {} of {}", few.0, all.0);
    same_documents(&all.1, &few.1);
    assert_eq!(all.2, few.2);
}

/// The store may claim a checkpoint only when the journal holds its mark for good: a mark that a crash takes away
/// would let the next start skip what is then written in its place.
#[test]
fn a_checkpoint_is_never_ahead_of_the_durable_journal() {
    let (folder, hold) = (tempfile::tempdir().expect("a folder"), Hold::default());
    let points = Failpoints { before_sync: Some(hold.failpoint()), ..Failpoints::default() };
    let mut world = World::open(folder.path(), &Setup { failpoints: points, ..Setup::default() }).expect("a world");
    deploy(&world);
    send(&mut world, &flow::lines(24, 20));
    world.checkpoint();
    world.sync();
    hold.fail();
    // Nothing is dirty, so there is nothing to wait for but the mark itself.
    let ended = world.host.workers.checkpoint();
    assert!(
        world.host.parts.log.wait_committed(world.host.parts.log.last()).is_err(),
        "the sync was to fail: {ended:?}"
    );
    let (checkpoint, durable) = (world.stored(), world.host.parts.log.journal().durable());
    assert!(checkpoint <= durable, "the store claims {checkpoint}, durable is {durable}");
}

/// The time by which a query judges expiry may not depend on how the events were batched.
#[test]
fn x_05_the_clock_of_a_document_does_not_depend_on_batches() {
    let clock = |most: usize, reopen: bool| {
        let folder = tempfile::tempdir().expect("a folder");
        let setup = Setup::seed(1, most);
        let mut world = World::open(folder.path(), &setup).expect("a world");
        world
            .deploy(&Deploy { on_error: OnError::Skip, ..Deploy::new("count", "misbehave", "{}") })
            .expect("it deploys");
        world.checkpoint();
        world.events(&[
            "10:00:30 do id=e1 actor=ann",
            "10:00:10 do id=e2 actor=ann received=10:00:31",
            "10:00:20 do id=e3 actor=ann received=10:00:32",
        ]);
        world.rest();
        if reopen {
            world.close();
            world = World::open(folder.path(), &setup).expect("it opens again");
        }
        world.documents("ann")[0].document.clock()
    };
    let expected = clock(1, false);
    for (most, reopen) in [(1, true), (1 << 20, false), (1 << 20, true)] {
        assert_eq!(clock(most, reopen), expected, "batches of {most}, restarted {reopen}");
    }
}

/// A plan may depend on the limits in the envelope; other limits at the next start must not make it another plan.
#[test]
fn a_revision_keeps_the_envelope_that_it_was_accepted_with() {
    let folder = tempfile::tempdir().expect("a folder");
    let envelope = |world: &World| {
        let deployment = world.host.parts.registry.deployment(BUSINESS, "risk").expect("a deployment");
        deployment.newest().envelope.clone()
    };
    let world = World::open(folder.path(), &Setup::default()).expect("a world");
    deploy(&world);
    let before = envelope(&world);
    world.close();
    let limits = Limits { fuel_per_input: 60_000_000, ..Setup::default().limits };
    let world = World::open(folder.path(), &Setup { limits, ..Setup::default() }).expect("it opens again");
    assert!(before.contains(r#""fuel_per_input":50000000"#), "{before}");
    assert_eq!(before, envelope(&world));
    world.close();
}
