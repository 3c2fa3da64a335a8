//! Bringing documents to the store: at a checkpoint all that are dirty at its mark, and in between when they need room.
//!
//! A checkpoint's mark frame goes into the journal first: from it on, the first change of each document is logged whole.
//! When all rows are on disk, the store may say so, and how far everybody was at the mark.

use std::collections::VecDeque;
use std::sync::Arc;

use super::desk::Shelves;
use super::parts::Parts;
use super::writeback::{Closing, Done, Job, WriteBack};
use crate::model::Lsn;
use crate::model::outreach::Owner;

pub struct Checkpointer {
    write_back: WriteBack,
    /// The last mark in the journal.
    mark: Lsn,
    /// Journal bytes written when it was made.
    bytes_at_mark: u64,
    requested: bool,
    wants_room: bool,
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
    end: End,
}

/// What follows the rows.
enum End {
    /// Nothing: documents needed room.
    Rows,
    Checkpoint(Closing),
    /// The checkpoint record itself was handed over.
    Sent,
}

impl Checkpointer {
    /// `mark`: the last one in the journal for the worker's shards.
    pub fn new(write_back: WriteBack, mark: Lsn) -> Checkpointer {
        Checkpointer {
            write_back,
            mark,
            bytes_at_mark: 0,
            requested: false,
            wants_room: false,
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
        self.requested |= !self.is_checkpoint();
    }

    /// Asks for rows to be written, so that documents get clean.
    pub fn make_room(&mut self) {
        self.wants_room |= self.pass.is_none();
    }

    /// Is a checkpoint under way, or asked for?
    pub fn is_running(&self) -> bool {
        self.requested || self.pass.is_some()
    }

    fn is_checkpoint(&self) -> bool {
        self.pass.as_ref().is_some_and(|pass| !matches!(pass.end, End::Rows))
    }

    /// Why nothing is written back any more, if so: then nothing gets clean, and the worker must end.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Must a checkpoint begin now?
    pub fn is_due(&self, parts: &Parts) -> bool {
        let bytes = || parts.log.journal().stats().bytes.saturating_sub(self.bytes_at_mark);
        self.pass.is_none() && (self.requested || bytes() >= parts.limits.checkpoint_bytes)
    }

    /// A checkpoint whose mark was just appended.
    pub fn begin(&mut self, parts: &Parts, closing: Closing, dirty: Vec<(Owner, Arc<str>)>) {
        (self.requested, self.mark) = (false, closing.mark);
        self.bytes_at_mark = parts.log.journal().stats().bytes;
        self.start(parts, dirty, End::Checkpoint(closing));
    }

    fn start(&mut self, parts: &Parts, dirty: Vec<(Owner, Arc<str>)>, end: End) {
        self.wants_room = false;
        self.gauge(parts, dirty.len());
        self.pass = Some(Pass { pending: dirty.into(), in_flight: 0, waiting: None, end });
    }

    /// Begins to make room if that was asked for, and hands over as much as the write-back takes.
    pub fn advance(&mut self, parts: &Parts, shelves: &mut Shelves<'_>) {
        if self.pass.is_none() && self.wants_room {
            self.start(parts, shelves.dirty(), End::Rows);
        }
        let rows = parts.limits.write_back_rows as usize;
        let Some(pass) = &mut self.pass else { return };
        while let Some(job) = pass.waiting.take().or_else(|| pass.next_job(shelves, rows)) {
            if let Err(job) = self.write_back.offer(job) {
                pass.waiting = Some(job);
                break;
            }
            pass.in_flight += 1;
        }
        if pass.is_over() {
            self.pass = None;
        }
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
                parts.metrics.checkpoints.with_label_values(&[] as &[&str]).inc();
                tracing::info!(position = %lsn, "checkpoint complete");
                self.pass = None;
            }
            Done::Failed(reason) => self.failure = Some(reason),
        }
    }
}

impl Pass {
    /// The next rows, or the closing record once all rows are on disk.
    fn next_job(&mut self, shelves: &mut Shelves<'_>, limit: usize) -> Option<Job> {
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
        if self.in_flight > 0 || !matches!(self.end, End::Checkpoint(_)) {
            return None;
        }
        match std::mem::replace(&mut self.end, End::Sent) {
            End::Checkpoint(closing) => Some(Job::Checkpoint(closing)),
            End::Rows | End::Sent => None,
        }
    }

    fn is_over(&self) -> bool {
        self.pending.is_empty() && self.in_flight == 0 && self.waiting.is_none() && matches!(self.end, End::Rows)
    }
}
