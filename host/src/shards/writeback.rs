//! Write-back: a thread that brings rows to the store, behind the journal and never ahead of it.
//!
//! Workers encode, this thread only writes: it never reads a live document.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use super::identities::Identities;
use super::parts::Parts;
use crate::journal::Log;
use crate::model::outreach::Owner;
use crate::model::{Lsn, ShardId, ShardSet};
use crate::store::{Row, Store};
use crate::tasks::Thread;

/// Batches that may wait: one in work, one ready.
const QUEUE: usize = 1;

/// Work for the thread.
pub enum Job {
    Rows {
        rows: Vec<Row>,
        keys: Vec<(Owner, Arc<str>)>,
    },
    /// All rows of a checkpoint have been sent.
    Checkpoint(Closing),
}

/// What the store may say when all rows of a checkpoint are there.
pub struct Closing {
    pub shards: ShardSet,
    pub mark: Lsn,
    /// How far each shard was at the mark, encoded.
    pub progress: Vec<(ShardId, Vec<u8>)>,
}

/// What has been done.
#[derive(Debug)]
pub enum Done {
    Rows(Vec<(Owner, Arc<str>, Lsn)>),
    Checkpoint(Lsn),
    /// Nothing is written any more; the journal goes on to hold everything.
    Failed(String),
}

pub struct WriteBack {
    jobs: Option<SyncSender<Job>>,
    thread: Option<Thread<()>>,
}

impl WriteBack {
    /// `done` is called on the thread.
    pub fn start(parts: &Parts, done: impl Fn(Done) + Send + 'static) -> std::io::Result<WriteBack> {
        let (log, store, identities) = (parts.log.clone(), parts.store.clone(), parts.identities.clone());
        let (jobs, work) = sync_channel(QUEUE);
        let thread = Thread::spawn("write-back", move || run(&log, &store, &identities, &work, done))?;
        Ok(WriteBack { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Hands over a job, or gives it back if the thread is busy. After a failure jobs vanish: `done` was told of it.
    pub fn offer(&self, job: Job) -> Result<(), Job> {
        match self.jobs.as_ref().map(|jobs| jobs.try_send(job)) {
            Some(Err(TrySendError::Full(job))) => Err(job),
            Some(Ok(()) | Err(TrySendError::Disconnected(_))) | None => Ok(()),
        }
    }
}

impl Drop for WriteBack {
    fn drop(&mut self) {
        self.jobs = None;
        self.thread.take().map(Thread::join);
    }
}

fn run(log: &Log, store: &Store, identities: &Identities, work: &Receiver<Job>, done: impl Fn(Done)) {
    for job in work {
        // A store that panics must not leave the worker waiting for an answer.
        let result = catch_unwind(AssertUnwindSafe(|| handle(log, store, identities, job)));
        match result.unwrap_or_else(|_| Err("the store panicked".to_owned())) {
            Ok(finished) => done(finished),
            Err(reason) => {
                tracing::error!(reason, "the write-back has failed");
                return done(Done::Failed(reason));
            }
        }
    }
}

fn handle(log: &Log, store: &Store, identities: &Identities, job: Job) -> Result<Done, String> {
    match job {
        Job::Rows { rows, keys } => {
            write(log, store, &rows)?;
            let written = keys.into_iter().zip(&rows).map(|((deployment, key), row)| (deployment, key, row.lsn));
            Ok(Done::Rows(written.collect()))
        }
        Job::Checkpoint(closing) => {
            // A start reads no event below the checkpoint.
            identities.write(Some(closing.mark))?;
            close(log, store, &closing).map(|()| Done::Checkpoint(closing.mark))
        }
    }
}

/// Rows may be written only when the journal holds what they say, whatever happens next.
fn write(log: &Log, store: &Store, rows: &[Row]) -> Result<(), String> {
    let highest = rows.iter().map(|row| row.lsn).max().unwrap_or_default();
    log.wait_committed(highest).map_err(|error| error.to_string())?;
    store.write(rows).map_err(|error| error.to_string())
}

/// As rows: were the mark lost, what is then written in its place would be taken for what the rows hold.
/// Control frames come before it, because a start reads none below it.
fn close(log: &Log, store: &Store, closing: &Closing) -> Result<(), String> {
    let Closing { shards, mark, progress } = closing;
    log.wait_committed(*mark).map_err(|error| error.to_string())?;
    store.put_controls(&log.controls(*mark)).map_err(|error| error.to_string())?;
    log.controls_kept(*mark);
    store.set_checkpoint(*shards, *mark, progress).map_err(|error| error.to_string())
}
