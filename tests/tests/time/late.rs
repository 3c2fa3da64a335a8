//! What came too late, and what could not be handled at all, is listed; it never reaches a rule.

use std::time::{Duration, Instant};

use fishpond::model::Lsn;
use fishpond::scenario::{BUSINESS, Run, RunOptions, Scenario};
use fishpond::trace::{Answer, FailedFilter, PageRequest, Question, failed, trace};
use fishpond_tests::modules;

fn played(folder: &tempfile::TempDir, text: &str) -> Run<'static> {
    let scenario = Scenario::parse(text).expect("a scenario");
    let mut run = Run::open(folder.path(), modules(), RunOptions::default()).expect("a host");
    for (line, step) in &scenario.steps {
        run.step(step).unwrap_or_else(|error| panic!("line {line}: {error:#}"));
    }
    run
}

/// Event, code and key of what is listed.
fn listed(run: &mut Run<'_>, late: bool) -> Vec<(String, String, String)> {
    let parts = run.host().expect("it is open").parts.clone();
    parts.log.wait_committed(parts.log.last()).expect("it becomes durable");
    let deadline = Instant::now() + Duration::from_secs(60);
    let request = PageRequest { business: BUSINESS, after: Lsn::ZERO, limit: 100, deadline };
    let page = failed(
        &run.host().expect("it is open").keys.clone(),
        &parts.registry,
        &request,
        FailedFilter { late, ..FailedFilter::default() },
    )
    .expect("a page");
    let item = |item: fishpond::trace::FailedInput| {
        (item.event.expect("its event").id.to_string(), item.end.code().to_owned(), item.key.to_string())
    };
    page.items.into_iter().map(item).collect()
}

fn item(id: &str, code: &str, key: &str) -> (String, String, String) {
    (id.to_owned(), code.to_owned(), key.to_owned())
}

#[test]
fn s1_07_what_is_late_for_its_order_or_a_window_is_listed_and_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut run = played(
        &folder,
        r#"
        deploy order = herald {"ordered": true}
        deploy window = misbehave {}
        event 10:00:00 herald id=first actor=ann {"match": "offer"}
        event 10:05:00 herald id=second actor=ann {"match": "offer"}
        advance 1s
        event 10:04:00 herald id=behind received=10:05:02 actor=ann {"match": "offer"}
        event 10:05:03 do id=new actor=bob {"do": "observe"}
        event 10:03:00 do id=old received=10:05:04 actor=bob {"do": "observe"}
        advance 1m
        "#,
    );
    assert_eq!(listed(&mut run, true), [item("behind", "late", "ann"), item("old", "done", "bob")]);
    assert_eq!(listed(&mut run, false), [item("behind", "late", "ann")]);
    let parts = run.host().expect("it is open").parts.clone();
    let text = parts.metrics.render().expect("metrics");
    for name in ["order", "window"] {
        let counted = text.lines().find(|line| line.starts_with("fishpond_late") && line.contains(name));
        assert!(counted.is_some_and(|line| line.ends_with(" 1")), "{name}: {counted:?}");
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    let question = Question { business: BUSINESS, key: "ann", at: None, limit: 10, key_bytes: 256, deadline };
    let traced = trace(&run.host().expect("it is open").keys.clone(), &parts.registry, &question).expect("a trace");
    let answers: Vec<(&str, &Answer)> =
        traced.events.iter().map(|event| (&*event.event.id, &event.verdicts[0].answer)).collect();
    let expected = [("first", &Answer::Matched), ("second", &Answer::Matched), ("behind", &Answer::Failed)];
    assert_eq!(answers, expected);
}

#[test]
fn s0_03_an_event_without_who_is_listed_and_never_in_the_rule_stream() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut run = played(
        &folder,
        r#"
        deploy found = herald {}
        event 10:00:00 herald id=nobody {"match": "offer"}
        event 10:00:01 herald id=ann actor=ann {"match": "offer"}
        "#,
    );
    assert_eq!(listed(&mut run, false), [item("nobody", "no_key", "")]);
    let found: Vec<&String> = run.output.iter().filter(|line| line.contains(" match ")).collect();
    assert!(found.len() == 1 && found[0].contains("person=ann"), "{found:?}");
}
