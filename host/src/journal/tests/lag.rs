//! How far behind a position is: in bytes and in time, exact to the group.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::journal::Clock;

/// What `bytes_from` must answer, computed from the files.
fn expected(found: &[Found], lsn: u64) -> u64 {
    let Some(last) = found.iter().rposition(|g| g.header.count > 0) else { return 0 };
    let Some(at) = found[..=last].iter().position(|g| g.header.count > 0 && g.header.end() > Lsn(lsn)) else {
        return 0;
    };
    let mut bytes = 0;
    for (i, group) in found[at..=last].iter().enumerate() {
        let new_segment = i > 0 && found[at + i - 1].path != group.path;
        bytes += group.header.total_bytes() + if new_segment { PAGE_BYTES as u64 } else { 0 };
    }
    bytes
}

fn agree(journal: &Journal, dir: &Path, first: u64, last: u64) {
    let found = groups_from(dir, released_start(dir));
    for lsn in first..=last + 1 {
        assert_eq!(journal.bytes_from(Lsn(lsn)), expected(&found, lsn), "from {lsn}");
        let group = found.iter().find(|g| g.header.first <= Lsn(lsn) && Lsn(lsn) < g.header.end());
        assert_eq!(journal.written_at(Lsn(lsn)), group.map(|g| g.header.wall_ms), "at {lsn}");
    }
    assert_eq!(journal.bytes_from(Lsn(last + 1_000)), 0);
}

#[test]
fn bytes_and_time_of_a_position_are_those_of_its_group() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    assert_eq!((journal.bytes_from(Lsn(1)), journal.written_at(Lsn(1)), journal.first()), (0, None, Lsn(1)));
    journal.close().unwrap();
    let ms = AtomicU64::new(1_000);
    let clock = Clock(Arc::new(move || ms.fetch_add(7, Ordering::Relaxed)));
    let options = Options { clock, ..small() };
    let mut last = 0;
    // Several lives, so that there are empty groups in the middle.
    for sizes in [[3, 20, 20, 1], [20, 20, 20, 20], [1, 1, 20, 5]] {
        let (journal, _) = try_open(dir.path(), options.clone(), 0).unwrap();
        append_groups(&journal, 0, &sizes);
        last += sizes.iter().sum::<u64>();
        agree(&journal, dir.path(), 1, last);
        journal.close().unwrap();
    }
    for verify_from in [Lsn(1), Lsn(last + 1)] {
        let (journal, opened) = try_open(dir.path(), Options { verify_from, ..options.clone() }, 0).unwrap();
        assert_eq!(opened.unread > 0, verify_from > Lsn(1));
        agree(&journal, dir.path(), 1, last);
        if verify_from > Lsn(1) {
            let all = journal.bytes_from(Lsn(1));
            let first = journal.release(Lsn(60)).unwrap().first;
            assert!(first > Lsn(1));
            agree(&journal, dir.path(), first.0, last);
            assert_eq!(journal.bytes_from(Lsn(1)), journal.bytes_from(first), "what is gone is not counted");
            assert!(journal.bytes_from(first) < all);
            assert_eq!(journal.written_at(Lsn(1)), None);
        }
    }
}

#[test]
fn what_only_waits_is_not_counted() {
    let dir = tempfile::tempdir().unwrap();
    let (reached, at_sync) = std::sync::mpsc::channel();
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let hook: crate::journal::Failpoint = Arc::new(move |lsn| {
        let _ = reached.send(lsn);
        let _ = gate.lock().unwrap().recv();
        Ok(())
    });
    let failpoints = crate::journal::Failpoints { before_sync: Some(hook), ..Default::default() };
    let (journal, _) = try_open(dir.path(), Options { failpoints, ..small() }, 0).unwrap();
    // Dropped before the journal: a failed test must not wait for the held sync.
    let go = go;
    journal.append([vec![1; 100]]).unwrap();
    at_sync.recv().unwrap();
    assert_eq!((journal.bytes_from(Lsn(1)), journal.written_at(Lsn(1))), (0, None));
    drop(go);
    journal.wait_durable(Lsn(1)).unwrap();
    assert_eq!(journal.bytes_from(Lsn(1)), PAGE_BYTES as u64);
    assert!(journal.written_at(Lsn(1)).is_some());
}
