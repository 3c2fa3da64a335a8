//! Traces and pages over journals with a past.

mod index;
mod random;

use std::time::Duration;

use super::fixture::{Past, START, found, plan};
use super::*;
use crate::model::{Change, DeploymentId, End, InputRecord, PauseCause, ShardSet, Start, Via};

fn far() -> Instant {
    Instant::now() + Duration::from_secs(3_600)
}

fn ask(past: &Past, key: &str, at: Option<u64>, limit: usize) -> Trace {
    past.durable();
    let question = Question { business: "demo", key, at, limit, key_bytes: 256, deadline: far() };
    trace(&past.keys, &past.registry, &question).expect("a trace")
}

fn event(kind: &str, subject: &str, actor: &str) -> Event {
    Event { kind: kind.into(), subject: subject.into(), actor: actor.into(), ..Event::default() }
}

fn blacklist_plan() -> String {
    plan(r#""blacklist""#, "subject", "")
}

fn answers(trace: &Trace) -> Vec<Vec<(&str, &Answer)>> {
    let verdicts = trace.events.iter().map(|event| event.verdicts.iter());
    verdicts.map(|verdicts| verdicts.map(|verdict| (&*verdict.deployment, &verdict.answer)).collect()).collect()
}

#[test]
fn s1_04_a_match_is_traced_to_the_events_that_made_it() {
    let past = Past::new();
    past.upload("demo", "risk");
    let risk = past.deploy("demo", "risk", &blacklist_plan(), Start::Latest);
    let mut used = Vec::new();
    for member in ["a", "b", "c"] {
        past.later(1_000);
        let lsn = past.event(event("blacklist", "victim", member));
        used.push(lsn);
        let mut record = past.observed(lsn, "victim", member);
        if member == "c" {
            record.outcome.matches.push(found("victim", &used));
        }
        past.outcome(risk, lsn, vec![record]);
    }
    past.event(event("blacklist", "somebody else", "a"));
    let trace = ask(&past, "victim", None, 100);
    assert_eq!(trace.events.iter().map(|event| event.lsn).collect::<Vec<_>>(), used);
    let [verdict] = &trace.events[2].verdicts[..] else { panic!("{trace:?}") };
    let handled = verdict.handled.as_ref().expect("a record");
    assert_eq!(
        (&verdict.answer, handled.module.as_deref(), &*handled.subscription),
        (&Answer::Matched, Some("risk@1.0.0"), "sub")
    );
    assert_eq!((handled.windows[0].totals.count, handled.windows[0].totals.distinct), (3, 3));
    assert_eq!(trace.events[1].verdicts[0].handled.as_ref().expect("a record").windows[0].totals.count, 2);
    assert_eq!(trace.events[1].verdicts[0].answer, Answer::NoMatch);
    let times: Vec<u64> = used.iter().map(|lsn| trace.used[lsn].time).collect();
    assert_eq!(times, [START + 1_000, START + 2_000, START + 3_000]);
    assert_eq!(trace.documents[0].document.window("w").expect("the window").all().len(), 3);
}

#[test]
fn every_deployment_says_why_it_did_not_match() {
    let past = Past::new();
    let business = "demo";
    let ids: Vec<DeploymentId> = [
        ("filters", plan(r#""browse""#, "subject", r#"{"path":"data.n","at_least":2}"#)),
        ("ignores", plan(r#""chat""#, "subject", "")),
        ("lags", plan(r#""browse""#, "subject", "")),
        ("refuses", plan(r#""browse""#, "subject", "")),
        ("sleeps", plan(r#""browse""#, "data.who", "")),
    ]
    .iter()
    .map(|(name, plan)| past.deploy(business, name, plan, Start::Latest))
    .collect();
    past.control(Change::Paused {
        deployment: ids[4],
        shards: ShardSet::ALL,
        cause: PauseCause::Operator,
        reason: "holiday".into(),
    });
    let lsn = past.event(Event { data: r#"{"n":1,"who":"x"}"#.into(), ..event("browse", "u1", "") });
    past.deploy(business, "young", &plan(r#""browse""#, "subject", ""), Start::Latest);
    past.deploy("other", "foreign", &plan(r#""browse""#, "subject", ""), Start::Latest);
    past.outcome(ids[0], lsn, vec![]);
    let refused = End::Refused { code: "bad_event".into(), message: "no".into() };
    past.outcome(ids[3], lsn, vec![past.record(lsn, "u1", refused)]);
    let trace = ask(&past, "u1", None, 100);
    let young = past.registry.deployment(business, "young").expect("it").start;
    let (key, position) = (Box::from("u1"), Lsn::ZERO);
    let expected = [
        ("filters", Answer::Filtered),
        ("ignores", Answer::NotSubscribed { types: vec!["chat".into()] }),
        ("lags", Answer::Lagging { key, position }),
        ("refuses", Answer::Failed),
        ("sleeps", Answer::Paused { key: "x".into(), position, reason: "holiday".into(), since: START }),
        ("young", Answer::DeployedLater { start: young }),
    ];
    let expected: Vec<(&str, &Answer)> = expected.iter().map(|(name, answer)| (*name, answer)).collect();
    assert_eq!(answers(&trace), [expected]);
}

#[test]
fn an_event_belongs_to_a_key_wherever_a_deployment_finds_it() {
    let past = Past::new();
    let by_data = past.deploy("demo", "by-data", &plan(r#""browse""#, "data.who", ""), Start::Latest);
    let by_subject = past.deploy("demo", "by-subject", &plan(r#""browse""#, "subject", ""), Start::Latest);
    let lsn = past.event(Event { data: r#"{"who":"u1"}"#.into(), ..event("browse", "house", "agent") });
    // Under the other key first: that it concerns u1 is known only afterwards.
    past.outcome(by_subject, lsn, vec![past.observed(lsn, "house", "m")]);
    past.outcome(by_data, lsn, vec![past.observed(lsn, "u1", "m")]);
    let trace = ask(&past, "u1", None, 100);
    let key = |verdict: &Verdict| verdict.handled.as_ref().expect("a record").record.key.to_string();
    assert_eq!(trace.events[0].verdicts.iter().map(key).collect::<Vec<_>>(), ["u1", "house"]);
    assert_eq!(trace.documents.len(), 1, "only the key's own document");
    for key in ["house", "agent"] {
        assert_eq!(ask(&past, key, None, 100).events.len(), 1, "{key}");
    }
    assert_eq!(ask(&past, "nobody", None, 100).events.len(), 0);
}

#[test]
fn the_newest_events_are_kept() {
    let past = Past::new();
    let lsns: Vec<Lsn> = (0..10).map(|_| past.event(event("browse", "u1", "u1"))).collect();
    let trace = ask(&past, "u1", None, 3);
    assert!(trace.truncated);
    assert_eq!(trace.events.iter().map(|event| event.lsn).collect::<Vec<_>>(), lsns[7..]);
    assert!(!ask(&past, "u1", None, 10).truncated);
}

#[test]
fn a_time_in_the_past_shows_what_was_there_then() {
    let past = Past::new();
    let risk = past.deploy("demo", "risk", &blacklist_plan(), Start::Latest);
    let first = past.event(event("blacklist", "victim", "a"));
    past.outcome(risk, first, vec![past.observed(first, "victim", "a")]);
    past.later(10);
    let second = past.event(event("blacklist", "victim", "b"));
    past.control(Change::Paused {
        deployment: risk,
        shards: ShardSet::ALL,
        cause: PauseCause::Operator,
        reason: "look".into(),
    });
    past.later(10);
    past.control(Change::Resumed { deployment: risk, shards: ShardSet::ALL });
    past.later(10);
    past.outcome(risk, second, vec![past.observed(second, "victim", "b")]);
    past.later(10);
    past.deploy("demo", "young", &blacklist_plan(), Start::Earliest);

    let before = ask(&past, "victim", Some(START - 1), 100);
    assert_eq!((before.horizon, before.events.len()), (Lsn::ZERO, 0));
    let then = ask(&past, "victim", Some(START + 9), 100);
    assert_eq!(answers(&then), [vec![("risk", &Answer::NoMatch)]]);
    let paused = ask(&past, "victim", Some(START + 10), 100);
    let standing = Answer::Paused { key: "victim".into(), position: first, reason: "look".into(), since: START + 10 };
    assert_eq!(answers(&paused)[1], [("risk", &standing)]);
    assert_eq!(paused.documents[0].document.window("w").expect("it").all().len(), 1);
    let lagging = Answer::Lagging { key: "victim".into(), position: first };
    assert_eq!(answers(&ask(&past, "victim", Some(START + 20), 100))[1], [("risk", &lagging)]);
    let resumed = ask(&past, "victim", Some(START + 30), 100);
    assert_eq!(answers(&resumed)[1], [("risk", &Answer::NoMatch)]);
    assert_eq!(resumed.documents[0].document.window("w").expect("it").all().len(), 2);
    let now = ask(&past, "victim", None, 100);
    assert_eq!(answers(&now)[1].len(), 2);
    let what: Vec<&What> = now.changes.iter().map(|change| &change.what).collect();
    let [What::Paused { shards: 64, .. }, What::Resumed { .. }, What::Revised { revision: 1, .. }] = what[..] else {
        panic!("{what:?}")
    };
}

#[test]
fn a_revision_answers_for_its_own_positions() {
    let past = Past::new();
    past.deploy("demo", "risk", &plan(r#""browse""#, "subject", r#"{"path":"scene","equals":"x"}"#), Start::Latest);
    past.event(event("browse", "u1", ""));
    past.deploy("demo", "risk", &plan(r#""chat""#, "subject", ""), Start::Latest);
    past.event(event("browse", "u1", ""));
    let trace = ask(&past, "u1", None, 100);
    let types = vec!["chat".into()];
    assert_eq!(answers(&trace), [[("risk", &Answer::Filtered)], [("risk", &Answer::NotSubscribed { types })]]);
}

#[test]
fn no_question_runs_beyond_its_deadline() {
    let past = Past::new();
    for _ in 0..200 {
        past.event(event("browse", "u1", "u1"));
    }
    past.durable();
    let question =
        Question { business: "demo", key: "u1", at: None, limit: 10, key_bytes: 256, deadline: Instant::now() };
    assert!(matches!(trace(&past.keys, &past.registry, &question), Err(Error::Deadline)));
    let request = PageRequest { business: "demo", after: Lsn::ZERO, limit: 10, deadline: Instant::now() };
    let page = matches(&past.keys, &past.registry, &request, None, None).expect("a page");
    assert!(
        page.next > Lsn::ZERO && page.next < Lsn(200),
        "a page goes on where the last one had to stop: {}",
        page.next
    );
}

/// All pages of matches, by their sizes, and the positions of all that were found.
fn pages(past: &Past, limit: usize, name: Option<&str>, person: Option<&str>) -> (Vec<usize>, Vec<FoundMatch>) {
    let (mut sizes, mut all, mut after) = (vec![], vec![], Lsn::ZERO);
    loop {
        let request = PageRequest { business: "demo", after, limit, deadline: far() };
        let page = matches(&past.keys, &past.registry, &request, name, person).expect("a page");
        if page.next == after {
            return (sizes, all);
        }
        sizes.push(page.items.len());
        all.extend(page.items);
        after = page.next;
    }
}

#[test]
fn matches_come_in_pages_without_gap_or_repetition() {
    let past = Past::new();
    let risk = past.deploy("demo", "risk", &blacklist_plan(), Start::Latest);
    let foreign = past.deploy("other", "risk", &blacklist_plan(), Start::Latest);
    let mut expected = Vec::new();
    for person in ["a", "b", "c", "a"] {
        let lsn = past.event(event("blacklist", person, "x"));
        let mut record = past.record(lsn, person, End::Done);
        record.outcome.matches = vec![found(person, &[lsn]), found(person, &[lsn])];
        past.outcome(foreign, lsn, vec![record.clone()]);
        expected.push(past.outcome(risk, lsn, vec![record]));
    }
    past.durable();
    for limit in [1, 2, 3, 100] {
        let (sizes, all) = pages(&past, limit, None, None);
        let positions: Vec<Lsn> = all.iter().map(|found| found.lsn).collect();
        assert_eq!(positions, expected.iter().flat_map(|lsn| [*lsn, *lsn]).collect::<Vec<_>>(), "{limit}");
        assert!(sizes.iter().all(|size| *size < limit + 2), "{sizes:?}");
    }
    assert_eq!(pages(&past, 10, None, Some("a")).1.len(), 4);
    assert_eq!(pages(&past, 10, Some("high_risk"), Some("b")).1.len(), 2);
    assert_eq!(pages(&past, 10, Some("other"), None).1.len(), 0);
}

#[test]
fn failed_inputs_are_shown_with_their_events() {
    let past = Past::new();
    let risk = past.deploy("demo", "risk", &blacklist_plan(), Start::Latest);
    let other = past.deploy("demo", "other", &blacklist_plan(), Start::Latest);
    let lsns: Vec<Lsn> = (0..3).map(|i| past.event(event("blacklist", &format!("u{i}"), "x"))).collect();
    let trapped = past.record(lsns[0], "u0", End::Trapped { message: "unreachable".into() });
    let refused = past.record(lsns[2], "", End::Refused { code: "no_key".into(), message: "m".into() });
    let mut late = past.record(lsns[1], "u1", End::Done);
    late.outcome.late = true;
    past.outcome(risk, lsns[2], vec![trapped, late, refused]);
    past.outcome(other, lsns[1], vec![past.record(lsns[1], "u1", End::OutOfFuel { limit: 5 })]);
    past.durable();
    let filtered = |of: Option<&str>, late: bool| {
        let request = PageRequest { business: "demo", after: Lsn::ZERO, limit: 10, deadline: far() };
        let filter = FailedFilter { deployment: of, late, ..FailedFilter::default() };
        let page = failed(&past.keys, &past.registry, &request, filter).expect("a page");
        let summary = |item: FailedInput| {
            (item.lsn, item.end.code().to_owned(), item.event.expect("the event").subject.to_string())
        };
        page.items.into_iter().map(summary).collect::<Vec<_>>()
    };
    let list = |of: Option<&str>| filtered(of, false);
    let of_risk = [(lsns[0], "trap".to_owned(), "u0".to_owned()), (lsns[2], "no_key".to_owned(), "u2".to_owned())];
    assert_eq!(list(Some("risk")), of_risk);
    assert_eq!(list(None)[2], (lsns[1], "fuel".to_owned(), "u1".to_owned()));
    assert_eq!(list(Some("none")), []);
    assert_eq!(filtered(Some("risk"), true), [(lsns[1], "done".to_owned(), "u1".to_owned())]);
    assert_eq!(filtered(Some("other"), true), []);
}

#[test]
fn a_kept_input_waits_until_a_tick_hands_it_over() {
    let past = Past::new();
    let risk = past.deploy("demo", "risk", &blacklist_plan(), Start::Latest);
    let lsn = past.event(event("blacklist", "u", "x"));
    let kept = InputRecord { via: Via::Kept(0), ..past.record(lsn, "u", End::Done) };
    past.outcome(risk, lsn, vec![kept]);
    past.durable();
    let answers = || {
        let trace = ask(&past, "u", None, 10);
        let verdicts = trace.events[0].verdicts.iter();
        verdicts.map(|one| (one.answer.clone(), one.handled.as_ref().expect("a record").lsn)).collect::<Vec<_>>()
    };
    assert_eq!(answers(), [(Answer::Waiting, lsn.next())]);
    let tick = Lsn(lsn.0 + 2);
    let over = InputRecord { via: Via::HandedOver { subscription: 0, from: lsn }, ..past.record(tick, "u", End::Done) };
    let at = past.outcome(risk, tick, vec![over]);
    past.durable();
    assert_eq!(answers(), [(Answer::NoMatch, at)]);
}

#[test]
fn a_quarantine_is_told_as_a_pause_until_a_new_revision_ends_it() {
    let past = Past::new();
    let risk = past.deploy("demo", "risk", &blacklist_plan(), Start::Latest);
    past.event(event("blacklist", "victim", "a"));
    past.control(Change::Quarantined { deployment: risk, revision: 1, reason: "5 faults".into() });
    let told = ask(&past, "victim", None, 100);
    let [(_, Answer::Paused { reason, .. })] = &answers(&told)[0][..] else { panic!("{:?}", answers(&told)) };
    assert_eq!(&**reason, "5 faults");
    past.deploy("demo", "risk", &blacklist_plan(), Start::Latest);
    let told = ask(&past, "victim", None, 100);
    assert!(matches!(&answers(&told)[0][..], [(_, Answer::Lagging { .. })]), "{:?}", answers(&told));
}
