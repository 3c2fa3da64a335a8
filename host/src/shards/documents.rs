//! The documents of one deployment in memory: loaded at first use, changed by outcomes, written back behind the
//! journal, evicted only when clean.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

use crate::codec::{Interner, decode_document, encode_document};
use crate::model::{Document, Lsn, Op, SHARD_COUNT, ShardSet, Whole};
use crate::store::{self, Row, Store, row_key};

/// Memory of a document beside its size: map entry, key, vectors.
const OVERHEAD_BYTES: usize = 160;

/// A document cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("the stored document of key `{key}`: {error}")]
    Codec { key: Box<str>, error: crate::codec::CodecError },
}

struct Cached {
    document: Document,
    /// Position up to which the store has it.
    stored: Lsn,
    /// The mark since which it was logged whole.
    whole_since: Lsn,
    /// Used since the last look for something to evict.
    used: bool,
    /// Its part of the dirty bytes.
    owed: usize,
}

impl Cached {
    fn is_clean(&self) -> bool {
        self.document.lsn() <= self.stored
    }

    /// Counts it among the dirty bytes as it is now.
    fn settle(&mut self, key: &str, dirty: &mut usize) {
        let owes = if self.is_clean() { 0 } else { self.document.bytes() + OVERHEAD_BYTES + key.len() };
        *dirty = *dirty + owes - std::mem::replace(&mut self.owed, owes);
    }
}

pub struct Documents {
    business: Arc<str>,
    deployment: Arc<str>,
    store: Arc<Store>,
    cached: HashMap<Arc<str>, Cached, FxBuildHasher>,
    /// Sizes and overheads of what is in memory.
    bytes: usize,
    /// Of those whose rows are behind.
    dirty_bytes: usize,
    interner: Interner,
}

impl Documents {
    pub fn new(business: Arc<str>, deployment: Arc<str>, store: Arc<Store>) -> Documents {
        let interner = Interner::new(1_024);
        Documents { business, deployment, store, cached: HashMap::default(), bytes: 0, dirty_bytes: 0, interner }
    }

    /// Takes a document out for a call; [`Self::put`] brings it back.
    pub fn take(&mut self, key: &Arc<str>) -> Result<Document, Error> {
        let cached = self.fetch(key)?;
        cached.used = true;
        Ok(std::mem::take(&mut cached.document))
    }

    /// Brings back a document that was taken.
    pub fn put(&mut self, key: &Arc<str>, document: Document) {
        if let Some(cached) = self.cached.get_mut(key) {
            cached.document = document;
            cached.settle(key, &mut self.dirty_bytes);
        }
    }

    /// Keeps the memory count when documents that are out have changed their sizes.
    pub fn resized(&mut self, before: Vec<usize>, documents: &[Document]) {
        let after: usize = documents.iter().map(Document::bytes).sum();
        self.bytes = self.bytes + after - before.into_iter().sum::<usize>();
    }

    /// A copy, for questions: who asks about many keys fills no memory.
    pub fn look(&mut self, key: &str) -> Result<Document, Error> {
        match self.cached.get(key) {
            Some(cached) => Ok(cached.document.clone()),
            None => load(&self.store, &self.business, &self.deployment, key, &mut self.interner),
        }
    }

    /// A copy for a call that may come to nothing; the document itself stays in memory.
    pub fn copy(&mut self, key: &Arc<str>) -> Result<Document, Error> {
        let cached = self.fetch(key)?;
        cached.used = true;
        Ok(cached.document.clone())
    }

    fn fetch(&mut self, key: &Arc<str>) -> Result<&mut Cached, Error> {
        match self.cached.entry(key.clone()) {
            Entry::Occupied(found) => Ok(found.into_mut()),
            Entry::Vacant(place) => {
                let document = load(&self.store, &self.business, &self.deployment, key, &mut self.interner)?;
                self.bytes += document.bytes() + OVERHEAD_BYTES + key.len();
                let stored = document.lsn();
                Ok(place.insert(Cached { stored, document, whole_since: Lsn::ZERO, used: true, owed: 0 }))
            }
        }
    }

    /// A document's whole, if this change is its first since the mark.
    pub fn whole_after(&mut self, key: &Arc<str>, document: &Document, mark: Lsn) -> Option<Whole> {
        let cached = self.cached.get_mut(key)?;
        if cached.whole_since >= mark {
            return None;
        }
        cached.whole_since = mark;
        Some(Whole { key: (&**key).into(), bytes: encode_document(document).into() })
    }

    /// Redo: applies a frame's changes of one document, unless the store has them already.
    pub fn redo(&mut self, key: &Arc<str>, lsn: Lsn, state_version: u32, ops: Vec<(u64, Op)>) -> Result<(), Error> {
        let mut document = self.take(key)?;
        let before = document.bytes();
        if document.lsn() < lsn {
            let time = ops.iter().map(|(time, _)| *time).max().unwrap_or_default();
            ops.into_iter().for_each(|(_, op)| document.apply(op));
            document.stamp(lsn, time, state_version);
        }
        self.resized(vec![before], std::slice::from_ref(&document));
        self.put(key, document);
        Ok(())
    }

    /// Redo: takes over a document that a frame holds whole, unless the store has it already.
    pub fn redo_whole(&mut self, lsn: Lsn, key: &str, bytes: &[u8]) -> Result<(), Error> {
        let key: Arc<str> = key.into();
        let mut document = self.take(&key)?;
        let before = document.bytes();
        if document.lsn() < lsn {
            let decoded = decode_document(bytes, &mut self.interner);
            document = decoded.map_err(|error| Error::Codec { key: (&*key).into(), error })?;
            let version = document.state_version();
            document.stamp(lsn, 0, version);
        }
        self.resized(vec![before], std::slice::from_ref(&document));
        self.put(&key, document);
        Ok(())
    }

    /// Keys whose store row is behind.
    pub fn dirty(&self) -> Vec<Arc<str>> {
        self.cached.iter().filter(|(_, cached)| !cached.is_clean()).map(|(key, _)| key.clone()).collect()
    }

    /// A row to be written, or None if the store has it already.
    pub fn snapshot(&self, key: &str) -> Option<Row> {
        let cached = self.cached.get(key).filter(|cached| !cached.is_clean())?;
        let document = &cached.document;
        Some(Row {
            key: row_key(&self.business, &self.deployment, key),
            bytes: Some(encode_document(document)),
            lsn: document.lsn(),
            timers: !document.timers().is_empty(),
        })
    }

    /// Writes all rows that are behind, so many at once: for a start, where everything is durable in the journal.
    pub fn write_all(&mut self, store: &Store, rows: usize) -> Result<(), Error> {
        for keys in self.dirty().chunks(rows) {
            let written: Vec<Row> = keys.iter().filter_map(|key| self.snapshot(key)).collect();
            store.write(&written)?;
            keys.iter().zip(&written).for_each(|(key, row)| self.written(key, row.lsn));
        }
        Ok(())
    }

    /// The store has the key up to this position.
    pub fn written(&mut self, key: &str, lsn: Lsn) {
        if let Some(cached) = self.cached.get_mut(key) {
            cached.stored = cached.stored.max(lsn);
            cached.settle(key, &mut self.dirty_bytes);
        }
    }

    /// Drops clean documents that were not used since the last call, until `bytes` are free or all were looked at.
    pub fn evict(&mut self, bytes: usize) -> usize {
        let before = self.bytes;
        let floor = before.saturating_sub(bytes);
        let mut left = before;
        self.cached.retain(|key, cached| {
            let keep = left <= floor || std::mem::take(&mut cached.used) || !cached.is_clean();
            if !keep {
                left -= cached.document.bytes() + OVERHEAD_BYTES + key.len();
            }
            keep
        });
        self.bytes = left;
        before - left
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Of documents whose rows are behind, with what they cost beside their sizes.
    pub fn dirty_bytes(&self) -> usize {
        self.dirty_bytes
    }

    pub fn len(&self) -> usize {
        self.cached.len()
    }
}

/// What some shards may have of a limit on bytes: shards are spread evenly, so are documents.
pub fn share(bytes: u64, shards: ShardSet) -> usize {
    (u64::from(shards.len()) * bytes / u64::from(SHARD_COUNT)) as usize
}

/// The stored document, or an empty one.
fn load(
    store: &Store,
    business: &str,
    deployment: &str,
    key: &str,
    interner: &mut Interner,
) -> Result<Document, Error> {
    let row = store.get(&row_key(business, deployment, key))?;
    let decoded = row.map_or(Ok(Document::default()), |bytes| decode_document(&bytes, interner));
    decoded.map_err(|error| Error::Codec { key: key.into(), error })
}
