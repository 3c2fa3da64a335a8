//! What changed what runs.

use serde_json::{Value, json};

use super::frame::{event, shards};
use super::rules;
use crate::model::{Change, Control, OnError, Start};

pub fn control(control: &Control) -> Value {
    let (name, mut value) = change(&control.change);
    value["at"] = control.at.into();
    value["by"] = (*control.by).into();
    value["change"] = name.into();
    value
}

fn change(change: &Change) -> (&'static str, Value) {
    match change {
        Change::ModuleUploaded { business, digest, name, version } => (
            "module_uploaded",
            json!({ "business": &**business, "digest": digest.to_string(), "name": &**name, "version": &**version }),
        ),
        Change::DeploymentRevised { .. } => ("deployment_revised", revised(change)),
        Change::Paused { deployment, shards: stopped, cause, reason } => (
            "paused",
            json!({ "deployment": deployment.0, "shards": shards(*stopped), "cause": cause.name(), "reason": &**reason }),
        ),
        Change::Quarantined { deployment, revision, reason } => {
            ("quarantined", json!({ "deployment": deployment.0, "revision": revision, "reason": &**reason }))
        }
        Change::GapAccepted { deployment, gap } => (
            "gap_accepted",
            json!({ "deployment": deployment.0, "shards": shards(gap.shards), "from": gap.from.0, "to": gap.to.0 }),
        ),
        Change::Alert { business, name, subject, raised, message } => (
            "alert",
            json!({
                "business": &**business, "name": &**name, "subject": &**subject, "raised": raised, "message": &**message,
            }),
        ),
        Change::Resumed { deployment, shards: going } => {
            ("resumed", json!({ "deployment": deployment.0, "shards": shards(*going) }))
        }
        Change::Retired { deployment } => ("retired", json!({ "deployment": deployment.0 })),
        Change::Resent(resend) => (
            "resent",
            json!({
                "deployment": resend.deployment.0,
                "original": resend.position.0,
                "subscription": &*resend.subscription,
                "key": &*resend.key,
                "event": event(&resend.event),
                "handed_over": resend.handed_over,
            }),
        ),
        Change::PolicyRevised { business, id, revision, policy } => (
            "policy_revised",
            json!({
                "business": &**business,
                "id": &**id,
                "revision": revision,
                "policy": policy.as_deref().map(rules::policy),
            }),
        ),
        Change::ChainRevised { business, part, revision, entries } => (
            "chain_revised",
            json!({
                "business": &**business,
                "part": part.to_string(),
                "revision": revision,
                "entries": entries.iter().map(rules::entry).collect::<Value>(),
            }),
        ),
    }
}

/// Of `DeploymentRevised`; the id of the deployment is the position of its revision 1.
fn revised(change: &Change) -> Value {
    let Change::DeploymentRevised {
        business,
        name,
        revision,
        digest,
        configuration,
        envelope,
        plan,
        permissions,
        on_error,
        guard,
        start,
        begins,
        backlog,
    } = change
    else {
        unreachable!("the caller has looked")
    };
    let start = match start {
        Start::Latest => json!("latest"),
        Start::Earliest => json!("earliest"),
        Start::At(time) => json!({ "at": time }),
    };
    let backlog = backlog.iter().map(|(of, stood)| json!({ "shards": shards(*of), "stood": stood.0 }));
    json!({
        "business": &**business,
        "name": &**name,
        "revision": revision,
        "digest": digest.to_string(),
        "configuration": &**configuration,
        "envelope": &**envelope,
        "plan": &**plan,
        "permissions": permissions.iter().map(|name| &**name).collect::<Vec<_>>(),
        "on_error": match on_error { OnError::Skip => "skip", OnError::Pause => "pause" },
        "on_quarantine": guard.on_quarantine.name(),
        "on_lag": guard.on_lag.name(),
        "start": start,
        "begins": begins.0,
        "backlog": backlog.collect::<Value>(),
    })
}
