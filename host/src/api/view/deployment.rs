//! Modules and deployments.

use super::{json, time};
use crate::api::body::{DeploymentView, FaultView, ModuleRef, ModuleView, PausedView, UsageView};
use crate::model::ports::{Faulty, Progress, Sample};
use crate::model::{Lsn, OnError};
use crate::registry::{Deployment, Uploaded};
use crate::telemetry::Usage;

pub fn module(uploaded: &Uploaded) -> ModuleView {
    ModuleView {
        name: uploaded.name.to_string(),
        version: uploaded.version.to_string(),
        digest: uploaded.digest.to_string(),
        uploaded_at: time(uploaded.at),
        by: uploaded.by.to_string(),
    }
}

/// Position of the newest revision's control frame.
pub fn activated_at(deployment: &Deployment) -> Lsn {
    // The first one counts for all inputs, whatever its own position is.
    deployment.newest().from.max(Lsn(deployment.id.0))
}

/// What is known of a deployment beside what it is.
pub struct Known {
    pub progress: Option<Progress>,
    pub usage: Usage,
    pub faults: Faulty,
}

pub fn deployment(deployment: &Deployment, module: Option<&Uploaded>, known: Known) -> DeploymentView {
    let Known { progress, usage, faults } = known;
    let revision = deployment.newest();
    let paused = &deployment.paused;
    let text = |text: fn(&Uploaded) -> &str| module.map(text).unwrap_or_default().to_owned();
    DeploymentView {
        name: deployment.name.to_string(),
        id: deployment.id.0,
        state: match deployment.retired {
            Some(_) => "retired",
            None if paused.shards.is_empty() => "active",
            None if deployment.is_quarantined() => "quarantined",
            None => "paused",
        }
        .to_owned(),
        revision: revision.number,
        module: ModuleRef {
            name: text(|module| &module.name),
            version: text(|module| &module.version),
            digest: revision.digest.to_string(),
        },
        configuration: json(&revision.configuration),
        permissions: revision.permissions.iter().map(|name| name.to_string()).collect(),
        not_granted: revision.not_granted().map(str::to_owned).collect(),
        on_error: match revision.on_error {
            OnError::Skip => "skip",
            OnError::Pause => "pause",
        }
        .to_owned(),
        on_quarantine: revision.guard.on_quarantine.name().to_owned(),
        on_lag: revision.guard.on_lag.name().to_owned(),
        begins_at: deployment.start.next().0,
        position: progress.map(|progress| progress.position.0),
        lag: progress.map(|progress| progress.lag),
        lag_bytes: progress.map(|progress| progress.lag_bytes),
        lag_ms: progress.map(|progress| progress.lag_ms),
        usage: used(usage, progress),
        faults: faults.counted,
        last_faults: faults.samples.iter().map(fault).collect(),
        paused: (!paused.shards.is_empty()).then(|| PausedView {
            shards: paused.shards.len(),
            cause: paused.cause.name().to_owned(),
            reason: paused.reason.to_string(),
            since: time(paused.since),
        }),
        activated_at_lsn: activated_at(deployment).0,
        activated_at: time(revision.at),
        by: revision.by.to_string(),
    }
}

fn used(usage: Usage, progress: Option<Progress>) -> UsageView {
    let Usage { fuel, guest_us, calls, inputs, matches } = usage;
    let (documents, state_bytes) = progress.map_or((0, 0), |progress| (progress.documents, progress.state_bytes));
    UsageView { fuel, guest_us, calls, inputs, matches, documents, state_bytes }
}

fn fault(sample: &Sample) -> FaultView {
    FaultView {
        position: sample.lsn.0,
        key: sample.key.to_string(),
        revision: sample.revision,
        code: sample.code.to_string(),
        message: sample.message.to_string(),
        at: time(sample.at),
    }
}
