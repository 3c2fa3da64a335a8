//! A copy of a running journal opens as what had been durable, and a copy that
//! was not finished does not open at all.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;
use crate::journal::{Checked, Progress, verify_all};

fn checked(dir: &Path) -> Checked {
    verify_all(dir, Lsn::ZERO, &mut |_| {}).unwrap()
}

#[test]
fn a_copy_taken_while_frames_are_appended_opens_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stopping = Stop(&stop);
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                let lsn = journal.last().0 + 1;
                journal.append((lsn..lsn + 3).map(|l| frame(0, l))).unwrap();
                journal.wait_durable(Lsn(lsn)).unwrap();
            }
        });
        for round in 1..=12 {
            let upto = Lsn(round * 25);
            journal.wait_durable(upto).unwrap();
            let to = tempfile::tempdir().unwrap();
            let copy = journal.snapshot_files(to.path(), upto, &mut |_| {}).unwrap();
            let found = checked(to.path());
            assert_eq!((found.damaged, found.unfinished, found.unindexed), (vec![], None, vec![]));
            assert_eq!((found.last, found.segments), (copy.last, copy.segments));
            let options = Options { verify_from: Lsn(u64::MAX), ..small() };
            let (copied, opened) = try_open(to.path(), options, upto.0).unwrap();
            assert!(opened.last >= upto && opened.cut.is_none());
            assert_eq!((opened.last, opened.segments, opened.unread), (copy.last, copy.segments, copy.segments - 1));
            assert_eq!(read_all(&copied), frames(0, opened.last.0));
            append_groups(&copied, 0, &[20, 20]);
            assert_eq!(read_all(&copied), frames(0, opened.last.0 + 40));
        }
        drop(stopping);
    });
}

/// A failed test must not append for ever.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_copy_of_a_released_journal_begins_where_that_does() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    append_groups(&journal, 0, &[20; 8]);
    let first = journal.release(Lsn(100)).unwrap().first;
    let to = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    let copy = journal.snapshot_files(&to.path().join("deep/er"), Lsn(160), &mut |p| seen.push(p)).unwrap();
    assert_eq!((copy.first, copy.last, copy.segments), (first, Lsn(160), journal.segments().len()));
    assert!(seen.is_sorted_by_key(|p| p.bytes_done) && seen.iter().all(|p| p.bytes_total == copy.bytes));
    assert_eq!(seen.last().map(|p| p.bytes_done), Some(copy.bytes));
    let (copied, opened) = open(&to.path().join("deep/er"));
    assert_eq!((opened.first, opened.last), (first, Lsn(160)));
    assert_eq!(read_kept(&copied, first), read_kept(&journal, first));
}

#[test]
fn a_copy_waits_for_what_is_asked_and_refuses_what_was_never_given() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let to = tempfile::tempdir().unwrap();
    let last = *journal.append((1..=30).map(|l| frame(0, l))).unwrap().end();
    let error = journal.snapshot_files(to.path(), last.next(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::Beyond { asked: Lsn(31), end: Lsn(30) }), "{error}");
    assert!(all_files(to.path()).is_empty());
    assert!(journal.snapshot_files(to.path(), last, &mut |_| {}).unwrap().last >= last);
    let before = all_files(to.path());
    let error = journal.snapshot_files(to.path(), last, &mut |_| {}).unwrap_err();
    assert!(matches!(&error, Error::Occupied { dir } if dir == to.path()), "{error}");
    assert!(before == all_files(to.path()));
}

#[test]
fn nothing_is_released_while_a_copy_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    append_groups(&journal, 0, &[20; 8]);
    let to = tempfile::tempdir().unwrap();
    let mut asked = 0;
    let release = &mut |_: Progress| {
        asked += 1;
        let done = journal.release(Lsn(u64::MAX)).unwrap();
        assert_eq!((done.first, done.segments), (Lsn(1), 0));
    };
    journal.snapshot_files(to.path(), Lsn(160), release).unwrap();
    assert!(asked > 2);
    assert_eq!(read_all(&open(to.path()).0), frames(0, 160));
    assert!(journal.release(Lsn(u64::MAX)).unwrap().segments > 1);
}

#[test]
fn an_interrupted_copy_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    append_groups(&journal, 0, &[20; 8]);
    for released in [false, true] {
        if released {
            journal.release(Lsn(60)).unwrap();
        }
        let segments = journal.segments().len();
        assert!(segments >= 3);
        // One block each: interrupted while the n-th segment has no name yet.
        for n in 0..segments {
            let to = tempfile::tempdir().unwrap();
            let mut left = n;
            let interrupt = &mut |_: Progress| match left.checked_sub(1) {
                Some(less) => left = less,
                None => panic!("on purpose"),
            };
            let copied = catch_unwind(AssertUnwindSafe(|| journal.snapshot_files(to.path(), Lsn(160), interrupt)));
            assert!(copied.is_err());
            assert_eq!(image(to.path()).len(), n);
            refused(to.path(), 160);
            if n > 0 {
                refused(to.path(), 0);
                assert!(!checked(to.path()).damaged.is_empty());
            }
        }
    }
}
