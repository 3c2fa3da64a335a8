//! Checkpoints: every document that was dirty at the mark is written back, then the store may say so.
//!
//! A mark frame goes into the journal first: from it on, the first change of each document is logged whole.

use std::collections::VecDeque;
use std::sync::Arc;

use super::desk::Shelves;
use super::parts::Parts;
use super::writeback::{Done, Job, WriteBack};
use crate::journal;
use crate::model::outreach::Owner;
use crate::model::{Frame, Lsn, Mark, ShardSet};

pub struct Checkpointer {
    shards: ShardSet,
    write_back: WriteBack,
    /// The last mark in the journal.
    mark: Lsn,
    /// Journal bytes written when it was made.
    bytes_at_mark: u64,
    requested: bool,
    pass: Option<Pass>,
    /// Dirty documents, as the metrics know them.
    gauged: i64,
    /// Why nothing is written back any more.
    failure: Option<String>,
}

struct Pass {
    pending: VecDeque<(Owner, Arc<str>)>,
    /// Jobs that were handed over and not reported done.
    in_flight: usize,
    /// A job that found the thread busy.
    waiting: Option<Job>,
    /// The checkpoint record itself was handed over.
    closing: bool,
}

impl Checkpointer {
    /// For some shards; `mark`: the last one in the journal for them.
    pub fn new(shards: ShardSet, write_back: WriteBack, mark: Lsn) -> Checkpointer {
        Checkpointer {
            shards,
            write_back,
            mark,
            bytes_at_mark: 0,
            requested: false,
            pass: None,
            gauged: 0,
            failure: None,
        }
    }

    pub fn mark(&self) -> Lsn {
        self.mark
    }

    /// Asks for a checkpoint soon, unless one is under way.
    pub fn request(&mut self) {
        self.requested |= self.pass.is_none();
    }

    pub fn is_running(&self) -> bool {
        self.pass.is_some()
    }

    /// Why nothing is written back any more, if so: then nothing gets clean, and the worker must end.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Begins a checkpoint that is due, and hands over as much as the write-back takes.
    pub fn advance(&mut self, parts: &Parts, shelves: &mut Shelves<'_>) -> Result<(), journal::Error> {
        if self.pass.is_none() && (self.requested || self.is_due(parts)) {
            self.begin(parts, shelves)?;
        }
        let rows = parts.limits.write_back_rows as usize;
        let Some(pass) = &mut self.pass else { return Ok(()) };
        while let Some(job) = pass.waiting.take().or_else(|| pass.next_job(shelves, rows, self.shards, self.mark)) {
            if let Err(job) = self.write_back.offer(job) {
                pass.waiting = Some(job);
                break;
            }
            pass.in_flight += 1;
        }
        Ok(())
    }

    fn is_due(&self, parts: &Parts) -> bool {
        parts.log.journal().stats().bytes.saturating_sub(self.bytes_at_mark) >= parts.limits.checkpoint_bytes
    }

    fn begin(&mut self, parts: &Parts, shelves: &mut Shelves<'_>) -> Result<(), journal::Error> {
        self.requested = false;
        self.mark = parts.log.append(Frame::Mark(Mark { shards: self.shards }))?;
        self.bytes_at_mark = parts.log.journal().stats().bytes;
        let pending: VecDeque<_> = shelves.dirty().into();
        self.gauge(parts, pending.len());
        self.pass = Some(Pass { pending, in_flight: 0, waiting: None, closing: false });
        Ok(())
    }

    /// All workers share the gauge: each adds how its own part has changed.
    fn gauge(&mut self, parts: &Parts, dirty: usize) {
        let before = std::mem::replace(&mut self.gauged, dirty as i64);
        parts.metrics.dirty_documents.add(dirty as i64 - before);
    }

    /// Takes note of what the write-back has done.
    pub fn done(&mut self, parts: &Parts, shelves: &mut Shelves<'_>, done: Done) {
        if let Some(pass) = &mut self.pass {
            pass.in_flight -= 1;
        }
        match done {
            Done::Rows(rows) => {
                parts.metrics.write_back_rows.with_label_values(&[] as &[&str]).inc_by(rows.len() as u64);
                for (owner, key, lsn) in rows {
                    if let Some(shelf) = shelves.shelf(&owner) {
                        shelf.documents.written(&key, lsn);
                    }
                }
                let left = self.pass.as_ref().map_or(0, |pass| pass.pending.len());
                self.gauge(parts, left);
            }
            Done::Checkpoint(lsn) => {
                tracing::info!(position = %lsn, "checkpoint complete");
                self.pass = None;
            }
            Done::Failed(reason) => self.failure = Some(reason),
        }
    }
}

impl Pass {
    /// The next rows, or the closing record once all rows are on disk.
    fn next_job(&mut self, shelves: &mut Shelves<'_>, limit: usize, shards: ShardSet, mark: Lsn) -> Option<Job> {
        let (mut rows, mut keys) = (Vec::new(), Vec::new());
        while rows.len() < limit {
            let Some((owner, key)) = self.pending.pop_front() else { break };
            if let Some(row) = shelves.shelf(&owner).and_then(|shelf| shelf.documents.snapshot(&key)) {
                rows.push(row);
                keys.push((owner, key));
            }
        }
        if !rows.is_empty() {
            return Some(Job::Rows { rows, keys });
        }
        if self.in_flight > 0 || std::mem::replace(&mut self.closing, true) {
            return None;
        }
        Some(Job::Checkpoint(shards, mark))
    }
}
