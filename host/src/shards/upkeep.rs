//! What a worker does between batches: it keeps documents within their memory, moves checkpoints on, and tells how far
//! everybody is.

use super::desk::Shelves;
use super::documents;
use super::shelf;
use super::worker::{Fatal, Worker};
use super::writeback::{Closing, Done};
use crate::model::{DeploymentId, Limits, Lsn, PauseCause};

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

    /// Keeps documents within their memory: those that were not used lately are packed, clean ones leave; if too few are clean,
    /// the write-back makes them so.
    pub(super) fn make_room(&mut self) {
        let limit = documents::share(self.parts.limits.documents_memory_bytes, self.shards);
        let own = self.active.values_mut().map(|active| &mut active.shelf);
        shelf::pack(own.chain(self.desk.persons.shelves_mut()), limit);
        let own = self.active.values().map(|active| &active.shelf);
        let used: usize =
            own.chain(self.desk.persons.shelves().map(|(_, shelf)| shelf)).map(|shelf| shelf.documents.bytes()).sum();
        self.gauge_bytes(used as i64);
        let Some(over) = used.checked_sub(limit).filter(|_| !self.crowded) else { return };
        // A tenth more than needed, so that not every batch has to look.
        let mut wanted = over + limit / 10;
        // The first look spares what was used since the one before; the second finds nothing used.
        for _ in 0..2 {
            let own = self.active.values_mut().map(|active| &mut active.shelf);
            for shelf in own.chain(self.desk.persons.shelves_mut()) {
                wanted = wanted.saturating_sub(shelf.documents.evict(wanted));
            }
        }
        let gone = (over + limit / 10).saturating_sub(wanted);
        self.gauge_bytes(used.saturating_sub(gone) as i64);
        if wanted > limit / 10 {
            // Nothing more can leave before something has been written back: until then looking is in vain.
            self.crowded = true;
            self.checkpoint.make_room();
        }
    }

    /// Keeps what the store does not have within its bound: the write-back begins at half of it, and at the whole the worker
    /// waits. That waits for the journal alone, so it always comes to an end.
    pub(super) fn owes_too_much(&mut self) -> bool {
        let Limits { dirty_bytes, documents_memory_bytes, .. } = *self.parts.limits;
        // What is dirty cannot leave memory: half of that stays for what is clean.
        let bound = documents::share(dirty_bytes.min(documents_memory_bytes / 2), self.shards);
        let own = self.active.values().map(|active| &active.shelf);
        let shelves = own.chain(self.desk.persons.shelves().map(|(_, shelf)| shelf));
        let owed: usize = shelves.map(|shelf| shelf.documents.dirty_bytes()).sum();
        self.parts.metrics.dirty_bytes.add(owed as i64 - std::mem::replace(&mut self.owed, owed as i64));
        if owed > bound / 2 {
            self.checkpoint.make_room();
        }
        let waits = owed > bound;
        if waits != std::mem::replace(&mut self.waits, waits) {
            self.parts.metrics.write_back_waiting.add(if waits { 1 } else { -1 });
        }
        waits
    }

    pub(super) fn publish_all(&mut self) {
        self.board.publish_desk(self.index, self.desk.said);
        let (mut documents, mut bytes) = (0, 0);
        for active in self.active.values() {
            active.publish(self.index, &self.board);
            documents += active.shelf.documents.len() as i64;
            bytes += active.shelf.documents.bytes() as i64;
        }
        // All workers share these gauges: each adds how its own part has changed.
        let before = std::mem::replace(&mut self.gauged.0, documents);
        self.parts.metrics.documents.add(documents - before);
        self.gauge_bytes(bytes);
    }

    fn gauge_bytes(&mut self, bytes: i64) {
        let before = std::mem::replace(&mut self.gauged.1, bytes);
        self.parts.metrics.document_bytes.add(bytes - before);
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
        let begins = self.checkpoint.is_due(&self.parts);
        if begins {
            self.say_positions()?;
            let (mark, times) = self.parts.time.mark(self.shards)?;
            let closing = Closing { shards: self.shards, mark, progress: self.progress(&times) };
            let shelves = Shelves { persons: &mut self.desk.persons, active: &mut self.active };
            self.checkpoint.begin(&self.parts, closing, shelves.dirty());
            self.begin_sweep();
        }
        let mut shelves = Shelves { persons: &mut self.desk.persons, active: &mut self.active };
        self.checkpoint.advance(&self.parts, &mut shelves);
        Ok(())
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
