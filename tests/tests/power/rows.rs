//! The store alone loses its power within large batches: rows that were written are there, whatever sled has moved
//! meanwhile. It writes over parts of its file that it has given up, so what has moved must be on the disk first; syncing
//! behind each batch alone loses rows here, in silence as well.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fastrand::Rng;
use fishpond::model::Lsn;
use fishpond::store::{self, Options, Row, Store, row_key};

use super::disk::{Disk, LeavesOut};
use super::image::Cut;

const KEYS: u64 = 150;
const BATCHES: u64 = 12;
/// Rows of one batch: more than a segment of sled's.
const BATCH: u64 = 300;
/// What a row has at most, bytes.
const ROW: usize = 12 << 10;
/// Cuts that are kept of each kind of moment.
const OF_A_KIND: usize = 40;
const CACHE: u64 = 8 << 20;
const SEED: u64 = 11;

fn open(folder: &Path, failpoints: store::Failpoints) -> Result<Store, store::Error> {
    let options = Options { directories: 1, cache_bytes: CACHE, failpoints };
    loop {
        match Store::open_with(&folder.join("store"), &options) {
            // A database that was closed gives its file back when its last thread has ended.
            Err(store::Error::InUse { .. }) => std::thread::yield_now(),
            opened => return opened,
        }
    }
}

fn row(number: u64, lsn: Lsn) -> Row {
    let key = row_key("demo", "count", &format!("k{number}"));
    let mut rng = Rng::with_seed(lsn.0);
    let mut bytes = lsn.0.to_be_bytes().to_vec();
    let more = rng.usize(..ROW);
    bytes.extend(std::iter::repeat_with(|| rng.u8(..)).take(more));
    Row { key, bytes: Some(bytes), lsn, timers: false }
}

/// What was written when, and moments at which the power might have gone.
struct Run {
    /// By key.
    written: BTreeMap<u64, Vec<Lsn>>,
    cuts: Vec<Arc<Cut>>,
}

fn run() -> Run {
    let (folder, mut rng) = (tempfile::tempdir().expect("a folder"), Rng::with_seed(SEED));
    drop(open(folder.path(), store::Failpoints::default()).expect("a store"));
    let disk = Disk::new(folder.path(), Lsn::ZERO, SEED, OF_A_KIND, LeavesOut::Nothing).expect("a disk");
    let store = open(folder.path(), disk.under_store()).expect("it opens again");
    let (told, mut last, mut written) = (Arc::new(AtomicU64::new(0)), Lsn::ZERO, BTreeMap::<u64, Vec<Lsn>>::new());
    let durable = told.clone();
    disk.follow(move || Lsn(durable.load(Ordering::SeqCst)));
    for _ in 0..BATCHES {
        let mut rows = Vec::new();
        for _ in 0..BATCH {
            let number = rng.u64(..KEYS);
            last = last.next();
            written.entry(number).or_default().push(last);
            rows.push(row(number, last));
        }
        store.write(&rows).expect("it writes");
        told.store(last.0, Ordering::SeqCst);
    }
    disk.taking(false);
    Run { written, cuts: disk.cuts() }
}

/// What is wrong behind a cut.
fn trial(run: &Run, cut: &Cut, seed: u64) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a folder");
    cut.image(&mut Rng::with_seed(seed), folder.path());
    let store = open(folder.path(), store::Failpoints::default()).map_err(|error| error.to_string())?;
    for (number, written) in &run.written {
        let least = written.iter().rfind(|lsn| **lsn <= cut.durable).copied().unwrap_or_default();
        let found = store.get(&row(*number, Lsn::ZERO).key).map_err(|error| error.to_string())?;
        let lsn = found.as_ref().map_or(Lsn::ZERO, |bytes| Lsn(u64::from_be_bytes(bytes[..8].try_into().expect("8"))));
        let whole = found.is_none() || found == row(*number, lsn).bytes;
        if lsn < least || !whole {
            return Err(format!("k{number} at {lsn} and not {least}, whole: {whole}"));
        }
    }
    Ok(())
}

#[test]
fn x_11_rows_outlive_a_power_cut_whatever_sled_moves() {
    let run = run();
    let open: Vec<_> = run.cuts.iter().filter(|cut| cut.open_pages() > 0).collect();
    let trials = open.iter().enumerate().map(|(seed, cut)| (seed, &cut.kind, trial(&run, cut, seed as u64)));
    let failed: Vec<_> = trials.filter(|(_, _, found)| found.is_err()).collect();
    assert!(failed.is_empty(), "{} of {}: {failed:#?}", failed.len(), open.len());
    assert!(open.len() >= OF_A_KIND, "{} cuts have pages that were not synced", open.len());
}
