//! The guest and the native rule on the same inputs and documents, in turns, so that a drifting machine hurts both.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::report::Line;
use super::{Crowd, Plan, host, native};
use crate::app::OpenOptions;
use crate::engine::{Input, Runner, What};
use crate::model::{Document, Lsn};

/// Inputs of one call: about what a millisecond of guest time takes.
const BATCH: u64 = 500;

/// Documents by key, as both sides keep them.
type Documents = HashMap<Arc<str>, Document>;

pub fn compare(plan: &Plan, keys: u64, component: &[u8]) -> anyhow::Result<Line> {
    let folder = tempfile::tempdir()?;
    let host = host(folder.path(), component, "{}", OpenOptions::default())?;
    let deployment = host.parts.registry.deployment(super::BUSINESS, "measured");
    let deployment = deployment.ok_or_else(|| anyhow::anyhow!("the deployment is gone"))?;
    let mut runner = host.parts.registry.runner(deployment.newest())?;
    let crowd = plan.crowd(keys);
    let (mut guest, mut bare) = (Side::default(), Side::default());
    for from in (0..plan.events).step_by(BATCH as usize) {
        let (inputs, keys) = inputs(&crowd, from, (from + BATCH).min(plan.events));
        guest.run(&keys, |documents| guest_batch(&mut runner, &inputs, documents))?;
        bare.run(&keys, |documents| Ok(native_batch(&inputs, documents)))?;
    }
    anyhow::ensure!(
        guest.matches == bare.matches,
        "the guest found {} matches, the native rule {}",
        guest.matches,
        bare.matches
    );
    let us = |side: &Side| side.spent.as_secs_f64() * 1e6 / plan.events as f64;
    Ok(Line::new(format!("{}, c2c-blacklist alone: guest and native", plan.name(keys)))
        .number("guest_us_per_event", us(&guest))
        .number("native_us_per_event", us(&bare))
        .number("guest_to_native", us(&guest) / us(&bare))
        .count("matches_each", guest.matches))
}

#[derive(Default)]
struct Side {
    documents: Documents,
    spent: Duration,
    matches: u64,
}

impl Side {
    /// Only the rule is timed: documents are fetched before and put back after.
    fn run(
        &mut self,
        keys: &[Arc<str>],
        rule: impl FnOnce(&mut Vec<Document>) -> anyhow::Result<u64>,
    ) -> anyhow::Result<()> {
        let mut documents: Vec<Document> =
            keys.iter().map(|key| self.documents.remove(key).unwrap_or_default()).collect();
        let started = Instant::now();
        self.matches += rule(&mut documents)?;
        self.spent += started.elapsed();
        self.documents.extend(keys.iter().cloned().zip(documents));
        Ok(())
    }
}

fn inputs(crowd: &Crowd, from: u64, to: u64) -> (Arc<Vec<Input>>, Vec<Arc<str>>) {
    let mut keys: Vec<Arc<str>> = Vec::new();
    let mut index: HashMap<Arc<str>, usize> = HashMap::new();
    let input = |(number, event): (u64, crate::model::Event)| {
        let key: Arc<str> = (&*event.subject).into();
        let document = *index.entry(key.clone()).or_insert_with(|| {
            keys.push(key.clone());
            keys.len() - 1
        });
        let what = What::Event { event: Arc::new(event), subscription: 0, data: None, from: None };
        Input { lsn: Lsn(number + 1), replay_of: None, key, document, what }
    };
    let inputs = (from..to).zip(crowd.events(from, to)).map(input).collect();
    (Arc::new(inputs), keys)
}

fn guest_batch(runner: &mut Runner, inputs: &Arc<Vec<Input>>, documents: &mut Vec<Document>) -> anyhow::Result<u64> {
    let ran = runner.run(inputs, documents, false)?;
    Ok(ran.outcomes.iter().map(|outcome| outcome.matches.len() as u64).sum())
}

fn native_batch(inputs: &Arc<Vec<Input>>, documents: &mut [Document]) -> u64 {
    let mut ops = Vec::new();
    let found =
        inputs.iter().filter(|input| native::handle(input, &mut documents[input.document], &mut ops).is_some()).count();
    std::hint::black_box(ops);
    found as u64
}
