//! `check(scenario)`: runs it, compares, and with the bless switch writes down what was seen.

use std::path::Path;

use anyhow::Context;

use super::parse::Scenario;
use super::run::{Modules, Run, RunOptions};
use crate::shards::Batching;

/// How a scenario went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    Passed,
    Blessed,
    /// Expected and seen lines differ: `-` was expected, `+` was seen.
    Differs(Vec<String>),
}

/// Runs a scenario and answers its output.
pub fn output(scenario: &Scenario, modules: &Modules, options: RunOptions) -> anyhow::Result<Vec<String>> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let options = RunOptions { limits: scenario.limits(options.limits), ..options };
    let mut run = Run::open(folder.path(), modules, options)?;
    for (line, step) in &scenario.steps {
        run.step(step).with_context(|| format!("line {line}"))?;
    }
    let output = std::mem::take(&mut run.output);
    run.close()?;
    Ok(output)
}

/// Runs a scenario and compares it with what it expects. With `singly`, also with every input alone on a fresh
/// instance: a module that keeps state in its globals shows a difference.
pub fn check(scenario: &Scenario, modules: &Modules, singly: bool) -> anyhow::Result<Checked> {
    let seen = output(scenario, modules, RunOptions::default())?;
    // Who takes the first turn differs between the host that it was captured from and this one.
    let (expected, seen) = match scenario.captured_key() {
        Some(_) => (owned(sorted(&scenario.expected)), owned(sorted(&seen))),
        None => (scenario.expected.clone(), seen),
    };
    if seen != expected {
        return Ok(Checked::Differs(diff(&expected, &seen)));
    }
    if singly {
        let options =
            RunOptions { singly: true, batching: Batching::Seeded { seed: 0, most: 1 }, ..RunOptions::default() };
        let alone = output(scenario, modules, options)?;
        // The same facts, whoever took the first turn.
        if sorted(&alone) != sorted(&seen) {
            let mut lines = vec!["in batches (-) and singly on fresh instances (+) the outcomes differ:".to_owned()];
            lines.extend(diff(&seen, &alone));
            return Ok(Checked::Differs(lines));
        }
    }
    Ok(Checked::Passed)
}

fn sorted(lines: &[String]) -> Vec<&String> {
    let mut lines: Vec<&String> = lines.iter().collect();
    lines.sort();
    lines
}

fn owned(lines: Vec<&String>) -> Vec<String> {
    lines.into_iter().cloned().collect()
}

/// Checks a file; `bless` writes the output that was seen into it.
pub fn check_file(file: &Path, modules: &Modules, bless: bool, singly: bool) -> anyhow::Result<Checked> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let scenario = Scenario::parse(&text).with_context(|| file.display().to_string())?;
    if !bless {
        return check(&scenario, modules, singly).with_context(|| file.display().to_string());
    }
    let seen = output(&scenario, modules, RunOptions::default()).with_context(|| file.display().to_string())?;
    let blessed = scenario.with_expected(&seen);
    if blessed == text {
        return Ok(Checked::Passed);
    }
    std::fs::write(file, blessed).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(Checked::Blessed)
}

/// A line diff by the longest common subsequence: scenarios are short.
fn diff(expected: &[String], seen: &[String]) -> Vec<String> {
    let mut table = vec![vec![0usize; seen.len() + 1]; expected.len() + 1];
    for i in (0..expected.len()).rev() {
        for j in (0..seen.len()).rev() {
            table[i][j] =
                if expected[i] == seen[j] { table[i + 1][j + 1] + 1 } else { table[i + 1][j].max(table[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < expected.len() || j < seen.len() {
        if i < expected.len() && j < seen.len() && expected[i] == seen[j] {
            lines.push(format!("  {}", seen[j]));
            (i, j) = (i + 1, j + 1);
        } else if j < seen.len() && (i == expected.len() || table[i][j + 1] > table[i + 1][j]) {
            lines.push(format!("+ {}", seen[j]));
            j += 1;
        } else {
            lines.push(format!("- {}", expected[i]));
            i += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_shows_what_was_expected_and_what_was_seen() {
        let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(diff(&lines("a b c"), &lines("a x c d")), ["  a", "- b", "+ x", "  c", "+ d"]);
    }
}
