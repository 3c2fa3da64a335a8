//! What sled cannot read is said with the folder and the remedy, and is never an empty answer.
//!
//! sled notices damage in pages that it knew of at its last start. In what it has written since then a start may take
//! damage for an unfinished write, and older rows come back: see ARCHITECTURE.md.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::FileExt;
use std::sync::Mutex;

use super::*;
use crate::tasks::patiently;

const ROWS: u64 = 4_000;

fn wide(number: u64) -> Vec<u8> {
    format!("{number}.").repeat(100).into_bytes()
}

/// A closed store of one directory, in which every row was written twice.
fn filled() -> tempfile::TempDir {
    let folder = folder();
    let store = open(folder.path(), 1);
    store.write(&rows(ROWS)).expect("written");
    let rows: Vec<Row> = rows(ROWS).into_iter().zip(0..).map(|(row, n)| Row { bytes: Some(wide(n)), ..row }).collect();
    rows.chunks(500).for_each(|rows| store.write(rows).expect("written"));
    folder
}

/// A copy of the only directory of a store with one bit flipped at this part of twenty.
fn damaged(whole: &Path, part: u64) -> tempfile::TempDir {
    let copy = folder();
    super::layout::copy(whole, copy.path());
    let database = copy.path().join("0/db");
    let bytes = std::fs::read(&database).expect("a file");
    let written = bytes.iter().rposition(|byte| *byte != 0).expect("it is not empty") as u64;
    let at = written * part / 20;
    let file = OpenOptions::new().write(true).open(&database).expect("a file");
    file.write_all_at(&[bytes[at as usize] ^ 0x10], at).expect("a byte");
    copy
}

fn is_corrupt(error: &Error) {
    let text = error.to_string();
    assert!(matches!(error, Error::Corrupt { folder, .. } if folder.ends_with("0")), "{text}");
    assert!(text.contains("fishpond doctor") && text.contains("/0 is damaged"), "{text}");
}

#[test]
fn damaged_pages_are_told_and_no_row_is_lost_in_silence() {
    let whole = filled();
    // A second start writes down where the pages are.
    drop(open(whole.path(), 1));
    let mut told = 0;
    for part in 1..20 {
        let copy = damaged(whole.path(), part);
        let store = match Store::open(copy.path(), 1, CACHE) {
            Ok(store) => store,
            Err(error) => {
                is_corrupt(&error);
                continue;
            }
        };
        let unread = (0..ROWS).find(|number| match store.get(&key(*number)) {
            Ok(bytes) => {
                assert!(bytes == Some(wide(*number)), "row {number} is another one, part {part}");
                false
            }
            Err(error) => {
                is_corrupt(&error);
                true
            }
        });
        let checked = store.check(|_, _| Ok(()));
        assert_eq!(unread.is_some(), checked.is_err(), "part {part}: {checked:?}");
        if let Err(error) = checked {
            is_corrupt(&error);
            let copied = store.dump(&mut Vec::new(), Stamp { position: Lsn::ZERO, time_ms: 0 }, |_| {});
            assert!(matches!(copied, Err(DumpError::Store(Error::Corrupt { .. }))), "{copied:?}");
            told += 1;
        }
    }
    assert!(told > 0, "no flipped bit was met while reading: the test is about nothing");
}

#[test]
fn damage_that_makes_sled_panic_is_an_error_like_any_other() {
    let whole = filled();
    let opened = |part| Store::open(damaged(whole.path(), part).path(), 1, CACHE).err();
    let errors: Vec<Error> = (1..20).filter_map(opened).collect();
    errors.iter().for_each(is_corrupt);
    let panicked = errors.iter().any(|error| error.to_string().contains("sled gave up"));
    assert!(panicked, "sled does not panic any more: the test is about nothing");
}

/// Databases are opened side by side, and each of them may panic.
#[test]
fn damage_in_two_directories_that_makes_sled_panic_is_an_error_as_well() {
    let whole = filled();
    let panics = |part: &u64| {
        let error = Store::open(damaged(whole.path(), *part).path(), 1, CACHE).err();
        error.is_some_and(|error| error.to_string().contains("sled gave up"))
    };
    let part = (1..20).find(panics).expect("sled does not panic any more: the test is about nothing");
    let copy = damaged(whole.path(), part);
    super::layout::copy(&copy.path().join("0"), &copy.path().join("1"));
    is_corrupt(&refused(copy.path()));
}

/// A crash while sled writes its snapshot leaves half of it under a name that sled itself takes for a snapshot.
#[test]
fn an_unfinished_snapshot_is_no_damage() {
    let whole = filled();
    drop(open(whole.path(), 1));
    let unfinished = whole.path().join("0/snap.FFFFFFFFFFFFFFFF.generating");
    std::fs::write(&unfinished, [7; 100]).expect("a file");
    let store = open(whole.path(), 1);
    assert_eq!(stored(&store, 1).map(String::into_bytes), Some(wide(1)));
    assert!(!unfinished.exists());
}

/// What stops sled for a moment while it opens is there behind a crash at that moment, and then no more.
#[test]
fn a_start_that_was_interrupted_stops_no_other() {
    let whole = filled();
    let hurdle = whole.path().join("0/blobs/9223372036854775807");
    std::fs::create_dir_all(&hurdle).expect("a folder");
    let store = open(whole.path(), 1);
    assert_eq!(stored(&store, 1).map(String::into_bytes), Some(wide(1)));
    assert!(!hurdle.exists());
}

/// A cut may take the name of a snapshot that is not synced, and what sled does behind it rests on it.
#[test]
fn the_name_of_sleds_snapshot_is_synced_before_sled_goes_on() {
    let whole = filled();
    let snapshots = |folder: &Path| {
        let names = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        names.filter(|name| name.to_string_lossy().starts_with("snap.")).count()
    };
    let before = snapshots(&whole.path().join("0"));
    let met: Arc<Mutex<Vec<(usize, bool)>>> = Arc::default();
    let noted = met.clone();
    let at_sync: SyncHook = Arc::new(move |path, moment| {
        if path.ends_with("0") && moment == Moment::Behind {
            let database = File::open(path.join("db"))?;
            let free = patiently(|| database.try_lock(), |error| matches!(error, TryLockError::WouldBlock)).is_ok();
            noted.lock().expect("no panic").push((snapshots(path), free));
        }
        Ok(())
    });
    let failpoints = Failpoints { at_sync: Some(at_sync), ..Failpoints::default() };
    drop(Store::open_with(whole.path(), &options(1, failpoints)).expect("a store"));
    // It is there, and sled is not.
    assert_eq!((before, met.lock().expect("no panic").as_slice()), (0, &[(1, true)][..]));
}

/// sled removes the older snapshot when the newer has its name, which is not on the disk by then: both may be lost.
#[test]
fn a_snapshot_that_has_lost_its_name_gets_it_back() {
    let whole = filled();
    drop(open(whole.path(), 1));
    let folder = whole.path().join("0");
    let snapshots = move |folder: &Path| {
        let names = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        names
            .filter(|name| name.file_name().is_some_and(|name| name.to_string_lossy().starts_with("snap.")))
            .collect::<Vec<_>>()
    };
    // The first start had none to keep, the second one has.
    assert_eq!(snapshots(&folder).len(), 1);
    drop(open(whole.path(), 1));
    let lost = snapshots(&folder);
    lost.iter().for_each(|snapshot| std::fs::remove_file(snapshot).expect("removed"));
    let met: Arc<Mutex<Vec<Vec<_>>>> = Arc::default();
    let noted = met.clone();
    let at_sync: SyncHook = Arc::new(move |path, moment| {
        if path.ends_with("0") && moment == Moment::Before {
            noted.lock().expect("no panic").push(snapshots(path));
        }
        Ok(())
    });
    let failpoints = Failpoints { at_sync: Some(at_sync), ..Failpoints::default() };
    let store = Store::open_with(whole.path(), &options(1, failpoints)).expect("a store");
    assert_eq!(met.lock().expect("no panic").first(), Some(&lost));
    assert_eq!(stored(&store, 1).map(String::into_bytes), Some(wide(1)));
}
