//! A crash behind every frame of a run with kept inputs, timers on the watermark, late events and several intakes; and the same
//! run with 1, 2 and 4 workers. What is found, what is late and what is kept must be the same (DECISIONS 27).

use std::collections::BTreeMap;

use fishpond::model::{Event, Frame, InputRecord, Limits, Lsn, Via};
use fishpond::scenario::{Run, RunOptions, Scenario, Step, small_limits};
use fishpond::shards::Batching;
use fishpond_tests::{copy_folder, crashed, frames, highest, modules};

const FLOW: &str = r#"
deploy order = herald {"ordered": true}
deploy timed = herald {"ordered": true, "event_clock": true}
deploy plain = herald {"event_clock": true}
event 10:00:20 herald id=1 actor=ann {"match": "offer", "n": 4}
event 10:00:10 herald id=2 received=10:00:21 actor=ann {"do": "timer", "clock": "event", "match": "alarm", "at": 1767261612000}
event 10:00:15 herald id=3 received=10:00:21 intake=slow actor=ann {"match": "offer", "n": 2}
event 10:00:16 herald id=4 received=10:00:21 actor=bob {"do": "timer", "match": "alarm", "at": 1767261640000}
event 10:00:15 herald id=5 received=10:00:22 actor=ann {"match": "offer", "n": 3}
event 10:00:17 herald id=6 received=10:00:23 actor=cid {"do": "remember", "match": "seen", "n": 2000}
event 10:00:24 herald id=7 received=10:00:24 actor=bob {"match": "offer"}
advance 2s
checkpoint
event 10:00:20 herald id=8 received=10:00:27 actor=cid {"do": "recall", "match": "seen"}
event 10:00:18 herald id=9 received=10:00:27 actor=cid {"do": "recall", "match": "seen"}
event 10:00:30 herald id=10 intake=slow actor=bob {"match": "news", "n": 1}
advance 1s
event 10:00:11 herald id=11 received=10:00:31 actor=ann {"match": "offer", "n": 9}
event 10:00:24 herald id=12 received=10:00:31 actor=ann {"do": "trap"}
event 10:00:29 herald id=13 received=10:00:32 actor=ann {"match": "offer", "n": 5}
event 10:00:28 herald id=14 received=10:00:32 actor=ann {"match": "offer", "n": 4}
checkpoint
advance 1m
event 10:01:40 herald id=15 actor=dan {"match": "offer"}
advance 2m
"#;

/// By deployment and key: how each input ended, in order, without positions.
type Found = BTreeMap<(String, String), Vec<String>>;

fn found(run: &mut Run<'_>) -> Found {
    let parts = run.host().expect("it is open").parts.clone();
    let all = frames(&parts);
    let mut found = Found::new();
    for (_, frame) in &all {
        let Frame::Outcome(outcome) = frame else { continue };
        let name = parts.registry.by_id(outcome.deployment).expect("a deployment").name.to_string();
        for record in &outcome.inputs {
            found.entry((name.clone(), record.key.to_string())).or_default().push(line(record, &all));
        }
    }
    found
}

fn line(record: &InputRecord, all: &[(Lsn, Frame)]) -> String {
    let id = |lsn: Lsn| match &all[lsn.0 as usize - 1].1 {
        Frame::Input(event) => Event::clone(event).id,
        other => format!("{other:?}").into(),
    };
    let input = match &record.via {
        Via::Timer(name) => format!("timer {name}"),
        Via::Kept(_) => format!("kept {}", id(record.origin())),
        Via::HandedOver { .. } => format!("handed over {}", id(record.origin())),
        _ => id(record.lsn).to_string(),
    };
    let outcome = &record.outcome;
    let matches: Vec<_> = outcome.matches.iter().map(|one| (one.id, &one.name, &one.fields)).collect();
    format!("{input} at {}: {} {} {matches:?}", record.time, outcome.end.code(), outcome.late)
}

fn options(seed: u64, most: usize, workers: u64) -> RunOptions {
    let limits = Limits { workers, ..small_limits() };
    RunOptions { limits, batching: Batching::Seeded { seed, most }, ..RunOptions::default() }
}

fn steps() -> Vec<Step> {
    Scenario::parse(FLOW).expect("a flow").steps.into_iter().map(|(_, step)| step).collect()
}

struct Uncut {
    folder: tempfile::TempDir,
    /// Of each step: the last frame behind it, and the clock at which it begins.
    played: Vec<(Lsn, u64)>,
    stores: Vec<(Lsn, tempfile::TempDir)>,
    found: Found,
}

fn uncut() -> Uncut {
    let folder = tempfile::tempdir().expect("a folder");
    let mut run = Run::open(folder.path(), modules(), options(7, 5, 1)).expect("a host");
    let (mut played, mut stores) = (Vec::new(), vec![(Lsn::ZERO, tempfile::tempdir().expect("a folder"))]);
    for step in &steps() {
        let before = run.now();
        run.step(step).expect("a step");
        let log = run.host().expect("it is open").parts.log.clone();
        log.wait_committed(log.last()).expect("it becomes durable");
        let clock = if matches!(step, Step::Advance(_)) { before } else { run.now() };
        played.push((log.last(), clock));
        if matches!(step, Step::Checkpoint) {
            let copy = tempfile::tempdir().expect("a folder");
            copy_folder(&folder.path().join("store"), copy.path()).expect("a copy");
            stores.push((highest(copy.path()), copy));
        }
    }
    let found = found(&mut run);
    run.close().expect("it closes");
    Uncut { folder, played, stores, found }
}

/// The run must hold what a crash could break.
fn check(found: &Found) {
    let all: Vec<&String> = found.values().flatten().collect();
    for part in ["kept ", "handed over ", "timer event", "timer receive", ": late true", ": trap "] {
        assert!(all.iter().any(|line| line.contains(part)), "the flow holds no {part}: {found:#?}");
    }
    for name in ["order", "timed"] {
        let own = || found.iter().filter(|((deployment, _), _)| deployment == name).flat_map(|(_, lines)| lines);
        let kept = own().filter(|line| line.starts_with("kept ")).count();
        let over = own().filter(|line| line.starts_with("handed over ")).count();
        assert!(kept > 10 && kept == over, "{name}: {kept} kept, {over} handed over");
    }
}

#[test]
fn a_crash_behind_every_frame_keeps_the_order_of_times() {
    let uncut = uncut();
    check(&uncut.found);
    let steps = steps();
    let end = uncut.played.last().expect("steps").0;
    for last in 0..=end.0 {
        let last = Lsn(last);
        let folder = tempfile::tempdir().expect("a folder");
        crashed(uncut.folder.path(), &uncut.stores, last, folder.path());
        let interrupted = uncut.played.iter().position(|(behind, _)| *behind > last).unwrap_or(steps.len());
        let clock = uncut.played.get(interrupted).or(uncut.played.last()).expect("steps").1;
        let options = options(last.0, 1 + last.0 as usize % 9, [1, 2, 4][last.0 as usize % 3]);
        let mut run = Run::open_at(folder.path(), modules(), options, clock).expect("it opens again");
        for step in &steps[interrupted..] {
            run.step(step).expect("a step");
        }
        assert_eq!(found(&mut run), uncut.found, "after a crash behind {last}");
    }
}

#[test]
fn one_two_and_four_workers_keep_the_same_order() {
    let played = |count, restarts: bool| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut run = Run::open(folder.path(), modules(), options(3, 4, count)).expect("a host");
        for step in &steps() {
            run.step(step).expect("a step");
            if restarts {
                run.restart().expect("it opens again");
            }
        }
        found(&mut run)
    };
    let one = played(1, false);
    check(&one);
    for (count, restarts) in [(2, false), (4, false), (1, true), (4, true)] {
        assert_eq!(played(count, restarts), one, "{count} workers, restarts: {restarts}");
    }
}
