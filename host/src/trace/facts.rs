//! How deployments stood at a time: how far they had read, and what stood still.

use std::collections::HashMap;
use std::time::Instant;

use super::Error;
use super::judge::Judge;
use super::walk::{Found, Frames, Walk};
use crate::keys::{Key, Reading, Span, Wanted};
use crate::model::{Change, Control, DeploymentId, Frame, Lsn, Outcome, ShardId, ShardSet};

/// How deployments stood at the horizon, as the frames say.
pub(super) struct Facts<'a> {
    reading: &'a Reading,
    horizon: Lsn,
    deadline: Instant,
    /// Of the newest frame that was met for a shard: its own position, and how far it says that the deployment has read.
    read: HashMap<(DeploymentId, ShardId), (Lsn, Lsn)>,
    pauses: HashMap<DeploymentId, Pause>,
}

#[derive(Default)]
pub(super) struct Pause {
    pub shards: ShardSet,
    pub reason: Box<str>,
    /// Wall clock, milliseconds.
    pub since: u64,
    quarantined: bool,
}

impl<'a> Facts<'a> {
    pub fn new(reading: &'a Reading, horizon: Lsn, deadline: Instant) -> Facts<'a> {
        Facts { reading, horizon, deadline, read: HashMap::new(), pauses: HashMap::new() }
    }

    /// Takes over a frame, in whichever order.
    pub fn read(&mut self, lsn: Lsn, outcome: &Outcome) {
        for shard in outcome.shards.iter() {
            let newest = self.read.entry((outcome.deployment, shard)).or_default();
            *newest = (*newest).max((lsn, outcome.position));
        }
    }

    pub fn change(&mut self, control: &Control, judge: &Judge<'_>) {
        match &control.change {
            Change::Paused { deployment, shards, reason, .. } => {
                let pause = self.pauses.entry(*deployment).or_default();
                let (shards, quarantined) = (pause.shards.union(*shards), pause.quarantined);
                *pause = Pause { shards, reason: reason.clone(), since: control.at, quarantined };
            }
            Change::Resumed { deployment, shards } => {
                let pause = self.pauses.entry(*deployment).or_default();
                pause.shards = pause.shards.without(*shards);
                pause.quarantined &= !pause.shards.is_empty();
            }
            Change::Quarantined { deployment, reason, .. } => {
                let (shards, reason, since) = (ShardSet::ALL, reason.clone(), control.at);
                self.pauses.insert(*deployment, Pause { shards, reason, since, quarantined: true });
            }
            Change::DeploymentRevised { business, name, backlog, .. } => {
                // A repair ends a pause, and any revision ends a quarantine.
                let id = judge.named(business, name);
                let pause = id.and_then(|id| self.pauses.get_mut(&id));
                if let Some(pause) = pause.filter(|pause| pause.quarantined || !backlog.is_empty()) {
                    *pause = Pause::default();
                }
            }
            Change::ModuleUploaded { .. }
            | Change::Retired { .. }
            | Change::PolicyRevised { .. }
            | Change::ChainRevised { .. }
            | Change::GapAccepted { .. }
            | Change::Alert { .. }
            | Change::Resent(_) => {}
        }
    }

    /// How far a deployment had read in a shard at the horizon. Regions without a key file have been read to their ends; of
    /// the others the newest that names the shard is asked, unless something newer was met.
    pub fn position(&mut self, id: DeploymentId, shard: ShardId) -> Result<Lsn, Error> {
        let met = |facts: &Facts<'_>| facts.read.get(&(id, shard)).copied().unwrap_or_default();
        for region in self.reading.regions().rev() {
            let (first, last) = self.reading.bounds(region);
            // What it has met is newer, or older than the deployment.
            if last <= met(self).0 || last.0 < id.0 {
                break;
            }
            if first <= self.horizon && self.reading.has_file(region) {
                self.look(region, id, shard)?;
            }
        }
        Ok(met(self).1)
    }

    /// Meets the newest frame of a region that names a shard.
    fn look(&mut self, region: usize, id: DeploymentId, shard: ShardId) -> Result<(), Error> {
        if Instant::now() >= self.deadline {
            return Err(Error::Deadline);
        }
        let (first, last) = self.reading.bounds(region);
        let wanted = Wanted::Key(Key::shard(id, shard));
        let Span::Frames(found) = self.reading.find(region, &wanted) else {
            for item in Walk::new(self.reading, wanted, first, last.min(self.horizon), self.deadline) {
                if let (lsn, Frame::Outcome(outcome)) = item? {
                    self.read(lsn, &outcome);
                }
            }
            return Ok(());
        };
        let mut frames = Frames::new(self.reading.keys());
        let horizon = self.horizon;
        for lsn in found.into_iter().rev().filter(|lsn| *lsn <= horizon) {
            let Found::Frame(Frame::Outcome(outcome)) = frames.get(lsn)? else { continue };
            self.read(lsn, &outcome);
            if outcome.deployment == id && outcome.shards.contains(shard) {
                break;
            }
        }
        Ok(())
    }

    pub fn pause(&self, id: DeploymentId) -> Option<&Pause> {
        self.pauses.get(&id)
    }
}
