//! the power goes under load, at any place, with any part of what was not synced on the disk: everything that was
//! acknowledged is there and is applied once.

mod disk;
mod image;
mod load;
mod rows;
mod sites;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use fastrand::Rng;
use fishpond::model::{Frame, Lsn};
use fishpond_tests::copy_folder;
use tempfile::TempDir;

use self::disk::LeavesOut;
use self::image::Cut;
use self::load::{Run, asked, is_large};

/// How often the power goes; the environment variable of this name asks for more or fewer.
const CUTS: (&str, u64) = ("FISHPOND_POWER_CUTS", 150);
/// Of so many cuts one run is the load.
const OF_A_RUN: u64 = 150;
/// Trials without a sync, of which one must fail at least.
const WITHOUT_SYNC: u64 = 150;
/// Every so many trials the power goes a second time, soon after the first.
const TWICE: u64 = 10;
/// Trials at a time: they mostly wait for the disk.
const THREADS: usize = 4;
const SEED: u64 = 11;

/// What failed, by trial; and where each of the others went on.
#[derive(Default)]
struct Trials {
    failed: BTreeMap<u64, String>,
    went_on: Vec<(Lsn, Lsn)>,
}

/// Cuts that leave something open take turns, in an order in which few trials meet many kinds of moments. Until all are
/// done, or, if it is said, one has failed.
fn trials(run: &Run, numbers: Range<u64>, until_failure: bool) -> Trials {
    let (next, trials) = (AtomicU64::new(numbers.start), Mutex::new(Trials::default()));
    let mut open: Vec<_> = run.cuts.iter().filter(|cut| cut.open_pages() > 0).collect();
    Rng::with_seed(numbers.start).shuffle(&mut open);
    let seen = || trials.lock().unwrap_or_else(PoisonError::into_inner);
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= numbers.end || (until_failure && !seen().failed.is_empty()) {
                break;
            }
            let cut = open[number as usize % open.len()];
            match catch_unwind(AssertUnwindSafe(|| trial(run, cut, number))) {
                Ok(last) => seen().went_on.push((cut.durable, last)),
                Err(reason) => drop(seen().failed.insert(number, format!("{}: {}", cut.kind, text(&*reason)))),
            }
        }
    };
    let threads = if is_large() { 1 } else { THREADS };
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    trials.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Answers where the host went on behind the last cut.
fn trial(run: &Run, cut: &Cut, number: u64) -> Lsn {
    let (image, mut rng) = (Image::new(), Rng::with_seed(number));
    left_by(run, cut, &mut rng, image.path());
    if !number.is_multiple_of(TWICE) {
        return run.goes_on(&run.course, cut, number, image.path());
    }
    let (second, course) = run.cut_again(cut, number, image.path());
    let image = Image::new();
    left_by(run, &second, &mut rng, image.path());
    run.goes_on(&course, &second, number, image.path())
}

/// The folder of a trial. One that fails leaves it to be looked at.
struct Image(TempDir);

impl Image {
    fn new() -> Image {
        Image(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.disable_cleanup(true);
            println!("what a power cut has left, and a start has made of it: {}", self.path().display());
        }
    }
}

fn left_by(run: &Run, cut: &Cut, rng: &mut Rng, folder: &Path) {
    cut.image(rng, folder);
    copy_folder(&run.folder.path().join("modules"), &folder.join("modules")).expect("a copy");
}

fn text(reason: &(dyn Any + Send)) -> &str {
    let text = reason.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| reason.downcast_ref::<&str>().copied()).unwrap_or("a panic without a word")
}

#[test]
fn x_11_power_cuts_under_load_lose_nothing_and_double_nothing() {
    let count = asked(CUTS);
    for (round, from) in (0..count).step_by(OF_A_RUN as usize).enumerate() {
        let (seed, numbers) = (SEED + round as u64, from..count.min(from + OF_A_RUN));
        let begun = Instant::now();
        let run = Run::new(seed, LeavesOut::Nothing);
        let loaded = begun.elapsed();
        let Trials { failed, went_on } = trials(&run, numbers.clone(), false);
        assert!(failed.is_empty(), "{} of trials {numbers:?}, seed {seed}:\n{failed:#?}", failed.len());
        let seen = format!("seed {seed}, trials {numbers:?}, {loaded:?} of {:?} for the load", begun.elapsed());
        held_enough(&run, &went_on, &seen);
    }
}

/// A run must hold what a cut could break.
fn held_enough(run: &Run, went_on: &[(Lsn, Lsn)], seen: &str) {
    let marks = run.course.frames.values().filter(|frame| matches!(frame, Frame::Mark(_))).count();
    let kinds: BTreeSet<&str> = run.cuts.iter().map(|cut| &*cut.kind).collect();
    let open = run.cuts.iter().filter(|cut| cut.open_pages() > 0).count();
    let more = went_on.iter().filter(|(durable, last)| last > durable).count();
    let seen = format!(
        "{seen}: {marks} marks in {} frames; {} cuts at {} kinds of moments ({open} with pages that were not synced); {more} \
         of {} trials kept frames that nobody was told of",
        run.course.frames.len(),
        run.cuts.len(),
        kinds.len(),
        went_on.len(),
    );
    println!("{seen}");
    assert!(marks >= 40 && open > run.cuts.len() * 2 / 5, "{seen}");
    // Of few trials nothing can be said.
    assert!(went_on.len() < 100 || (more > 0 && more < went_on.len()), "{seen}");
    let journal =
        ["SegmentCreate Before", "SegmentEntry Behind", "GroupWrite Before", "GroupSync Behind", "IndexEntry Behind"];
    let released = ["ReleasedRename Behind", "SegmentRemove Before", "SegmentRemove Behind", "RemovedEntry Behind"];
    let store =
        ["rows", "checkpoint", "flush", "flushed", "sync of db Before", "sync of db Behind", "sync of blob Behind"];
    for kind in journal.iter().chain(&released).chain(&store).chain(&["between two steps"]) {
        assert!(kinds.contains(kind), "{kind} was not met: {kinds:?}");
    }
}

/// What the test above says is worth something only if it sees a store that does not sync, and a journal.
fn is_caught(leaves_out: LeavesOut) {
    let run = Run::new(SEED, leaves_out);
    let Trials { failed, went_on } = trials(&run, 0..WITHOUT_SYNC, true);
    assert!(!failed.is_empty(), "{} trials with {leaves_out:?} left out went well", went_on.len());
    println!("{leaves_out:?} left out, caught behind {} trials that went well: {failed:#?}", went_on.len());
}

#[test]
fn x_11_a_store_that_does_not_sync_is_caught_by_power_cuts() {
    is_caught(LeavesOut::StoreSync);
}

#[test]
fn x_11_a_journal_that_does_not_sync_is_caught_by_power_cuts() {
    is_caught(LeavesOut::JournalSync);
}
