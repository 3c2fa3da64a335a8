//! The lines that a captured scenario expects: what was recorded, as scenarios print it.

use std::collections::BTreeMap;

use super::gather::{Gathered, Given};
use crate::model::outreach::{ChainPart, Deed, Outreach};
use crate::model::{Change, DeploymentId, Lsn, Outcome};
use crate::outreach::PLATFORM;
use crate::scenario::render;

/// In the order of the journal; whoever plays it may come to another one.
pub(super) fn expected(gathered: &Gathered) -> Vec<String> {
    let ids = ids(gathered);
    let mut lines: Vec<(Lsn, Vec<String>)> = Vec::new();
    for (lsn, outcome) in &gathered.outcomes {
        let outcome = as_played(gathered, outcome);
        lines.push((*lsn, render::outcome(&outcome, &gathered.name(outcome.deployment), &ids)));
    }
    for (lsn, outreach) in &gathered.outreach {
        lines.push((*lsn, render::outreach(&decided(gathered, outreach))));
    }
    for (lsn, given) in &gathered.given {
        lines.extend(resent(gathered, given).map(|line| (*lsn, vec![line])));
    }
    lines.sort_by_key(|(lsn, _)| *lsn);
    lines.into_iter().flat_map(|(_, lines)| lines).collect()
}

fn ids(gathered: &Gathered) -> BTreeMap<Lsn, String> {
    let of = |(lsn, given): (&Lsn, &Given)| match given {
        Given::Event(event) | Given::Replayed(event) => Some((*lsn, event.id.to_string())),
        _ => None,
    };
    gathered.given.iter().filter_map(of).collect()
}

/// What the step `resend` prints.
fn resent(gathered: &Gathered, given: &Given) -> Option<String> {
    let Given::Control(control) = given else { return None };
    let Change::Resent(resend) = &control.change else { return None };
    let name = gathered.name(resend.deployment);
    Some(format!("resend {name} event={} key={} -> resent", resend.event.id, resend.key))
}

/// Revisions count from the one in force before the range, which a scenario deploys as its first; a replay whose original
/// is not in the range is an event of its own.
fn as_played(gathered: &Gathered, outcome: &Outcome) -> Outcome {
    let mut outcome = outcome.clone();
    outcome.revision = revision(gathered, outcome.deployment, outcome.revision);
    for record in &mut outcome.inputs {
        if record.replay_of.is_some_and(|original| !gathered.given.contains_key(&original)) {
            record.replay_of = None;
        }
    }
    outcome
}

/// A revision as the scenario counts it.
fn revision(gathered: &Gathered, id: DeploymentId, number: u32) -> u32 {
    let before = gathered.deployments.get(&id).and_then(|deployment| gathered.before(deployment)).unwrap_or(1);
    number.saturating_sub(before - 1)
}

fn by_name(gathered: &Gathered, platform: bool, name: &str, number: u32) -> u32 {
    let found =
        gathered.deployments.values().find(|one| *one.name == *name && (*one.business == *PLATFORM) == platform);
    found.map_or(number, |one| revision(gathered, one.id, number))
}

fn decided(gathered: &Gathered, outreach: &Outreach) -> Outreach {
    let mut outreach = outreach.clone();
    for deed in &mut outreach.deeds {
        match deed {
            Deed::Decided(decision) => {
                for reached in decision.verdicts.iter_mut().filter(|reached| reached.revision > 0) {
                    let platform = reached.part == ChainPart::Platform;
                    reached.revision = by_name(gathered, platform, &reached.filter, reached.revision);
                }
            }
            Deed::Tagged { tag, .. } => {
                tag.origin.revision = by_name(gathered, false, &tag.origin.deployment, tag.origin.revision);
            }
            Deed::Published { .. } | Deed::Ended(_) | Deed::Settled(_) => {}
        }
    }
    outreach
}
