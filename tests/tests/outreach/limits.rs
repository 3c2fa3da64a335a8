//! Limits on the way from a match to a screen, each lowered (or raised) until it shows. Which test hits which limit is in
//! docs/limits.md.

use fishpond::model::{Frame, Limits};
use fishpond::scenario::{BUSINESS, Run, RunOptions};
use fishpond::shards::Batching;
use fishpond_tests::frames;

use super::counted::played_in;

fn with(change: impl FnOnce(&mut Limits)) -> RunOptions {
    let mut options = RunOptions::default();
    change(&mut options.limits);
    options
}

/// Plays a text under these options and looks at what is there then.
fn after<T>(options: RunOptions, text: &str, look: impl FnOnce(&mut Run<'_>) -> T) -> T {
    let folder = tempfile::tempdir().expect("a folder");
    look(&mut played_in(&folder, text, options))
}

/// Ends of deliveries of `offer` with this name.
fn ends(run: &mut Run<'_>, end: &str) -> u64 {
    let counts = run.host().expect("it is open").decisions.counts(BUSINESS);
    counts.matches["offer"].ends.get(end).copied().unwrap_or_default()
}

#[test]
fn a_hold_lasts_at_least_as_long_as_the_limit_says() {
    const HELD: &str = r#"
        deploy found = herald {}
        deploy caps = fatigue {"caps": [{"name": "hourly", "at_most": 1, "window": {"rolling_s": 3600}, "on_exceed": "hold"}]}
        policy tell {"match": "offer", "message": {"class": "marketing", "channel": "log", "content": {}, "lasts_s": 86400}}
        chain caps
        event 10:00:00 herald actor=ann {"match": "offer"}
        event 10:00:01 herald actor=ann {"match": "offer"}
        advance to 11:30:00
        "#;
    let delivered = |ms| after(with(|limits| limits.hold_min_ms = ms), HELD, |run| ends(run, "delivered"));
    assert_eq!((delivered(1), delivered(2 * 3_600_000)), (2, 1), "the filter said one hour");
}

#[test]
fn the_oldest_gives_way_when_too_much_waits_for_a_person() {
    const WAITING: &str = r#"
        deploy found = herald {}
        policy tell {"match": "offer", "message": {"class": "marketing", "channel": "app", "content": {}, "lasts_s": 86400}}
        event 10:00:00 herald actor=ann {"match": "offer"}
        event 10:00:01 herald actor=ann {"match": "offer"}
        event 10:00:02 herald actor=ann {"match": "offer"}
        event 10:00:03 herald actor=bob {"match": "offer"}
        "#;
    let gone =
        |most| after(with(|limits| limits.inbox_max_unacked = most), WAITING, |run| ends(run, "expired_unacked"));
    assert_eq!((gone(3), gone(2), gone(1)), (0, 1, 2), "of ann's, never of bob's");
}

#[test]
fn what_is_held_takes_no_room_from_the_inbox_and_has_a_bound_of_its_own() {
    const HELD: &str = r#"
        deploy found = herald {}
        deploy caps = fatigue {"caps": [{"name": "none", "at_most": 1, "window": {"rolling_s": 86400}, "on_exceed": "hold"}]}
        policy tell {"match": "offer", "message": {"class": "marketing", "channel": "log", "content": {}, "lasts_s": 86400}}
        policy warn {"match": "alarm", "message": {"class": "critical", "channel": "app", "content": {}, "lasts_s": 86400}}
        chain caps:marketing
        event 10:00:00 herald actor=ann {"match": "offer"}
        event 10:00:01 herald actor=ann {"match": "offer"}
        event 10:00:02 herald actor=ann {"match": "offer"}
        event 10:00:03 herald actor=ann {"match": "offer"}
        event 10:00:04 herald actor=ann {"match": "alarm"}
        inbox ann
        "#;
    let gone = |inbox, held| {
        let options = with(|limits| (limits.inbox_max_unacked, limits.held_max) = (inbox, held));
        after(options, HELD, |run| {
            let warned = run.output.iter().any(|line| line.starts_with("inbox ann #1") && line.contains("policy=warn"));
            assert!(warned, "{:#?}", run.output);
            ends(run, "expired_unacked")
        })
    };
    assert_eq!((gone(100, 100), gone(1, 3), gone(1, 2), gone(100, 1)), (0, 0, 1, 2));
}

#[test]
fn what_comes_into_a_full_inbox_stays_however_old_its_match_is() {
    const RELEASED: &str = r#"
        deploy found = herald {}
        deploy caps = fatigue {"caps": [{"name": "one", "at_most": 1, "window": {"rolling_s": 3600}, "on_exceed": "hold"}]}
        policy tell {"match": "offer", "message": {"class": "marketing", "channel": "app", "content": {}, "lasts_s": 86400}}
        policy warn {"match": "alarm", "message": {"class": "critical", "channel": "app", "content": {}, "lasts_s": 86400}}
        chain caps:marketing
        event 10:00:00 herald actor=ann {"match": "offer"}
        ack ann #1
        event 10:00:01 herald actor=ann {"match": "offer"}
        event 10:00:02 herald actor=ann {"match": "alarm"}
        advance 2h
        inbox ann
        "#;
    after(with(|limits| limits.inbox_max_unacked = 1), RELEASED, |run| {
        let last = run.output.last().expect("an inbox");
        assert!(last.starts_with("inbox ann #3") && last.contains("policy=tell"), "{:#?}", run.output);
    });
}

#[test]
fn what_waits_for_a_person_is_bounded_in_bytes() {
    const LARGE: &str = r#"
        deploy found = herald {}
        policy tell {"match": "offer", "message": {"class": "marketing", "channel": "app", "content": {"text": "0123456789012345678901234567890123456789012345678901234567890123456789"}, "lasts_s": 86400}}
        event 10:00:00 herald actor=ann {"match": "offer"}
        event 10:00:01 herald actor=ann {"match": "offer"}
        event 10:00:02 herald actor=ann {"match": "offer"}
        event 10:00:03 herald actor=bob {"match": "offer"}
        "#;
    let gone = |bytes| after(with(|limits| limits.waiting_bytes = bytes), LARGE, |run| ends(run, "expired_unacked"));
    assert_eq!((gone(1 << 20), gone(500), gone(1)), (0, 1, 4));
}

#[test]
fn a_tick_comes_no_sooner_after_another_than_the_limit_says() {
    // 10:01:00 and 10:01:10.
    const TWO: &str = r#"
        deploy found = herald {}
        event 10:00:00 herald actor=ann {"do": "timer", "match": "offer", "at": 1767261660000}
        event 10:00:00 herald actor=bob {"do": "timer", "match": "offer", "at": 1767261670000}
        advance to 10:01:30
        "#;
    let ticks = |ms| {
        after(with(|limits| limits.tick_ms = ms), TWO, |run| {
            let frames = frames(&run.host().expect("it is open").parts);
            frames.iter().filter(|(_, frame)| matches!(frame, Frame::Tick(_))).count()
        })
    };
    assert_eq!((ticks(100), ticks(60_000)), (2, 1));
}

#[test]
fn a_round_of_the_desk_has_so_many_jobs() {
    const THREE: &str = r#"
        deploy found = herald {}
        policy tell {"match": "offer", "message": {"class": "marketing", "channel": "app", "content": {}, "lasts_s": 86400}}
        pause found
        event 10:00:00 herald actor=ann {"match": "offer"}
        event 10:00:00 herald actor=bob {"match": "offer"}
        event 10:00:00 herald actor=cat {"match": "offer"}
        resume found
        "#;
    let rounds = |jobs| {
        let options = with(|limits| limits.outreach_jobs = jobs);
        after(RunOptions { batching: Batching::ByTime, ..options }, THREE, |run| {
            let frames = frames(&run.host().expect("it is open").parts);
            frames.iter().filter(|(_, frame)| matches!(frame, Frame::Outreach(_))).count()
        })
    };
    assert!(rounds(1) > rounds(256), "{} and {}", rounds(1), rounds(256));
}
