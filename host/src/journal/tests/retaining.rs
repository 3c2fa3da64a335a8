//! Retention: what is released is gone for good and said so, what is kept is
//! whole, and a crash anywhere in between is finished by the next open.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::journal::{Clock, Fault, Log, Proof, ReadError, SegmentInfo, cut, release_point, released};

/// An open journal of several segments, its last LSN and their first ones.
fn several(dir: &Path) -> (Journal, u64, Vec<Lsn>) {
    let (journal, _) = open(dir);
    append_groups(&journal, 0, &[20; 12]);
    let firsts = firsts(&journal);
    assert!(firsts.len() >= 5, "only {firsts:?}");
    (journal, 240, firsts)
}

#[test]
fn whole_sealed_segments_below_the_position_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, last, firsts) = several(dir.path());
    let bytes = journal.segments()[0].bytes;
    let done = journal.release(Lsn(firsts[1].0 - 1)).unwrap();
    assert_eq!((done.first, done.segments, done.bytes), (Lsn(1), 0, 0), "its last frame is not below");
    let done = journal.release(firsts[1]).unwrap();
    assert_eq!((done.first, done.segments, done.bytes), (firsts[1], 1, bytes));
    assert_eq!(image(dir.path()).len(), firsts.len() - 1);
    let done = journal.release(Lsn(u64::MAX)).unwrap();
    assert_eq!((done.first, done.segments), (*firsts.last().unwrap(), firsts.len() - 2), "the active one stays");
    let expected: Vec<_> = (done.first.0..=last).map(|l| frame(0, l)).collect();
    assert_eq!(read_kept(&journal, done.first), expected);
    append_groups(&journal, 0, &[20; 4]);
    journal.close().unwrap();
    let names: Vec<_> = all_files(dir.path()).into_keys().collect();
    assert!(names.iter().all(|n| !n.ends_with("00000000000000000001.index")), "{names:?}");
    let (journal, opened) = open(dir.path());
    assert_eq!((opened.first, opened.last), (done.first, Lsn(last + 80)));
    let expected: Vec<_> = (done.first.0..=last + 80).map(|l| frame(0, l)).collect();
    assert_eq!(read_kept(&journal, done.first), expected);
}

#[test]
fn a_journal_can_be_released_again_and_again() {
    let dir = tempfile::tempdir().unwrap();
    for life in 0..4 {
        let (journal, _) = open(dir.path());
        append_groups(&journal, 0, &[20; 8]);
        let first = journal.release(Lsn(life * 160 + 100)).unwrap().first;
        assert!(first > Lsn(life * 160), "{first:?}");
        assert_eq!(read_kept(&journal, first).last(), Some(&frame(0, life * 160 + 160)));
        journal.close().unwrap();
    }
}

#[test]
fn reading_below_the_first_position_is_an_error_that_names_both() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, last, firsts) = several(dir.path());
    let mut before = journal.read_from(Lsn(3));
    assert_eq!(before.next().unwrap().unwrap().0, Lsn(3));
    let first = journal.release(firsts[2]).unwrap().first;
    let mut reader = journal.read_from(Lsn::ZERO);
    let Some(Err(error)) = reader.next() else { panic!("read what is gone") };
    assert!(matches!(error, Error::Released { asked: Lsn(1), first: f } if f == first));
    let text = error.to_string();
    assert!(text.contains("LSN 1 ") && text.contains(&format!("below LSN {}", first.0)), "{text}");
    assert!(reader.next().is_none());
    // The group that a reader holds is still its own; the next one is gone.
    let error = before.find_map(Result::err).expect("the reader is told");
    assert!(matches!(error, Error::Released { first: f, .. } if f == first), "{error}");
    assert_eq!(journal.read_from(first).count() as u64, last + 1 - first.0);
    assert!(matches!(cut(&copied(&journal), Lsn(5)), Err(Error::Released { asked: Lsn(5), .. })));
}

/// A copy of a released journal, in a directory that outlives the test's.
fn copied(journal: &Journal) -> PathBuf {
    let to = tempfile::tempdir().unwrap().keep();
    journal.snapshot_files(&to, Lsn::ZERO, &mut |_| {}).unwrap();
    to
}

#[test]
fn a_follower_is_told_each_time_it_asks_for_what_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, last, firsts) = several(dir.path());
    let log = Log::new(journal, 1 << 20, 10);
    let first = log.release(firsts[2]).unwrap().first;
    assert_eq!((log.first(), log.bytes_from(Lsn(last + 1))), (first, 0));
    let mut follower = log.follow(Lsn(1));
    for _ in 0..2 {
        let error = follower.read(10, &mut Vec::new()).unwrap_err();
        assert!(matches!(error, ReadError::Journal(Error::Released { asked: Lsn(1), .. })), "{error}");
    }
    assert!(matches!(log.scan(Lsn(7)).next(), Some(Err(ReadError::Journal(Error::Released { .. })))));
}

#[test]
fn lost_first_segments_are_told_from_released_ones() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _, firsts) = several(dir.path());
    journal.close().unwrap();
    let whole = image(dir.path());
    fs::remove_file(segment::path(dir.path(), Lsn(1))).unwrap();
    let damage = refused(dir.path(), 0);
    assert_eq!((damage.lsn, damage.fault), (Lsn(1), Fault::NoSegment));
    assert!(damage.to_string().contains("`released`"), "{damage}");
    restore(dir.path(), &whole);

    let (journal, _) = open(dir.path());
    let first = journal.release(firsts[2]).unwrap().first;
    journal.close().unwrap();
    let kept = image(dir.path());
    fs::remove_file(segment::path(dir.path(), first)).unwrap();
    let damage = refused(dir.path(), 0);
    let expected = (segment::path(dir.path(), first), Fault::NoSegment, Proof::Released(first));
    assert_eq!((damage.segment, damage.fault, damage.proof), expected);
    kept.keys().filter(|p| p.exists()).for_each(|p| fs::remove_file(p).unwrap());
    let damage = refused(dir.path(), 0);
    assert_eq!((damage.lsn, damage.proof), (first, Proof::Released(first)), "no segment at all");
    restore(dir.path(), &kept);
    // A journal that begins later, and nothing says that it may.
    let names = released::path(dir.path());
    let bytes = fs::read(&names).unwrap();
    fs::remove_file(&names).unwrap();
    assert_eq!(refused(dir.path(), 0).fault, Fault::NoSegment);
    for place in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[place] ^= 1 << (place % 8);
        fs::write(&names, bad).unwrap();
        let damage = refused(dir.path(), 0);
        assert_eq!((damage.segment.as_path(), damage.fault), (names.as_path(), Fault::ReleasedFile));
    }
    fs::write(&names, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(refused(dir.path(), 0).proof, Proof::Renamed);
    fs::write(&names, &bytes).unwrap();
    assert_eq!(open(dir.path()).1.first, first);
}

#[test]
fn the_first_kept_segment_must_be_the_one_that_was_meant() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _, firsts) = several(dir.path());
    let first = journal.release(Lsn(u64::MAX)).unwrap().first;
    assert_eq!(first, *firsts.last().unwrap());
    journal.close().unwrap();
    let path = segment::path(dir.path(), first);
    let whole = fs::read(&path).unwrap();
    // As a creation that was not finished it would be cut; it was finished.
    for torn in [vec![], vec![0; whole.len()]] {
        fs::write(&path, torn).unwrap();
        let damage = refused(dir.path(), 0);
        assert_eq!((damage.fault, damage.proof), (Fault::SegmentHeader, Proof::Released(first)));
    }
    fs::write(&path, &whole).unwrap();
    // Another chain in front of it: a segment of another journal.
    let mut start = released::load(dir.path()).unwrap().unwrap();
    start.chain ^= 1;
    released::store(dir.path(), &start, &Default::default()).unwrap();
    refused(dir.path(), 0);
}

#[test]
fn a_crash_before_the_removal_is_finished_by_the_next_open() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, last, firsts) = several(dir.path());
    journal.close().unwrap();
    let whole = all_files(dir.path());
    let (journal, _) = open(dir.path());
    let first = journal.release(firsts[3]).unwrap().first;
    journal.close().unwrap();
    let oldest: Vec<_> = firsts[..3].iter().map(|l| segment::path(dir.path(), *l)).collect();
    let expected: Vec<_> = (first.0..=last).map(|l| frame(0, l)).collect();
    // Every set of the three may have been removed when the power failed.
    for gone in 0..8 {
        for (i, path) in oldest.iter().enumerate().filter(|(i, _)| gone & (1 << i) == 0) {
            fs::write(path, &whole[path]).unwrap();
            let index = segment::index_path(&oldest[i]);
            fs::write(&index, &whole[&index]).unwrap();
        }
        fs::write(dir.path().join("released.tmp"), b"half").unwrap();
        let (journal, opened) = open(dir.path());
        assert_eq!((opened.first, opened.last), (first, Lsn(last)));
        assert_eq!(opened.segments, firsts.len() - 3);
        assert_eq!(read_kept(&journal, first), expected);
        let left = all_files(dir.path());
        assert!(oldest.iter().all(|p| !left.contains_key(p) && !left.contains_key(&segment::index_path(p))));
        assert!(!left.contains_key(&dir.path().join("released.tmp")));
    }
}

#[test]
fn a_released_journal_can_be_cut_and_continued() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, last, firsts) = several(dir.path());
    let first = journal.release(firsts[2]).unwrap().first;
    journal.close().unwrap();
    for at in [last, first.0 + 30, first.0, first.0 - 1] {
        cut(dir.path(), Lsn(at)).unwrap();
        let (journal, opened) = try_open(dir.path(), small(), at).unwrap();
        let begins = if at < first.0 { Lsn::ZERO } else { first };
        assert_eq!((opened.first, opened.last), (begins, Lsn(at)));
        let expected: Vec<_> = (first.0..=at).map(|l| frame(0, l)).collect();
        assert_eq!(read_kept(&journal, first), expected);
    }
    let (journal, _) = open(dir.path());
    append_groups(&journal, 0, &[5]);
    let expected: Vec<_> = (first.0..first.0 + 5).map(|l| frame(0, l)).collect();
    assert_eq!(read_kept(&journal, first), expected);
    assert!(matches!(cut(dir.path(), Lsn(first.0 - 2)), Err(Error::Locked { .. })));
    journal.close().unwrap();
    assert!(matches!(cut(dir.path(), Lsn(first.0 - 2)), Err(Error::Released { .. })));
}

#[test]
fn times_go_on_behind_what_was_released() {
    let dir = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicU64::new(5_000));
    let clock = Clock(Arc::new({
        let now = now.clone();
        move || now.fetch_add(1, Ordering::Relaxed)
    }));
    let options = Options { clock, ..small() };
    let (journal, _) = try_open(dir.path(), options.clone(), 0).unwrap();
    append_groups(&journal, 0, &[20; 8]);
    let first = journal.release(Lsn(u64::MAX)).unwrap().first;
    assert_eq!(journal.position_at(0), first);
    let newest = journal.written_at(journal.last()).unwrap();
    journal.close().unwrap();
    // Only `released` knows the time before a segment without groups.
    cut(dir.path(), Lsn(first.0 - 1)).unwrap();
    now.store(1, Ordering::Relaxed);
    let (journal, _) = try_open(dir.path(), options, 0).unwrap();
    append_groups(&journal, 0, &[1]);
    let written = journal.written_at(first).unwrap();
    assert!((5_000..=newest).contains(&written), "{written} is not behind 5000");
}

#[test]
fn a_release_point_is_the_first_position_that_a_limit_keeps() {
    let of = |first: u64, ms: Option<u64>, sealed: bool| SegmentInfo {
        first: Lsn(first),
        last: Lsn(first + if ms.is_some() { 9 } else { 0 } - u64::from(ms.is_none())),
        bytes: 100,
        written_ms: ms.map(|ms| (ms - 50, ms)),
        sealed,
        chain: sealed.then_some(0),
    };
    let segments =
        [of(1, Some(1_000), true), of(11, Some(2_000), true), of(21, Some(3_000), true), of(31, None, false)];
    let point = |bytes, age| release_point(&segments, 10_000, bytes, age).0;
    assert_eq!(point(None, None), 1);
    for (bytes, kept) in [(400, 1), (399, 11), (300, 11), (299, 21), (100, 31), (0, 31)] {
        assert_eq!(point(Some(bytes), None), kept, "{bytes} bytes");
    }
    for (age, kept) in [(9_001, 1), (9_000, 11), (8_001, 11), (8_000, 21), (7_000, 31), (0, 31)] {
        assert_eq!(point(None, Some(age)), kept, "{age} ms");
    }
    assert_eq!((point(Some(300), Some(8_000)), point(Some(200), Some(9_000))), (21, 21), "the stricter one counts");
    assert_eq!(release_point(&segments, 500, None, Some(1)), Lsn(1), "a clock that was set back releases nothing");
    assert_eq!(release_point(&[], 0, Some(0), Some(0)), Lsn(1));
}

#[test]
fn segments_tell_what_they_hold() {
    let dir = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicU64::new(1_000));
    let clock = Clock(Arc::new({
        let now = now.clone();
        move || now.load(Ordering::Relaxed)
    }));
    let options = Options { clock, ..small() };
    let (journal, _) = try_open(dir.path(), options.clone(), 0).unwrap();
    for ms in 1..=12 {
        now.store(ms * 1_000, Ordering::Relaxed);
        append_groups(&journal, 0, &[20]);
    }
    let segments = journal.segments();
    let found = groups(dir.path());
    for (i, segment) in segments.iter().enumerate() {
        let path = segment::path(dir.path(), segment.first);
        let own: Vec<_> = found.iter().filter(|g| g.path == path).map(|g| &g.header).collect();
        let (first, last) = (own.first().unwrap(), own.last().unwrap());
        assert_eq!((segment.first, segment.last.next()), (first.first, last.end()));
        assert_eq!(segment.written_ms, Some((first.wall_ms, last.wall_ms)));
        assert_eq!(segment.bytes, fs::metadata(path).unwrap().len());
        assert_eq!(segment.sealed, i + 1 < segments.len());
    }
    let (one, two) = (&segments[1], &segments[2]);
    let age = 12_000 - one.written_ms.unwrap().1;
    assert_eq!(journal.release_point(None, Some(age)), two.first);
    let bytes = segments.iter().map(|s| s.bytes).sum::<u64>();
    assert_eq!(journal.release_point(Some(bytes - 1), None), one.first);
    journal.close().unwrap();
    let options = Options { verify_from: Lsn(241), ..options };
    let (journal, opened) = try_open(dir.path(), options, 0).unwrap();
    assert_eq!((journal.segments(), opened.unread), (segments.clone(), segments.len() - 1));
}
