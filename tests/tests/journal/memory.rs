//! more state than memory. Documents of ten times their memory: the host runs and recovers inside the bound.

use fishpond::journal::Failpoints;
use fishpond::model::Limits;
use fishpond::scenario::small_limits;
use fishpond_tests::{Deploy, Hold, Setup, World};

const KEYS: usize = 400;

/// What one batch of up to four documents of 12 KiB may add before anything leaves.
const BATCH_BYTES: i64 = 64 << 10;

fn setup(workers: u64) -> Setup {
    let limits = Limits { workers, documents_memory_bytes: 480 << 10, ..small_limits() };
    Setup { limits, ..Setup::seed(3, 4) }
}

fn bound(world: &World) -> i64 {
    world.host.parts.limits.documents_memory_bytes as i64
}

fn check(world: &World) {
    let (bytes, bound) = (world.host.parts.metrics.document_bytes.get(), bound(world));
    assert!(bytes <= bound + BATCH_BYTES, "{bytes} bytes of documents, the bound is {bound}");
}

/// Steps to rest, looking at the memory after each.
fn run(world: &mut World) {
    loop {
        while world.host.workers.step().expect("it works") {
            check(world);
        }
        if !world.host.workers.waits() {
            return;
        }
        // Whoever waits for the write-back goes on when it has written.
        world.host.workers.run_to_rest().expect("it works");
        check(world);
    }
}

fn send(world: &mut World, round: usize, what: &str) {
    let line = |key| format!("10:0{round}:00 do id=e{round}-{key} actor=k{key} {{\"do\": \"{what}\"}}");
    let lines: Vec<String> = (0..KEYS).map(line).collect();
    world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    run(world);
}

fn counts(world: &mut World) -> Vec<(u64, usize)> {
    let view = |world: &mut World, key| {
        let views = world.documents(&format!("k{key}"));
        let document = &views[0].document;
        (document.clock(), document.bytes())
    };
    (0..KEYS).map(|key| view(world, key)).collect()
}

/// The store is behind the journal, and the journal behind its disk: workers stop before they owe too much, and go on.
#[test]
fn workers_wait_for_the_write_back_beyond_dirty_bytes() {
    let (folder, hold) = (tempfile::tempdir().expect("a folder"), Hold::default());
    let limits = Limits { dirty_bytes: 256 << 10, ..small_limits() };
    let failpoints = Failpoints { before_sync: Some(hold.failpoint()), ..Failpoints::default() };
    let mut world = World::open(folder.path(), &Setup { limits, failpoints, ..Setup::seed(3, 4) }).expect("a world");
    world.deploy(&Deploy::new("bad", "misbehave", "{}")).expect("it deploys");
    world.sync();
    let metrics = world.host.parts.metrics.clone();
    let held = hold.begin();
    let lines: Vec<String> =
        (0..KEYS).map(|key| format!("10:00:00 do id=e{key} actor=k{key} {{\"do\": \"some_state\"}}")).collect();
    world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    while world.host.workers.step().expect("it works") {}
    assert!(world.host.workers.waits() && metrics.write_back_waiting.get() == 1);
    let owed = metrics.dirty_bytes.get();
    assert!((256 << 10..(256 << 10) + BATCH_BYTES).contains(&owed), "{owed} bytes are dirty");
    drop(held);
    world.rest();
    assert_eq!(world.handled().len(), KEYS);
    assert_eq!(metrics.write_back_waiting.get(), 0);
}

#[test]
fn x_32_documents_of_ten_times_their_memory_run_and_recover_inside_the_bound() {
    for workers in [1, 4] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut world = World::open(folder.path(), &setup(workers)).expect("a world");
        world.deploy(&Deploy::new("bad", "misbehave", "{}")).expect("it deploys");
        send(&mut world, 0, "some_state");
        send(&mut world, 1, "count");
        let before = counts(&mut world);
        let all: usize = before.iter().map(|(_, bytes)| bytes).sum();
        assert!(all as i64 > 10 * bound(&world), "{all} bytes are too few to prove anything");
        world.close();
        // No checkpoint was made: all of it is redone. Once with the rows that were written meanwhile, once with none.
        for remove in [false, true] {
            if remove {
                std::fs::remove_dir_all(folder.path().join("store")).expect("removed");
            }
            let mut world = World::open(folder.path(), &setup(workers)).expect("it opens again");
            let (most, bound) = (world.host.report.most_bytes as i64, bound(&world));
            assert!(world.host.report.redone > 0 && most > bound / 2, "{most} bytes at most");
            assert!(most <= bound + BATCH_BYTES, "recovery took {most} bytes, the bound is {bound}");
            run(&mut world);
            assert_eq!(counts(&mut world), before, "{workers} workers");
            world.close();
        }
    }
}
