//! Start: reads the journal once, in order, and rebuilds what lives in memory.
//!
//! Redo applies an outcome to a document only if the store's row is older, so it is exact over any base: an empty
//! store, the last checkpoint, or rows newer than it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::dedup::{Dedup, Known};
use super::documents::{self, Documents};
use crate::journal::{Log, ReadError};
use crate::model::{DeploymentId, Frame, Limits, Lsn, Op, Outcome, SHARD_COUNT, ShardId};
use crate::registry::{self, Registry};
use crate::store::{self, Store};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("control frame {lsn}: {error}")]
    Registry { lsn: Lsn, error: registry::Error },
    #[error("outcome frame {lsn} belongs to a deployment that no earlier frame created")]
    UnknownDeployment { lsn: Lsn },
    #[error(transparent)]
    Documents(#[from] documents::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// One deployment as the journal leaves it.
pub struct Recovered {
    /// Last finished position of each shard.
    pub positions: [Lsn; SHARD_COUNT as usize],
    pub documents: Documents,
}

pub struct Recovery {
    pub deployments: BTreeMap<DeploymentId, Recovered>,
    /// For the intake.
    pub dedup: Dedup,
    /// The last checkpoint mark.
    pub mark: Lsn,
    pub frames: u64,
    /// Outcome frames above the store's checkpoint.
    pub redone: u64,
}

/// Reads everything durable. `progress` is told the position now and then.
pub fn recover(
    log: &Log,
    registry: &Registry,
    store: &Arc<Store>,
    limits: &Limits,
    mut progress: impl FnMut(Lsn),
) -> Result<Recovery, Error> {
    let checkpoint = store.checkpoint()?;
    let mut recovery = Recovery {
        deployments: BTreeMap::new(),
        dedup: Dedup::new(limits.dedup_ids, limits.dedup_horizon_ms),
        mark: Lsn::ZERO,
        frames: 0,
        redone: 0,
    };
    for item in log.scan(Lsn(1)) {
        let (lsn, frame) = item?;
        recovery.frames += 1;
        if recovery.frames.is_multiple_of(65_536) {
            progress(lsn);
        }
        match frame {
            Frame::Input(event) => {
                let known = Known { lsn, content: event.content() };
                recovery.dedup.insert(&event, event.identity(), known);
            }
            Frame::Control(control) => {
                registry.recover(lsn, &control).map_err(|error| Error::Registry { lsn, error })?
            }
            Frame::Outcome(outcome) => recovery.outcome(lsn, &outcome, registry, store, checkpoint)?,
            Frame::Mark(_) => recovery.mark = lsn,
        }
    }
    Ok(recovery)
}

impl Recovery {
    fn outcome(
        &mut self,
        lsn: Lsn,
        outcome: &Outcome,
        registry: &Registry,
        store: &Arc<Store>,
        checkpoint: Lsn,
    ) -> Result<(), Error> {
        let recovered = self.deployment(outcome.deployment, registry, store).ok_or(Error::UnknownDeployment { lsn })?;
        for shard in outcome.shards.iter() {
            let position = &mut recovered.positions[usize::from(shard.0)];
            *position = (*position).max(outcome.position);
        }
        if lsn <= checkpoint {
            return Ok(());
        }
        // All changes of one document in this frame go together: its row has either all of them or none.
        let mut changes: HashMap<&str, Vec<(u64, Op)>> = HashMap::new();
        for record in &outcome.inputs {
            let ops = record.outcome.ops.iter().map(|op| (record.time, op.clone()));
            if !record.outcome.ops.is_empty() {
                changes.entry(&record.key).or_default().extend(ops);
            }
        }
        for (key, ops) in changes {
            recovered.documents.redo(&key.into(), lsn, ops)?;
        }
        for whole in &outcome.wholes {
            recovered.documents.redo_whole(lsn, whole)?;
        }
        self.redone += 1;
        Ok(())
    }

    fn deployment(&mut self, id: DeploymentId, registry: &Registry, store: &Arc<Store>) -> Option<&mut Recovered> {
        use std::collections::btree_map::Entry;
        match self.deployments.entry(id) {
            Entry::Occupied(found) => Some(found.into_mut()),
            Entry::Vacant(place) => {
                let deployment = registry.by_id(id)?;
                let documents = Documents::new(deployment.business.clone(), deployment.name.clone(), store.clone());
                Some(place.insert(Recovered { positions: [deployment.start; SHARD_COUNT as usize], documents }))
            }
        }
    }
}

impl Recovered {
    /// Shards by their position, so that those at one place share a reader.
    pub fn by_position(&self) -> BTreeMap<Lsn, Vec<ShardId>> {
        let mut groups: BTreeMap<Lsn, Vec<ShardId>> = BTreeMap::new();
        for (shard, position) in self.positions.iter().enumerate() {
            groups.entry(*position).or_default().push(ShardId(shard as u16));
        }
        groups
    }
}
