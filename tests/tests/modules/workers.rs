//! Several workers: the same outcomes for each (deployment, key) with 1, 2 and 4 of them, and with another number after
//! each restart (DECISIONS 27).

use fishpond::model::ports::Watch;
use fishpond::model::{Frame, Limits};
use fishpond::scenario::small_limits;
use fishpond_tests::{Setup, World, flow, parts_equal};

use super::equal::{Outcomes, deploy_all, outcomes};

fn setup(workers: u64) -> Setup {
    Setup { limits: Limits { workers, ..small_limits() }, ..Setup::seed(workers, 6) }
}

/// Plays events, some batches with each number of workers; between two of them the host is closed with work left, behind
/// a checkpoint or without one.
fn played(workers: &[u64]) -> (tempfile::TempDir, World) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = World::open(folder.path(), &setup(workers[0])).expect("a world");
    deploy_all(&world);
    world.submit(flow::events(9, 400)).expect("the journal takes them");
    for (index, count) in workers.iter().enumerate().skip(1) {
        for _ in 0..20 {
            assert!(world.host.workers.step().expect("a worker works"), "there is more to read");
        }
        if index % 2 == 0 {
            world.checkpoint();
        }
        world.close();
        world = World::open(folder.path(), &setup(*count)).expect("it opens again");
    }
    world.rest();
    (folder, world)
}

fn assert_same(one: &mut (Outcomes, World), workers: &[u64]) {
    let (_folder, mut other) = played(workers);
    assert!(outcomes(&other) == one.0, "{workers:?}: outcomes differ");
    for person in flow::PEOPLE {
        let (one, two) = (one.1.documents(person), other.documents(person));
        assert_eq!(one.len(), two.len(), "{workers:?}, {person}");
        for (one, two) in one.iter().zip(&two) {
            assert!(parts_equal(&one.document, &two.document), "{workers:?}, {person}: {one:?} and {two:?}");
        }
    }
}

#[test]
fn one_two_and_four_workers_come_to_the_same() {
    let (_folder, world) = played(&[1]);
    let mut one = (outcomes(&world), world);
    assert!(one.0.len() > 15, "the flow is too thin to prove anything");
    for workers in [&[2][..], &[4], &[64], &[1, 2, 4], &[4, 1, 2, 3, 1]] {
        assert_same(&mut one, workers);
    }
}

#[test]
fn each_worker_has_its_own_shards_and_the_slowest_says_how_far_a_deployment_is() {
    let (_folder, mut world) = World::temporary(&setup(4));
    deploy_all(&world);
    world.submit(flow::events(3, 200)).expect("the journal takes them");
    world.rest();
    let frames = world.frames();
    let written = frames.iter().filter_map(|(_, frame)| match frame {
        Frame::Outcome(outcome) => Some(outcome.shards),
        _ => None,
    });
    let mut sets: Vec<u64> = written.map(|shards| shards.0).collect();
    sets.sort_unstable();
    sets.dedup();
    assert_eq!(sets.len(), 4, "every worker has written: {sets:x?}");
    assert_eq!(sets.iter().fold(0, |all, set| all ^ set), u64::MAX, "each shard has one writer");
    for deployment in world.host.parts.registry.snapshot() {
        let progress = world.host.workers.board.progress(deployment.id).expect("a position");
        assert_eq!((progress.position, progress.lag), (frames.last().expect("frames").0, 0));
    }
}
