//! What is refused, and that a failed journal stays failed.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::journal::{Failpoint, Failpoints, Health};

/// A hook that fails while the switch is on.
fn switch() -> (Arc<AtomicBool>, Failpoint) {
    let on = Arc::new(AtomicBool::new(false));
    let hook = {
        let on = on.clone();
        Arc::new(move |_| match on.load(Ordering::SeqCst) {
            true => Err(io::Error::other("no such luck")),
            false => Ok(()),
        })
    };
    (on, hook)
}

fn fails_for_ever(failpoints: Failpoints, on: &AtomicBool) {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = try_open(dir.path(), Options { failpoints, ..small() }, 0).unwrap();
    append_groups(&journal, 0, &[3]);
    on.store(true, Ordering::SeqCst);
    journal.append([frame(0, 4)]).unwrap();
    let failed = |result: Result<(), Error>| match result {
        Err(Error::Failed(reason)) => assert!(reason.contains("no such luck"), "{reason}"),
        other => panic!("not failed: {other:?}"),
    };
    failed(journal.wait_durable(Lsn(4)));
    on.store(false, Ordering::SeqCst);
    failed(journal.append([frame(0, 5)]).map(|_| ()));
    failed(journal.try_begin().map(|_| ()));
    failed(journal.wait_durable(Lsn(4)));
    assert!(matches!(journal.health(), Health::Failed(_)));
    assert!(matches!(journal.watch().borrow().health, Health::Failed(_)));
    assert_eq!(journal.durable(), Lsn(3));
    journal.wait_durable(Lsn(3)).unwrap();
    assert_eq!(read_all(&journal), frames(0, 3), "durable frames stay readable");
    failed(journal.close());
    let (journal, opened) = open(dir.path());
    assert!(opened.last == Lsn(3) || opened.last == Lsn(4));
    assert_eq!(read_all(&journal), frames(0, opened.last.0));
}

#[test]
fn a_sync_error_is_final() {
    let (on, hook) = switch();
    fails_for_ever(Failpoints { before_sync: Some(hook), ..Failpoints::default() }, &on);
}

#[test]
fn a_write_error_is_final() {
    let (on, hook) = switch();
    fails_for_ever(Failpoints { before_write: Some(hook), ..Failpoints::default() }, &on);
}

#[test]
fn a_real_error_of_the_file_system_is_final() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    append_groups(&journal, 0, &[2]);
    // One more group of three such frames fits the first segment; the name of
    // the next one is taken, so it cannot be created.
    fs::create_dir(segment::path(dir.path(), Lsn(6))).unwrap();
    journal.append((0..20).map(|_| vec![7; 5000])).unwrap();
    let error = journal.wait_durable(Lsn(22)).unwrap_err().to_string();
    assert!(error.contains("cannot create") && error.contains(".seg"), "{error}");
    assert_eq!(journal.durable(), Lsn(5));
    assert!(matches!(journal.append([vec![]]), Err(Error::Failed(_))));
}

#[test]
fn a_panic_of_the_writer_fails_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let hook: Failpoint = Arc::new(|_| panic!("on purpose"));
    let failpoints = Failpoints { before_write: Some(hook), ..Failpoints::default() };
    let (journal, _) = try_open(dir.path(), Options { failpoints, ..small() }, 0).unwrap();
    journal.append([vec![1]]).unwrap();
    assert!(matches!(journal.wait_durable(Lsn(1)), Err(Error::Failed(_))));
    assert!(matches!(journal.close(), Err(Error::Failed(_))));
}

#[test]
fn an_appender_that_waits_for_room_learns_of_the_failure() {
    let dir = tempfile::tempdir().unwrap();
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let (reached, at_sync) = std::sync::mpsc::channel();
    let hook: Failpoint = Arc::new(move |_| {
        let _ = reached.send(());
        let _ = gate.lock().unwrap().recv();
        Err(io::Error::other("broken"))
    });
    let failpoints = Failpoints { before_sync: Some(hook), ..Failpoints::default() };
    let options = Options { failpoints, queue_bytes: 5000, ..small() };
    let (journal, _) = try_open(dir.path(), options, 0).unwrap();
    journal.append([vec![1; 5000]]).unwrap();
    at_sync.recv().unwrap();
    journal.append([vec![1; 5000]]).unwrap();
    assert!(journal.is_full());
    let (started, waits) = std::sync::mpsc::channel();
    let blocked = {
        let journal = journal.clone();
        std::thread::spawn(move || {
            started.send(()).unwrap();
            journal.append([vec![2; 5000]]).unwrap_err()
        })
    };
    waits.recv().unwrap();
    // Nothing tells that it sleeps on the queue by now; whether it does or not,
    // the answer must be the same.
    (0..1000).for_each(|_| std::thread::yield_now());
    drop(go);
    assert!(matches!(blocked.join().unwrap(), Error::Failed(_)));
}

#[test]
fn one_directory_has_one_journal() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let Err(Error::Locked { dir: named }) = try_open(dir.path(), small(), 0) else { panic!("opened twice") };
    assert_eq!(named, dir.path());
    assert!(matches!(super::super::cut(dir.path(), Lsn::ZERO), Err(Error::Locked { .. })));
    let kept_clone = journal.clone();
    journal.close().unwrap();
    open(dir.path());
    drop(kept_clone);
}

#[test]
fn an_oversize_frame_queues_nothing_of_its_batch() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let error = journal.append([vec![1], vec![2; 5001], vec![3]]).unwrap_err();
    assert!(matches!(error, Error::FrameTooLarge { bytes: 5001, limit: 5000 }));
    assert!(error.to_string().contains("journal.frame_bytes"));
    let error = journal.append((0..300).map(|_| vec![0; 5000])).unwrap_err();
    assert!(error.to_string().contains("journal.queue_bytes"), "{error}");
    assert_eq!(journal.last(), Lsn::ZERO);
    let range = journal.append([vec![2; 5000]]).unwrap();
    assert_eq!(range, Lsn(1)..=Lsn(1));
    journal.wait_durable(Lsn(1)).unwrap();
}

#[test]
fn contradicting_options_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let page = PAGE_BYTES as u64;
    let cases = [
        (Options { segment_bytes: 8 * page + 1, ..small() }, "journal.segment_bytes"),
        (Options { segment_bytes: 5 * page, ..small() }, "journal.segment_bytes"),
        (Options { group_bytes: 5003, ..small() }, "journal.group_bytes"),
        (Options { queue_bytes: 4999, ..small() }, "journal.queue_bytes"),
    ];
    for (options, name) in cases {
        let error = try_open(dir.path(), options, 0).unwrap_err();
        assert!(matches!(error, Error::Options(_)));
        assert!(error.to_string().starts_with(name), "{error}");
    }
    assert!(Options::default().validate().is_ok());
}
