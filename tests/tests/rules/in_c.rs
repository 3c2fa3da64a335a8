//! The contract is for any language: the rule in C decides what the one in Rust decides, and says the same.

use std::path::Path;

use fishpond::scenario::{Checked, Modules, check_file};
use fishpond_tests::{component, flow, house, modules, native};

/// What scenarios call the rule, whoever wrote it.
const RULE: &str = "c2c-blacklist";

fn in_c() -> Modules {
    let mut modules = Modules::kept_in(native());
    modules.add(RULE, component("c-blacklist"));
    modules
}

#[track_caller]
fn passes(file: &Path) {
    match check_file(file, &in_c(), false, true).expect("the scenario runs") {
        Checked::Differs(lines) => panic!("{}:\n{}", file.display(), lines.join("\n")),
        checked => assert_eq!(checked, Checked::Passed),
    }
}

/// Writes down what the rule in Rust makes of the steps; the one in C must make the same of them.
#[track_caller]
fn same(steps: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("same.scenario");
    std::fs::write(&file, format!("{steps}\n---\n")).expect("it is written");
    assert_eq!(check_file(&file, modules(), true, false).expect("the scenario runs"), Checked::Blessed, "{steps}");
    passes(&file);
}

#[test]
fn the_same_scenarios_pass_with_the_module_in_c() {
    let files = house::sources(&["plugins/c2c-blacklist/scenarios"], ".scenario");
    assert!(!files.is_empty());
    files.iter().for_each(|file| passes(&house::root().join(&file.path)));
}

#[test]
fn the_module_in_c_makes_the_same_of_a_random_flow() {
    let mut steps = vec![format!(r#"deploy risk = {RULE} {{"cooldown_s": 30}}"#)];
    steps.extend(flow::lines(31, 300).into_iter().map(|line| format!("event {line}")));
    steps.extend(flow::PEOPLE.map(|person| format!("query risk window {person}")));
    same(&steps.join("\n"));
}

#[test]
fn the_module_in_c_refuses_the_same_configurations_in_the_same_words() {
    for configuration in [
        r#"{"window_s": "60"}"#,
        r#"{"window_s": -1}"#,
        r#"{"different_users": 1.5}"#,
        r#"{"cooldown_s": null}"#,
        r#"{"cooldown_s": true}"#,
        r#"{"cooldown_s": [{"a": {}}, []]}"#,
        r#"{"window_s": {"\u00e4\\": [1e3]}}"#,
        r#"{"bounds/~": 1}"#,
        r#"{"": 1}"#,
        r#"{"window_s": 18446744073709551615, "different_users": 1001}"#,
        r#"{"window\u005fs": 2678401}"#,
    ] {
        same(&format!("deploy risk = {RULE} {configuration}"));
    }
}
