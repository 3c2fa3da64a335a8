//! Damage: something proves that a bad place had been synced, so the journal is
//! refused with the place named, and no file is changed.

use super::*;
use crate::journal::{Fault, Proof, cut};

/// A closed journal of several segments.
fn several(dir: &Path) -> (Image, Vec<Found>) {
    written(dir, &[3, 14, 25, 9, 30, 1, 22, 30, 30]);
    let (files, found) = (image(dir), groups(dir));
    assert!(files.len() >= 3, "only {} segments", files.len());
    (files, found)
}

fn flip(whole: &Image, path: &Path, place: u64) {
    let mut bytes = whole[path].clone();
    bytes[place as usize] ^= 1 << (place % 8);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_bit_flipped_in_any_proved_group_is_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, mut found) = several(dir.path());
    let empty = found.pop().unwrap();
    assert_eq!(empty.header.count, 0);
    for group in &found {
        let header = group.offset..group.offset + 56;
        let payload = (header.end..group.end()).step_by(331);
        for place in header.chain(payload).chain([group.end() - 1]) {
            flip(&whole, &group.path, place);
            let damage = refused(dir.path(), 0);
            let named = (damage.segment.as_path(), damage.offset, damage.lsn);
            let expected = (group.path.as_path(), group.offset, group.header.first);
            assert_eq!(named, expected, "byte {place}: {damage}");
        }
        fs::write(&group.path, &whole[&group.path]).unwrap();
    }
}

#[test]
fn a_bit_flipped_in_a_used_segments_header_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, _) = several(dir.path());
    for (first, path) in segment::list(dir.path()).unwrap() {
        for place in (0..70).chain((70..PAGE_BYTES as u64).step_by(401)) {
            flip(&whole, &path, place);
            let damage = refused(dir.path(), 0);
            assert_eq!((damage.segment.as_path(), damage.offset), (path.as_path(), 0));
            assert_eq!((damage.lsn, damage.fault), (first, Fault::SegmentHeader));
        }
        fs::write(&path, &whole[&path]).unwrap();
    }
}

#[test]
fn the_message_names_file_byte_lsn_and_remedy() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[5, 7, 20]);
    let group = groups(dir.path())[1].clone();
    flip(&image(dir.path()), &group.path, group.offset + 70);
    let damage = refused(dir.path(), 0);
    let text = Error::Damaged(Box::new(damage.clone())).to_string();
    assert_eq!(damage.fault, Fault::Payload);
    assert!(matches!(damage.proof, Proof::LaterGroup { .. }));
    for part in ["00000000000000000001.seg", "byte 8192", "loss of LSN 6", "fishpond doctor repair --to NEW"] {
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
}

#[test]
fn evidence_of_the_store_makes_an_unfinished_write_damage() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[5, 7, 20]);
    let group = remove_proof(dir.path());
    let mut torn = image(dir.path());
    torn.get_mut(&group.path).unwrap()[group.end() as usize - 5000] ^= 1;
    restore(dir.path(), &torn);
    for evidence in [13, 20, 32, 1000] {
        let damage = refused(dir.path(), evidence);
        assert_eq!((damage.lsn, damage.offset), (Lsn(13), group.offset));
        assert_eq!(damage.proof, Proof::Store(Lsn(evidence)));
    }
    let (_, opened) = try_open(dir.path(), small(), 12).unwrap();
    assert_eq!(opened.last, Lsn(12));
}

#[test]
fn a_journal_that_ends_below_the_store_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let damage = refused(dir.path(), 1);
    assert_eq!((damage.lsn, damage.fault), (Lsn(1), Fault::NoSegment));
    written(dir.path(), &[5, 7]);
    let damage = refused(dir.path(), 13);
    assert_eq!((damage.lsn, damage.fault), (Lsn(13), Fault::NoGroup));
    assert_eq!(try_open(dir.path(), small(), 12).unwrap().1.last, Lsn(12));
}

#[test]
fn evidence_refuses_a_torn_segment_creation() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[5]);
    let torn = segment::path(dir.path(), Lsn(6));
    fs::write(&torn, []).unwrap();
    let damage = refused(dir.path(), 6);
    assert_eq!((damage.segment, damage.lsn), (torn, Lsn(6)));
    assert_eq!(try_open(dir.path(), small(), 5).unwrap().1.last, Lsn(5));
}

#[test]
fn a_missing_segment_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, found) = several(dir.path());
    let names: Vec<_> = whole.keys().cloned().collect();
    for missing in &names[..names.len() - 1] {
        fs::remove_file(missing).unwrap();
        let damage = refused(dir.path(), 0);
        let first = found.iter().find(|g| g.path == *missing).unwrap().header.first;
        assert_eq!(damage.lsn, first);
        assert!(matches!(damage.proof, Proof::LaterSegment(_)), "{damage}");
        restore(dir.path(), &whole);
    }
    fs::remove_file(names.last().unwrap()).unwrap();
    let lost = found.last().unwrap().header.durable.0;
    assert!(refused(dir.path(), lost).proof == Proof::Store(Lsn(lost)));
}

#[test]
fn a_wiped_middle_segment_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, found) = several(dir.path());
    let path = whole.keys().nth(1).unwrap();
    let first = found.iter().find(|g| g.path == *path).unwrap();
    let mut groups_gone = whole[path].clone();
    groups_gone[PAGE_BYTES..].fill(0);
    for (wiped, offset) in [(vec![], 0), (vec![0; whole[path].len()], 0), (groups_gone, first.offset)] {
        fs::write(path, wiped).unwrap();
        let damage = refused(dir.path(), 0);
        assert_eq!((&damage.segment, damage.offset, damage.lsn), (path, offset, first.header.first));
    }
}

#[test]
fn a_lost_empty_group_before_a_segment_border_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    journal.append([vec![1; 3000], vec![2; 3000]]).unwrap();
    journal.close().unwrap();
    // Each is a page, and another one for the empty group: the segment is full.
    written(dir.path(), &[1]);
    written(dir.path(), &[1]);
    assert_eq!(image(dir.path()).len(), 1);
    let empty = groups(dir.path()).pop().unwrap();
    assert_eq!((empty.header.count, empty.end()), (0, small().segment_bytes));
    written(dir.path(), &[1]);
    let mut bytes = fs::read(&empty.path).unwrap();
    bytes[empty.offset as usize..].fill(0);
    fs::write(&empty.path, bytes).unwrap();
    let damage = refused(dir.path(), 0);
    assert_eq!((damage.segment, damage.offset), (empty.path, empty.offset));
    assert_eq!((damage.lsn, damage.fault), (Lsn(5), Fault::NoGroup));
}

#[test]
fn a_shortened_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[5, 7, 20]);
    let group = remove_proof(dir.path());
    let whole = image(dir.path());
    for length in [group.end(), group.end() - 1, group.offset + 100, group.offset, 4097] {
        let mut short = whole.clone();
        short.get_mut(&group.path).unwrap().truncate(length as usize);
        restore(dir.path(), &short);
        let damage = refused(dir.path(), 0);
        assert_eq!(damage.proof, Proof::Order, "{length}: {damage}");
    }
}

#[test]
fn segments_of_another_journal_are_refused() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (whole, _) = several(dir.path());
    let (foreign, _) = several(other.path());
    let path = whole.keys().nth(1).unwrap();
    let name = path.file_name().unwrap();
    let theirs = foreign.keys().find(|p| p.file_name().unwrap() == name).unwrap();
    fs::write(path, &foreign[theirs]).unwrap();
    refused(dir.path(), 0);
    restore(dir.path(), &whole);
    let end = groups(dir.path()).pop().unwrap().header.first;
    let copied = segment::path(dir.path(), end);
    fs::copy(segment::path(dir.path(), Lsn(1)), &copied).unwrap();
    let damage = refused(dir.path(), 0);
    let named = (damage.segment, damage.offset, damage.fault);
    assert_eq!(named, (copied, 0, Fault::SegmentOrder));
    restore(dir.path(), &whole);
    let last = whole.keys().last().unwrap();
    let renamed = segment::path(dir.path(), Lsn(9_999));
    fs::rename(last, &renamed).unwrap();
    assert_eq!(refused(dir.path(), 0).proof, Proof::LaterSegment(renamed));
}

/// Same segment, same salt, same place, valid in itself: only the chain tells.
#[test]
fn a_group_of_another_past_is_not_taken() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[1]);
    let lives = |life: u8| {
        cut(dir.path(), Lsn(1)).unwrap();
        let (journal, _) = open(dir.path());
        for lsn in 2..=3 {
            journal.append([vec![life; 100]]).unwrap();
            journal.wait_durable(Lsn(lsn)).unwrap();
        }
        journal.close().unwrap();
        (image(dir.path()), groups(dir.path()))
    };
    let (old, _) = lives(1);
    let (mut files, found) = lives(2);
    let group = found.iter().find(|g| g.header.first == Lsn(3)).unwrap();
    let place = group.offset as usize..group.end() as usize;
    files.get_mut(&group.path).unwrap()[place.clone()].copy_from_slice(&old[&group.path][place]);
    restore(dir.path(), &files);
    let damage = refused(dir.path(), 0);
    assert_eq!((damage.lsn, damage.fault), (Lsn(3), Fault::Payload));
}

#[test]
fn another_format_version_is_named_not_called_damage() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[5]);
    let path = segment::path(dir.path(), Lsn(1));
    let mut bytes = fs::read(&path).unwrap();
    bytes[8..12].copy_from_slice(&7u32.to_le_bytes());
    bytes[16..24].fill(0);
    let sum = xxhash_rust::xxh3::xxh3_64(&bytes[..PAGE_BYTES]);
    bytes[16..24].copy_from_slice(&sum.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    let error = try_open(dir.path(), small(), 0).unwrap_err();
    assert!(matches!(error, Error::Version { found: 7, supported: 1, .. }));
    let text = error.to_string();
    assert!(text.contains("version 7") && text.contains("version 1"), "{text}");
}

#[test]
fn a_reader_verifies_what_it_reads() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    append_groups(&journal, 0, &[5, 7, 20]);
    let group = groups(dir.path())[1].clone();
    flip(&image(dir.path()), &group.path, group.offset + 200);
    let mut reader = journal.read_from(Lsn(1));
    let read: Vec<_> = reader.by_ref().collect();
    assert_eq!(read.len(), 6, "five frames and the error");
    let Some(Err(Error::Damaged(damage))) = read.into_iter().next_back() else { panic!("no damage reported") };
    assert_eq!((damage.offset, damage.lsn), (group.offset, Lsn(6)));
    assert!(reader.next().is_none(), "a broken reader stays at its end");
    assert_eq!(journal.read_from(Lsn(13)).count(), 20);
}
