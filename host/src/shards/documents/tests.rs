//! Whatever is open, packed, in the store or not there at all: a document is what was put.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::model::{Entry as Observed, EventRef, Timer, Value};

const KEYS: usize = 12;

fn store(folder: &tempfile::TempDir) -> Arc<Store> {
    Arc::new(Store::open(folder.path(), 2, 1 << 20).expect("a store"))
}

fn documents(store: &Arc<Store>) -> Documents {
    Documents::new("demo".into(), "rule".into(), store.clone())
}

fn change(rng: &mut fastrand::Rng) -> Op {
    let name = |rng: &mut fastrand::Rng| rng.lowercase().to_string().into_boxed_str();
    match rng.u8(..5) {
        0 => Op::Set { name: name(rng), value: Value { bytes: vec![7; rng.usize(..300)].into(), expires: None } },
        1 => Op::Remove { name: name(rng) },
        2 => Op::SetTimer { name: name(rng), timer: Timer { due: rng.u64(..9), ..Timer::default() } },
        3 => Op::CancelTimer { name: name(rng) },
        _ => {
            let event = EventRef { lsn: Lsn(rng.u64(..99)), source: "app".into(), id: "e".into() };
            let entry = Observed { time: rng.u64(..1_000), amount: 1, member: "m".into(), event };
            Op::Observe { window: "w".into(), length_ms: 400, received: 1_000, entry }
        }
    }
}

/// Each open document stands in their order, once.
fn is_in_order(documents: &Documents) -> bool {
    let order: BTreeSet<_> = documents.open.iter().collect();
    let open: BTreeSet<_> =
        documents.cached.iter().filter(|(_, cached)| cached.is_open()).map(|(key, _)| key).collect();
    order == open && order.len() == documents.open.len()
}

/// What the counters must say, counted anew.
fn recount(documents: &Documents) -> (usize, usize, usize) {
    let mut totals = Totals::default();
    documents.cached.values().for_each(|cached| totals.add(cached));
    (totals.all, totals.dirty, totals.open)
}

/// Of a document that has nothing not even its position is kept.
fn same(one: &Document, other: &Document) -> bool {
    one == other || (one.is_blank() && other.is_blank())
}

/// Writes some rows, as the write-back does; it tells of them when documents may have changed again.
fn write_back(documents: &mut Documents, store: &Store, written: &mut Vec<(Arc<str>, Lsn)>, rng: &mut fastrand::Rng) {
    if !written.is_empty() {
        return written.drain(..).for_each(|(key, lsn)| documents.written(&key, lsn));
    }
    for key in documents.dirty().into_iter().filter(|_| rng.bool()) {
        let row = documents.snapshot(&key).expect("it is dirty");
        written.push((key, row.lsn));
        store.write(&[row]).expect("a row");
    }
}

#[test]
fn a_document_is_what_was_put_wherever_it_lies() {
    for seed in 0..20 {
        let (folder, mut rng) = (tempfile::tempdir().expect("a folder"), fastrand::Rng::with_seed(seed));
        let store = store(&folder);
        let mut documents = documents(&store);
        let mut plain: BTreeMap<Arc<str>, Document> = BTreeMap::new();
        let mut written = Vec::new();
        for lsn in (1..400).map(Lsn) {
            let key: Arc<str> = format!("k{}", rng.usize(..KEYS)).into();
            let known = plain.entry(key.clone()).or_default();
            match rng.u8(..10) {
                0 => documents.pack(rng.usize(..4_000)),
                1 => drop(documents.evict(rng.usize(..4_000))),
                2 => write_back(&mut documents, &store, &mut written, &mut rng),
                3 => assert!(same(&documents.look(&key).expect("a document"), known), "seed {seed}, {lsn}, a look"),
                4 => assert!(same(&documents.copy(&key).expect("a document"), known), "seed {seed}, {lsn}, a copy"),
                5 => {
                    documents.empty(&key, lsn).expect("a document");
                    *known = Document::default();
                    known.stamp(lsn, 0, 0);
                }
                _ => {
                    let mut document = documents.take(&key).expect("a document");
                    assert!(same(&document, known), "seed {seed}, {lsn}: {document:?} is not {known:?}");
                    document.apply(change(&mut rng));
                    document.stamp(lsn, lsn.0, 1);
                    *known = document.clone();
                    documents.put(&key, document);
                }
            }
            let totals = (documents.bytes(), documents.dirty_bytes(), documents.open_bytes());
            assert_eq!(totals, recount(&documents), "seed {seed}, {lsn}");
            assert!(is_in_order(&documents), "seed {seed}, {lsn}: {:?}", documents.open);
            let dirty = documents.dirty();
            assert!(dirty.is_sorted_by_key(|key| row_key("demo", "rule", key)), "seed {seed}, {lsn}: {dirty:?}");
        }
        // What is in memory alone is dirty: a start from the rows and what is dirty misses nothing.
        documents.write_all(&store, 3).expect("rows");
        assert_eq!((documents.dirty().len(), documents.dirty_bytes()), (0, 0));
        let mut anew = self::documents(&store);
        for (key, known) in &plain {
            assert!(same(&anew.look(key).expect("a document"), known), "seed {seed}, read again");
        }
    }
}

fn put(documents: &mut Documents, key: &str, lsn: u64) {
    let key: Arc<str> = key.into();
    let mut document = documents.take(&key).expect("a document");
    document.apply(Op::Set { name: "a".into(), value: Value { bytes: vec![7; 100].into(), expires: None } });
    document.stamp(Lsn(lsn), 1, 1);
    documents.put(&key, document);
}

fn is_open(documents: &Documents, key: &str) -> bool {
    documents.cached.get(key).is_some_and(Cached::is_open)
}

#[test]
fn what_is_used_again_stays_open_and_what_was_never_written_is_forgotten() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut documents = documents(&store(&folder));
    ["often", "once"].iter().zip(1..).for_each(|(key, lsn)| put(&mut documents, key, lsn));
    let empty = documents.take(&"empty".into()).expect("a document");
    documents.put(&"empty".into(), empty);
    put(&mut documents, "often", 3);
    let one = documents.cached["often"].bytes;
    documents.pack(one);
    let open: Vec<bool> = ["often", "once", "empty"].iter().map(|key| is_open(&documents, key)).collect();
    assert_eq!((open, documents.len()), (vec![true, false, false], 2));
    documents.pack(0);
    assert_eq!((documents.open_bytes(), documents.len(), documents.open.len()), (0, 2, 0), "nothing stays for ever");
}
