//! Dedup across restarts, crashes and older stores: the verdicts and marks of a host that never stopped.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use fishpond::model::ports::Submitted;
use fishpond::model::{Event, Frame, Limits, Lsn};
use fishpond::scenario::{BUSINESS, small_limits};
use fishpond::trace::{self, PageRequest};
use fishpond_tests::{Deploy, Setup, World, copy_folder};

/// Some hundred events are more than it remembers, by number or by age.
fn setup(dedup_ids: u64, dedup_horizon_ms: u64) -> Setup {
    Setup { limits: Limits { dedup_ids, dedup_horizon_ms, ..small_limits() }, ..Setup::default() }
}

fn event(id: u64, time: Option<u64>, received: u64, limits: &Limits) -> Event {
    let mut event = Event {
        business: BUSINESS.into(),
        source: "s".into(),
        id: id.to_string().into(),
        kind: "k".into(),
        ..Event::default()
    };
    event.receive(time, received, limits);
    event
}

fn verdict(submitted: Submitted) -> &'static str {
    match submitted {
        Submitted::Accepted(_) => "accepted",
        Submitted::Duplicate(_) => "duplicate",
        Submitted::IdReused(_) => "reused",
        Submitted::Blocked(_) | Submitted::Undeduplicated => "refused",
    }
}

/// Id and mark of everything that was accepted.
fn marks(world: &World) -> Vec<(String, bool)> {
    let inputs = world.frames().into_iter().filter_map(|(_, frame)| match frame {
        Frame::Input(event) => Some((event.id.to_string(), event.undeduplicated)),
        _ => None,
    });
    inputs.collect()
}

/// What a crash or an operator does to a host: nothing but the journal is newer than some checkpoint.
fn stop(world: World, folder: &Path, older: &Option<tempfile::TempDir>, back: bool) {
    world.sync();
    world.close();
    let store = folder.join("store");
    match older {
        Some(older) if back => {
            std::fs::remove_dir_all(&store).expect("removed");
            copy_folder(older.path(), &store).expect("a copy");
        }
        _ => {}
    }
}

#[test]
fn restarts_and_older_stores_change_no_verdict_and_no_mark() {
    for (seed, setup) in [setup(48, 1 << 40), setup(10_000, 8_000), setup(200, 20_000)].into_iter().enumerate() {
        let mut rng = fastrand::Rng::with_seed(seed as u64);
        let (folder, mut world) = World::temporary(&setup);
        let (_other, steady) = World::temporary(&setup);
        let (mut older, mut now, mut sent) = (None, 1_000_000, Vec::new());
        let (mut accepted, mut marked, mut duplicates) = (HashSet::new(), 0, 0);
        for step in 0..500_u64 {
            now += rng.u64(0..100);
            let (id, time) = match rng.u8(0..4) {
                0 | 1 if step > 0 => sent[rng.usize(0..sent.len())],
                2 => (step, None),
                _ => (step, Some(now - rng.u64(0..3_000))),
            };
            sent.push((id, time));
            let event = event(id, time, now, &setup.limits);
            let answer = world.submit(vec![event.clone()]).expect("an answer")[0];
            let same = steady.submit(vec![event]).expect("an answer")[0];
            assert_eq!(verdict(answer), verdict(same), "seed {seed}, step {step}");
            match verdict(answer) {
                "duplicate" => {
                    assert!(accepted.contains(&id), "seed {seed}, step {step}: a false duplicate");
                    duplicates += 1;
                }
                _ => {
                    let (last, is_marked) = marks(&steady).pop().expect("an event");
                    assert_eq!(last, id.to_string());
                    let is_new = accepted.insert(id);
                    assert!(is_new || is_marked, "seed {seed}, step {step}: accepted twice without a mark");
                    marked += u64::from(is_marked);
                }
            }
            match rng.u8(0..40) {
                0 => world.checkpoint(),
                1 => {
                    world.checkpoint();
                    let copy = tempfile::tempdir().expect("a folder");
                    copy_folder(&folder.path().join("store"), copy.path()).expect("a copy");
                    older = Some(copy);
                }
                2 | 3 => {
                    stop(world, folder.path(), &older, rng.bool());
                    world = World::open(folder.path(), &setup).expect("it opens again");
                }
                _ => {}
            }
        }
        assert_eq!(marks(&world), marks(&steady), "seed {seed}");
        assert!(duplicates > 50 && marked > 20, "seed {seed}: {duplicates} duplicates, {marked} marked");
    }
}

#[test]
fn what_is_beyond_the_horizon_is_marked_for_rules_and_in_their_matches() {
    let setup = Setup { limits: Limits { dedup_ids: 2, ..small_limits() }, ..Setup::default() };
    let (_folder, mut world) = World::temporary(&setup);
    world.deploy(&Deploy::new("risk", "c2c-blacklist", r#"{"different_users": 2}"#)).expect("it deploys");
    world.events(&[
        "11:00:00 blacklist id=a subject=carl actor=ann",
        "11:00:01 blacklist id=b subject=carl actor=bea",
        "11:00:02 blacklist id=c subject=dora actor=ann",
    ]);
    // `a` is forgotten: what is not newer may have come before.
    world.events(&["10:59:59 blacklist id=d subject=dora actor=bea received=11:00:03"]);
    world.events(&["11:00:05 blacklist id=e subject=dora actor=cleo"]);
    world.rest();
    world.sync();
    let expected = [("a", false), ("b", false), ("c", false), ("d", true), ("e", false)];
    assert_eq!(marks(&world), expected.map(|(id, marked)| (id.to_owned(), marked)));
    let handled: Vec<bool> = world.handled().iter().map(|handled| handled.record.outcome.undeduplicated).collect();
    assert_eq!(handled, [false, false, false, true, false]);
    let request = PageRequest {
        business: BUSINESS,
        after: Lsn::ZERO,
        limit: 10,
        deadline: Instant::now() + Duration::from_secs(600),
    };
    let registry = &world.host.parts.registry;
    let page = trace::matches(&world.host.keys, registry, &request, None, None).expect("a page");
    let found: Vec<(&str, bool)> =
        page.items.iter().map(|found| (&*found.found.person, found.undeduplicated)).collect();
    assert_eq!(found, [("carl", false), ("dora", true)]);
    assert_eq!(world.host.parts.metrics.undeduplicated.get(), 1);
}
