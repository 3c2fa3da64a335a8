//! What one deployment does, for metrics and for the size of its batches.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::Ran;
use crate::model::{End, InputOutcome, InputRecord, Via};
use crate::telemetry::Metrics;

/// Weight of the newest batch in the running mean.
const WEIGHT: f64 = 0.2;

/// Until something is known: a batch that even a slow module finishes in time.
const FIRST_US: f64 = 100.0;

pub struct Meters {
    business: Arc<str>,
    deployment: Arc<str>,
    metrics: Arc<Metrics>,
    /// Running mean of guest time per input, microseconds.
    us_per_input: f64,
}

impl Meters {
    pub fn new(business: &Arc<str>, deployment: &Arc<str>, metrics: Arc<Metrics>) -> Meters {
        Meters { business: business.clone(), deployment: deployment.clone(), metrics, us_per_input: FIRST_US }
    }

    /// Inputs that are expected to take this much guest time.
    pub fn inputs_per(&self, us: u64) -> usize {
        (us as f64 / self.us_per_input) as usize
    }

    pub fn ran(&mut self, ran: &Ran, inputs: usize) {
        let us = ran.guest_time.as_micros() as u64;
        if inputs > 0 {
            let mean = us as f64 / inputs as f64;
            self.us_per_input = (self.us_per_input * (1.0 - WEIGHT) + mean * WEIGHT).max(0.01);
        }
        let labels = [&*self.business, &*self.deployment];
        self.metrics.guest_microseconds.with_label_values(&labels).inc_by(us);
        self.metrics.fuel.with_label_values(&labels).inc_by(ran.fuel);
        self.metrics.calls.with_label_values(&labels).inc_by(u64::from(ran.calls));
    }

    /// How long the deployment stood still to take up another revision.
    pub fn swapped(&self, pause: Duration) {
        let labels = [&*self.business, &*self.deployment];
        self.metrics.swap_pause.with_label_values(&labels).observe(pause.as_secs_f64());
    }

    /// What a filter said about one action.
    pub fn verdict(&self, outcome: &InputOutcome) {
        let said = match (&outcome.end, &outcome.verdict) {
            (End::Done, Some(verdict)) => verdict.kind.name(),
            (End::Done, None) => "no_verdict",
            (end, _) => end.label(),
        };
        self.metrics.verdicts.with_label_values(&[&*self.business, &*self.deployment, said]).inc();
    }

    /// A filter that could not be asked.
    pub fn not_asked(&self, code: &str) {
        self.metrics.verdicts.with_label_values(&[&*self.business, &*self.deployment, code]).inc();
    }

    pub fn records(&self, records: &[InputRecord]) {
        let mut ends: BTreeMap<&str, u64> = BTreeMap::new();
        let mut matches: BTreeMap<&str, u64> = BTreeMap::new();
        let mut late = 0;
        for record in records {
            let outcome = &record.outcome;
            // What waits is counted once more when it is handed over.
            let waits = matches!(record.via, Via::Kept(_)) && outcome.end == End::Done;
            *ends.entry(if waits { "kept" } else { outcome.end.label() }).or_default() += 1;
            outcome.matches.iter().for_each(|found| *matches.entry(&found.name).or_default() += 1);
            late += u64::from(outcome.late);
            self.log(record);
        }
        let (business, deployment) = (&*self.business, &*self.deployment);
        for (end, count) in ends {
            self.metrics.inputs.with_label_values(&[business, deployment, end]).inc_by(count);
        }
        for (name, count) in matches {
            self.metrics.matches.with_label_values(&[business, deployment, name]).inc_by(count);
        }
        self.metrics.late.with_label_values(&[business, deployment]).inc_by(late);
    }

    /// What the module wrote, and why an input failed.
    fn log(&self, record: &InputRecord) {
        let (business, deployment, input, key) = (&*self.business, &*self.deployment, record.lsn.0, &*record.key);
        for line in &record.outcome.logs {
            let message = &*line.message;
            match line.level {
                "error" => tracing::error!(target: "guest", business, deployment, input, key, message),
                "warn" => tracing::warn!(target: "guest", business, deployment, input, key, message),
                "info" => tracing::info!(target: "guest", business, deployment, input, key, message),
                _ => tracing::debug!(target: "guest", business, deployment, input, key, message),
            }
        }
        // Not the producer's affair but the operator's: a permission is missing, or rules feed each other.
        let code = record.outcome.end.code();
        if record.outcome.end.is_fault() || ["not_permitted", "hops"].contains(&code) {
            let reason = record.outcome.end.message();
            tracing::warn!(business, deployment, input, key, code, reason, "an input failed");
        }
    }

    pub fn paused(&self, shards: u32) {
        self.metrics.paused_shards.with_label_values(&[&*self.business, &*self.deployment]).set(i64::from(shards));
    }
}
