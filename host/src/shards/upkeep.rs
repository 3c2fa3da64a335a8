//! What a worker does between batches: it keeps documents within their memory, moves checkpoints on, and tells how far
//! everybody is.

use super::desk::Shelves;
use super::worker::{Fatal, Worker};
use super::writeback::Done;
use crate::model::{DeploymentId, Lsn, PauseCause, SHARD_COUNT};

impl Worker {
    /// Retention has released what a reader would take next: its shards stop, and nobody else.
    pub(super) fn pause_before_gap(&mut self, id: DeploymentId, index: usize, first: Lsn) -> Result<(), Fatal> {
        let Some(active) = self.active.get_mut(&id) else { return Ok(()) };
        let reader = &active.readers[index];
        let (shards, next) = (reader.shards, reader.next());
        let reason = format!(
            "position {next} is next, but retention has released everything below position {first}: resume it with \
             `--accept-gap` to go on there, or restore a backup"
        );
        tracing::error!(deployment = %active.deployment.name, reason, "paused before a gap");
        self.parts.registry.pause_shards(id, shards, PauseCause::Gap, &reason)?;
        Ok(())
    }

    /// Keeps documents within their memory: clean ones leave; if too few are clean, a checkpoint makes them so.
    pub(super) fn make_room(&mut self) {
        // Shards are spread evenly, so are documents.
        let share = u64::from(self.shards.len()) * self.parts.limits.documents_memory_bytes / u64::from(SHARD_COUNT);
        let limit = share as usize;
        let own = self.active.values().map(|active| &active.shelf);
        let used: usize =
            own.chain(self.desk.persons.shelves().map(|(_, shelf)| shelf)).map(|shelf| shelf.documents.bytes()).sum();
        let Some(over) = used.checked_sub(limit).filter(|_| !self.crowded) else { return };
        // A tenth more than needed, so that not every batch has to look.
        let mut wanted = over + limit / 10;
        let own = self.active.values_mut().map(|active| &mut active.shelf);
        for shelf in own.chain(self.desk.persons.shelves_mut()) {
            wanted = wanted.saturating_sub(shelf.documents.evict(wanted));
        }
        if wanted > limit / 10 {
            // Nothing more can leave before something has been written back: until then looking is in vain.
            self.crowded = true;
            self.checkpoint.request();
        }
    }

    pub(super) fn publish_all(&mut self) {
        let (mut documents, mut bytes) = (0, 0);
        for active in self.active.values() {
            active.publish(self.index, &self.board);
            documents += active.shelf.documents.len() as i64;
            bytes += active.shelf.documents.bytes() as i64;
        }
        // All workers share these gauges: each adds how its own part has changed.
        let (before, bytes_before) = std::mem::replace(&mut self.gauged, (documents, bytes));
        self.parts.metrics.documents.add(documents - before);
        self.parts.metrics.document_bytes.add(bytes - bytes_before);
    }

    /// Something was written back.
    pub fn written(&mut self, done: Done) {
        self.crowded = false;
        let mut shelves = Shelves { persons: &mut self.desk.persons, active: &mut self.active };
        self.checkpoint.done(&self.parts, &mut shelves, done);
    }

    pub(super) fn advance_checkpoint(&mut self) -> Result<(), Fatal> {
        if let Some(reason) = self.checkpoint.failure() {
            return Err(Fatal::WriteBack(reason.to_owned()));
        }
        let mut shelves = Shelves { persons: &mut self.desk.persons, active: &mut self.active };
        Ok(self.checkpoint.advance(&self.parts, &mut shelves)?)
    }

    /// Begins a checkpoint, unless one is under way.
    pub fn begin_checkpoint(&mut self) -> Result<(), Fatal> {
        self.follow_registry();
        self.checkpoint.request();
        self.advance_checkpoint()
    }

    /// Sends more of a checkpoint to the write-back; false when none is under way.
    pub fn checkpointing(&mut self) -> Result<bool, Fatal> {
        self.advance_checkpoint()?;
        Ok(self.checkpoint.is_running())
    }
}
