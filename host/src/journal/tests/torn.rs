//! Unfinished writes: nothing proves that they were synced, so they are cut off
//! and the journal goes on.

use super::*;
use crate::journal::Cut;

/// Opens, expects the end at `last` and a cut there, appends, and opens again.
fn cut_and_continued(dir: &Path, last: u64, at: Option<(&Path, u64)>) -> Cut {
    let (journal, opened) = open(dir);
    assert_eq!(opened.last, Lsn(last));
    let cut = opened.cut.expect("a cut");
    assert_eq!(cut.lsn, Lsn(last + 1));
    if let Some((path, offset)) = at {
        assert_eq!((cut.segment.as_path(), cut.offset), (path, offset));
    }
    journal.close().expect("close");
    let (journal, opened) = open(dir);
    assert_eq!((opened.last, opened.cut), (Lsn(last), None), "something was left");
    append_groups(&journal, 0, &[2, 40]);
    journal.close().expect("close");
    let (journal, opened) = try_open(dir, small(), last + 42).expect("opens again");
    assert_eq!((opened.last, opened.cut), (Lsn(last + 42), None));
    assert_eq!(read_all(&journal), frames(0, last + 42));
    cut
}

/// Bytes of the last group at which it is torn: all of the header, then steps.
fn places(group: &Found) -> impl Iterator<Item = u64> {
    let (start, end) = (group.offset, group.end());
    (start..start + 60).step_by(5).chain((start + 60..end).step_by(1021)).chain([end - 1])
}

#[test]
fn a_group_torn_at_any_byte_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[5, 7, 20]);
    let group = remove_proof(dir.path());
    assert!(group.header.total_bytes() >= 3 * PAGE_BYTES as u64);
    let whole = image(dir.path());
    let mut rng = fastrand::Rng::with_seed(7);
    for place in places(&group) {
        for noise in [false, true] {
            let mut torn = whole.clone();
            let bytes = torn.get_mut(&group.path).unwrap();
            for byte in &mut bytes[place as usize..group.end() as usize] {
                *byte = if noise { rng.u8(..) } else { 0 };
            }
            if torn == whole {
                continue;
            }
            restore(dir.path(), &torn);
            if place == group.offset && !noise {
                let (_, opened) = open(dir.path());
                assert_eq!((opened.last, opened.cut), (Lsn(12), None), "nothing was written");
                continue;
            }
            cut_and_continued(dir.path(), 12, Some((&group.path, group.offset)));
        }
    }
}

#[test]
fn lost_pages_in_the_middle_or_the_front_are_cut() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[5, 7, 20]);
    let group = remove_proof(dir.path());
    let whole = image(dir.path());
    for page in 0..group.header.total_bytes() / PAGE_BYTES as u64 {
        let start = (group.offset + page * PAGE_BYTES as u64) as usize;
        let mut torn = whole.clone();
        torn.get_mut(&group.path).unwrap()[start..start + PAGE_BYTES].fill(0);
        restore(dir.path(), &torn);
        cut_and_continued(dir.path(), 12, Some((&group.path, group.offset)));
    }
}

#[test]
fn a_bit_flipped_above_the_proved_mark_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[5, 7, 20]);
    let group = remove_proof(dir.path());
    let whole = image(dir.path());
    for place in places(&group) {
        let mut torn = whole.clone();
        torn.get_mut(&group.path).unwrap()[place as usize] ^= 1 << (place % 8);
        restore(dir.path(), &torn);
        cut_and_continued(dir.path(), 12, Some((&group.path, group.offset)));
    }
}

#[test]
fn a_torn_empty_group_costs_nothing_but_is_written_again() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[5, 7]);
    let empty = groups(dir.path()).pop().unwrap();
    let mut torn = image(dir.path());
    torn.get_mut(&empty.path).unwrap()[empty.offset as usize + 20] ^= 4;
    restore(dir.path(), &torn);
    let (journal, opened) = open(dir.path());
    assert_eq!((opened.last, opened.cut.unwrap().offset), (Lsn(12), empty.offset));
    journal.close().unwrap();
    assert_eq!(groups(dir.path()).pop().unwrap().header.count, 0);
}

#[test]
fn an_unproved_end_is_proved_by_opening() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[5, 7]);
    let last = remove_proof(dir.path());
    open(dir.path()).0.close().unwrap();
    let found = groups(dir.path());
    assert_eq!(found.len(), 3);
    assert_eq!((found[2].header.count, found[2].header.durable), (0, Lsn(12)));
    let mut bad = image(dir.path());
    bad.get_mut(&last.path).unwrap()[last.offset as usize + 100] ^= 1;
    restore(dir.path(), &bad);
    assert_eq!(refused(dir.path(), 0).lsn, last.header.first);
}

/// Several segments, the last of them with only its header.
fn fresh_segment(dir: &Path) -> (PathBuf, Image, u64) {
    written(dir, &[30; 8]);
    let mut files = image(dir);
    let (path, bytes) = files.pop_last().unwrap();
    let groups_in_it: Vec<_> = groups(dir).into_iter().filter(|g| g.path == path).collect();
    let last = groups_in_it[0].header.first.0 - 1;
    let mut header_only = vec![0; bytes.len()];
    header_only[..PAGE_BYTES].copy_from_slice(&bytes[..PAGE_BYTES]);
    files.insert(path.clone(), header_only);
    restore(dir, &files);
    (path, files, last)
}

#[test]
fn a_torn_segment_creation_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let (path, fresh, last) = fresh_segment(dir.path());
    assert!(last > 100);
    let whole = fresh[&path].clone();
    let mut half = whole.clone();
    half[30..].fill(0);
    let zeros = vec![0; whole.len()];
    for torn in [vec![], vec![0; 100], whole[..100].to_vec(), zeros[..8192].to_vec(), zeros, half] {
        let mut files = fresh.clone();
        files.insert(path.clone(), torn);
        restore(dir.path(), &files);
        let cut = cut_and_continued(dir.path(), last, Some((&path, 0)));
        assert_eq!(cut.bytes, files[&path].len() as u64);
    }
}

#[test]
fn a_segment_with_a_header_only_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let (path, fresh, last) = fresh_segment(dir.path());
    for length in [PAGE_BYTES, 2 * PAGE_BYTES, fresh[&path].len()] {
        let mut files = fresh.clone();
        files.get_mut(&path).unwrap().truncate(length);
        restore(dir.path(), &files);
        let (journal, opened) = open(dir.path());
        assert_eq!((opened.last, opened.cut), (Lsn(last), None));
        append_groups(&journal, 0, &[2]);
        journal.close().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), fresh[&path].len() as u64);
        assert_eq!(read_all(&open(dir.path()).0), frames(0, last + 2));
    }
}

#[test]
fn a_torn_creation_of_the_first_segment_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    for torn in [vec![], vec![0; 65536], b"fishpond".to_vec()] {
        fs::write(segment::path(dir.path(), Lsn(1)), torn).unwrap();
        let (journal, opened) = open(dir.path());
        assert_eq!((opened.last, opened.segments), (Lsn::ZERO, 1));
        assert_eq!(opened.cut.unwrap().lsn, Lsn(1));
        append_groups(&journal, 0, &[3]);
        assert_eq!(read_all(&journal), frames(0, 3));
    }
}

#[test]
fn other_files_in_the_directory_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[3]);
    for name in ["7.seg", "notes.txt", "00000000000000000002.seg.bak"] {
        fs::write(dir.path().join(name), b"mine").unwrap();
    }
    assert_eq!(open(dir.path()).1.last, Lsn(3));
    assert_eq!(fs::read(dir.path().join("7.seg")).unwrap(), b"mine");
}
