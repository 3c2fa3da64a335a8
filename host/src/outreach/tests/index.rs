//! Finding decisions again.

use super::*;
use crate::model::Limits;
use crate::registry::fixture::Past;
use crate::telemetry::Metrics;

struct Kept {
    past: Past,
    index: Index,
}

impl Kept {
    /// `tail_bytes`: frames beyond it are read from the files.
    fn new(tail_bytes: u64) -> Kept {
        let past = Past::with(Limits { journal_tail_bytes: tail_bytes, ..Limits::default() });
        Kept { past, index: Index::new(Arc::new(Metrics::new().expect("metrics"))) }
    }

    /// All at one time.
    fn add(&self, now: u64, deeds: Vec<Deed>) -> Lsn {
        self.add_round(now, deeds.into_iter().map(|deed| at(now, deed)).collect())
    }

    fn add_round(&self, now: u64, deeds: Vec<Deed>) -> Lsn {
        let outreach = outreach(now, deeds);
        let lsn = self.past.append(Frame::Outreach(Arc::new(outreach.clone())));
        self.past.durable();
        self.index.frame(lsn, &outreach);
        lsn
    }

    fn find(&self, query: &Query<'_>) -> (Vec<u128>, Option<Lsn>) {
        let page = self.index.find(&self.past.log, query).expect("readable");
        (page.found.iter().map(action).collect(), page.next)
    }
}

fn at(time: u64, deed: Deed) -> Deed {
    match deed {
        Deed::Decided(decision) => Deed::Decided(Box::new(Decision { time, ..*decision })),
        Deed::Ended(ended) => Deed::Ended(Ended { time, ..ended }),
        other => other,
    }
}

fn action(found: &Found) -> u128 {
    match &found.what {
        What::Decided(decision) => decision.action.id.0,
        What::Ended(ended) => ended.action.0,
    }
}

const ALL: Query<'static> = Query {
    business: "demo",
    person: None,
    match_name: None,
    policy: None,
    reason: None,
    since: None,
    until: None,
    before: None,
    limit: 100,
};

fn two_matches(kept: &Kept) {
    let mut other = denied(3, "bob", "enough");
    (other.action.origin.match_name, other.action.policy) = ("bought".into(), "thanks".into());
    let error = Answered::Error { code: "fuel".into(), message: "".into(), fail: Fail::Closed };
    let broken = Decision { verdicts: vec![reached("f", error)], ..decision(4, "ann", Status::Denied) };
    let mut foreign = decision(5, "ann", sent(Channel::App));
    foreign.action.business = "other".into();
    kept.add(10, vec![decided(decision(1, "ann", sent(Channel::App))), decided(decision(2, "bob", Status::Offline))]);
    kept.add(20, vec![decided(other)]);
    kept.add(30, vec![decided(broken), decided(foreign)]);
    kept.add(40, vec![ended(1, "ann", DeliveryEnd::Acknowledged)]);
}

#[test]
fn decisions_and_ends_are_found_by_what_they_are_about() {
    for tail_bytes in [0, 1 << 20] {
        let kept = Kept::new(tail_bytes);
        two_matches(&kept);
        let found = |query: Query<'_>| kept.find(&query).0;
        assert_eq!(found(ALL), [1, 4, 3, 2, 1]);
        assert_eq!(found(Query { person: Some("ann"), ..ALL }), [1, 4, 1]);
        assert_eq!(found(Query { match_name: Some("bought"), ..ALL }), [3]);
        assert_eq!(found(Query { policy: Some("hello"), person: Some("bob"), ..ALL }), [2]);
        assert_eq!(found(Query { reason: Some("sent"), ..ALL }), [1]);
        assert_eq!(found(Query { reason: Some("denied"), ..ALL }), [4, 3]);
        assert_eq!(found(Query { reason: Some("enough"), ..ALL }), [3]);
        assert_eq!(found(Query { reason: Some("fuel"), ..ALL }), [4]);
        assert_eq!(found(Query { reason: Some("acknowledged"), ..ALL }), [1]);
        assert_eq!(found(Query { reason: Some("calm_enough"), ..ALL }), [0; 0], "an allow is no reason");
        assert_eq!(found(Query { business: "other", ..ALL }), [5]);
        assert_eq!(found(Query { business: "third", ..ALL }), [0; 0]);
        assert_eq!(found(Query { since: Some(20), until: Some(40), ..ALL }), [4, 3]);
        // Each alone is in the frame, but not in one decision.
        assert_eq!(found(Query { person: Some("ann"), reason: Some("offline"), ..ALL }), [0; 0]);
    }
}

#[test]
fn a_round_of_several_times_is_found_by_each_of_them() {
    let kept = Kept::new(0);
    let sent_at = |time, id, person| at(time, decided(decision(id, person, sent(Channel::App))));
    // A match of 10 waited for a filter, and was decided together with one of 40.
    kept.add_round(
        40,
        vec![sent_at(10, 1, "ann"), sent_at(40, 2, "bob"), at(25, ended(3, "cat", DeliveryEnd::Expired))],
    );
    let between = |since, until| kept.find(&Query { since, until, ..ALL }).0;
    assert_eq!(between(None, Some(30)), [3, 1]);
    assert_eq!(between(Some(10), Some(11)), [1]);
    assert_eq!(between(Some(26), None), [2]);
    assert_eq!((between(Some(41), None), between(None, Some(10))), (vec![], vec![]));
}

#[test]
fn pages_follow_each_other_without_gap_or_repeat() {
    let kept = Kept::new(0);
    for id in 0..90 {
        kept.add(id, vec![decided(decision(id.into(), "ann", Status::Offline))]);
    }
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let (found, next) = kept.find(&Query { before, limit: 40, person: Some("ann"), ..ALL });
        assert!(found.len() <= 40);
        all.extend(found);
        before = next;
        if next.is_none() {
            break;
        }
    }
    let expected: Vec<u128> = (0..90).rev().collect();
    assert_eq!(all, expected);
    let (found, next) = kept.find(&Query { limit: 90, ..ALL });
    assert_eq!((found.len(), next), (90, None));
}

#[test]
fn a_page_reads_so_many_frames_and_says_where_to_go_on() {
    let kept = Kept::new(1 << 20);
    let wanted = kept.add(0, vec![decided(decision(7, "ann", Status::Offline)), decided(denied(8, "bob", "no"))]);
    for id in 0..FRAMES_PER_PAGE as u64 + 10 {
        let both = vec![decided(denied(100, "ann", "no")), decided(decision(200, "bob", Status::Offline))];
        kept.add(id, both);
    }
    // All frames speak of ann and of `offline`; one holds both in one decision.
    let query = Query { person: Some("ann"), reason: Some("offline"), ..ALL };
    let (found, next) = kept.find(&query);
    assert_eq!(found, [0; 0]);
    let (found, next) = kept.find(&Query { before: Some(next.expect("more")), ..query });
    assert_eq!((found, next), (vec![7], None));
    assert_eq!(wanted, Lsn(1));
}

#[test]
fn all_looks_at_an_action_are_told_in_order() {
    let kept = Kept::new(0);
    let held = Decision { time: 10, ..decision(1, "ann", Status::Held { until: 20 }) };
    let released = Decision { time: 20, cause: Cause::Release, attempt: 2, ..decision(1, "ann", sent(Channel::App)) };
    let first = kept.add(10, vec![decided(held.clone()), decided(decision(2, "bob", Status::Offline))]);
    let second = kept.add(20, vec![decided(released.clone())]);
    kept.add(25, vec![decided(decision(3, "ann", Status::Offline))]);
    let third = kept.add(30, vec![ended(1, "ann", DeliveryEnd::Expired)]);
    let looks = kept.index.looks(&kept.past.log, "demo", ActionId(1)).expect("readable");
    assert_eq!(
        looks.iter().map(|look| (look.lsn, look.now)).collect::<Vec<_>>(),
        [(first, 10), (second, 20), (third, 30)]
    );
    assert_eq!(looks[0].what, What::Decided(Box::new(held)));
    assert_eq!(looks[1].what, What::Decided(Box::new(released)));
    assert!(matches!(&looks[2].what, What::Ended(ended) if ended.end == DeliveryEnd::Expired));
    assert!(kept.index.looks(&kept.past.log, "other", ActionId(1)).expect("readable").is_empty());
}

#[test]
fn a_frame_that_is_offered_again_changes_nothing() {
    let kept = Kept::new(0);
    let deeds = vec![decided(decision(1, "ann", Status::Offline))];
    let lsn = kept.add(1, deeds.clone());
    kept.index.frame(lsn, &outreach(1, deeds));
    assert_eq!(kept.find(&ALL).0, [1]);
    assert_eq!(kept.index.counts("demo").matches["browsed"].seen, 1);
}

#[test]
fn counts_tell_by_match_what_was_done() {
    let kept = Kept::new(0);
    let held = decision(1, "ann", Status::Held { until: 5 });
    let released = Decision { cause: Cause::Release, ..decision(1, "ann", sent(Channel::Log)) };
    let again = Decision { cause: Cause::Retry, ..released.clone() };
    let cancelled =
        Decision { cause: Cause::Release, ..decision(4, "eve", Status::Cancelled { reason: "over".into() }) };
    let tag = crate::model::outreach::Tag {
        name: "vip".into(),
        value: "".into(),
        origin: origin("browsed"),
        policy: "t".into(),
        policy_revision: 1,
        since: 1,
        expires: None,
    };
    let tagged = Deed::Tagged { business: "demo".into(), person: "ann".into(), tag };
    kept.add(1, vec![decided(held), decided(denied(2, "bob", "enough")), decided(denied(3, "cid", "enough")), tagged]);
    kept.add(2, vec![decided(released), decided(again), decided(cancelled)]);
    kept.add(3, vec![ended(1, "ann", DeliveryEnd::Delivered)]);
    let counts = kept.index.counts("demo");
    let counts = &counts.matches["browsed"];
    assert_eq!((counts.seen, counts.tagged, counts.published), (3, 1, 0));
    let statuses: Vec<(&str, u64)> = counts.statuses.iter().map(|(name, count)| (*name, *count)).collect();
    assert_eq!(statuses, [("cancelled", 1), ("denied", 2), ("held", 1), ("sent", 1)]);
    let reasons: Vec<(&str, u64)> = counts.reasons.iter().map(|(name, count)| (&**name, *count)).collect();
    assert_eq!(reasons, [("enough", 2), ("over", 1)]);
    assert_eq!(counts.ends.get("delivered"), Some(&1));
    assert_eq!(kept.index.counts("other"), Counts::default());
}

#[test]
fn names_beyond_what_is_counted_are_counted_as_other() {
    let kept = Kept::new(0);
    let deeds = (0..1_005).map(|number| decided(denied(number, "ann", &format!("reason-{number}"))));
    kept.add(1, deeds.collect());
    let counts = kept.index.counts("demo");
    let reasons = &counts.matches["browsed"].reasons;
    assert_eq!((reasons.len(), reasons.get("other")), (1_001, Some(&5)));
}

#[test]
fn generations_leave_with_the_journals_frames_and_nobody_can_tell_before() {
    let mut kept = Kept::new(1 << 20);
    kept.index = Index::of_generations(Arc::new(Metrics::new().expect("metrics")), 100);
    let offline = |id: u64| decided(decision(id.into(), &format!("u{id}"), Status::Offline));
    let lsns: Vec<Lsn> = (0..200).map(|id| kept.add(id, vec![offline(id)])).collect();
    let counted =
        |kept: &Kept| kept.index.counts("demo").matches.get("browsed").map(|counts| counts.statuses["offline"]);
    assert_eq!(counted(&kept), Some(200));
    let of = |person: &str| kept.find(&Query { person: Some(person), ..ALL }).0;
    assert_eq!((of("u5"), of("u199")), (vec![5], vec![199]));
    // Newest first over the borders of generations.
    assert_eq!(kept.find(&ALL).0, (100..200).rev().collect::<Vec<u128>>());
    assert_eq!(kept.find(&Query { since: Some(40), until: Some(60), ..ALL }).0, (40..60).rev().collect::<Vec<u128>>());

    kept.index.release(lsns[1]);
    assert_eq!(counted(&kept), Some(200), "a generation that is needed in part stays whole");
    kept.index.release(lsns[199]);
    let left = counted(&kept).expect("the newest generation stays");
    assert!((1..200).contains(&left), "{left}");
    assert_eq!((of("u5"), of("u199")), (vec![], vec![199]));
    kept.index.frame(lsns[0], &outreach(0, vec![offline(5)]));
    assert_eq!(of("u5"), [0; 0], "what was offered before changes nothing");
}
