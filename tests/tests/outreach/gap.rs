//! What retention takes from a filter that stands still, and what it does not: how its deliveries have ended.

use std::sync::mpsc::channel;

use fishpond::model::outreach::Deed;
use fishpond::model::ports::Ask;
use fishpond::model::{Frame, Limits, Lsn, ShardSet};
use fishpond::registry::Error;
use fishpond::scenario::{BUSINESS, Run, RunOptions, small_limits};
use fishpond_tests::frames;

use super::counted::{play, played_in};

/// As little as can be released is released as soon as it may, and no memory hides what is gone.
fn options() -> RunOptions {
    let limits = Limits {
        journal_segment_bytes: 5 << 20,
        journal_tail_bytes: 1 << 20,
        retention_bytes: 1,
        dedup_horizon_ms: 60_000,
        skew_future_ms: 60_000,
        ..small_limits()
    };
    RunOptions { limits, ..RunOptions::default() }
}

/// More than a segment of the journal; then a checkpoint, a base copy, and retention. Answers the first position that is kept.
fn fill(run: &mut Run<'_>, time: &str) -> Lsn {
    let pad = "x".repeat(50 << 10);
    let line = |n| format!("event {time} herald id={time}-{n} actor=filler {{\"pad\": \"{pad}\"}}\n");
    play(run, &(0..120).map(line).collect::<String>());
    let host = run.host().expect("it is open");
    host.workers.checkpoint().expect("a checkpoint");
    host.keeper.copy().expect("a base copy").expect("the store has a newer checkpoint");
    host.keeper.retain();
    host.parts.log.first()
}

fn standing(run: &mut Run<'_>, name: &str) -> Vec<(ShardSet, Lsn)> {
    let host = run.host().expect("it is open");
    let id = host.parts.registry.deployment(BUSINESS, name).expect("a deployment").id;
    let (send, receive) = channel();
    host.workers.asker().standing(id, Box::new(move |places| drop(send.send(places))));
    host.workers.run_to_rest().expect("the workers work");
    receive.try_recv().expect("an answer").expect("places")
}

fn settled(run: &mut Run<'_>) -> Lsn {
    let found = frames(&run.host().expect("it is open").parts).into_iter().find(|(_, frame)| match frame {
        Frame::Outreach(outreach) => outreach.deeds.iter().any(|deed| matches!(deed, Deed::Settled(_))),
        _ => false,
    });
    found.expect("a settlement").0
}

#[test]
fn x_29_a_settlement_is_delivered_across_a_gap() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut run = played_in(
        &folder,
        r#"
        deploy found = herald {}
        deploy caps = fatigue {"caps": [{"name": "daily", "at_most": 1, "window": {"rolling_s": 86400}}]}
        policy tell {"match": "offer", "message": {"class": "marketing", "channel": "app", "content": {}, "lasts_s": 3600}}
        chain caps
        event 10:00:00 herald actor=ann {"match": "offer"}
        query caps fatigue ann
        pause caps
        "#,
        options(),
    );
    assert!(run.output.iter().any(|line| line.contains(r#""used":1"#)), "{:?}", run.output);
    let read_to = standing(&mut run, "caps")[0].1;
    fill(&mut run, "10:10:00");
    fill(&mut run, "10:20:00");
    // The message expires while its filter stands still.
    play(&mut run, "advance to 11:30:00\n");
    let settled = settled(&mut run);
    let first = ["12:00:00", "12:10:00", "12:20:00"].map(|time| fill(&mut run, time))[2];
    assert!(first > read_to.next() && first <= settled, "{read_to} was read, {settled} is kept by {first}");

    let standing = standing(&mut run, "caps");
    let registry = run.host().expect("it is open").parts.registry.clone();
    let resume = |accept| registry.resume_from(BUSINESS, "caps", &standing, accept, "ops");
    assert!(matches!(resume(false), Err(Error::Gap { .. })));
    resume(true).expect("accepted");
    run.host().expect("it is open").workers.run_to_rest().expect("the workers work");
    run.output.clear();
    play(&mut run, "query caps fatigue ann\n");
    assert_eq!(run.output, [r#"query caps fatigue ann -> ok {"caps":[]}"#], "what reached nobody is given back");
    let first = ["12:30:00", "12:40:00", "12:50:00"].map(|time| fill(&mut run, time))[2];
    assert!(first > settled, "nobody needs it any more");
}
