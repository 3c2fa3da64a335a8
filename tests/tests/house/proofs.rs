//! What we say is proved: docs/ACCEPTANCE.md names tests that exist, every limit has a test that hits it, every scenario is
//! played by a test, every guest that we ship has one.

use std::collections::BTreeSet;

use fishpond::model::Limits;
use fishpond_tests::GUESTS;
use fishpond_tests::house::{root, sources};

use super::{nobody, rust};

/// Names of all tests of ours.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for source in rust() {
        let mut marked = false;
        for line in source.text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("fn ").or_else(|| line.strip_prefix("async fn ")).filter(|_| marked) {
                names.extend(name.split('(').next().map(str::to_owned));
            }
            marked =
                line.starts_with("#[test]") || line.starts_with("#[tokio::test") || (marked && line.starts_with("#["));
        }
    }
    names
}

/// The rows `| row | state | test |`: identifier, state, words in backquotes of the third column.
fn rows(page: &str) -> Vec<(String, String, Vec<String>)> {
    let cells = |line: &str| -> Vec<String> {
        line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let table = page.lines().skip_while(|line| !line.starts_with("| row | state | test |")).skip(2);
    let rows = table.take_while(|line| line.starts_with('|')).map(cells);
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    rows.map(|row| (row[0].clone(), row[1].clone(), quoted(&row[2]))).collect()
}

#[test]
fn every_promise_names_tests_that_exist() {
    let page = std::fs::read_to_string(root().join("docs/ACCEPTANCE.md")).expect("docs/ACCEPTANCE.md");
    let (rows, tests) = (rows(&page), tests());
    assert!(!rows.is_empty() && tests.len() > 50, "{} rows, {} tests", rows.len(), tests.len());
    let mut offenders = Vec::new();
    for (row, state, named) in rows {
        if named.is_empty() && state != "not built" {
            offenders.push(format!("{row} is `{state}` and names no test"));
        }
        offenders.extend(
            named
                .into_iter()
                .filter(|name| !tests.contains(name))
                .map(|name| format!("{row}: there is no test `{name}`")),
        );
    }
    nobody("docs/ACCEPTANCE.md names tests by their functions", offenders);
}

/// What docs/limits.md says of one limit: the tests that hit it, or why nothing can.
enum Proof {
    Tests(Vec<String>),
    ByConstruction(String),
}

/// The rows `| `limit` | test |`.
fn limits(page: &str) -> Vec<(String, Proof)> {
    let table = page.lines().skip_while(|line| !line.starts_with("| limit | test |")).skip(2);
    let rows = table.take_while(|line| line.starts_with('|')).map(|line| {
        let (limit, proof) = line.trim_matches(['|', ' ']).split_once(" | ").unwrap_or((line, ""));
        let proof = match proof.strip_prefix("by construction:") {
            Some(reason) => Proof::ByConstruction(reason.trim().to_owned()),
            None => Proof::Tests(proof.split('`').skip(1).step_by(2).map(str::to_owned).collect()),
        };
        (limit.trim_matches('`').to_owned(), proof)
    });
    rows.collect()
}

#[test]
fn every_limit_has_a_test_that_hits_it() {
    let page = std::fs::read_to_string(root().join("docs/limits.md")).expect("docs/limits.md");
    let (rows, tests) = (limits(&page), tests());
    let named: Vec<&str> = rows.iter().map(|(limit, _)| &**limit).collect();
    let known = Limits::default().table();
    let known: Vec<&str> = known.iter().map(|(name, ..)| *name).collect();
    let mut offenders = Vec::new();
    offenders.extend(known.iter().filter(|name| !named.contains(name)).map(|name| format!("`{name}` has no row")));
    offenders.extend(named.iter().filter(|name| !known.contains(name)).map(|name| format!("`{name}` is no limit")));
    if offenders.is_empty() && named != known {
        offenders.push("the rows are not in the order of `model/limits.rs`, or one is there twice".to_owned());
    }
    for (limit, proof) in &rows {
        match proof {
            Proof::ByConstruction(reason) if reason.len() < 20 => offenders.push(format!("`{limit}`: why?")),
            Proof::Tests(named) if named.is_empty() => offenders.push(format!("`{limit}` names no test")),
            Proof::Tests(named) => {
                let missing = named.iter().filter(|name| !tests.contains(*name));
                offenders.extend(missing.map(|name| format!("`{limit}`: there is no test `{name}`")));
            }
            Proof::ByConstruction(_) => {}
        }
    }
    nobody("docs/limits.md names a test for every limit", offenders);
}

#[test]
fn every_scenario_is_played_by_a_test() {
    let played: String = sources(&["tests/tests"], ".rs").into_iter().map(|source| source.text).collect();
    let scenarios = sources(&["plugins", "examples", "tests"], ".scenario");
    assert!(!scenarios.is_empty());
    // Modules that are not ours yet are played by `a_new_module_passes_its_scenarios`.
    let ours =
        |path: &str| path.starts_with("tests/") || GUESTS.iter().any(|guest| path.contains(&format!("/{guest}/")));
    let ours = scenarios.iter().filter(|source| ours(&source.path));
    let forgotten = ours.filter(|source| !played.contains(&format!("\"{}\"", source.path)));
    nobody("play the scenario from tests/tests", forgotten.map(|source| source.path.clone()).collect());
    let unblessed = scenarios.iter().filter(|source| !source.text.contains("\n---\n"));
    nobody("a scenario has a line `---` and what is expected", unblessed.map(|source| source.path.clone()).collect());
}

#[test]
fn every_guest_that_we_ship_has_a_scenario() {
    let scenarios: Vec<String> =
        sources(&["plugins", "examples", "tests"], ".scenario").into_iter().map(|source| source.text).collect();
    let guests = fishpond_build::guest_packages(&root()).expect("there are guests");
    let name = |path: &std::path::PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
    let alone =
        guests.iter().map(name).filter(|name| !scenarios.iter().any(|text| text.contains(&format!("= {name} "))));
    nobody("write a scenario that deploys the guest", alone.collect());
}
