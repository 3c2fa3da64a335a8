//! sled believes the headers of its segments: what one speaks of is on the disk before the header itself can be.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::thread::{self, ThreadId};

use fastrand::Rng;

use super::*;

/// sled's own, bytes.
const SEGMENT: usize = 512 << 10;
/// Of a row: a leaf of sled's takes a quarter of a segment.
const BYTES: usize = 12_000;
const USERS: u64 = 1_000;
const WRITERS: u64 = 2;
const ROUNDS: u64 = 20;
/// Of one batch.
const ROWS: u64 = 200;

/// The file as the last sync that succeeded has found it, and what was wrong with it at any of them.
#[derive(Default)]
struct Seen {
    durable: Vec<u8>,
    begun: HashMap<ThreadId, Vec<u8>>,
    syncs: usize,
    claims: usize,
    /// Segments that were looked at to their ends. Later they may be given up, and written over in any order.
    whole: HashSet<usize>,
    faults: Vec<String>,
}

/// sled's `SegmentHeader`: a checksum, the place in the log where the segment begins, and up to where the log is whole.
fn header(segment: &[u8]) -> Option<(usize, usize)> {
    let place = |at: usize| {
        let bytes = segment.get(at..at + 8)?.try_into().ok()?;
        usize::try_from(i64::from_le_bytes(bytes) ^ i64::MAX).ok()
    };
    let (begins, whole) = (place(4)?, place(12)?);
    (begins % SEGMENT == 0 && whole < begins).then_some((begins, whole))
}

impl Seen {
    fn sync(&mut self, path: &Path, moment: Moment) -> std::io::Result<()> {
        let thread = thread::current().id();
        match moment {
            Moment::Before => {
                let found = std::fs::read(path)?;
                self.check(&found);
                self.begun.insert(thread, found);
            }
            Moment::Behind => self.durable = self.begun.remove(&thread).expect("it has begun"),
        }
        Ok(())
    }

    fn check(&mut self, found: &[u8]) {
        self.syncs += 1;
        let headers =
            || found.chunks(SEGMENT).enumerate().filter_map(|(at, segment)| Some((at * SEGMENT, header(segment)?)));
        let whole = headers().map(|(_, (_, whole))| whole).max().unwrap_or(0);
        for (at, (begins, _)) in headers().filter(|(_, (begins, _))| *begins < whole) {
            let part = at..at + (whole - begins).min(SEGMENT);
            if self.whole.contains(&begins) {
                continue;
            }
            self.claims += 1;
            if part.len() == SEGMENT {
                self.whole.insert(begins);
            }
            if self.durable.get(part.clone()) != found.get(part.clone()) {
                self.faults.push(format!(
                    "segment {} is not on the disk up to {whole}, as is said, at sync {}",
                    at / SEGMENT,
                    self.syncs
                ));
            }
        }
    }
}

#[test]
fn what_a_header_speaks_of_is_on_the_disk_whoever_writes_or_reads() {
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let noted = seen.clone();
    let at_sync: SyncHook = Arc::new(move |path, moment| match path.ends_with("0/db") {
        true => noted.lock().expect("no panic").sync(path, moment),
        false => Ok(()),
    });
    let folder = folder();
    let failpoints = Failpoints { at_sync: Some(at_sync), ..Failpoints::default() };
    let store = Store::open_with(folder.path(), &options(1, failpoints)).expect("a store");
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (store, mut rng) = (&store, Rng::with_seed(writer));
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let mut row = |lsn| {
                        let bytes = std::iter::repeat_with(|| rng.u8(..)).take(BYTES).collect();
                        Row { bytes: Some(bytes), ..row(rng.u64(..USERS), lsn) }
                    };
                    let rows: Vec<Row> = (0..ROWS).map(|_| row(round + 1)).collect();
                    store.write(&rows).expect("written");
                    // sled splits a page when somebody comes by.
                    (0..USERS).for_each(|user| drop(store.get(&key(user)).expect("read")));
                }
            });
        }
    });
    let seen = seen.lock().expect("no panic");
    assert!(seen.faults.is_empty(), "{} of {} claims: {:#?}", seen.faults.len(), seen.claims, seen.faults);
    assert!(seen.claims > 100, "{} claims in {} syncs", seen.claims, seen.syncs);
}
