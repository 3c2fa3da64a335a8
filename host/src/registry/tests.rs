//! Which revision handles what, and what cannot be done any more.

use super::fixture::{Past, plan};
use super::*;
use crate::model::{Guard, OnError, PauseCause, ShardId, Start};

fn revision(number: u32, lsn: u64, backlog: Vec<(ShardSet, Lsn)>) -> Arc<Revision> {
    let change = Change::DeploymentRevised {
        business: "b".into(),
        name: "d".into(),
        revision: number,
        digest: Digest([1; 32]),
        configuration: "{}".into(),
        envelope: "{}".into(),
        plan: plan("").into(),
        permissions: Vec::new(),
        on_error: OnError::Skip,
        guard: Guard::default(),
        start: Start::Latest,
        begins: Lsn::ZERO,
        backlog,
    };
    Arc::new(revision_from(Lsn(lsn), &Control { at: 0, by: "ops".into(), change }).expect("a revision"))
}

/// Revision 1 from the beginning, 2 from 100, 3 from 200 as a repair (shard 0 stood at 50, the others at 150), 4 from 300.
fn repaired() -> Deployment {
    let backlog = vec![(ShardSet(1), Lsn(50)), (ShardSet::ALL.without(ShardSet(1)), Lsn(150))];
    let first = Deployment::first(Lsn(10), "b", "d", revision(1, 10, Vec::new()));
    let second = first.with_revision(revision(2, 100, Vec::new()));
    second.with_revision(revision(3, 200, backlog)).with_revision(revision(4, 300, Vec::new()))
}

#[test]
fn a_repair_handles_everything_behind_where_each_shard_stood() {
    let deployment = repaired();
    let at = |lsn, shard| deployment.revision_at(Lsn(lsn), ShardId(shard)).number;
    assert_eq!([0, 50, 51, 100, 299, 300].map(|lsn| at(lsn, 0)), [1, 1, 3, 3, 3, 4]);
    assert_eq!([0, 99, 100, 150, 151, 299, 300].map(|lsn| at(lsn, 1)), [1, 1, 2, 2, 3, 3, 4]);
}

#[test]
fn the_next_revision_is_never_one_that_a_repair_has_overtaken() {
    let deployment = repaired();
    let next = |lsn, shard| deployment.next_revision_after(Lsn(lsn), ShardId(shard)).map(|lsn| lsn.0);
    assert_eq!([50, 51, 99, 299, 300].map(|lsn| next(lsn, 0)), [Some(51), Some(300), Some(300), Some(300), None]);
    assert_eq!([0, 99, 100, 151].map(|lsn| next(lsn, 1)), [Some(100), Some(100), Some(151), Some(300)]);
}

#[test]
fn retired_is_final_for_operators_and_the_host_may_still_stop_a_shard() {
    let past = Past::new();
    let id = past.deploy("b", "d", &plan(""));
    let lsn = past.registry.retire("b", "d", "ops").expect("retired");
    let retired = || past.registry.by_id(id).expect("kept");
    assert_eq!(retired().retired, Some(lsn));
    let refused = |result: Result<Lsn, Error>| {
        let error = result.expect_err("retired");
        assert!(matches!(&error, Error::Retired(name) if name == "d"), "{error}");
    };
    refused(past.registry.retire("b", "d", "ops"));
    refused(past.registry.pause("b", "d", "look", "ops"));
    past.registry.pause_shards(id, ShardSet(1), PauseCause::Fault, "trap").expect("paused by the host");
    assert_eq!(retired().paused.shards, ShardSet(1));
    refused(past.registry.resume("b", "d", "ops"));
    assert_eq!(past.log.last(), lsn.next(), "what is refused writes nothing");
}

#[test]
fn a_filter_is_what_the_newest_plan_says() {
    let past = Past::new();
    let id = past.deploy("b", "d", &plan(r#","filter":{"verdicts":["allow"]}"#));
    assert!(past.registry.by_id(id).expect("deployed").is_filter());
    past.deploy("b", "d", &plan(""));
    let deployment = past.registry.by_id(id).expect("deployed");
    assert!(!deployment.is_filter() && deployment.revisions[0].is_filter());
}
