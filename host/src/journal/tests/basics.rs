//! What the journal promises while nothing goes wrong.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::journal::{Clock, Failpoints, Health, Progress};

#[test]
fn frames_come_back_in_order_over_several_segments_and_restarts() {
    let dir = tempfile::tempdir().unwrap();
    for life in 0..3 {
        let (journal, opened) = open(dir.path());
        assert_eq!(opened.last, Lsn(life * 120));
        assert_eq!(opened.cut, None);
        append_groups(&journal, 0, &[1, 9, 30, 2, 60, 18]);
        assert_eq!(read_all(&journal), frames(0, (life + 1) * 120));
        journal.close().unwrap();
    }
    let (journal, opened) = open(dir.path());
    let files = image(dir.path());
    assert!(files.len() > 3, "only {} segments", files.len());
    assert_eq!((opened.first, opened.last), (Lsn(1), Lsn(360)));
    assert_eq!(opened.segments, files.len());
    assert_eq!(opened.bytes, files.values().map(|f| f.len() as u64).sum::<u64>());
    assert_eq!(read_all(&journal), frames(0, 360));
    for from in [2, 200, 360] {
        let read: Vec<_> = journal.read_from(Lsn(from)).map(Result::unwrap).collect();
        let expected: Vec<_> = (from..=360).map(|l| (Lsn(l), frame(0, l))).collect();
        assert!(read == expected, "from {from}");
    }
}

#[test]
fn an_empty_journal_has_no_first_and_no_frames() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, opened) = open(dir.path());
    assert_eq!((opened.first, opened.last, opened.segments), (Lsn::ZERO, Lsn::ZERO, 1));
    assert_eq!((journal.durable(), journal.last()), (Lsn::ZERO, Lsn::ZERO));
    assert!(journal.read_from(Lsn(1)).next().is_none());
    assert!(journal.append([]).unwrap().is_empty());
    let one = journal.append([Vec::new()]).unwrap();
    assert_eq!(one, Lsn(1)..=Lsn(1));
    journal.wait_durable(Lsn(1)).unwrap();
    assert_eq!(read_all(&journal), vec![Vec::<u8>::new()]);
}

#[test]
fn concurrent_appenders_share_one_order() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let threads: Vec<_> = (0..4u8)
        .map(|thread| {
            let journal = journal.clone();
            thread::spawn(move || {
                let mut given = Vec::new();
                for seq in 0..150u8 {
                    let frames = (0..3u8).map(|part| vec![thread, seq, part]);
                    let range = journal.append(frames).unwrap();
                    given.push((*range.start(), vec![thread, seq, 0]));
                }
                given
            })
        })
        .collect();
    let given: Vec<_> = threads.into_iter().flat_map(|t| t.join().unwrap()).collect();
    assert_eq!(journal.last(), Lsn(4 * 150 * 3));
    journal.wait_durable(journal.last()).unwrap();
    let read = read_all(&journal);
    for (first, frame) in given {
        let at = first.0 as usize - 1;
        for part in 0..3 {
            assert_eq!(read[at + part], vec![frame[0], frame[1], part as u8]);
        }
    }
}

#[test]
fn code_under_the_append_lock_sees_positions_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let tail = Arc::new(Mutex::new(Vec::new()));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (journal, tail) = (journal.clone(), tail.clone());
            thread::spawn(move || {
                for _ in 0..100 {
                    let mut batch = journal.begin().unwrap();
                    let mut tail = tail.lock().unwrap();
                    for _ in 0..2 {
                        let next = batch.next_lsn();
                        tail.push(next);
                        assert_eq!(batch.push(frame(0, next.0)).unwrap(), next);
                    }
                    batch.commit();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    let expected: Vec<_> = (1..=600).map(Lsn).collect();
    assert_eq!(*tail.lock().unwrap(), expected);
    journal.wait_durable(Lsn(600)).unwrap();
    assert_eq!(read_all(&journal), frames(0, 600));
    let mut dropped = journal.begin().unwrap();
    dropped.push(vec![1]).unwrap();
    drop(dropped);
    assert_eq!(journal.last(), Lsn(600));
}

/// A sync that waits until the test lets it go.
fn held_sync() -> (Options, mpsc::Receiver<Lsn>, mpsc::Sender<()>) {
    let (reached, at_sync) = mpsc::channel();
    let (go, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let before_sync = Arc::new(move |lsn| {
        let _ = reached.send(lsn);
        // A dropped sender lets everything pass.
        let _ = gate.lock().unwrap().recv();
        Ok(())
    });
    let failpoints = Failpoints { before_sync: Some(before_sync), ..Failpoints::default() };
    (Options { failpoints, ..small() }, at_sync, go)
}

#[test]
fn nothing_is_durable_before_its_sync() {
    let dir = tempfile::tempdir().unwrap();
    let (options, at_sync, go) = held_sync();
    let (journal, _) = try_open(dir.path(), options, 0).unwrap();
    let watch = journal.watch();
    journal.append([frame(0, 1)]).unwrap();
    assert_eq!(at_sync.recv().unwrap(), Lsn(1));
    journal.append([frame(0, 2), frame(0, 3)]).unwrap();
    assert_eq!((journal.durable(), journal.last()), (Lsn::ZERO, Lsn(3)));
    assert!(journal.read_from(Lsn(1)).next().is_none());
    let waiter = {
        let journal = journal.clone();
        thread::spawn(move || journal.wait_durable(Lsn(1)).map(|()| journal.durable()))
    };
    go.send(()).unwrap();
    assert_eq!(waiter.join().unwrap().unwrap(), Lsn(1));
    assert_eq!(at_sync.recv().unwrap(), Lsn(3), "what came meanwhile is one group");
    assert_eq!(journal.durable(), Lsn(1));
    assert_eq!(watch.borrow().lsn, Lsn(1));
    drop(go);
    journal.wait_durable(Lsn(3)).unwrap();
    assert_eq!(watch.borrow().lsn, Lsn(3));
    let stats = journal.stats();
    assert_eq!((stats.syncs, stats.groups, stats.frames), (2, 2, 3));
    assert_eq!(stats.commit_latency.count(), 2);
    assert_eq!(stats.bytes, 2 * PAGE_BYTES as u64);
}

#[test]
fn a_full_queue_refuses_or_blocks_until_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let (options, at_sync, go) = held_sync();
    let options = Options { queue_bytes: 5000, ..options };
    let (journal, _) = try_open(dir.path(), options, 0).unwrap();
    journal.append([vec![1]]).unwrap();
    at_sync.recv().unwrap();
    assert!(!journal.is_full());
    journal.append([vec![2; 5000]]).unwrap();
    assert!(journal.is_full());
    assert!(matches!(journal.try_begin(), Err(Error::Full { limit: 5000 })));
    assert!(journal.stats().queue_bytes >= 5000);
    let blocked = {
        let journal = journal.clone();
        thread::spawn(move || journal.append([vec![3]]))
    };
    drop(go);
    assert_eq!(blocked.join().unwrap().unwrap(), Lsn(3)..=Lsn(3));
    journal.wait_durable(Lsn(3)).unwrap();
    assert!(!journal.is_full());
}

#[test]
fn a_reader_follows_a_writer() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let writer = {
        let journal = journal.clone();
        thread::spawn(move || {
            for lsn in 1..=1500 {
                journal.append([frame(0, lsn)]).unwrap();
            }
        })
    };
    let mut reader = journal.read_from(Lsn(1));
    while reader.position() <= Lsn(1500) {
        let (lsn, bytes) = match reader.next() {
            Some(read) => read.unwrap(),
            None => {
                journal.wait_durable(reader.position()).unwrap();
                continue;
            }
        };
        assert_eq!(lsn.next(), reader.position());
        assert_eq!(bytes, frame(0, lsn.0));
        assert!(lsn <= journal.durable());
    }
    writer.join().unwrap();
}

#[test]
fn idle_proves_the_last_group_once() {
    let dir = tempfile::tempdir().unwrap();
    let (options, at_sync, go) = held_sync();
    let options = Options { idle_after: Duration::ZERO, ..options };
    let (journal, _) = try_open(dir.path(), options, 0).unwrap();
    for lsn in 1..=2 {
        journal.append([frame(0, lsn)]).unwrap();
        assert_eq!(at_sync.recv().unwrap(), Lsn(lsn));
        go.send(()).unwrap();
        assert_eq!(at_sync.recv().unwrap(), Lsn(lsn), "the empty group");
        go.send(()).unwrap();
    }
    journal.close().unwrap();
    assert!(at_sync.try_recv().is_err(), "an empty group was written twice");
    let found: Vec<_> = groups(dir.path()).into_iter().map(|g| g.header).collect();
    let shape: Vec<_> = found.iter().map(|g| (g.first.0, g.count, g.durable.0)).collect();
    assert_eq!(shape, [(1, 1, 0), (2, 0, 1), (2, 1, 1), (3, 0, 2)]);
    // Opening a proved journal adds nothing.
    open(dir.path()).0.close().unwrap();
    assert_eq!(groups(dir.path()).len(), 4);
}

#[test]
fn a_large_queue_is_split_at_frame_borders() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let large: Vec<_> = (0..40).map(|i| vec![i; 4000]).collect();
    journal.append(large.clone()).unwrap();
    journal.wait_durable(Lsn(40)).unwrap();
    assert_eq!(read_all(&journal), large);
    journal.close().unwrap();
    let counts: Vec<_> = groups(dir.path()).iter().map(|g| g.header.count).collect();
    assert_eq!(counts, [4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 0]);
}

#[test]
fn time_finds_the_first_group_at_or_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicU64::new(0));
    let clock = Clock(Arc::new({
        let now = now.clone();
        move || now.load(Ordering::Relaxed)
    }));
    let options = Options { clock, ..small() };
    let (journal, _) = try_open(dir.path(), options.clone(), 0).unwrap();
    for (ms, size) in [(1000, 2), (2000, 3), (1500, 1), (3000, 1)] {
        now.store(ms, Ordering::Relaxed);
        append_groups(&journal, 0, &[size]);
    }
    let expect = |journal: &Journal| {
        for (ms, lsn) in [(0, 1), (1000, 1), (1001, 3), (2000, 3), (2001, 7), (3001, 8)] {
            assert_eq!(journal.position_at(ms), Lsn(lsn), "at {ms} ms");
        }
    };
    expect(&journal);
    journal.close().unwrap();
    expect(&try_open(dir.path(), options, 0).unwrap().0);
}

#[test]
fn a_commit_waits_for_its_delay() {
    let dir = tempfile::tempdir().unwrap();
    let delay = Duration::from_millis(60);
    let (journal, _) = try_open(dir.path(), Options { commit_delay: delay, ..small() }, 0).unwrap();
    let begun = Instant::now();
    append_groups(&journal, 0, &[1, 1]);
    assert!(begun.elapsed() >= 2 * delay, "{:?} for two groups", begun.elapsed());
    assert_eq!(read_all(&journal), frames(0, 2));
}

#[test]
fn an_open_reports_its_progress() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[30, 30, 30, 30]);
    let bytes_total = image(dir.path()).values().map(|f| f.len() as u64).sum();
    let mut seen = vec![Progress { bytes_done: 0, bytes_total }];
    Journal::open(dir.path(), small(), Lsn::ZERO, &mut |p| seen.push(p)).unwrap();
    assert!(seen.is_sorted_by_key(|p| p.bytes_done));
    assert!(seen.len() > 5 && seen.iter().all(|p| p.bytes_total == bytes_total));
    assert_eq!(seen.last().unwrap().bytes_done, bytes_total);
}

#[test]
fn close_makes_what_is_queued_durable_and_ends_every_clone() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let clone = journal.clone();
    journal.append((1..=200).map(|l| frame(0, l))).unwrap();
    journal.close().unwrap();
    assert_eq!((clone.durable(), clone.health()), (Lsn(200), Health::Closed));
    assert!(matches!(clone.append([vec![]]), Err(Error::Closed)));
    assert!(matches!(clone.wait_durable(Lsn(201)), Err(Error::Closed)));
    clone.wait_durable(Lsn(200)).unwrap();
    assert_eq!(read_all(&clone), frames(0, 200));
    assert_eq!(open(dir.path()).1.last, Lsn(200));
}

#[test]
fn dropping_the_last_clone_closes_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let (options, at_sync, go) = held_sync();
    let (journal, _) = try_open(dir.path(), options, 0).unwrap();
    journal.append([frame(0, 1)]).unwrap();
    at_sync.recv().unwrap();
    journal.append([frame(0, 2)]).unwrap();
    let dropping = thread::spawn(move || drop(journal));
    (0..1000).for_each(|_| thread::yield_now());
    assert!(!dropping.is_finished(), "dropped without waiting");
    drop(go);
    dropping.join().unwrap();
    assert_eq!(open(dir.path()).1.last, Lsn(2));
}
