//! A start is bounded by what is behind the last checkpoint, also when retention has taken the journal's beginning; what
//! retention may take, and base copies.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fishpond::model::ports::Submitted;
use fishpond::model::{Limits, Lsn, ShardSet, shard_of};
use fishpond::scenario::{BUSINESS, small_limits};
use fishpond::trace::{self, FailedFilter, PageRequest, Question};
use fishpond_tests::damage::flip;
use fishpond_tests::{Deploy, Handled, Setup, World, flow, parts_equal};

/// As little as can be released is released as soon as it may.
pub(super) fn setup(workers: u64) -> Setup {
    let limits = Limits {
        workers,
        journal_segment_bytes: 8 << 20,
        // What is in memory can be read although it was released.
        journal_tail_bytes: 1 << 20,
        retention_bytes: 1,
        dedup_horizon_ms: 60_000,
        skew_future_ms: 60_000,
        ..small_limits()
    };
    Setup { limits, ..Setup::seed(5, 6) }
}

fn filling(hour: u32, n: u32) -> String {
    let padding = "x".repeat(60 << 10);
    format!("{hour}:00:00 do id=fill-{hour}-{n} actor=filler {{\"do\": \"count\", \"x\": \"{padding}\"}}")
}

/// Events of their own people that fill a segment of the journal, and run to rest.
pub(super) fn fill(world: &mut World, hour: u32) {
    for n in 0..160 {
        world.events(&[&filling(hour, n)]);
        world.rest();
    }
    world.sync();
}

/// The same, and nobody reads any of it.
pub(super) fn pile(world: &World, hour: u32) {
    for n in 0..160 {
        world.events(&[&filling(hour, n)]);
    }
    world.sync();
}

/// Everything durable is handed over, so that nothing waits for that.
pub(super) fn hand_over(world: &mut World) {
    while world.host.dispatcher.step().expect("it hands over") {}
}

/// A checkpoint, a base copy of it, and retention.
pub(super) fn keep(world: &mut World) {
    world.checkpoint();
    hand_over(world);
    world.host.keeper.copy().expect("a base copy").expect("the store has a newer checkpoint");
    world.host.keeper.retain();
}

fn first(world: &World) -> Lsn {
    world.host.parts.log.first()
}

fn held_by(world: &World, by: &str) -> i64 {
    world.host.parts.metrics.retention_held_bytes.with_label_values(&[by]).get()
}

pub(super) fn deploy_all(world: &World) {
    let risk = Deploy::new("risk", "c2c-blacklist", r#"{"cooldown_s": 90}"#);
    for deploy in [risk, Deploy::new("bad", "misbehave", "{}"), Deploy::new("stops", "misbehave", "{}").pausing()] {
        world.deploy(&deploy).expect("it deploys");
    }
}

/// A host with work of all kinds: windows, a timer, and a deployment that stands still.
pub(super) fn begun(folder: &Path) -> World {
    let mut world = World::open(folder, &setup(2)).expect("a world");
    deploy_all(&world);
    let lines = flow::lines(31, 60);
    world.events(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    world.events(&[
        "10:20:00 do id=t1 actor=ann {\"do\": \"set_timer\"}",
        "10:20:00 do id=p1 actor=bo {\"do\": \"trap\"}",
    ]);
    world.rest();
    world
}

/// Both hold the same documents.
pub(super) fn assert_same_documents(one: &mut World, other: &mut World) {
    let mut seen = 0;
    for person in flow::PEOPLE.iter().chain(&["ann", "bo", "filler"]) {
        let (one, other) = (one.documents(person), other.documents(person));
        assert_eq!(one.len(), other.len(), "{person}");
        for (one, other) in one.iter().zip(&other) {
            assert!(one.deployment == other.deployment && parts_equal(&one.document, &other.document), "{person}");
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen} documents");
}

/// Base copies, oldest first.
pub(super) fn dumps(data: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data.join("base")).expect("a folder");
    let mut dumps: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    dumps.sort_by_key(|path| position(path));
    dumps
}

fn position(dump: &Path) -> Lsn {
    Lsn(dump.file_stem().expect("a name").to_string_lossy().parse().expect("a position"))
}

/// Inputs of `bo` that the deployment which stands still for that key has handled.
fn stopped(world: &World) -> usize {
    let of = |handled: &&Handled| handled.deployment == "stops" && *handled.record.key == *"bo";
    world.handled().iter().filter(of).count()
}

pub(super) fn paused(world: &World) -> ShardSet {
    world.host.parts.registry.deployment(BUSINESS, "stops").expect("a deployment").paused.shards
}

fn copies(folder: &Path) -> usize {
    std::fs::read_dir(folder.join("base")).expect("a folder").count()
}

#[test]
fn a_start_reads_what_is_behind_the_checkpoint_though_the_beginning_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = begun(folder.path());
    for hour in [11, 12, 13] {
        fill(&mut world, hour);
        keep(&mut world);
    }
    assert_eq!(copies(folder.path()), 2, "two base copies are kept");
    let begins = first(&world);
    assert!(begins > Lsn(200), "nothing was released: the journal begins with {begins}");
    world.events(&["14:00:00 do id=late actor=ann {\"do\": \"count\"}"]);
    world.rest();
    let stored = world.stored();
    let behind = world.frames().iter().filter(|(lsn, _)| *lsn > stored).count() as u64;
    let before: Vec<_> = flow::PEOPLE.iter().chain(&["ann", "bo"]).flat_map(|person| world.documents(person)).collect();
    let (handled, stands) = (stopped(&world), paused(&world));
    assert!(stands.contains(shard_of("bo")) && stands != ShardSet::ALL, "{stands:?}");
    world.close();
    for workers in [1, 2, 4] {
        let mut world = World::open(folder.path(), &setup(workers)).expect("it opens again");
        assert_eq!((world.host.report.frames, first(&world)), (behind, begins), "{workers} workers");
        let after: Vec<_> =
            flow::PEOPLE.iter().chain(&["ann", "bo"]).flat_map(|person| world.documents(person)).collect();
        assert!(before.len() > 10 && before.len() == after.len());
        for (one, other) in before.iter().zip(&after) {
            assert!(
                one.deployment == other.deployment && parts_equal(&one.document, &other.document),
                "{one:?}, {other:?}"
            );
        }
        world.rest();
        assert_eq!(stopped(&world), handled, "what stands still has read nothing");
        assert_eq!(paused(&world), stands);
        assert!(world.host.workers.next_tick().is_some(), "a timer waits, from before the checkpoint");
        world.close();
    }
}

#[test]
fn retention_waits_for_a_live_deployment_and_for_no_paused_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = World::open(folder.path(), &setup(1)).expect("a world");
    deploy_all(&world);
    world.rest();
    let slow = world.host.parts.registry.deployment(BUSINESS, "bad").expect("a deployment").id;
    world.host.workers.hold_back(slow, true);
    for hour in [11, 12, 13] {
        fill(&mut world, hour);
        keep(&mut world);
    }
    assert_eq!(first(&world), Lsn(1), "a deployment that goes on has not read it");
    assert!(held_by(&world, "deployment") > 8 << 20 && held_by(&world, "desk") == 0);
    world.pause("bad");
    world.rest();
    world.host.keeper.retain();
    assert!(first(&world) > Lsn(1), "nobody waits for what is paused");
    world.host.keeper.retain();
    assert_eq!(held_by(&world, "deployment"), 0);
    // It says itself that something is gone, and nobody else stands still.
    world.host.workers.hold_back(slow, false);
    world.resume("bad");
    world.rest();
    let deployment = world.host.parts.registry.deployment(BUSINESS, "bad").expect("a deployment");
    assert!(deployment.paused.reason.contains("--accept-gap"), "{}", deployment.paused.reason);
    assert_eq!(world.unhealthy(), None);
}

#[test]
fn retention_waits_for_the_older_base_copy() {
    let folder = tempfile::tempdir().expect("a folder");
    // By age this time.
    let limits = Limits { retention_bytes: 0, retention_ms: 60_000, ..setup(1).limits };
    let mut world = World::open(folder.path(), &Setup { limits, ..setup(1) }).expect("a world");
    deploy_all(&world);
    fill(&mut world, 11);
    fill(&mut world, 12);
    world.checkpoint();
    hand_over(&mut world);
    world.host.keeper.retain();
    assert_eq!(first(&world), Lsn(1), "there is no base copy");
    assert!(held_by(&world, "base_copy") > 0 && held_by(&world, "checkpoint") == 0);
    keep(&mut world);
    assert_eq!(first(&world), Lsn(1), "there is one, and the one before it is the empty store");
    fill(&mut world, 13);
    keep(&mut world);
    assert!(first(&world) > Lsn(1));
    assert!(world.host.keeper.copy().expect("the disk works").is_none(), "nothing has changed since the last one");
}

#[test]
fn a_base_copy_is_taken_when_its_time_or_its_bytes_have_come() {
    let hour = 3_600_000;
    for (base_copy_ms, base_copy_bytes) in [(2 * hour, 1 << 40), (1_000 * hour, 15 << 20)] {
        let folder = tempfile::tempdir().expect("a folder");
        let limits = Limits { retention_bytes: 0, base_copy_ms, base_copy_bytes, ..setup(1).limits };
        let mut world = World::open(folder.path(), &Setup { limits, ..setup(1) }).expect("a world");
        deploy_all(&world);
        world.host.keeper.look();
        assert!(!folder.path().join("base").exists(), "there is nothing to copy");
        // Some 9 MB and an hour each.
        let taken = [11, 12, 13].map(|hour| {
            fill(&mut world, hour);
            world.checkpoint();
            world.host.keeper.look();
            copies(folder.path())
        });
        assert_eq!(taken, [1, 1, 2], "{base_copy_ms} ms, {base_copy_bytes} bytes");
    }
}

/// Its header is good, and nobody has read the rest since it was written.
#[test]
fn a_damaged_base_copy_counts_for_nothing_and_the_older_one_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = World::open(folder.path(), &setup(1)).expect("a world");
    deploy_all(&world);
    for hour in [11, 12] {
        fill(&mut world, hour);
        keep(&mut world);
    }
    world.close();
    let copies = dumps(folder.path());
    flip(&copies[1], copies[1].metadata().expect("a file").len() / 2);
    let mut world = World::open(folder.path(), &setup(1)).expect("it opens again");
    for hour in [13, 14] {
        fill(&mut world, hour);
    }
    keep(&mut world);
    let now = dumps(folder.path());
    assert!(now.len() == 3 && now[..2] == copies, "{now:?}");
    assert!(
        first(&world) <= position(&copies[0]).next(),
        "the only whole copy beside the new one is of no use any more"
    );
    fill(&mut world, 15);
    keep(&mut world);
    assert!(first(&world) > position(&copies[1]), "two new ones are whole");
    world.close();
}

/// The store becomes the older base copy.
pub(super) fn load_oldest(folder: &Path) {
    let store = folder.join("store");
    std::fs::remove_dir_all(&store).expect("removed");
    let options = fishpond::store::Options { directories: 3, cache_bytes: 1 << 20, failpoints: Default::default() };
    let dump = std::fs::File::open(&dumps(folder)[0]).expect("a dump");
    fishpond::store::load_dump(std::io::BufReader::new(dump), &store, &options, |_| {}).expect("it loads");
}

#[test]
fn a_store_from_an_older_base_copy_is_brought_up_by_the_journal_and_an_empty_one_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = World::open(folder.path(), &setup(2)).expect("a world");
    deploy_all(&world);
    world.events(&["10:20:00 do id=t1 actor=ann {\"do\": \"set_timer\"}"]);
    world.rest();
    for hour in [11, 12, 13] {
        fill(&mut world, hour);
        world.events(&[&format!("{hour}:30:00 do id=c{hour} actor=ann {{\"do\": \"count\"}}")]);
        world.rest();
        keep(&mut world);
    }
    let before: Vec<_> = ["ann", "filler"].iter().flat_map(|person| world.documents(person)).collect();
    world.close();
    let store = folder.path().join("store");
    std::fs::remove_dir_all(&store).expect("removed");
    let Err(error) = World::open(folder.path(), &setup(2)) else { panic!("it was opened without its beginning") };
    let text = format!("{error:#}");
    assert!(text.contains("the journal begins with") && text.contains("base/"), "{text}");
    load_oldest(folder.path());
    let mut world = World::open(folder.path(), &setup(4)).expect("it opens again");
    assert!(world.host.report.redone > 0);
    let after: Vec<_> = ["ann", "filler"].iter().flat_map(|person| world.documents(person)).collect();
    assert_eq!(before.len(), after.len());
    for (one, other) in before.iter().zip(&after) {
        assert!(parts_equal(&one.document, &other.document), "{one:?} and {other:?}");
    }
    assert!(world.host.workers.next_tick().is_some(), "a timer waits, from before the base copy");
    world.close();
}

/// Events are released while their identities are remembered, and neither a restart nor an older base copy forgets them.
#[test]
fn identities_outlive_the_events_that_retention_has_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = Limits { dedup_horizon_ms: 24 * 3_600_000, ..setup(1).limits };
    let setup = Setup { limits, ..setup(1) };
    let mut world = World::open(folder.path(), &setup).expect("a world");
    let gone = world.events(&["10:30:00 do id=gone actor=ann"])[0];
    for hour in [11, 12, 13] {
        fill(&mut world, hour);
        keep(&mut world);
    }
    assert!(first(&world) > gone.lsn(), "nothing was released");
    let again = |world: &World| world.events(&["10:30:00 do id=gone actor=ann received=14:00:00"])[0];
    assert_eq!(again(&world), Submitted::Duplicate(gone.lsn()));
    world.close();
    let world = World::open(folder.path(), &setup).expect("it opens again");
    assert_eq!(again(&world), Submitted::Duplicate(gone.lsn()));
    world.close();
    load_oldest(folder.path());
    let world = World::open(folder.path(), &setup).expect("it opens from the base copy");
    assert_eq!(again(&world), Submitted::Duplicate(gone.lsn()));
    let last = world.events(&["13:00:00 do id=fill-13-7 actor=filler received=14:00:00"])[0];
    assert!(matches!(last, Submitted::IdReused(_)), "{last:?}");
    world.close();
}

#[test]
fn s1_04_a_match_keeps_digest_and_identities_when_its_events_have_expired() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = World::open(folder.path(), &setup(1)).expect("a world");
    deploy_all(&world);
    world.events(&["11:00:00 blacklist id=gone subject=eve actor=ann"]);
    fill(&mut world, 11);
    keep(&mut world);
    world.events(&["11:00:30 blacklist id=kept subject=eve actor=bea"]);
    world.rest();
    // Identities are forgotten.
    fill(&mut world, 15);
    keep(&mut world);
    let (log, registry) = (&world.host.parts.log, &world.host.parts.registry);
    let deadline = Instant::now() + Duration::from_secs(600);
    let request = PageRequest { business: BUSINESS, after: Lsn::ZERO, limit: 10, deadline };
    let page = trace::matches(&world.host.keys, registry, &request, None, Some("eve")).expect("a page");
    let digest = registry.deployment(BUSINESS, "risk").expect("a deployment").newest().digest;
    let found = &page.items[0];
    let mut ids: Vec<&str> = found.found.events.iter().map(|event| &*event.id).collect();
    ids.sort_unstable();
    assert_eq!((page.items.len(), found.digest, ids), (1, digest, vec!["gone", "kept"]));
    let expired = page.expired.expect("what is older has expired");
    let gone = found.found.events.iter().find(|event| &*event.id == "gone").expect("an event").lsn;
    assert!(gone < expired.first && expired.first == log.first() && expired.since.is_some(), "{gone}, {expired:?}");
    let question = Question { business: BUSINESS, key: "eve", at: None, limit: 100, key_bytes: 256, deadline };
    let traced = trace::trace(&world.host.keys, registry, &question).expect("a trace");
    assert_eq!(traced.expired, Some(expired));
    assert!(!traced.used.contains_key(&gone) && traced.used.len() == 1, "{:?}", traced.used);
    let failed = trace::failed(&world.host.keys, registry, &request, FailedFilter::default()).expect("a page");
    assert_eq!(failed.expired, Some(expired));
}

#[test]
fn a_pause_that_is_older_than_the_journal_still_answers_why_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = World::open(folder.path(), &setup(1)).expect("a world");
    deploy_all(&world);
    world.events(&["10:59:00 blacklist id=begins subject=eve actor=ann"]);
    let pause = world.pause("risk");
    for hour in [11, 12, 13] {
        fill(&mut world, hour);
        keep(&mut world);
    }
    assert!(first(&world) > pause, "the pause was not released");
    world.events(&["13:30:00 blacklist id=unread subject=eve actor=ann"]);
    world.rest();
    let answer = |world: &World| {
        let deadline = Instant::now() + Duration::from_secs(600);
        let question = Question { business: BUSINESS, key: "eve", at: None, limit: 100, key_bytes: 256, deadline };
        let traced = trace::trace(&world.host.keys, &world.host.parts.registry, &question).expect("a trace");
        let event = traced.events.into_iter().next_back().expect("an event");
        event.verdicts.into_iter().find(|verdict| *verdict.deployment == *"risk").expect("an answer").answer
    };
    world.sync();
    let paused = answer(&world);
    assert!(matches!(&paused, trace::Answer::Paused { reason, .. } if **reason == *"by a test"), "{paused:?}");
    world.resume("risk");
    world.sync();
    let resumed = answer(&world);
    assert!(matches!(resumed, trace::Answer::Lagging { .. }), "{resumed:?}");
}
