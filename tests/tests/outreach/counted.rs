//! What is counted about matches, and bursts of which a scenario would show fifty lines.

use fishpond::model::Frame;
use fishpond::scenario::{BUSINESS, Run, RunOptions, Scenario};
use fishpond::shards::Batching;
use fishpond_tests::{frames, modules};

/// Plays the steps of a text; the run is at rest behind them.
fn played(folder: &tempfile::TempDir, text: &str) -> Run<'static> {
    played_in(folder, text, RunOptions::default())
}

pub(super) fn played_in(folder: &tempfile::TempDir, text: &str, options: RunOptions) -> Run<'static> {
    let mut run = Run::open(folder.path(), modules(), options).expect("a host");
    play(&mut run, text);
    run
}

/// More steps.
pub(super) fn play(run: &mut Run<'_>, text: &str) {
    for (line, step) in &Scenario::parse(text).expect("a scenario").steps {
        run.step(step).unwrap_or_else(|error| panic!("line {line}: {error:#}"));
    }
}

#[test]
fn s1_14_a_match_without_a_route_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut run = played(
        &folder,
        r#"
        deploy found = herald {}
        policy tell {"match": "offer", "message": {"class": "marketing", "channel": "log", "content": {}}}
        event 10:00:00 herald actor=ann {"match": "offer"}
        event 10:00:01 herald actor=ann {"match": "news"}
        event 10:00:02 herald actor=bob {"match": "news"}
        "#,
    );
    let counts = run.host().expect("it is open").decisions.counts(BUSINESS);
    let statuses = |name: &str| counts.matches[name].statuses.iter().map(|(s, n)| (*s, *n)).collect::<Vec<_>>();
    assert_eq!((statuses("news"), statuses("offer")), (vec![("no_route", 2)], vec![("sent", 1)]));
    assert_eq!((counts.matches["news"].seen, counts.matches["offer"].seen), (2, 1));
    assert_eq!(counts.matches["offer"].ends.get("delivered"), Some(&1));
}

#[test]
fn s2_22_of_fifty_at_once_exactly_one_passes() {
    for (seed, most) in [(1, 1), (2, 3), (3, 10), (4, 100)] {
        one_of_fifty(RunOptions { batching: Batching::Seeded { seed, most }, ..RunOptions::default() });
    }
}

fn one_of_fifty(options: RunOptions) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut run = played_in(
        &folder,
        r#"
        deploy found = herald {}
        deploy caps = fatigue {"caps": [{"name": "daily", "at_most": 1, "window": {"rolling_s": 86400}}]}
        policy tell {"match": "offer", "message": {"class": "marketing", "channel": "log", "content": {}}}
        chain caps
        pause found
        event 10:00:00 herald actor=ann {"match": "offer", "find": 16}
        event 10:00:00 herald actor=ann {"match": "offer", "find": 16, "n": 16}
        event 10:00:00 herald actor=bob {"match": "offer"}
        event 10:00:00 herald actor=ann {"match": "offer", "find": 16, "n": 32}
        event 10:00:00 herald actor=ann {"match": "offer", "find": 2, "n": 48}
        resume found
        "#,
        options,
    );
    let decided = |person: &str, end: &str| {
        let own = format!("person={person} ");
        run.output
            .iter()
            .filter(|line| line.contains(" decision ") && line.contains(&own) && line.contains(end))
            .count()
    };
    assert_eq!((decided("ann", "-> sent"), decided("ann", "-> denied")), (1, 49), "{:#?}", run.output);
    assert_eq!(decided("bob", "-> sent"), 1);
    run.output.clear();
    play(&mut run, "query caps fatigue ann");
    assert!(run.output[0].contains(r#""used":1,"at_most":1"#), "{:?}", run.output);
}

/// Many at once, through two chains that share a filter: as many as one chain alone would have let through.
#[test]
fn s2_23_a_burst_through_two_chains_counts_as_one() {
    for most in [1, 3, 100] {
        let folder = tempfile::tempdir().expect("a folder");
        let options = RunOptions { batching: Batching::Seeded { seed: 5, most }, ..RunOptions::default() };
        let mut run = played_in(
            &folder,
            r#"
            deploy found = herald {}
            deploy caps = fatigue {"caps": [{"name": "daily", "at_most": 5, "window": {"rolling_s": 86400}}]}
            policy first {"match": "offer", "message": {"class": "marketing", "channel": "log", "content": {}}}
            policy second {"match": "news", "message": {"class": "marketing", "channel": "log", "content": {}}}
            chain policy=first caps
            chain policy=second caps
            pause found
            event 10:00:00 herald actor=ann {"match": "offer", "find": 12}
            event 10:00:00 herald actor=ann {"match": "news", "find": 12}
            event 10:00:00 herald actor=bob {"match": "news", "find": 4}
            resume found
            "#,
            options,
        );
        let sent = |person: &str| {
            let own = format!("person={person} ");
            run.output.iter().filter(|line| line.contains(&own) && line.contains("-> sent")).count()
        };
        assert_eq!((sent("ann"), sent("bob")), (5, 4), "{:#?}", run.output);
        run.output.clear();
        play(&mut run, "query caps fatigue ann");
        assert!(run.output[0].contains(r#""used":5,"at_most":5"#), "{:?}", run.output);
    }
}

/// Also those that were never asked: S2-13 says counted.
#[test]
fn s2_13_a_filter_that_cannot_be_asked_is_counted_and_a_look_in_thought_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut run = played(
        &folder,
        r#"
        deploy found = herald {}
        deploy block = lists {}
        policy tell {"match": "offer", "message": {"class": "marketing", "channel": "log", "content": {}}}
        chain block:open
        event 10:00:00 herald actor=ann {"match": "offer"}
        what-if ann offer
        pause block
        event 10:00:01 herald actor=ann {"match": "offer"}
        event 10:00:02 herald actor=ann {"match": "offer"}
        what-if ann offer
        "#,
    );
    let metrics = run.host().expect("it is open").parts.metrics.clone();
    let said = |verdict: &str| metrics.verdicts.with_label_values(&[BUSINESS, "block", verdict]).get();
    assert_eq!((said("allow"), said("paused")), (1, 2));
}

#[test]
fn x_26_a_second_poison_pauses_again_and_says_where() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut run = played(
        &folder,
        r#"
        deploy found = herald on_error=pause {}
        event 10:00:00 herald actor=ann {"do": "trap"}
        event 10:00:01 herald actor=ann {"match": "offer"}
        event 10:00:02 herald actor=bob {"match": "offer"}
        pause found
        repair found = herald on_error=pause {}
        "#,
    );
    let parts = run.host().expect("it is open").parts.clone();
    let deployment = parts.registry.deployment(BUSINESS, "found").expect("it is there");
    let poison = frames(&parts).into_iter().find(|(_, frame)| matches!(frame, Frame::Input(_))).expect("the first").0;
    assert_eq!((deployment.newest().number, deployment.paused.shards.len()), (2, 1));
    let reason = format!("input {poison} of key `ann`: trap");
    assert!(deployment.paused.reason.starts_with(&reason), "{}", deployment.paused.reason);
    // Nothing behind the poison was handled in its shard, and nothing of another shard was handled twice.
    assert_eq!(run.output, [r#"10:00:02.000 found@1 match offer person=bob {"n":0} events=[3]"#]);
}
