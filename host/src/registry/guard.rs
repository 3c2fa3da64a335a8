//! What stops a deployment without an operator, and how it goes on: quarantine, pauses by the host, gaps of retention.

use std::sync::Arc;

use super::{DeployRequest, Deployment, Error, Registry, State, still_there};
use crate::model::{Change, DeploymentId, Gap, Lsn, OnQuarantine, PauseCause, ShardSet};

impl Deployment {
    /// What stands still because its module failed too often.
    pub fn is_quarantined(&self) -> bool {
        self.paused.cause == PauseCause::Quarantine
    }

    /// The newest earlier revision that was not quarantined, nor is the same as one that was.
    fn last_good(&self) -> Option<u32> {
        let bad = self.revisions.iter().filter(|revision| self.quarantined.contains(&revision.number));
        let bad: Vec<_> = bad.map(|revision| revision.content()).collect();
        let earlier = self.revisions.iter().rev().skip(1);
        earlier.into_iter().find(|revision| !bad.contains(&revision.content())).map(|revision| revision.number)
    }

    /// The revision that the host is to go back to by itself, as things are.
    pub fn way_back(&self) -> Option<u32> {
        let wanted = self.newest().guard.on_quarantine == OnQuarantine::Rollback;
        let stuck = self.is_quarantined() && self.retired.is_none() && self.paused.gap.is_none();
        (wanted && stuck).then(|| self.last_good()).flatten()
    }
}

impl Registry {
    /// The host stops shards by itself. Nothing if they stand still already.
    pub fn pause_shards(
        &self,
        id: DeploymentId,
        shards: ShardSet,
        cause: PauseCause,
        reason: &str,
    ) -> Result<Option<Lsn>, Error> {
        let mut state = self.write();
        let Some(deployment) = state.deployments.get(&id) else { return Ok(None) };
        if shards.without(deployment.paused.shards).is_empty() {
            return Ok(None);
        }
        let change = Change::Paused { deployment: id, shards, cause, reason: reason.into() };
        self.commit(&mut state, "host", change).map(Some)
    }

    /// Stops all shards because a revision has failed too often. Nothing if it is no longer the newest, or stands still
    /// for this already.
    pub fn quarantine(&self, id: DeploymentId, revision: u32, reason: &str) -> Result<Option<Lsn>, Error> {
        let mut state = self.write();
        let Some(deployment) = state.deployments.get(&id) else { return Ok(None) };
        if deployment.newest().number != revision || deployment.is_quarantined() || deployment.retired.is_some() {
            return Ok(None);
        }
        tracing::error!(deployment = %deployment.name, revision, reason, "quarantined");
        let change = Change::Quarantined { deployment: id, revision, reason: reason.into() };
        self.commit(&mut state, "host", change).map(Some)
    }

    /// `on_quarantine: rollback`: the last good revision takes over where the shards stand, by the checks of a repair.
    /// None if there is none.
    pub fn go_back(&self, id: DeploymentId, standing: Vec<(ShardSet, Lsn)>) -> Result<Option<Arc<Deployment>>, Error> {
        let Some(deployment) = self.by_id(id) else { return Ok(None) };
        let Some(good) = deployment.way_back() else { return Ok(None) };
        let request: DeployRequest = deployment.going_back(Some(good))?;
        let repaired = self.repair(&deployment.business, &deployment.name, request, |_| Ok(standing), "host")?;
        Ok(Some(repaired.1))
    }

    /// Lets all shards of a deployment go on where they stopped. `standing`: where they do; behind what retention has
    /// released they go on only if that is accepted.
    pub fn resume_from(
        &self,
        business: &str,
        name: &str,
        standing: &[(ShardSet, Lsn)],
        accept_gap: bool,
        by: &str,
    ) -> Result<Lsn, Error> {
        let mut state = self.write();
        let deployment = state.find(business, name).ok_or_else(|| Error::NoDeployment(name.to_owned()))?.clone();
        still_there(&deployment)?;
        let shards = deployment.paused.shards;
        if shards.is_empty() {
            return Err(Error::NotPaused(name.to_owned()));
        }
        self.pass_gaps(&mut state, &deployment, standing, accept_gap, by)?;
        self.commit(&mut state, by, Change::Resumed { deployment: deployment.id, shards })
    }

    /// Records that shards go on behind what is gone, or refuses. Answers the last position that is gone.
    pub(super) fn pass_gaps(
        &self,
        state: &mut State,
        deployment: &Deployment,
        standing: &[(ShardSet, Lsn)],
        accept_gap: bool,
        by: &str,
    ) -> Result<Lsn, Error> {
        let gone = self.log.first().previous();
        let behind = standing.iter().filter(|(_, position)| *position < gone);
        let gaps: Vec<Gap> =
            behind.map(|&(shards, position)| Gap { shards, from: position.next(), to: gone }).collect();
        if let Some(widest) = gaps.iter().max_by_key(|gap| gap.positions())
            && !accept_gap
        {
            let shards = gaps.iter().fold(ShardSet::EMPTY, |all, gap| all.union(gap.shards)).len();
            return Err(Error::Gap { name: deployment.name.to_string(), gap: *widest, shards });
        }
        for gap in gaps {
            self.commit(state, by, Change::GapAccepted { deployment: deployment.id, gap })?;
        }
        Ok(gone)
    }
}

/// What is gone, for people.
pub(super) fn describe(gap: &Gap) -> Box<str> {
    format!(
        "in {} shards positions {} to {} were released before they were read: {} frames, whoever they were for",
        gap.shards.len(),
        gap.from,
        gap.to,
        gap.positions()
    )
    .into()
}
