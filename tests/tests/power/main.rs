//! the power goes under load, at any place, with any part of what was not synced on the disk: everything that was
//! acknowledged is there and is applied once.

mod disk;
mod image;
mod load;
mod sites;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use fastrand::Rng;
use fishpond::model::{Frame, Lsn};
use fishpond_tests::copy_folder;

use self::image::Cut;
use self::load::{Run, asked};

/// How often the power goes; the environment variable of this name asks for more or fewer.
const CUTS: (&str, u64) = ("FISHPOND_POWER_CUTS", 150);
/// Trials without the store's sync, of which one must fail at least.
const WITHOUT_SYNC: u64 = 150;
/// Trials at a time: they mostly wait for the disk.
const THREADS: usize = 4;
const SEED: u64 = 11;

/// What failed, by trial; and where each of the others went on.
#[derive(Default)]
struct Trials {
    failed: BTreeMap<u64, String>,
    went_on: Vec<(Lsn, Lsn)>,
}

/// Cuts that leave something open take turns. Until all are done, or, if it is said, one has failed.
fn trials(run: &Run, count: u64, until_failure: bool) -> Trials {
    let (next, trials) = (AtomicU64::new(0), Mutex::new(Trials::default()));
    let open: Vec<_> = run.cuts.iter().filter(|cut| cut.open_pages() > 0).collect();
    let seen = || trials.lock().unwrap_or_else(PoisonError::into_inner);
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count || (until_failure && !seen().failed.is_empty()) {
                break;
            }
            let cut = open[number as usize % open.len()];
            match catch_unwind(AssertUnwindSafe(|| trial(run, cut, number))) {
                Ok(last) => seen().went_on.push((cut.durable, last)),
                Err(reason) => drop(seen().failed.insert(number, format!("{}: {}", cut.kind, text(&*reason)))),
            }
        }
    };
    std::thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(work))));
    trials.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn trial(run: &Run, cut: &Cut, number: u64) -> Lsn {
    let folder = tempfile::tempdir().expect("a folder");
    cut.image(&mut Rng::with_seed(number), folder.path());
    copy_folder(&run.folder.path().join("modules"), &folder.path().join("modules")).expect("a copy");
    run.goes_on(cut, number, folder.path())
}

fn text(reason: &(dyn Any + Send)) -> &str {
    let text = reason.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| reason.downcast_ref::<&str>().copied()).unwrap_or("a panic without a word")
}

#[test]
fn x_11_power_cuts_under_load_lose_nothing_and_double_nothing() {
    let begun = std::time::Instant::now();
    let run = Run::new(SEED, false);
    let loaded = begun.elapsed();
    let count = asked(CUTS);
    let Trials { failed, went_on } = trials(&run, count, false);
    assert!(failed.is_empty(), "{} of {count}:\n{failed:#?}", failed.len());

    // The run must hold what a cut could break.
    let marks = run.frames.iter().filter(|(_, frame)| matches!(frame, Frame::Mark(_))).count();
    let kinds: BTreeSet<&str> = run.cuts.iter().map(|cut| &*cut.kind).collect();
    let open = run.cuts.iter().filter(|cut| cut.open_pages() > 0).count();
    let end = run.frames.len() as u64;
    let more = went_on.iter().filter(|(durable, last)| last > durable).count();
    let less = went_on.iter().filter(|(durable, last)| last == durable && durable.0 < end).count();
    let seen = format!(
        "{count} trials of {} cuts at {} kinds of moments ({open} with pages that were not synced) in {:?} behind {loaded:?}: \
         {marks} marks, {end} frames; {more} trials kept frames that nobody was told of, {less} lost all of those",
        run.cuts.len(),
        kinds.len(),
        begun.elapsed() - loaded,
    );
    println!("{seen}");
    assert!(marks >= 40 && open > run.cuts.len() / 2 && more > 0 && less > 0, "{seen}");
    let journal =
        ["SegmentCreate Before", "SegmentEntry Behind", "GroupWrite Before", "GroupSync Behind", "IndexEntry Behind"];
    let store =
        ["rows", "checkpoint", "flush", "sync", "sync of db Before", "sync of db Behind", "sync of blob Behind"];
    for kind in journal.iter().chain(&store).chain(&["between two steps"]) {
        assert!(kinds.contains(kind), "{kind} was not met: {kinds:?}");
    }
}

/// What the test above says is worth something only if it sees a store that does not sync.
#[test]
fn x_11_a_store_that_does_not_sync_is_caught_by_power_cuts() {
    let run = Run::new(SEED, true);
    let Trials { failed, went_on } = trials(&run, WITHOUT_SYNC, true);
    assert!(!failed.is_empty(), "{} trials without a sync went well", went_on.len());
}
