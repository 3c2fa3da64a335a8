//! The published choice of persons, and who leaves and who stays when the percentage moves.

use std::collections::BTreeSet;

use fishpond_sdk::testing::{Host, Judged, action};
use serde_json::{Value, json};

use super::{Gray, bucket, steps};

/// Made with another implementation: `int.from_bytes(sha256(salt + "\n" + person).digest()[:8], "big") % 10000`.
const VECTORS: [(&str, &str, u64); 8] = [
    ("spring-2026", "ann", 9_296),
    ("spring-2026", "bob", 1_556),
    ("autumn", "ann", 5_956),
    ("spring-2026", "user-42", 6_791),
    ("spring-2026", "李雷", 8_736),
    ("spring-2026", "person-0", 274),
    ("spring-2026", "person-7", 991),
    ("spring-2026", "person-8", 9_986),
];

fn host(percent: Value) -> Host<Gray> {
    Host::new(json!({"percent": percent, "salt": "spring-2026"})).expect("the configuration is right")
}

fn ask(host: &mut Host<Gray>, person: &str) -> Judged {
    host.judge(action(person)).expect("it is judged")
}

/// Who of 10,000 persons passes.
fn chosen(percent: Value) -> BTreeSet<String> {
    let mut host = host(percent);
    let persons = (0..10_000).map(|number| format!("person-{number}"));
    persons.filter(|person| ask(&mut host, person).reason.is_empty()).collect()
}

#[test]
fn the_published_vectors_hold() {
    for (salt, person, expected) in VECTORS {
        assert_eq!(bucket(salt, person), expected, "{salt} {person}");
    }
}

#[test]
fn the_bound_itself_is_outside() {
    let bob = |percent: f64| {
        let judged = ask(&mut host(json!(percent)), "bob");
        assert_eq!(judged.numbers, json!({"bucket": 1_556, "percent": percent}));
        judged.reason
    };
    assert_eq!(bob(15.56), "outside_gray");
    assert_eq!(bob(15.57), "");
}

#[test]
fn the_same_persons_stay_while_it_grows_and_those_between_leave() {
    let (less, more) = (chosen(json!(10)), chosen(json!(12.5)));
    assert_eq!((less.len(), more.len()), (963, 1_221), "counted by another implementation");
    assert!(less.is_subset(&more));
    let between = |person: &&String| (1_000..1_250).contains(&bucket("spring-2026", person));
    assert_eq!(more.difference(&less).filter(between).count(), 1_221 - 963);
}

#[test]
fn nobody_and_everybody() {
    assert_eq!(chosen(json!(0)).len(), 0);
    assert_eq!(chosen(json!(100)).len(), 10_000);
}

#[test]
fn every_step_is_taken_as_it_is_written() {
    for step in 0..=10_000_u64 {
        let written = format!("{}.{:02}", step / 100, step % 100);
        assert_eq!(steps(written.parse().expect("a number")), Some(step), "{written}");
        let finer = format!("{written}1");
        assert_eq!(steps(finer.parse().expect("a number")), None, "{finer}");
    }
}

#[test]
fn a_wrong_configuration_says_where() {
    let refused = |configuration: Value| {
        let problems = Host::<Gray>::new(configuration).expect_err("it is wrong");
        problems.into_iter().map(|problem| (problem.place, problem.message)).collect::<Vec<_>>()
    };
    let places = |configuration| refused(configuration).into_iter().map(|(place, _)| place).collect::<Vec<_>>();
    assert_eq!(places(json!({"percent": 100.01, "salt": ""})), ["/percent", "/salt"]);
    assert_eq!(places(json!({"percent": -0.01, "salt": "s".repeat(65)})), ["/percent", "/salt"]);
    let finer = "12.345 percent is finer than 0.01 percent";
    assert_eq!(refused(json!({"percent": 12.345, "salt": "s"})), [("/percent".to_owned(), finer.to_owned())]);
    assert_eq!(refused(json!({"percent": 5}))[0].1, "missing field `salt`");
}
