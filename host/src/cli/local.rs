//! Where commands that run the host themselves meet the parts that do: the only place in `cli` that knows them.

use std::process::ExitCode;

use super::bench::{BenchArgs, BenchPart, BenchRule, BenchSpread, OutreachArgs};
use super::test::TestArgs;
use crate::app;
use crate::bench;
use crate::config::Config;
use crate::scenario::{self, Checked, Played, TestPlan};

/// Runs the host until it is told to end.
pub(super) fn serve(config: Config) -> anyhow::Result<()> {
    app::serve(config)
}

pub(super) fn test(arguments: TestArgs) -> anyhow::Result<ExitCode> {
    let TestArgs { paths, modules, bless, singly, json } = arguments;
    let plan = TestPlan { paths, modules, bless, singly };
    let played = scenario::play(&plan, |played| show(played, json))?;
    let failed =
        played.iter().filter(|played| !matches!(played.result, Ok(Checked::Passed | Checked::Blessed))).count();
    if !json {
        println!("{} passed, {failed} failed", played.len() - failed);
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(played: &Played, json: bool) {
    let file = played.file.display();
    let (word, lines) = match &played.result {
        Ok(Checked::Passed) => ("ok", Vec::new()),
        Ok(Checked::Blessed) => ("blessed", Vec::new()),
        Ok(Checked::Differs(lines)) => ("differs", lines.clone()),
        Err(error) => ("error", vec![format!("{error:#}")]),
    };
    if json {
        println!("{}", serde_json::json!({ "file": file.to_string(), "result": word, "lines": lines }));
        return;
    }
    println!("{word:<8} {file}");
    if word == "differs" {
        println!("  expected (-) and seen (+):");
    }
    lines.iter().for_each(|line| println!("  {line}"));
}

pub(super) fn bench(arguments: BenchArgs) -> anyhow::Result<ExitCode> {
    if let Some(BenchPart::Outreach(asked)) = arguments.part {
        let OutreachArgs { events, persons, streams, paced, beside, seed, components } = asked;
        let json = arguments.json;
        let plan = bench::outreach::Plan { events, persons, streams, paced, beside, seed, json, components };
        return bench::outreach::run(&plan);
    }
    let rules = match arguments.rule {
        BenchRule::Noop => vec![bench::Rule::Noop],
        BenchRule::C2cBlacklist => vec![bench::Rule::C2cBlacklist],
        BenchRule::Native => vec![bench::Rule::Native],
        BenchRule::Lists => vec![bench::Rule::Lists],
        BenchRule::All => vec![bench::Rule::Noop, bench::Rule::C2cBlacklist, bench::Rule::Native],
    };
    let spread = match arguments.spread {
        BenchSpread::Uniform => bench::Spread::Uniform,
        BenchSpread::Zipf => bench::Spread::Zipf,
        BenchSpread::Turns => bench::Spread::Turns,
    };
    let BenchArgs { events, keys, per_second, dedup_ids, seed, json, components, .. } = arguments;
    bench::run(&bench::Plan { events, keys, spread, per_second, dedup_ids, seed, rules, json, components })
}
