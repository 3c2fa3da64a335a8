//! The documents of one deployment in memory: loaded at first use, changed by outcomes, packed when they are not used,
//! written back behind the journal, evicted only when clean.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

use crate::codec::{Interner, decode_document, encode_document};
use crate::model::{Document, Lsn, Op, SHARD_COUNT, ShardSet, Whole};
use crate::store::{self, Row, Store, row_key, row_place};

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

/// A document in memory.
enum Content {
    /// As calls use it.
    Open(Box<Document>),
    /// As the store has it, a third of that: what was not used lately. Most documents are.
    Packed(Box<[u8]>),
}

struct Cached {
    content: Content,
    /// Position of the last outcome in it.
    lsn: Lsn,
    /// The mark since which it was logged whole.
    whole_since: Lsn,
    /// What it takes in memory.
    bytes: usize,
    /// Newer than its row.
    dirty: bool,
    /// Has timers.
    timers: bool,
    /// Has nothing, so that no row is needed.
    blank: bool,
    /// Used again since it was opened, or since the last look for something to evict or to pack.
    used: bool,
}

impl Cached {
    fn new(key: &str, document: Document) -> Cached {
        let empty = Content::Packed(Box::default());
        let mut cached = Cached {
            content: empty,
            lsn: document.lsn(),
            whole_since: Lsn::ZERO,
            bytes: 0,
            dirty: false,
            timers: false,
            blank: false,
            used: false,
        };
        cached.hold(key, document);
        cached
    }

    /// The document as it is now.
    fn hold(&mut self, key: &str, document: Document) {
        self.dirty |= document.lsn() > self.lsn;
        self.lsn = document.lsn();
        self.timers = !document.timers().is_empty();
        self.blank = document.is_blank();
        self.bytes = document.bytes() + OVERHEAD_BYTES + key.len();
        match &mut self.content {
            Content::Open(place) => **place = document,
            packed => *packed = Content::Open(Box::new(document)),
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.content, Content::Open(_))
    }

    /// It has nothing and no row, so that there is nothing to remember.
    fn is_needless(&self) -> bool {
        self.blank && !self.dirty
    }
}

/// Bytes in memory.
#[derive(Default)]
struct Totals {
    all: usize,
    /// Of those whose rows are behind.
    dirty: usize,
    open: usize,
}

impl Totals {
    fn add(&mut self, cached: &Cached) {
        self.all += cached.bytes;
        self.dirty += if cached.dirty { cached.bytes } else { 0 };
        self.open += if cached.is_open() { cached.bytes } else { 0 };
    }

    fn remove(&mut self, cached: &Cached) {
        self.all -= cached.bytes;
        self.dirty -= if cached.dirty { cached.bytes } else { 0 };
        self.open -= if cached.is_open() { cached.bytes } else { 0 };
    }

    /// Counts a document through a change.
    fn change<T>(&mut self, cached: &mut Cached, change: impl FnOnce(&mut Cached) -> T) -> T {
        self.remove(cached);
        let changed = change(cached);
        self.add(cached);
        changed
    }
}

pub struct Documents {
    business: Arc<str>,
    deployment: Arc<str>,
    store: Arc<Store>,
    cached: HashMap<Arc<str>, Cached, FxBuildHasher>,
    /// Keys of what is open, each once, those that were opened first in front.
    open: VecDeque<Arc<str>>,
    totals: Totals,
    interner: Interner,
}

impl Documents {
    pub fn new(business: Arc<str>, deployment: Arc<str>, store: Arc<Store>) -> Documents {
        let interner = Interner::new(1_024);
        Documents {
            business,
            deployment,
            store,
            cached: HashMap::default(),
            open: VecDeque::new(),
            totals: Totals::default(),
            interner,
        }
    }

    /// Takes a document out for a call; [`Self::put`] brings it back.
    pub fn take(&mut self, key: &Arc<str>) -> Result<Document, Error> {
        Ok(std::mem::take(self.opened(key)?))
    }

    /// Brings back a document that was taken.
    pub fn put(&mut self, key: &Arc<str>, document: Document) {
        if let Some(cached) = self.cached.get_mut(key) {
            self.totals.change(cached, |cached| cached.hold(key, document));
        }
    }

    /// A copy, for questions: who asks about many keys fills no memory.
    pub fn look(&mut self, key: &str) -> Result<Document, Error> {
        match self.cached.get(key).map(|cached| &cached.content) {
            Some(Content::Open(document)) => Ok((**document).clone()),
            Some(Content::Packed(bytes)) => unpack(key, bytes, &mut self.interner),
            None => load(&self.store, &self.business, &self.deployment, key, &mut self.interner),
        }
    }

    /// A copy for a call that may come to nothing; the document itself stays in memory.
    pub fn copy(&mut self, key: &Arc<str>) -> Result<Document, Error> {
        self.opened(key).cloned()
    }

    /// Is it newer in memory than in the store?
    pub fn is_dirty(&self, key: &str) -> bool {
        self.cached.get(key).is_some_and(|cached| cached.dirty)
    }

    /// Nothing is left of a document: the frame at this position says so.
    pub fn empty(&mut self, key: &Arc<str>, lsn: Lsn) -> Result<(), Error> {
        self.opened(key)?;
        let mut empty = Document::default();
        empty.stamp(lsn, 0, 0);
        self.put(key, empty);
        Ok(())
    }

    fn opened(&mut self, key: &Arc<str>) -> Result<&mut Document, Error> {
        let cached = match self.cached.entry(key.clone()) {
            Entry::Occupied(found) => {
                let cached = found.into_mut();
                match &cached.content {
                    Content::Open(_) => cached.used = true,
                    Content::Packed(bytes) => {
                        let document = unpack(key, bytes, &mut self.interner)?;
                        self.totals.change(cached, |cached| cached.hold(key, document));
                        self.open.push_back(key.clone());
                    }
                }
                cached
            }
            Entry::Vacant(place) => {
                let document = load(&self.store, &self.business, &self.deployment, key, &mut self.interner)?;
                let cached = place.insert(Cached::new(key, document));
                self.totals.add(cached);
                self.open.push_back(key.clone());
                cached
            }
        };
        match &mut cached.content {
            Content::Open(document) => Ok(document),
            Content::Packed(_) => unreachable!("it was just opened"),
        }
    }

    /// Packs what was not used lately until the open documents take at most so many bytes. Of a document that has nothing
    /// nothing is left. None may be out.
    pub fn pack(&mut self, bytes: usize) {
        let mut looks = 2 * self.open.len();
        while self.totals.open > bytes && looks > 0 {
            looks -= 1;
            let Some(key) = self.open.pop_front() else { break };
            let Entry::Occupied(mut place) = self.cached.entry(key) else { continue };
            let key = place.key().clone();
            let cached = place.get_mut();
            let Content::Open(document) = &cached.content else { continue };
            if std::mem::take(&mut cached.used) {
                self.open.push_back(key);
            } else if cached.is_needless() {
                self.totals.remove(cached);
                place.remove();
            } else {
                let packed = encode_document(document).into_boxed_slice();
                self.totals.change(cached, |cached| {
                    cached.bytes = packed.len() + OVERHEAD_BYTES + key.len();
                    cached.content = Content::Packed(packed);
                });
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
        if document.lsn() < lsn {
            let time = ops.iter().map(|(time, _)| *time).max().unwrap_or_default();
            ops.into_iter().for_each(|(_, op)| document.apply(op));
            document.stamp(lsn, time, state_version);
        }
        self.put(key, document);
        Ok(())
    }

    /// Redo: takes over a document that a frame holds whole, unless the store has it already.
    pub fn redo_whole(&mut self, lsn: Lsn, key: &str, bytes: &[u8]) -> Result<(), Error> {
        let key: Arc<str> = key.into();
        let mut document = self.take(&key)?;
        if document.lsn() < lsn {
            document = unpack(&key, bytes, &mut self.interner)?;
            let version = document.state_version();
            document.stamp(lsn, 0, version);
        }
        self.put(&key, document);
        Ok(())
    }

    /// Keys whose store row is behind, about in the order of their rows: neighbours share a page of the store, and one that was
    /// just written costs a fraction of any other.
    pub fn dirty(&self) -> Vec<Arc<str>> {
        let dirty = self.cached.iter().filter(|(_, cached)| cached.dirty);
        let mut keys: Vec<Arc<str>> = dirty.map(|(key, _)| key.clone()).collect();
        keys.sort_by_cached_key(|key| row_place(key));
        keys
    }

    /// A row to be written, or None if the store has it already.
    pub fn snapshot(&self, key: &str) -> Option<Row> {
        let cached = self.cached.get(key).filter(|cached| cached.dirty)?;
        let bytes = match &cached.content {
            Content::Open(document) => encode_document(document),
            Content::Packed(bytes) => bytes.to_vec(),
        };
        Some(Row {
            key: row_key(&self.business, &self.deployment, key),
            bytes: (!cached.blank).then_some(bytes),
            lsn: cached.lsn,
            timers: cached.timers,
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
            self.totals.change(cached, |cached| cached.dirty &= cached.lsn > lsn);
            // An open one is dropped when its turn to be packed comes: it stands in the order of the open ones.
            if cached.is_needless() && !cached.is_open() {
                self.totals.remove(cached);
                self.cached.remove(key);
            }
        }
    }

    /// Drops clean documents that were not used since the last call, until `bytes` are free or all were looked at. None may
    /// be out.
    pub fn evict(&mut self, bytes: usize) -> usize {
        let before = self.totals.all;
        let floor = before.saturating_sub(bytes);
        self.cached.retain(|_, cached| {
            let keep = self.totals.all <= floor || std::mem::take(&mut cached.used) || cached.dirty;
            if !keep {
                self.totals.remove(cached);
            }
            keep
        });
        self.open.retain(|key| self.cached.contains_key(key));
        before - self.totals.all
    }

    /// Sizes and overheads of what is in memory.
    pub fn bytes(&self) -> usize {
        self.totals.all
    }

    /// Of documents whose rows are behind.
    pub fn dirty_bytes(&self) -> usize {
        self.totals.dirty
    }

    /// Of documents as calls use them.
    pub fn open_bytes(&self) -> usize {
        self.totals.open
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
    row.map_or(Ok(Document::default()), |bytes| unpack(key, &bytes, interner))
}

fn unpack(key: &str, bytes: &[u8], interner: &mut Interner) -> Result<Document, Error> {
    decode_document(bytes, interner).map_err(|error| Error::Codec { key: key.into(), error })
}

#[cfg(test)]
mod tests;
