//! What a start takes from the store instead of reading the journal from its beginning: control frames, how far everybody
//! was at the checkpoints, and which documents have timers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::recovery::{Error, Part, PerShard};
use super::shelf::PERSONS;
use crate::codec::{Interner, decode_document, decode_frame, decode_progress};
use crate::journal::Log;
use crate::model::outreach::Owner;
use crate::model::progress::{ShardProgress, Times};
use crate::model::{Control, Frame, Lsn, Op, SHARD_COUNT, ShardId, Tick};
use crate::registry::Registry;
use crate::store::{RowKey, Store};

/// Texts that documents share while they are looked at.
const SHARED_TEXTS: usize = 1_024;

pub struct Base {
    pub checkpoints: PerShard<Lsn>,
    /// Of the shards that have a checkpoint.
    progress: Vec<(ShardId, ShardProgress)>,
    pub controls: BTreeMap<Lsn, Arc<Control>>,
    /// Of the newest of these checkpoints.
    pub times: Times,
    /// The last tick up to the lowest checkpoint.
    pub before: (Lsn, Tick),
}

impl Base {
    pub fn read(store: &Store) -> Result<Base, Error> {
        let mut base = Base {
            checkpoints: store.checkpoints(),
            progress: Vec::new(),
            controls: BTreeMap::new(),
            times: Times::default(),
            before: Default::default(),
        };
        for shard in (0..SHARD_COUNT).map(ShardId) {
            let Some(bytes) = store.progress(shard)? else { continue };
            let progress = decode_progress(&bytes).map_err(|error| Error::Stored { what: "progress", error })?;
            base.times.join(&progress.times);
            let tick = (progress.times.last_lsn, progress.times.last);
            base.before = if base.progress.is_empty() || tick.0 < base.before.0 { tick } else { base.before };
            base.progress.push((shard, progress));
        }
        if base.progress.len() < usize::from(SHARD_COUNT) {
            // A shard without a checkpoint: everything is read.
            base.before = Default::default();
        }
        let mut interner = Interner::new(SHARED_TEXTS);
        for item in store.controls() {
            let (lsn, bytes) = item?;
            match decode_frame(&bytes, &mut interner).map_err(|error| Error::Stored { what: "control frame", error })? {
                Frame::Control(control) => drop(base.controls.insert(lsn, control)),
                _ => return Err(Error::NoControl { lsn }),
            }
        }
        Ok(base)
    }

    /// The first position that a start has to read.
    pub fn next(&self) -> Lsn {
        self.checkpoints.iter().min().copied().unwrap_or_default().next()
    }

    /// Does the journal still hold what is behind the store?
    pub fn check(&self, log: &Log) -> Result<(), Error> {
        let (next, first) = (self.next(), log.first());
        if next < first { Err(Error::Gap { next, first }) } else { Ok(()) }
    }

    /// Puts everybody where they were.
    pub fn place(&self, parts: &mut [Part], registry: &Registry) -> Result<(), Error> {
        for (shard, progress) in &self.progress {
            let Some(part) = parts.iter_mut().find(|part| part.shards.contains(*shard)) else { continue };
            part.stood(*shard, progress, registry)?;
        }
        Ok(())
    }
}

/// Agendas as the rows have them: redo goes on with every change of a timer behind the checkpoint, so rows may be newer.
pub fn note_timers(store: &Store, parts: &mut [Part], registry: &Registry) -> Result<(), Error> {
    let mut interner = Interner::new(SHARED_TEXTS);
    for key in store.timer_rows() {
        let key = key?;
        let Some(bytes) = store.get(&key)? else { continue };
        let row = RowKey::parse(&key).map_err(|error| Error::RowKey { error })?;
        let document =
            decode_document(&bytes, &mut interner).map_err(|error| Error::Stored { what: "document", error })?;
        let Some(part) = parts.iter_mut().find(|part| part.shards.contains(row.shard)) else { continue };
        let owner = match row.deployment {
            PERSONS => Some(Owner::Person(row.business.into())),
            name => registry.deployment(row.business, name).map(|deployment| Owner::Deployment(deployment.id)),
        };
        let shelf = owner.and_then(|owner| part.shelf(&owner, registry));
        let shelf = shelf.ok_or_else(|| Error::UnknownOwner { row: key.escape_ascii().to_string() })?;
        let key: Arc<str> = row.key.into();
        for (name, timer) in document.timers() {
            shelf.agenda.note(&key, &Op::SetTimer { name: name.clone(), timer: timer.clone() });
        }
    }
    Ok(())
}
