//! What the book takes, what it refuses, and that a start makes it the same again.

use super::*;
use crate::model::{Control, Limits};
use crate::registry::fixture::{Past, plan};

const FILTER: &str = r#","filter":{"verdicts":["allow","deny"]}"#;
const DOWNGRADER: &str = r#","filter":{"verdicts":["allow","downgrade"]}"#;

fn book(past: &Past) -> Book {
    Book::new(past.log.clone(), past.registry.clone(), past.limits.clone(), past.clock())
}

fn hello() -> Policy {
    policy(Act::Message(message(r#"{"text":"hi"}"#)))
}

/// What refuses it.
fn refused<T: std::fmt::Debug>(result: Result<T, Error>, part: &str) {
    let error = result.expect_err(part).to_string();
    assert!(error.contains(part), "`{part}` is not in: {error}");
}

#[test]
fn a_policy_has_revisions_and_an_equal_one_writes_nothing() {
    let past = Past::new();
    let book = book(&past);
    let (first, revision) = book.set_policy("demo", "hello", hello(), "ann").expect("set");
    assert_eq!((first, revision), (past.log.last(), 1));
    assert_eq!(book.set_policy("demo", "hello", hello(), "bob").expect("equal"), (first, 1));
    assert_eq!(past.log.last(), first);
    assert_eq!(&*book.rules().policy_stamp("demo", "hello").expect("stamped").by, "ann");
    let disabled = Policy { enabled: false, ..hello() };
    assert_eq!(book.set_policy("demo", "hello", disabled, "bob").expect("set"), (first.next(), 2));
    assert_eq!(&*book.rules().policy_stamp("demo", "hello").expect("stamped").by, "bob");
    let (_, revision) = book.remove_policy("demo", "hello", "bob").expect("removed");
    assert_eq!(revision, 3);
    refused(book.remove_policy("demo", "hello", "bob"), "no policy `hello`");
    let (_, revision) = book.set_policy("demo", "hello", hello(), "bob").expect("set again");
    assert_eq!(revision, 4);
}

#[test]
fn policies_that_could_not_act_are_refused_with_their_reason() {
    let past = Past::with(Limits { policy_bytes: 64, tag_bytes: 8, ..Limits::default() });
    past.deploy("demo", "rule", &plan(""));
    let book = book(&past);
    let with = |change: fn(&mut Policy)| {
        let mut policy = hello();
        change(&mut policy);
        book.set_policy("demo", "p", policy, "ops")
    };
    let acting = |act: Act| book.set_policy("demo", "p", policy(act), "ops");
    let messaging = |change: fn(&mut MessageAct)| {
        let mut act = message("{}");
        change(&mut act);
        acting(Act::Message(act))
    };
    refused(book.set_policy("Demo", "p", hello(), "ops"), "business `Demo`");
    refused(book.set_policy("demo", "p q", hello(), "ops"), "policy `p q`");
    refused(with(|policy| policy.match_name = "a-b".into()), "`a-b` is no name of a match");
    refused(with(|policy| policy.deployment = Some("gone".into())), "no deployment `gone`");
    refused(
        with(|policy| (policy.valid_from, policy.valid_until) = (Some(5), Some(5))),
        "ends at 1970-01-01T00:00:00.005Z",
    );
    let long = TagAct { tag: "t".into(), value: "123456789".into(), lasts_ms: None };
    refused(acting(Act::Tag(long)), "the value of the tag has 9 bytes, at most 8 are allowed (`tag_bytes`)");
    refused(messaging(|act| act.content = "[]".into()), "no JSON object");
    refused(messaging(|act| act.lasts_ms = 0), "the message lasts 0 ms");
    refused(messaging(|act| act.channel = Channel::Slot("A".into())), "slot `A`");
    refused(messaging(|act| act.offline = Offline::Fallback(Channel::App)), "the fallback of `app`");
    refused(messaging(|act| act.content = format!("{{\"a\":\"{}\"}}", "x".repeat(64)).into()), "`policy_bytes`");
    refused(acting(tag("_a", None)), "`_a` is no name of a tag");
    refused(acting(tag("vip", Some(0))), "the tag lasts 0 ms");
    refused(acting(publish("fishpond.tick")), "`fishpond.tick`");
    refused(acting(publish("")), "1 to 256 bytes");
    assert_eq!(past.log.last(), Lsn(1), "what is refused writes nothing");
    with(|policy| policy.deployment = Some("rule".into())).expect("the deployment is there");
    acting(tag("high_risk", None)).expect("a tag");
    acting(publish("demo.seen")).expect("an event");
    messaging(|act| act.offline = Offline::Fallback(Channel::Log)).expect("a fallback");
}

#[test]
fn a_long_event_type_and_one_policy_too_many_are_refused() {
    let past = Past::with(Limits { policies: 1, ..Limits::default() });
    let book = book(&past);
    refused(book.set_policy("demo", "p", policy(publish(&"x".repeat(257))), "ops"), "1 to 256 bytes");
    book.set_policy("demo", "a", policy(publish(&"x".repeat(256))), "ops").expect("set");
    refused(book.set_policy("demo", "b", hello(), "ops"), "`policies`");
    book.set_policy("other", "b", hello(), "ops").expect("of another business");
    book.set_policy("demo", "a", hello(), "ops").expect("a new revision");
    book.remove_policy("demo", "a", "ops").expect("removed");
    book.set_policy("demo", "b", hello(), "ops").expect("there is room again");
}

#[test]
fn one_policy_too_many_for_a_match_is_refused_by_the_limit() {
    let past = Past::with(Limits { policies_per_match: 1, ..Limits::default() });
    let book = book(&past);
    book.set_policy("demo", "a", hello(), "ops").expect("set");
    refused(book.set_policy("demo", "b", hello(), "ops"), "`policies_per_match`");
    book.set_policy("demo", "a", policy(publish("t")), "ops").expect("a new revision of the one");
    book.set_policy("demo", "b", Policy { match_name: "other".into(), ..hello() }, "ops").expect("another match");
    book.set_policy("other", "b", hello(), "ops").expect("of another business");
}

/// Filters `f1` and `f2`, a downgrading one `d`, a rule `rule`; filter `p` of the platform.
fn filters() -> Past {
    let past = Past::with(Limits { chain_entries: 3, ..Limits::default() });
    for name in ["f1", "f2"] {
        past.deploy("demo", name, &plan(FILTER));
    }
    past.deploy("demo", "d", &plan(DOWNGRADER));
    past.deploy("demo", "rule", &plan(""));
    past.deploy(PLATFORM, "p", &plan(FILTER));
    past
}

#[test]
fn a_chain_names_filters_of_its_own_business_and_each_once() {
    let past = filters();
    let book = book(&past);
    let business = |entries: &[&str]| {
        book.set_chain("demo", ChainPart::Business, entries.iter().map(|name| entry(name)).collect(), "ops")
    };
    refused(business(&["gone"]), "entry 1: there is no deployment `gone` in the business `demo`");
    refused(business(&["f1", "p"]), "entry 2: there is no deployment `p`");
    refused(business(&["rule"]), "is no filter");
    refused(business(&["f1", "f2", "f1"]), "entry 3: `f1` is in the part business");
    refused(business(&["f1", "f1", "f2", "d"]), "`chain_entries`");
    refused(business(&["f1", "d"]), "entry 2: `d` may change the channel, but `f1`");
    let (lsn, revision) = business(&["d", "f1"]).expect("set");
    assert_eq!((lsn, revision), (past.log.last(), 1));
    assert_eq!(business(&["d", "f1"]).expect("equal"), (lsn, 1));
    assert_eq!(past.log.last(), lsn);
    assert_eq!(business(&["d"]).expect("set"), (lsn.next(), 2));
    refused(book.set_chain("demo", ChainPart::Platform, vec![entry("f1")], "ops"), "business `platform`");
    let free = EntryRequest { allow_final: true, ..entry("p") };
    refused(book.set_chain(PLATFORM, ChainPart::Platform, vec![free], "ops"), "`allow: final`");
    book.set_chain(PLATFORM, ChainPart::Platform, vec![entry("p")], "ops").expect("set");
    refused(book.set_chain(PLATFORM, ChainPart::Business, vec![entry("p")], "ops"), "goes in a circle");
}

#[test]
fn parts_that_run_together_share_no_filter_and_those_of_two_policies_may() {
    let past = filters();
    let book = book(&past);
    let part = |policy: &str| ChainPart::Policy(policy.into());
    refused(book.set_chain("demo", part("a"), vec![entry("f1")], "ops"), "no policy `a`");
    refused(book.set_chain("demo", part("a"), Vec::new(), "ops"), "no policy `a`");
    book.set_policy("demo", "a", hello(), "ops").expect("set");
    book.set_policy("demo", "b", hello(), "ops").expect("set");
    book.set_chain("demo", part("a"), vec![entry("f1")], "ops").expect("set");
    book.set_chain("demo", part("b"), vec![entry("f1")], "ops").expect("they never run as one");
    refused(
        book.set_chain("demo", ChainPart::Business, vec![entry("f1")], "ops"),
        "entry 1: `f1` is in the part policy:a",
    );
    book.set_chain("demo", ChainPart::Business, vec![entry("f2")], "ops").expect("set");
    refused(book.set_chain("demo", part("a"), vec![entry("f2")], "ops"), "in the part business");
}

#[test]
fn a_policy_takes_its_part_of_the_chain_with_it_and_a_rest_can_be_taken_away() {
    let past = filters();
    let book = book(&past);
    let part = ChainPart::Policy("a".into());
    book.set_policy("demo", "a", hello(), "ops").expect("set");
    book.set_chain("demo", part.clone(), vec![entry("f1")], "ops").expect("set");
    let before = past.log.last();
    let (lsn, revision) = book.remove_policy("demo", "a", "ops").expect("removed");
    assert_eq!((lsn.0, revision), (before.0 + 2, 2));
    assert!(book.rules().part("demo", &part).expect("kept").entries.is_empty());
    refused(book.set_chain("demo", part.clone(), vec![entry("f1")], "ops"), "no policy `a`");
    book.set_chain("demo", part, Vec::new(), "ops").expect("nothing is left anyway");
    book.retire("demo", "f1", "ops").expect("no chain names it");
}

#[test]
fn what_a_chain_names_is_not_retired_and_what_is_retired_no_chain_names() {
    let past = filters();
    let book = book(&past);
    book.set_chain("demo", ChainPart::Business, vec![entry("f1")], "ops").expect("set");
    refused(book.retire("demo", "f1", "ops"), "`f1` is a filter in the part business of the chains of `demo`");
    refused(book.retire("demo", "gone", "ops"), "no deployment `gone`");
    book.set_chain("demo", ChainPart::Business, Vec::new(), "ops").expect("set");
    book.retire("demo", "f1", "ops").expect("retired");
    refused(book.set_chain("demo", ChainPart::Business, vec![entry("f1")], "ops"), "`f1` is retired");
}

#[test]
fn a_start_finds_the_same_rules_with_their_positions() {
    let past = filters();
    let live = book(&past);
    live.set_policy("demo", "a", hello(), "ann").expect("set");
    live.set_chain("demo", ChainPart::Business, vec![entry("f1")], "bob").expect("set");
    live.set_policy("demo", "b", policy(tag("vip", None)), "ann").expect("set");
    live.remove_policy("demo", "b", "cid").expect("removed");
    past.durable();
    let again = book(&past);
    for item in past.log.scan(Lsn(1)) {
        let (lsn, frame) = item.expect("readable");
        let Frame::Control(control) = frame else { continue };
        again.recover(lsn, &control);
    }
    let (live, again) = (live.rules(), again.rules());
    let policies = |kept: &Kept| kept.policies("demo").cloned().collect::<Vec<_>>();
    assert_eq!(policies(&live).len(), 2);
    assert_eq!(policies(&live), policies(&again));
    assert_eq!(live.chain("demo", "a"), again.chain("demo", "a"));
    for id in ["a", "b"] {
        assert!(live.policy_stamp("demo", id).is_some());
        assert_eq!(live.policy_stamp("demo", id), again.policy_stamp("demo", id));
    }
    assert_eq!(live.part_stamp("demo", &ChainPart::Business), again.part_stamp("demo", &ChainPart::Business));
    assert_eq!(&*again.part_stamp("demo", &ChainPart::Business).expect("stamped").by, "bob");
}

#[test]
fn frames_about_other_things_change_no_rule() {
    let past = filters();
    let book = book(&past);
    let change = crate::model::Change::Retired { deployment: crate::model::DeploymentId(1) };
    book.recover(Lsn(9), &Control { at: 0, by: "ops".into(), change });
    assert_eq!(book.rules().parts().count(), 0);
}
