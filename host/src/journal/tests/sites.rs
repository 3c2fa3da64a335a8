//! A disk that is full or fails, at every place where the journal writes or
//! syncs: nothing that was acknowledged is lost, nothing is acknowledged behind
//! the failure.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::journal::{Failpoints, Health, Site};

const NO_SPACE: i32 = 28;
const IO_ERROR: i32 = 5;
const READ_ONLY: i32 = 30;

/// Everything on which an acknowledgement depends.
const WRITING: [Site; 7] = [
    Site::SegmentCreate,
    Site::SegmentReserve,
    Site::SegmentHeader,
    Site::SegmentSync,
    Site::SegmentEntry,
    Site::GroupWrite,
    Site::GroupSync,
];

/// Fails at one site from the n-th time on, for as long as it is switched on.
#[derive(Clone)]
struct Broken {
    site: Site,
    left: Arc<AtomicU64>,
    errno: i32,
}

impl Broken {
    fn new(site: Site, errno: i32) -> Broken {
        Broken { site, left: Arc::new(AtomicU64::new(u64::MAX)), errno }
    }

    /// Lets `times` more pass.
    fn after(&self, times: u64) {
        self.left.store(times, Ordering::SeqCst);
    }

    fn mend(&self) {
        self.after(u64::MAX);
    }

    fn failpoints(&self) -> Failpoints {
        let broken = self.clone();
        let at = move |site: Site, _: &Path| {
            let spend = |left: u64| left.checked_sub(u64::from(left < u64::MAX));
            let left = broken.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, spend);
            match site == broken.site && left.is_err() {
                true => Err(io::Error::from_raw_os_error(broken.errno)),
                false => Ok(()),
            }
        };
        let at: crate::journal::SiteHook = {
            let site = self.site;
            Arc::new(move |here, path| if here == site { at(here, path) } else { Ok(()) })
        };
        Failpoints { at: Some(at), ..Failpoints::default() }
    }

    fn options(&self) -> Options {
        Options { failpoints: self.failpoints(), ..small() }
    }
}

/// Hooks that fail at one site always.
pub(super) fn failing_at(site: Site) -> Failpoints {
    let broken = Broken::new(site, NO_SPACE);
    broken.after(0);
    broken.failpoints()
}

/// Appends until it fails; answers the error and what was acknowledged.
fn until_it_fails(journal: &Journal) -> (Error, u64) {
    for _ in 0..200 {
        let first = journal.last().0 + 1;
        let appended = journal.append((first..first + 7).map(|l| frame(0, l)));
        if let Err(error) = appended.and_then(|range| journal.wait_durable(*range.end())) {
            return (error, journal.durable().0);
        }
        assert_eq!(journal.durable(), journal.last());
    }
    panic!("nothing failed");
}

/// It takes nothing more, whatever the disk says now.
fn stays_failed(journal: &Journal, durable: u64) {
    let failed = |result: Result<(), Error>| assert!(matches!(result, Err(Error::Failed(_))), "{result:?}");
    failed(journal.append([vec![1]]).map(|_| ()));
    failed(journal.try_begin().map(|_| ()));
    failed(journal.release(Lsn(1)).map(|_| ()));
    failed(journal.wait_durable(Lsn(durable + 1)));
    assert!(matches!(journal.health(), Health::Failed(_)));
    assert_eq!(journal.durable(), Lsn(durable));
    assert_eq!(read_kept(journal, journal.first()).len() as u64, durable + 1 - journal.first().0);
}

#[test]
fn a_failure_at_any_write_or_sync_ends_the_journal_and_loses_nothing() {
    for site in WRITING {
        for times in 0..4 {
            let dir = tempfile::tempdir().unwrap();
            let broken = Broken::new(site, NO_SPACE);
            let (journal, _) = try_open(dir.path(), broken.options(), 0).unwrap();
            append_groups(&journal, 0, &[3]);
            broken.after(times);
            let (error, durable) = until_it_fails(&journal);
            assert!(durable >= 3);
            broken.mend();
            stays_failed(&journal, durable);
            let text = error.to_string();
            let named = if site == Site::SegmentEntry { dir.path().to_str().unwrap() } else { ".seg" };
            for part in [named, "No space left", "make room", "then restart"] {
                assert!(text.contains(part), "{site:?}: {part} is missing in: {text}");
            }
            assert!(matches!(journal.close(), Err(Error::Failed(_))));
            // Evidence for what was acknowledged: an open that lost it is refused.
            let (journal, opened) = try_open(dir.path(), small(), durable).unwrap();
            assert!(opened.last >= Lsn(durable), "{site:?} lost {:?}..={durable}", opened.last.next());
            let last = opened.last.0;
            append_groups(&journal, 0, &[40, 40]);
            assert_eq!(read_all(&journal), frames(0, last + 80), "{site:?}");
        }
    }
}

#[test]
fn the_reason_says_what_to_do() {
    for (errno, advice) in [(NO_SPACE, "make room"), (READ_ONLY, "read-only"), (IO_ERROR, "check the disk")] {
        let dir = tempfile::tempdir().unwrap();
        let broken = Broken::new(Site::GroupSync, errno);
        let (journal, _) = try_open(dir.path(), broken.options(), 0).unwrap();
        broken.after(0);
        let (_, durable) = until_it_fails(&journal);
        assert_eq!(durable, 0);
        let Health::Failed(reason) = journal.health() else { panic!("not failed") };
        assert!(reason.contains(advice) && reason.contains("00000000000000000001.seg"), "{reason}");
    }
}

#[test]
fn an_open_that_cannot_write_is_refused_and_can_be_repeated() {
    let opening = [Site::TailRepair, Site::TailSync, Site::RemovedEntry];
    for site in WRITING[..5].iter().chain(&opening) {
        let dir = tempfile::tempdir().unwrap();
        let fresh = WRITING.contains(site);
        if !fresh {
            written(dir.path(), &[5, 7]);
            remove_proof(dir.path());
        }
        let last = if fresh { 0 } else { 12 };
        let options = Options { failpoints: failing_at(*site), ..small() };
        let error = try_open(dir.path(), options, 0).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{site:?}: {error}");
        let (journal, opened) = try_open(dir.path(), small(), last).unwrap();
        assert_eq!(opened.last, Lsn(last), "{site:?}");
        append_groups(&journal, 0, &[3]);
        assert_eq!(read_all(&journal), frames(0, last + 3));
    }
}

/// An open journal with several segments that can be released.
fn releasable(dir: &Path, broken: &Broken) -> (Journal, Lsn) {
    let (journal, _) = try_open(dir, broken.options(), 0).unwrap();
    append_groups(&journal, 0, &[20; 12]);
    let third = firsts(&journal)[2];
    (journal, third)
}

fn kept(journal: &Journal, first: Lsn, last: u64) {
    let expected: Vec<_> = (first.0..=last).map(|l| frame(0, l)).collect();
    assert_eq!(read_kept(journal, first), expected);
}

#[test]
fn a_release_that_cannot_be_written_down_removes_nothing() {
    for site in [Site::ReleasedWrite, Site::ReleasedSync, Site::ReleasedRename] {
        let dir = tempfile::tempdir().unwrap();
        let broken = Broken::new(site, NO_SPACE);
        let (journal, third) = releasable(dir.path(), &broken);
        let before = image(dir.path());
        broken.after(0);
        let error = journal.release(third).unwrap_err();
        assert!(matches!(&error, Error::Io { path, .. } if path.to_string_lossy().contains("released")), "{error}");
        assert!(before == image(dir.path()), "{site:?}");
        append_groups(&journal, 0, &[5]);
        kept(&journal, Lsn(1), 245);
        broken.mend();
        assert_eq!(journal.release(third).unwrap().first, third);
        kept(&journal, third, 245);
        journal.close().unwrap();
        kept(&open(dir.path()).0, third, 245);
    }
}

#[test]
fn a_segment_that_cannot_be_removed_is_removed_by_the_next_open() {
    for times in 0..2 {
        let dir = tempfile::tempdir().unwrap();
        let broken = Broken::new(Site::SegmentRemove, IO_ERROR);
        let (journal, third) = releasable(dir.path(), &broken);
        broken.after(times);
        let error = journal.release(third).unwrap_err();
        assert!(error.to_string().contains("cannot remove"), "{error}");
        append_groups(&journal, 0, &[5]);
        kept(&journal, third, 245);
        journal.close().unwrap();
        let left = image(dir.path()).into_keys().filter(|p| *p < segment::path(dir.path(), third)).count() as u64;
        assert_eq!(left, 2 - times);
        let (journal, opened) = open(dir.path());
        assert_eq!(opened.first, third);
        kept(&journal, third, 245);
        assert_eq!(image(dir.path()).into_keys().next().unwrap(), segment::path(dir.path(), third));
    }
}

#[test]
fn a_directory_that_cannot_be_synced_ends_the_journal() {
    for (site, released) in [(Site::ReleasedEntry, false), (Site::RemovedEntry, true)] {
        let dir = tempfile::tempdir().unwrap();
        let broken = Broken::new(site, IO_ERROR);
        let (journal, third) = releasable(dir.path(), &broken);
        let before = image(dir.path());
        broken.after(0);
        let error = journal.release(third).unwrap_err();
        assert!(matches!(&error, Error::Failed(reason) if reason.contains("check the disk")), "{error}");
        assert_eq!(before == image(dir.path()), !released, "{site:?}");
        broken.mend();
        stays_failed(&journal, 240);
        assert!(matches!(journal.close(), Err(Error::Failed(_))));
        let groups_then = all_files(dir.path());
        assert!(groups_then.contains_key(&dir.path().join("released")));
        let (journal, opened) = try_open(dir.path(), small(), 240).unwrap();
        assert_eq!((opened.first, opened.last), (third, Lsn(240)));
        kept(&journal, third, 240);
    }
}

/// What was synced behind a failure elsewhere is on disk, but nobody is told.
#[test]
fn nothing_is_acknowledged_behind_a_failed_release() {
    let dir = tempfile::tempdir().unwrap();
    let broken = Broken::new(Site::ReleasedEntry, IO_ERROR);
    let (reached, at_sync) = std::sync::mpsc::channel();
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let hold: crate::journal::Failpoint = Arc::new(move |lsn: Lsn| {
        if lsn > Lsn(240) {
            let _ = reached.send(lsn);
            let _ = gate.lock().unwrap().recv();
        }
        Ok(())
    });
    let failpoints = Failpoints { before_sync: Some(hold), ..broken.failpoints() };
    let (journal, _) = try_open(dir.path(), Options { failpoints, ..small() }, 0).unwrap();
    // Dropped before the journal: a failed test must not wait for the held sync.
    let go = go;
    append_groups(&journal, 0, &[20; 12]);
    journal.append([frame(0, 241)]).unwrap();
    assert_eq!(at_sync.recv().unwrap(), Lsn(241));
    broken.after(0);
    assert!(matches!(journal.release(Lsn(240)), Err(Error::Failed(_))));
    drop(go);
    assert!(matches!(journal.wait_durable(Lsn(241)), Err(Error::Failed(_))));
    let watch = journal.watch();
    assert!(matches!(journal.clone().close(), Err(Error::Failed(_))));
    assert_eq!((journal.durable(), watch.borrow().lsn), (Lsn(240), Lsn(240)));
}
