//! Starting without reading everything: an index file is believed only where it
//! fits, and losing one costs time and nothing else.

use super::*;
use crate::journal::{Fault, Site};

fn options(verify_from: u64) -> Options {
    Options { verify_from: Lsn(verify_from), ..small() }
}

/// A closed journal of several segments: their first LSNs.
fn several(dir: &Path) -> Vec<Lsn> {
    let (journal, _) = open(dir);
    append_groups(&journal, 0, &[20; 12]);
    let firsts = firsts(&journal);
    journal.close().unwrap();
    assert!(firsts.len() >= 5, "only {firsts:?}");
    firsts
}

fn unread(dir: &Path, verify_from: u64) -> usize {
    let (journal, opened) = try_open(dir, options(verify_from), 0).unwrap();
    assert_eq!((opened.first, opened.last), (Lsn(1), Lsn(240)));
    assert_eq!(read_all(&journal), frames(0, 240));
    for lsn in [1, 100, 240] {
        assert_eq!(journal.read_from(Lsn(lsn)).next().unwrap().unwrap(), (Lsn(lsn), frame(0, lsn)));
    }
    opened.unread
}

fn index_files(dir: &Path) -> Vec<PathBuf> {
    all_files(dir).into_keys().filter(|p| p.extension().is_some_and(|e| e == "index")).collect()
}

#[test]
fn every_sealed_segment_has_an_index_file_when_the_journal_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let firsts = several(dir.path());
    let expected: Vec<_> = firsts[..firsts.len() - 1].iter().map(|l| segment::path(dir.path(), *l)).collect();
    assert_eq!(index_files(dir.path()), expected.iter().map(|p| segment::index_path(p)).collect::<Vec<_>>());
    let whole = all_files(dir.path());
    assert_eq!(unread(dir.path(), 1), 0);
    assert!(whole == all_files(dir.path()), "reading them found the same");
}

#[test]
fn segments_wholly_below_the_position_are_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let firsts = several(dir.path());
    for (n, first) in firsts.iter().enumerate() {
        assert_eq!(unread(dir.path(), first.0), n, "from {first:?}");
        assert_eq!(unread(dir.path(), first.0 + 1), n, "from behind {first:?}");
    }
    assert_eq!(unread(dir.path(), u64::MAX), firsts.len() - 1, "the last one is always read");
}

#[test]
fn damage_below_the_position_is_found_by_whoever_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let firsts = several(dir.path());
    let bad = groups(dir.path()).into_iter().find(|g| g.header.first >= firsts[1]).unwrap();
    let mut bytes = fs::read(&bad.path).unwrap();
    bytes[bad.offset as usize + 100] ^= 1;
    fs::write(&bad.path, bytes).unwrap();
    let found = refused(dir.path(), 0);
    assert_eq!((&found.segment, found.offset), (&bad.path, bad.offset));
    let inside = refused_with(dir.path(), options(firsts[2].0 - 1), 0);
    assert_eq!(inside, found, "a segment that reaches above the position is read");
    let (journal, opened) = try_open(dir.path(), options(firsts[2].0), 0).unwrap();
    assert_eq!(opened.unread, 2);
    let error = journal.read_from(Lsn(1)).find_map(Result::err).expect("the reader verifies");
    let Error::Damaged(found) = error else { panic!("{error}") };
    assert_eq!((found.segment, found.offset, found.fault), (bad.path, bad.offset, Fault::Payload));
    assert_eq!(journal.read_from(firsts[2]).filter(Result::is_ok).count() as u64, 241 - firsts[2].0);
}

#[test]
fn a_missing_or_bad_index_file_is_written_anew() {
    let dir = tempfile::tempdir().unwrap();
    let firsts = several(dir.path());
    let whole = all_files(dir.path());
    let (one, other) = (index_files(dir.path())[1].clone(), index_files(dir.path())[2].clone());
    let good = whole[&one].clone();
    let mut broken = vec![Vec::new(), good[..good.len() - 28].to_vec(), good[..10].to_vec(), whole[&other].clone()];
    broken.extend((0..good.len()).step_by(3).map(|place| {
        let mut bad = good.clone();
        bad[place] ^= 1 << (place % 8);
        bad
    }));
    fs::remove_file(&one).unwrap();
    for bad in broken {
        assert_eq!(unread(dir.path(), u64::MAX), firsts.len() - 2);
        assert!(whole == all_files(dir.path()), "it was not written anew");
        fs::write(&one, bad).unwrap();
    }
    assert_eq!(unread(dir.path(), u64::MAX), firsts.len() - 2);
    assert_eq!(unread(dir.path(), u64::MAX), firsts.len() - 1);
}

/// A good index file of a segment that is no longer what it was.
#[test]
fn an_index_file_that_does_not_fit_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let firsts = several(dir.path());
    let old = all_files(dir.path());
    crate::journal::cut(dir.path(), Lsn(firsts[1].0 + 10)).unwrap();
    assert_eq!(index_files(dir.path()).len(), 1, "a cut takes the index files along");
    let (journal, _) = open(dir.path());
    let first = journal.last().0 + 1;
    for lsn in first..=240 {
        append_one(&journal, lsn);
    }
    journal.close().unwrap();
    let now = all_files(dir.path());
    let stale: Vec<_> =
        index_files(dir.path()).into_iter().filter(|p| old.get(p).is_some_and(|o| *o != now[p])).collect();
    assert!(!stale.is_empty());
    stale.iter().for_each(|path| fs::write(path, &old[path]).unwrap());
    assert_eq!(unread(dir.path(), u64::MAX), index_files(dir.path()).len() - stale.len());
    assert!(now == all_files(dir.path()), "they were written anew");
}

fn append_one(journal: &Journal, lsn: u64) {
    let range = journal.append([frame(0, lsn)]).unwrap();
    journal.wait_durable(*range.end()).unwrap();
}

#[test]
fn headers_lengths_and_neighbours_are_checked_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let firsts = several(dir.path());
    let whole = image(dir.path());
    let all = options(u64::MAX);
    for first in &firsts[..firsts.len() - 1] {
        let path = segment::path(dir.path(), *first);
        let mut bad = whole[&path].clone();
        bad[30] ^= 1;
        fs::write(&path, &bad).unwrap();
        assert_eq!(refused_with(dir.path(), all.clone(), 0).fault, Fault::SegmentHeader);
        fs::remove_file(&path).unwrap();
        assert_eq!(refused_with(dir.path(), all.clone(), 0).lsn, *first);
        let used = groups_until(&whole, &path);
        fs::write(&path, &whole[&path][..used - 1]).unwrap();
        let found = refused_with(dir.path(), all.clone(), 0);
        assert_eq!((found.segment.as_path(), found.fault), (path.as_path(), Fault::Short));
        fs::write(&path, &whole[&path]).unwrap();
    }
}

/// Where the last group of a segment ends.
fn groups_until(whole: &Image, path: &Path) -> usize {
    let bytes = &whole[path];
    let pages = bytes.chunks(PAGE_BYTES).rposition(|page| page.iter().any(|b| *b != 0)).unwrap();
    (pages + 1) * PAGE_BYTES
}

#[test]
fn an_index_file_that_cannot_be_written_stops_nothing() {
    for site in [Site::IndexWrite, Site::IndexSync, Site::IndexRename, Site::IndexEntry] {
        let dir = tempfile::tempdir().unwrap();
        let failpoints = super::sites::failing_at(site);
        let (journal, _) = try_open(dir.path(), Options { failpoints: failpoints.clone(), ..small() }, 0).unwrap();
        append_groups(&journal, 0, &[20; 12]);
        let sealed = journal.segments().len() - 1;
        journal.close().unwrap();
        let there = index_files(dir.path()).len();
        assert_eq!(there, if site == Site::IndexEntry { sealed } else { 0 }, "{site:?}");
        assert!(all_files(dir.path()).into_keys().all(|p| p.extension().is_none_or(|e| e != "tmp")), "{site:?}");
        index_files(dir.path()).iter().for_each(|p| fs::remove_file(p).unwrap());
        let (journal, opened) = try_open(dir.path(), Options { failpoints, ..options(u64::MAX) }, 0).unwrap();
        assert_eq!((opened.unread, opened.last), (0, Lsn(240)), "{site:?}");
        append_groups(&journal, 0, &[1]);
        journal.close().unwrap();
        let (journal, _) = open(dir.path());
        assert_eq!(read_all(&journal), frames(0, 241));
        assert_eq!(index_files(dir.path()).len(), journal.segments().len() - 1);
    }
}
