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

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;

use crate::app::{Host, OpenOptions, open};
use crate::model::{Guard, Limits, OnError, Start};
use crate::registry::DeployRequest;

/// The business that a bench plays in.
const BUSINESS: &str = "bench";

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    pub events: u64,
    pub keys: u64,
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
    /// Guest and native side by side, without journal and store.
    Native,
}

impl Rule {
    fn module(self) -> &'static str {
        match self {
            Rule::Noop => "noop-rule",
            Rule::C2cBlacklist | Rule::Native => "c2c-blacklist",
        }
    }
}

pub fn run(plan: &Plan) -> anyhow::Result<ExitCode> {
    let mut lines = vec![report::machine()];
    for rule in &plan.rules {
        eprintln!("measuring {rule:?} with {} events over {} keys ...", plan.events, plan.keys);
        let component = component(&plan.components, rule.module())?;
        lines.push(match rule {
            Rule::Native => guest::compare(plan, &component)?,
            _ => load::run(plan, *rule, &component)?,
        });
    }
    report::print(&lines, plan.json);
    Ok(ExitCode::SUCCESS)
}

fn component(folder: &Path, name: &str) -> anyhow::Result<Vec<u8>> {
    let file = folder.join(format!("{name}.wasm"));
    std::fs::read(&file)
        .with_context(|| format!("cannot read {}: build the modules first with `cargo xtask guests`", file.display()))
}

/// A host in a temporary folder with one deployment.
fn host(folder: &Path, component: &[u8], dedup_ids: u64) -> anyhow::Result<Host> {
    let limits = Limits { dedup_ids, ..Limits::default() };
    let host = open(folder, OpenOptions { limits, ..OpenOptions::default() }, |_| {})?;
    let uploaded = host.parts.registry.upload(BUSINESS, component, "bench")?;
    let request = DeployRequest {
        module: uploaded.digest.to_string(),
        configuration: "{}".to_owned(),
        permissions: None,
        on_error: OnError::Skip,
        start: Start::Latest,
        guard: Guard::default(),
        accept_gap: false,
    };
    host.parts.registry.deploy(BUSINESS, "measured", request, "bench")?;
    Ok(host)
}

/// Shared so that a paced run and a full one make the same events.
type Crowd = Arc<crowd::Crowd>;
