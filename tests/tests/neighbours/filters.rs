//! A filter that loops or traps: its entry of the chain says what that means, and too often means quarantine.

use fishpond::model::Limits;
use fishpond::scenario::{Run, RunOptions, Scenario, small_limits};
use fishpond_tests::{modules, scenario};

#[test]
fn x_04_a_filter_that_loops_ends_by_its_fuel_and_its_entry_says_what_that_means() {
    scenario("tests/tests/neighbours/x_04_looping_filter.scenario");
}

#[test]
fn x_04_a_filter_in_quarantine_is_an_error_of_its_entries() {
    for entry in ["closed", "open"] {
        let flow = format!(
            r#"
deploy found = herald {{}}
deploy loops = misbehave {{"filter": true, "do": "trap"}}
policy tell {{"match": "offer", "message": {{"class": "marketing", "channel": "log", "content": {{}}}}}}
chain loops:{entry}
"#
        );
        let folder = tempfile::tempdir().expect("a folder");
        let limits = Limits { quarantine_faults: 5, ..small_limits() };
        let mut run =
            Run::open(folder.path(), modules(), RunOptions { limits, ..RunOptions::default() }).expect("a host");
        let mut flow: Vec<String> = flow.lines().map(str::to_owned).collect();
        flow.extend((0..8).map(|n| format!("event 10:00:0{n} herald actor=p{n} {{\"match\": \"offer\"}}")));
        for (_, step) in Scenario::parse(&flow.join("\n")).expect("a flow").steps {
            run.step(&step).expect("a step");
        }
        let decisions: Vec<&String> = run.output.iter().filter(|line| line.contains(" decision ")).collect();
        let with = |words: &str| decisions.iter().filter(|line| line.contains(words)).count();
        assert_eq!(decisions.len(), 8, "{:#?}", run.output);
        assert_eq!(with(&format!("error trap ({entry})")), 5, "{decisions:#?}");
        assert_eq!(with(&format!("error quarantined ({entry})")), 3, "{decisions:#?}");
        assert_eq!(with("-> denied"), if entry == "closed" { 8 } else { 0 }, "{decisions:#?}");
        let alerts = run.host().expect("a host").parts.registry.alerts(None);
        assert_eq!(alerts.iter().map(|alert| &*alert.key.name).collect::<Vec<_>>(), ["quarantined"]);
    }
}

#[test]
fn x_20_alerts_are_events_that_deployments_subscribe_to() {
    let flow = r#"
deploy names = lists {"events": {"block_add": "fishpond.alert.quarantined"}}
deploy found = herald {}
policy tell {"match": "offer", "message": {"class": "marketing", "channel": "log", "content": {}}}
chain names
event 10:00:00 herald actor=found {"match": "offer"}
event 10:00:01 herald actor=a {"do": "trap"}
event 10:00:01 herald actor=b {"do": "trap"}
deploy other = herald {}
event 10:00:02 herald actor=found {"match": "offer"}
"#;
    let folder = tempfile::tempdir().expect("a folder");
    let limits = Limits { quarantine_faults: 2, ..small_limits() };
    let mut run = Run::open(folder.path(), modules(), RunOptions { limits, ..RunOptions::default() }).expect("a host");
    for (_, step) in Scenario::parse(flow).expect("a flow").steps {
        run.step(&step).expect("a step");
    }
    let decisions: Vec<&String> = run.output.iter().filter(|line| line.contains(" decision ")).collect();
    assert_eq!(decisions.len(), 2, "{:#?}", run.output);
    assert!(decisions[0].contains("-> sent"), "{decisions:#?}");
    assert!(decisions[1].contains("names@1: deny blocked"), "the list has heard of `found`: {decisions:#?}");
}
