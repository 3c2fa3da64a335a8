//! The sweep: documents in which no later input can see anything leave the store.
//!
//! Behind each checkpoint a worker walks through some more rows of its shards. What is spent is said to be empty by an
//! outcome frame that holds it whole, as a document of nothing: so redo, base copies and captures know of it like of
//! any change, and the write-back removes the row as it writes any other. What a document must be to be spent depends
//! on how far its own reader is, and on no clock of a worker: see [`crate::model::expiry`].

use std::sync::Arc;

use super::deployment::Active;
use super::documents::{self, Error};
use super::parts::Parts;
use super::shelf::PERSONS;
use super::worker::{Fatal, Worker};
use crate::codec::{Interner, decode_document, encode_document};
use crate::model::expiry::unseen_until;
use crate::model::{DeploymentId, Document, Frame, Outcome, ShardId, Whole};
use crate::store::RowKey;

/// What is looked at in one go, between two batches: a row is one, and so is a shard.
const SLICE: usize = 256;

/// Texts that documents share while they are looked at.
const SHARED_TEXTS: usize = 256;

/// Where a worker's walk is.
#[derive(Default)]
pub struct Sweep {
    /// Among the worker's shards.
    shard: usize,
    /// Key of the last row that was looked at in it; empty at its beginning.
    after: Vec<u8>,
    /// What may still be looked at before the next checkpoint,
    rows: usize,
    /// and shards that were not, the one that was left halfway last.
    shards: usize,
}

impl Sweep {
    /// So many rows more, but none twice.
    pub fn begin(&mut self, rows: usize, shards: usize) {
        (self.rows, self.shards) = (rows, if shards > 0 { shards + 1 } else { 0 });
    }

    /// Some rows of its shard were looked at, of so many that were asked for.
    fn looked(&mut self, asked: usize, rows: Vec<(Vec<u8>, Vec<u8>)>) {
        self.rows -= rows.len();
        let more = rows.len() == asked;
        self.after = rows.into_iter().next_back().filter(|_| more).map_or_else(Vec::new, |(key, _)| key);
        if !more {
            (self.shard, self.shards) = (self.shard + 1, self.shards - 1);
        }
    }

    fn is_over(&self) -> bool {
        self.rows == 0 || self.shards == 0
    }
}

/// Documents to be emptied in one frame.
struct Spent {
    deployment: DeploymentId,
    shard: ShardId,
    keys: Vec<Arc<str>>,
}

impl Worker {
    /// Another walk through some of the rows.
    pub(super) fn begin_sweep(&mut self) {
        let rows = documents::share(self.parts.limits.sweep_rows, self.shards);
        self.sweep.begin(rows, self.shards.iter().count());
    }

    /// One slice of the walk. False if there is nothing left to look at.
    pub(super) fn sweep(&mut self) -> Result<bool, Fatal> {
        let mut looked = 0;
        while looked < SLICE && !self.sweep.is_over() {
            let Some(shard) = self.shards.iter().nth(self.sweep.shard) else {
                self.sweep.shard = 0;
                continue;
            };
            let asked = self.sweep.rows.min(SLICE - looked);
            let rows = match self.parts.store.rows_behind(shard, &self.sweep.after, asked) {
                Ok(rows) => rows,
                Err(error) => {
                    // Whoever needs one of them says so as well.
                    tracing::warn!(%error, "no more documents are swept before the next checkpoint");
                    self.sweep.rows = 0;
                    break;
                }
            };
            for spent in self.spent(shard, &rows) {
                self.empty(spent)?;
            }
            looked += rows.len() + 1;
            self.sweep.looked(asked, rows);
        }
        Ok(!self.sweep.is_over())
    }

    /// The spent ones among rows of one shard, by deployment. A row that cannot be read stays for whoever needs it.
    fn spent(&self, shard: ShardId, rows: &[(Vec<u8>, Vec<u8>)]) -> Vec<Spent> {
        let (mut interner, mut found) = (Interner::new(SHARED_TEXTS), Vec::<Spent>::new());
        // Rows of one deployment lie together.
        let mut last: Option<&Active> = None;
        for (key, bytes) in rows {
            let Ok(row) = RowKey::parse(key) else { continue };
            if row.deployment == PERSONS {
                continue;
            }
            let named = |active: &&Active| {
                *active.deployment.name == *row.deployment && *active.deployment.business == *row.business
            };
            let Some(active) = last.filter(named).or_else(|| self.active.values().find(named)) else { continue };
            last = Some(active);
            // What was changed since the last checkpoint is hardly spent, and looked at another time.
            let spent = !active.shelf.documents.is_dirty(row.key)
                && decode_document(bytes, &mut interner)
                    .is_ok_and(|document| active.is_spent(&document, shard, &self.parts));
            if !spent {
                continue;
            }
            let deployment = active.deployment.id;
            match found.last_mut().filter(|last| last.deployment == deployment) {
                Some(last) => last.keys.push(row.key.into()),
                None => found.push(Spent { deployment, shard, keys: vec![row.key.into()] }),
            }
        }
        found
    }

    /// Says that documents are empty, and makes them so.
    fn empty(&mut self, spent: Spent) -> Result<(), Fatal> {
        let now = self.clock();
        let Some(active) = self.active.get_mut(&spent.deployment) else { return Ok(()) };
        let Some(reader) = active.readers.iter().position(|reader| reader.shards.contains(spent.shard)) else {
            return Ok(());
        };
        let blank: Box<[u8]> = encode_document(&Document::default()).into();
        let whole = |key: &Arc<str>| Whole { key: (&**key).into(), bytes: blank.clone() };
        let head = active.says(&active.readers[reader], now);
        let (position, wholes) = (head.position, spent.keys.iter().map(whole).collect());
        let lsn = self.parts.log.append(Frame::Outcome(Arc::new(Outcome { wholes, ..head })))?;
        active.readers[reader].say(position);
        for key in &spent.keys {
            let unreadable = |error: Error| Fatal::WriteBack(error.to_string());
            active.shelf.documents.empty(key, lsn).map_err(unreadable)?;
        }
        self.parts.metrics.swept_documents.inc_by(spent.keys.len() as u64);
        Ok(())
    }
}

impl Active {
    /// Can no input that its reader has still before it see anything in a document of this shard?
    fn is_spent(&self, document: &Document, shard: ShardId, parts: &Parts) -> bool {
        let Some(reader) = self.reader_of(shard).filter(|_| self.deployment.retired.is_none()) else { return false };
        let next = reader.next();
        // What is not written yet comes now, or later.
        let written = parts.log.written_at(next.max(parts.log.first())).unwrap_or(u64::MAX);
        let until = unseen_until(&parts.limits, u64::MAX, written.min(parts.time.now()));
        document.is_spent(until, &self.deployment.revision_at(next, shard).configured.plan.windows)
    }
}
