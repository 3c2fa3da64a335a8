//! The cut tool: exact to the frame, and fit to be opened and continued.

use super::*;
use crate::journal::cut;

#[test]
fn a_journal_can_be_cut_at_every_lsn() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[3, 14, 25, 9, 30, 1, 22, 30]);
    let whole = image(dir.path());
    assert!(whole.len() >= 3);
    for last in 0..=134 {
        restore(dir.path(), &whole);
        let done = cut(dir.path(), Lsn(last)).unwrap();
        assert_eq!(done.lsn, Lsn(last + 1));
        assert!(last == 134 || done.bytes > 0);
        let (journal, opened) = try_open(dir.path(), small(), last).unwrap();
        assert_eq!((opened.last, opened.cut), (Lsn(last), None));
        assert_eq!(read_all(&journal), frames(0, last));
        if last % 9 > 0 {
            continue;
        }
        append_groups(&journal, 1, &[2]);
        journal.close().unwrap();
        let (journal, _) = open(dir.path());
        let kept = read_all(&journal);
        assert_eq!(kept.len() as u64, last + 2);
        assert_eq!(kept.last().unwrap(), &frame(1, last + 2));
    }
}

#[test]
fn a_cut_leaves_no_proof_of_what_was_lost() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[3, 14, 25]);
    cut(dir.path(), Lsn(10)).unwrap();
    let found = groups(dir.path());
    let shape: Vec<_> = found.iter().map(|g| (g.header.first.0, g.header.count)).collect();
    assert_eq!(shape, [(1, 3), (4, 7)]);
    let bytes = fs::read(&found[1].path).unwrap();
    assert!(bytes[found[1].end() as usize..].iter().all(|b| *b == 0));
}

#[test]
fn a_cut_above_the_end_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(cut(dir.path(), Lsn::ZERO).unwrap().bytes, 0);
    written(dir.path(), &[3, 14]);
    let whole = image(dir.path());
    let error = cut(dir.path(), Lsn(18)).unwrap_err();
    assert!(matches!(error, Error::Beyond { asked: Lsn(18), end: Lsn(17) }));
    assert!(whole == image(dir.path()));
}

#[test]
fn a_damaged_end_can_be_given_up() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[3, 14, 25, 30, 30, 30, 30]);
    let whole = image(dir.path());
    let bad = &groups(dir.path())[2];
    let mut bytes = whole[&bad.path].clone();
    bytes[bad.offset as usize + 300] ^= 1;
    fs::write(&bad.path, bytes).unwrap();
    assert_eq!(refused(dir.path(), 0).lsn, Lsn(18));
    let before = image(dir.path());
    let Err(Error::Damaged(damage)) = cut(dir.path(), Lsn(18)) else { panic!("cut above") };
    assert_eq!((damage.lsn, damage.offset), (Lsn(18), bad.offset));
    assert!(before == image(dir.path()));
    cut(dir.path(), Lsn(17)).unwrap();
    let (journal, opened) = open(dir.path());
    assert_eq!((opened.last, opened.segments), (Lsn(17), 1));
    append_groups(&journal, 0, &[30, 30]);
    assert_eq!(read_all(&journal), frames(0, 77));
}

#[test]
fn what_is_kept_must_be_whole() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[5, 7, 20]);
    let bad = &groups(dir.path())[1];
    let mut damaged = image(dir.path());
    damaged.get_mut(&bad.path).unwrap()[bad.offset as usize + 300] ^= 1;
    restore(dir.path(), &damaged);
    for last in [6, 12, 32, 99] {
        let Err(Error::Damaged(damage)) = cut(dir.path(), Lsn(last)) else { panic!("cut at {last}") };
        assert_eq!((damage.lsn, damage.offset), (Lsn(6), bad.offset));
        assert!(damaged == image(dir.path()));
    }
}

#[test]
fn a_shortened_file_gets_its_length_back() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[3, 14]);
    let last = remove_proof(dir.path());
    let full = fs::metadata(&last.path).unwrap().len();
    let mut short = image(dir.path());
    short.get_mut(&last.path).unwrap().truncate(last.end() as usize - 1);
    restore(dir.path(), &short);
    cut(dir.path(), Lsn(3)).unwrap();
    assert_eq!(fs::metadata(&last.path).unwrap().len(), full);
    assert_eq!(open(dir.path()).1.last, Lsn(3));
}
