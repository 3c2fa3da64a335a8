//! Modules and deployments.

use super::{json, time};
use crate::api::body::{DeploymentView, ModuleRef, ModuleView, PausedView};
use crate::model::ports::Progress;
use crate::model::{Lsn, OnError};
use crate::registry::{Deployment, Uploaded};

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

pub fn deployment(deployment: &Deployment, module: Option<&Uploaded>, progress: Option<Progress>) -> DeploymentView {
    let revision = deployment.newest();
    let paused = &deployment.paused;
    let text = |text: fn(&Uploaded) -> &str| module.map(text).unwrap_or_default().to_owned();
    DeploymentView {
        name: deployment.name.to_string(),
        id: deployment.id.0,
        state: match deployment.retired {
            Some(_) => "retired",
            None if paused.shards.is_empty() => "active",
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
        position: progress.map(|progress| progress.position.0),
        lag: progress.map(|progress| progress.lag),
        paused: (!paused.shards.is_empty()).then(|| PausedView {
            shards: paused.shards.len(),
            reason: paused.reason.to_string(),
            since: time(paused.since),
        }),
        activated_at_lsn: activated_at(deployment).0,
        activated_at: time(revision.at),
        by: revision.by.to_string(),
    }
}
