//! The store alone loses its power, within large batches and soon after it was opened: rows that were written are there,
//! whatever sled has moved meanwhile. It writes over parts of its file that it has given up, so what has moved must be on the
//! disk first; syncing behind each batch alone loses rows here, in silence as well. While it opens it gives up more, and must
//! not do so before its snapshot cannot be lost; otherwise all is lost.

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
/// So few that nothing in a segment of sled's lives for long.
const FEW_KEYS: u64 = 12;
const BATCHES: u64 = 12;
/// Rows of one batch: more than a segment of sled's.
const BATCH: u64 = 300;
/// What a row has at most, bytes.
const ROW: usize = 12 << 10;
/// Cuts that are kept of each kind of moment.
const OF_A_KIND: usize = 40;
/// Starts, one behind the other.
const ROUNDS: u64 = 40;
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

/// How long the rows are that are written to these keys, at most, bytes.
type Lengths = fn(u64) -> usize;

fn row(number: u64, lsn: Lsn, lengths: Lengths) -> Row {
    let key = row_key("demo", "count", &format!("k{number}"));
    let mut rng = Rng::with_seed(lsn.0);
    let mut bytes = lsn.0.to_be_bytes().to_vec();
    let more = rng.usize(..lengths(number));
    bytes.extend(std::iter::repeat_with(|| rng.u8(..)).take(more));
    Row { key, bytes: Some(bytes), lsn, timers: false }
}

/// What was written when, and moments at which the power might have gone.
struct Run {
    /// By key.
    written: BTreeMap<u64, Vec<Lsn>>,
    last: Lsn,
    rng: Rng,
    keys: u64,
    lengths: Lengths,
}

impl Run {
    fn new(seed: u64, keys: u64, lengths: Lengths) -> Run {
        Run { written: BTreeMap::new(), last: Lsn::ZERO, rng: Rng::with_seed(seed), keys, lengths }
    }

    /// Opens what is in the folder, writes batches, and answers the cuts.
    fn go_on(&mut self, folder: &Path, batches: u64, rows: u64, of_a_kind: usize) -> Vec<Arc<Cut>> {
        let disk = Disk::new(folder, self.last, self.rng.u64(..), of_a_kind, LeavesOut::Nothing).expect("a disk");
        let told = Arc::new(AtomicU64::new(self.last.0));
        let durable = told.clone();
        disk.follow(move || Lsn(durable.load(Ordering::SeqCst)));
        let store = open(folder, disk.under_store()).expect("it opens again");
        for _ in 0..batches {
            self.write(&store, rows);
            told.store(self.last.0, Ordering::SeqCst);
        }
        disk.taking(false);
        let mut cuts = disk.cuts();
        cuts.retain(|cut| cut.open_pages() > 0);
        cuts
    }

    fn write(&mut self, store: &Store, count: u64) {
        let mut rows = Vec::new();
        for _ in 0..count {
            let number = self.rng.u64(..self.keys);
            self.last = self.last.next();
            self.written.entry(number).or_default().push(self.last);
            rows.push(row(number, self.last, self.lengths));
        }
        store.write(&rows).expect("it writes");
    }

    /// What is wrong behind a cut, if anything is.
    fn wrong(&self, cut: &Cut, seed: u64) -> Option<String> {
        let folder = tempfile::tempdir().expect("a folder");
        cut.image(&mut Rng::with_seed(seed), folder.path());
        self.check(folder.path(), cut.durable).err().map(|error| format!("{}: {error}", cut.kind))
    }

    fn check(&self, folder: &Path, durable: Lsn) -> Result<(), String> {
        let store = open(folder, store::Failpoints::default()).map_err(|error| error.to_string())?;
        for (number, written) in &self.written {
            let least = written.iter().rfind(|lsn| **lsn <= durable).copied().unwrap_or_default();
            let found = store.get(&row(*number, Lsn::ZERO, self.lengths).key).map_err(|error| error.to_string())?;
            let lsn =
                found.as_ref().map_or(Lsn::ZERO, |bytes| Lsn(u64::from_be_bytes(bytes[..8].try_into().expect("8"))));
            let whole = found.is_none() || found == row(*number, lsn, self.lengths).bytes;
            if lsn < least || !whole {
                return Err(format!("k{number} at {lsn} and not {least}, whole: {whole}"));
            }
        }
        Ok(())
    }
}

fn batches(lengths: Lengths) {
    let folder = tempfile::tempdir().expect("a folder");
    drop(open(folder.path(), store::Failpoints::default()).expect("a store"));
    let mut run = Run::new(SEED, KEYS, lengths);
    let cuts = run.go_on(folder.path(), BATCHES, BATCH, OF_A_KIND);
    let failed: Vec<_> = cuts.iter().zip(0..).filter_map(|(cut, seed)| run.wrong(cut, seed)).collect();
    assert!(failed.is_empty(), "{} of {}: {failed:#?}", failed.len(), cuts.len());
    assert!(cuts.len() >= OF_A_KIND, "{} cuts have pages that were not synced", cuts.len());
}

#[test]
fn x_11_rows_outlive_a_power_cut_whatever_sled_moves() {
    batches(|_| ROW);
}

/// sled writes large rows again with small ones: what it writes is many times what it was given.
#[test]
fn x_11_small_rows_beside_large_ones_outlive_a_power_cut() {
    batches(|number| if number.is_multiple_of(5) { ROW } else { 40 });
}

/// The power goes soon after a start, again and again: in what a start has written, too.
#[test]
fn x_11_a_store_outlives_power_cuts_behind_each_start() {
    let mut folder = tempfile::tempdir().expect("a folder");
    let mut run = Run::new(SEED, FEW_KEYS, |_| ROW);
    run.write(&open(folder.path(), store::Failpoints::default()).expect("a store"), BATCH);
    let (mut trials, mut failed) = (0, Vec::new());
    for round in 0..ROUNDS {
        let cuts = run.go_on(folder.path(), 2, 1 + round % 40, 2);
        let images = cuts.iter().zip(round * 1_000..);
        failed.extend(images.filter_map(|(cut, seed)| run.wrong(cut, seed)));
        trials += cuts.len();
        // The next start is behind one of these cuts, and nobody was told of what was lost with it.
        if let Some(cut) = cuts.get(run.rng.usize(..cuts.len().max(1))) {
            folder = tempfile::tempdir().expect("a folder");
            cut.image(&mut run.rng, folder.path());
            run.written.values_mut().for_each(|written| written.retain(|lsn| *lsn <= cut.durable));
        }
    }
    assert!(failed.is_empty(), "{} of {trials}: {failed:#?}", failed.len());
    assert!(trials as u64 > ROUNDS, "{trials} cuts have pages that were not synced");
}
