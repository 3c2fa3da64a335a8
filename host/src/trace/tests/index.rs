//! With key files every question has the answer that it has without, and reads little.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use super::random::{BUSINESSES, CODES, DEPLOYMENTS, IDS, Random, USERS};
use super::*;
use crate::keys::{Indexer, Indexing, Keys, Wanted};
use crate::model::{Frame, Limits};
use crate::telemetry::Metrics;
use crate::trace::walk::Walk;

fn fresh(past: &Past) -> Keys {
    Keys::new(past.log.clone(), Arc::new(Metrics::new().expect("metrics")))
}

/// With the files that are there.
fn found_again(past: &Past) -> Keys {
    let keys = fresh(past);
    let mut indexer = Indexer::new(keys.clone(), past.index(), &Limits::default());
    while indexer.step().expect("key files") {}
    keys
}

fn key_files(past: &Past) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(past.index()).expect("a folder").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    files
}

fn told(trace: &Trace) -> String {
    let Trace { horizon, truncated, expired, events, inputs, changes, documents, used } = trace;
    let mut used: Vec<_> = used.iter().collect();
    used.sort_by_key(|(lsn, _)| **lsn);
    format!("{horizon} {truncated} {expired:?} {events:?} {inputs:?} {changes:?} {documents:?} {used:?}")
}

/// Answers to everything that can be asked about what random journals hold.
fn all_answers(past: &Past, keys: &Keys) -> Vec<String> {
    let mut told_all = Vec::new();
    for business in BUSINESSES {
        traces(past, keys, business, &mut told_all);
        pages_of(past, keys, business, &mut told_all);
        failures_of(past, keys, business, &mut told_all);
    }
    told_all
}

fn traces(past: &Past, keys: &Keys, business: &str, into: &mut Vec<String>) {
    let middle = START + (past.now() - START) / 2;
    for (key, at, limit) in USERS.iter().flat_map(|key| [(key, None, 100), (key, Some(middle), 100), (key, None, 3)]) {
        let question = Question { business, key, at, limit, key_bytes: 256, deadline: far() };
        into.push(told(&trace(keys, &past.registry, &question).expect("a trace")));
    }
    for id in IDS {
        let question = Question { business, key: "", at: None, limit: 100, key_bytes: 256, deadline: far() };
        into.push(told(&identity(keys, &past.registry, &question, "app", id).expect("a trace")));
    }
}

fn pages_of(past: &Past, keys: &Keys, business: &str, into: &mut Vec<String>) {
    let half = Lsn(past.log.last().0 / 2);
    let some = |names: &[&'static str]| names.iter().map(|name| Some(*name)).chain([None]).collect::<Vec<_>>();
    for (after, limit) in [(Lsn::ZERO, 1_000), (half, 2)] {
        let request = PageRequest { business, after, limit, deadline: far() };
        for (name, person) in
            some(&["high_risk"]).iter().flat_map(|name| some(&USERS[2..]).into_iter().map(|of| (*name, of)))
        {
            into.push(format!("{:?}", matches(keys, &past.registry, &request, name, person).expect("a page")));
        }
        for (deployment, key) in
            some(&DEPLOYMENTS).iter().flat_map(|of| some(&USERS[3..]).into_iter().map(|key| (*of, key)))
        {
            for (code, late) in [(None, false), (None, true), (Some(CODES[0]), false)] {
                let filter = FailedFilter { deployment, code, key, late };
                into.push(format!("{:?}", failed(keys, &past.registry, &request, filter).expect("a page")));
            }
        }
    }
}

fn failures_of(past: &Past, keys: &Keys, business: &str, into: &mut Vec<String>) {
    let deployments = DEPLOYMENTS.iter().map(|name| Some(*name)).chain([None]);
    let every = || FailureQuery {
        business,
        deployment: None,
        code: None,
        key: None,
        position: None,
        after: Lsn::ZERO,
        limit: 5,
        deadline: far(),
    };
    let positions = (1..past.log.last().0).step_by(61).map(|lsn| Some(Lsn(lsn))).chain([None]);
    for (deployment, position) in deployments.flat_map(|of| positions.clone().map(move |position| (of, position))) {
        let query = FailureQuery { deployment, position, ..every() };
        into.push(format!("{:?}", failures(keys, &past.registry, &query).expect("failures")));
    }
    for (key, code) in USERS.iter().zip(CODES.iter().cycle()) {
        let query = FailureQuery { key: Some(key), code: Some(code), ..every() };
        into.push(format!("{:?}", failures(keys, &past.registry, &query).expect("failures")));
    }
}

#[test]
fn the_indexed_answer_is_the_scanned_answer() {
    for seed in 0..4 {
        let past = Past::in_small_segments();
        let mut random = Random::new(&past, seed);
        random.frames(400);
        past.make_keys();
        assert!(key_files(&past).len() > 4, "some segments: {}", key_files(&past).len());
        let scanned = all_answers(&past, &fresh(&past));
        assert_eq!(all_answers(&past, &past.keys), scanned, "seed {seed}");
        // Some segments have a file, some have none yet, one is not sealed.
        random.frames(60);
        let scanned = all_answers(&past, &fresh(&past));
        assert_eq!(all_answers(&past, &past.keys), scanned, "seed {seed}, with more behind the files");
        spoil(&past, seed);
        // As long as nobody has noticed, and by who finds the files so.
        assert_eq!(all_answers(&past, &past.keys), scanned, "seed {seed}, damaged while they are used");
        spoil(&past, seed + 100);
        assert_eq!(all_answers(&past, &found_again(&past)), scanned, "seed {seed}, damaged before they are used");
    }
}

/// Removes, damages, shortens and exchanges files.
fn spoil(past: &Past, seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let files = key_files(past);
    for file in &files {
        let other = fs::read(&files[rng.usize(..files.len())]);
        match (rng.u32(..6), fs::read(file)) {
            (0, _) => fs::remove_file(file).expect("removed"),
            (1, Ok(mut bytes)) => {
                let at = rng.usize(..bytes.len());
                bytes[at] ^= 1 << rng.u32(..8);
                fs::write(file, bytes).expect("written");
            }
            (2, Ok(bytes)) => fs::write(file, &bytes[..rng.usize(..bytes.len())]).expect("written"),
            // The bytes of another segment.
            (3, _) => fs::write(file, other.unwrap_or_default()).expect("written"),
            _ => {}
        }
    }
}

/// A user of 12 events among 1,500 of others, each handled by a deployment; all in key files but the last segment.
fn crowd() -> (Past, Vec<Lsn>) {
    let past = Past::in_small_segments();
    let risk = past.deploy("demo", "risk", &blacklist_plan(), Start::Latest);
    let mut own = Vec::new();
    for number in 0..1_500 {
        let name = if number % 125 == 0 { "ann".to_owned() } else { format!("u{number}") };
        let lsn = past.event(event("blacklist", &name, "house"));
        past.outcome(risk, lsn, vec![past.observed(lsn, &name, "house")]);
        if name == "ann" {
            own.push(lsn);
        }
    }
    past.durable();
    past.make_keys();
    (past, own)
}

/// Frames behind the key files.
fn tail(past: &Past) -> u64 {
    // Also of a segment that was sealed when the files had been made.
    let reading = past.keys.reading();
    let without = reading.regions().filter(|region| !reading.has_file(*region)).map(|region| reading.bounds(region));
    // The open one has no end.
    without.map(|(first, last)| last.min(past.log.last()).0 + 1 - first.0).sum()
}

fn frames_read(past: &Past, ask: impl FnOnce()) -> u64 {
    let counter = &past.keys.metrics().frames_looked_at;
    let before = counter.get();
    ask();
    counter.get() - before
}

/// Each event and its outcome, which is met again by the events; the deployment's control frame; and the newest frame of
/// the user's shard, which tells how far the deployment has read.
fn of_one_user(events: &[Lsn]) -> u64 {
    3 * events.len() as u64 + 2
}

#[test]
fn a_trace_of_one_user_reads_its_own_frames_and_the_tail() {
    let (past, own) = crowd();
    let (segments, tail) = (past.log.journal().segments().len(), tail(&past));
    assert!(segments > 10 && tail < 400, "{segments} segments, {tail} frames behind them");
    let read = frames_read(&past, || {
        let trace = ask(&past, "ann", None, 100);
        assert_eq!(trace.events.iter().map(|event| event.lsn).collect::<Vec<_>>(), own);
    });
    assert!(read <= of_one_user(&own) + 2 * tail, "{read} frames, {tail} behind the files");
    let scanned = all_frames(&past);
    assert!(read * 4 < scanned, "{read} of {scanned} frames");
    let one = frames_read(&past, || {
        let id = format!("e{}", own[0]);
        let question = Question { business: "demo", key: "", at: None, limit: 10, key_bytes: 256, deadline: far() };
        let found = identity(&past.keys, &past.registry, &question, "app", &id).expect("a trace");
        assert_eq!((found.events.len(), found.events[0].verdicts[0].handled.is_some()), (1, true));
    });
    assert!(one <= 3 + 2 * tail, "{one} frames for one event, {tail} behind the files");
}

/// What a trace reads without files.
fn all_frames(past: &Past) -> u64 {
    let keys = fresh(past);
    let question = Question { business: "demo", key: "ann", at: None, limit: 10, key_bytes: 256, deadline: far() };
    trace(&keys, &past.registry, &question).expect("a trace");
    keys.metrics().frames_looked_at.get()
}

#[test]
fn how_far_a_deployment_has_read_is_found_without_reading_all_of_it() {
    let (past, _) = crowd();
    let risk = past.registry.deployment("demo", "risk").expect("it").id;
    let lsn = past.event(event("blacklist", "new", "house"));
    past.durable();
    // It may have begun a segment.
    past.make_keys();
    let newest = (1..lsn.0).rev().map(Lsn).find_map(|at| match past.log.scan(at).next() {
        Some(Ok((_, Frame::Outcome(outcome)))) if outcome.shards.contains(shard_of("new")) => Some(outcome.position),
        _ => None,
    });
    let read = frames_read(&past, || {
        let trace = ask(&past, "new", None, 10);
        let position = newest.expect("somebody of this shard");
        assert_eq!(answers(&trace), [[("risk", &Answer::Lagging { key: "new".into(), position })]]);
    });
    assert!(read <= 4 + 2 * tail(&past), "{read} frames of {risk:?}");
}

#[test]
fn pages_read_only_frames_that_may_be_on_them() {
    let (past, own) = crowd();
    let request = PageRequest { business: "demo", after: Lsn::ZERO, limit: 10, deadline: far() };
    let read = frames_read(&past, || {
        let page = matches(&past.keys, &past.registry, &request, None, None).expect("a page");
        assert_eq!((page.items.len(), page.next), (0, past.log.last()));
        let filter = FailedFilter { key: Some("ann"), ..FailedFilter::default() };
        let page = failed(&past.keys, &past.registry, &request, filter).expect("a page");
        assert_eq!((page.items.len(), page.next), (0, past.log.last()), "nothing of {own:?} has failed");
    });
    assert!(read <= 2 * tail(&past), "{read} frames for two pages");
}

#[test]
fn what_is_released_while_somebody_reads_is_passed_over() {
    let (past, own) = crowd();
    let scanning = fresh(&past);
    for keys in [&past.keys, &scanning] {
        let reading = keys.reading();
        let wanted = Wanted::any([crate::keys::Key::party("demo", "ann")]);
        let mut walk = Walk::new(&reading, wanted, Lsn::ZERO, past.log.last(), far());
        assert!(walk.next().is_some_and(|first| first.is_ok()));
        let half = past.log.first().0.midpoint(past.log.last().0);
        let first = past.log.release(Lsn(half)).expect("released").first;
        let left: Vec<Lsn> = walk.map(|item| item.expect("a frame").0).filter(|lsn| own.contains(lsn)).collect();
        let behind = |lsn: &&Lsn| **lsn >= first;
        assert_eq!(left.iter().filter(behind).count(), own.iter().filter(behind).count(), "from {first} on");
    }
    let before = key_files(&past).len();
    past.make_keys();
    let after = key_files(&past).len();
    let sealed = past.log.journal().segments().iter().filter(|segment| segment.sealed).count();
    assert!(after < before && after == sealed, "files of what is gone are removed: {before}, {after}, {sealed}");
    assert!(!ask(&past, "ann", None, 100).events.is_empty());
}

#[test]
fn a_segment_that_says_too_much_is_read_instead() {
    let (past, own) = crowd();
    fs::remove_dir_all(past.index()).expect("removed");
    let keys = fresh(&past);
    let limits = Limits { index_memory_bytes: 16, ..Limits::default() };
    let mut indexer = Indexer::new(keys.clone(), past.index(), &limits);
    while indexer.step().expect("no error") {}
    let sealed = past.log.journal().segments().iter().filter(|segment| segment.sealed).count() as i64;
    assert_eq!((keys.metrics().index_segments.get(), keys.metrics().index_waiting.get()), (0, sealed));
    let question = Question { business: "demo", key: "ann", at: None, limit: 100, key_bytes: 256, deadline: far() };
    assert_eq!(trace(&keys, &past.registry, &question).expect("a trace").events.len(), own.len());
}

#[test]
fn a_damaged_file_is_noticed_when_it_is_used_and_made_anew() {
    let (past, own) = crowd();
    for file in key_files(&past) {
        let mut bytes = fs::read(&file).expect("a file");
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&file, bytes).expect("written");
    }
    assert_eq!(ask(&past, "ann", None, 100).events.len(), own.len());
    let noticed = || past.keys.metrics().index_damaged.get();
    let mut damaged = noticed();
    assert!(damaged > 0, "it was noticed");
    // With good files a question may go on to files that it did not need before.
    loop {
        past.make_keys();
        ask(&past, "ann", None, 100);
        if noticed() == std::mem::replace(&mut damaged, noticed()) {
            break;
        }
    }
    let tail = tail(&past);
    let read = frames_read(&past, || drop(ask(&past, "ann", None, 100)));
    assert!(read <= of_one_user(&own) + 2 * tail, "{read} frames");
    assert_eq!(noticed(), damaged);
}

#[test]
fn the_thread_makes_files_and_ends_when_it_is_told() {
    let (past, _) = crowd();
    fs::remove_dir_all(past.index()).expect("removed");
    let keys = fresh(&past);
    let indexing = Indexing::start(Indexer::new(keys.clone(), past.index(), &Limits::default())).expect("a thread");
    let sealed = past.log.journal().segments().iter().filter(|segment| segment.sealed).count() as i64;
    let patience = Instant::now() + Duration::from_secs(60);
    while keys.metrics().index_segments.get() < sealed && Instant::now() < patience {
        std::thread::yield_now();
    }
    assert_eq!(keys.metrics().index_segments.get(), sealed);
    indexing.stop();
}
