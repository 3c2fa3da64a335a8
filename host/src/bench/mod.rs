//! `fishpond bench`: what this machine does, measured in one run.
//!
//! In process, without HTTP: events are submitted to intake, made durable, run through a deployment, and the outcomes
//! made durable. Beside it the same batches through the guest alone and through the same rule written natively over
//! the same documents, so that the cost of the sandbox is a ratio of one run.

mod crowd;
mod guest;
mod load;
mod native;
pub mod outreach;
mod report;
mod usage;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;

use crowd::Crowd;
pub use crowd::Spread;
pub use report::{Line, machine, print};
pub use usage::Usage;

use crate::app::{Host, OpenOptions, open};
use crate::registry::DeployRequest;

/// The business that a bench plays in.
const BUSINESS: &str = "bench";

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    pub events: u64,
    /// Each rule is measured with each of these numbers of keys.
    pub keys: Vec<u64>,
    pub spread: Spread,
    /// Events in each second of event time: with what a window keeps, how large documents get.
    pub per_second: u64,
    /// Identities that are remembered, see `dedup_ids`.
    pub dedup_ids: u64,
    pub seed: u64,
    pub rules: Vec<Rule>,
    pub json: bool,
    /// Folder of the built components.
    pub components: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    Noop,
    C2cBlacklist,
    /// The filter's list grows by every event.
    Lists,
    /// Guest and native side by side, without journal and store.
    Native,
}

impl Rule {
    fn module(self) -> &'static str {
        match self {
            Rule::Noop => "noop-rule",
            Rule::C2cBlacklist | Rule::Native => "c2c-blacklist",
            Rule::Lists => "lists",
        }
    }

    fn configuration(self) -> &'static str {
        match self {
            Rule::Noop | Rule::C2cBlacklist | Rule::Native => "{}",
            Rule::Lists => r#"{"events":{"block_add":"blacklist"}}"#,
        }
    }
}

impl Plan {
    fn crowd(&self, keys: u64) -> Arc<Crowd> {
        Arc::new(Crowd { seed: self.seed, keys, spread: self.spread, per_second: self.per_second })
    }

    /// What is measured, for a line's name.
    fn name(&self, keys: u64) -> String {
        let spread = match self.spread {
            Spread::Uniform => "uniform",
            Spread::Zipf => "Zipf 1.0",
            Spread::Turns => "in turns",
        };
        format!("{} events over {keys} keys ({spread}), {} in a second of event time", self.events, self.per_second)
    }
}

pub fn run(plan: &Plan) -> anyhow::Result<ExitCode> {
    let mut lines = vec![report::machine()];
    for rule in &plan.rules {
        let component = component(&plan.components, rule.module())?;
        let mut costs = Vec::new();
        for keys in &plan.keys {
            eprintln!("measuring {rule:?} with {} ...", plan.name(*keys));
            let line = match rule {
                Rule::Native => guest::compare(plan, *keys, &component)?,
                _ => load::run(plan, *rule, *keys, &component)?,
            };
            costs.extend(line.get(COST).map(|cost| (*keys, cost)));
            lines.push(line);
        }
        lines.extend(ratio(&costs));
    }
    report::print(&lines, plan.json);
    Ok(ExitCode::SUCCESS)
}

/// Processor time of all threads from the first submission until the last outcome is durable, by event.
const COST: &str = "cpu_us_per_event";

/// What an event costs with the last number of keys, as a multiple of the first.
fn ratio(costs: &[(u64, f64)]) -> Option<report::Line> {
    let ((few, cheap), (many, dear)) = (costs.first()?, costs.last().filter(|_| costs.len() > 1)?);
    Some(report::Line::new(format!("cost of an event, {many} keys against {few}")).number("ratio", dear / cheap))
}

fn component(folder: &Path, name: &str) -> anyhow::Result<Vec<u8>> {
    let file = folder.join(format!("{name}.wasm"));
    std::fs::read(&file)
        .with_context(|| format!("cannot read {}: build the modules first with `cargo xtask guests`", file.display()))
}

/// A host in a temporary folder with one deployment.
fn host(folder: &Path, component: &[u8], configuration: &str, options: OpenOptions) -> anyhow::Result<Host> {
    let host = open(folder, options, |_| {})?;
    let uploaded = host.parts.registry.upload(BUSINESS, component, "bench")?;
    let request = DeployRequest::new(uploaded.digest.to_string(), configuration);
    host.parts.registry.deploy(BUSINESS, "measured", request, "bench")?;
    Ok(host)
}
