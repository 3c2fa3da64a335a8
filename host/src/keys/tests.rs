//! The format of key files.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;

use super::Key;
use super::file::{self, KeyFile, LookError};
use super::table::{self, Stamp};
use crate::model::Lsn;

const STAMP: Stamp = Stamp { first: Lsn(100), last: Lsn(90_000), chain: 7 };

/// Mentions at random: most hashes have one frame, some have thousands.
fn mentions(rng: &mut fastrand::Rng, names: u64) -> Vec<(u64, u32)> {
    let mut entries = Vec::new();
    for name in 0..names {
        let count = if name % 50 == 0 { rng.usize(..20_000) } else { rng.usize(1..4) };
        let hash = rng.u64(..1 << 48);
        entries.extend((0..count).map(|_| (hash, rng.u32(..80_000))));
    }
    entries.sort_unstable();
    entries.dedup();
    entries
}

fn lists(entries: &[(u64, u32)]) -> BTreeMap<u64, Vec<Lsn>> {
    let mut lists = BTreeMap::<u64, Vec<Lsn>>::new();
    for (hash, frame) in entries {
        lists.entry(*hash).or_default().push(Lsn(STAMP.first.0 + u64::from(*frame)));
    }
    lists
}

#[test]
fn every_list_is_found_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut rng = fastrand::Rng::with_seed(1);
    for names in [0, 1, 2, 300, 2_000] {
        let entries = mentions(&mut rng, names);
        let file = KeyFile::create(folder.path(), &STAMP, &table::encode(&STAMP, Lsn(5), &entries)).expect("a file");
        assert_eq!((file.lowest_origin(), file.stamp()), (Lsn(5), &STAMP));
        let mut look = file.look().expect("it opens");
        let lists = lists(&entries);
        for (hash, list) in &lists {
            assert_eq!(look.find(Key(*hash)).expect("a list"), *list, "{names} names");
        }
        for other in [0, 1, u64::MAX >> 16, rng.u64(..1 << 48)] {
            let found = look.find(Key(other)).expect("a list");
            assert_eq!(found, lists.get(&other).cloned().unwrap_or_default());
        }
    }
}

#[test]
fn a_file_with_any_byte_changed_never_answers_wrongly() {
    let folder = tempfile::tempdir().expect("a folder");
    let entries = mentions(&mut fastrand::Rng::with_seed(2), 30);
    let bytes = table::encode(&STAMP, Lsn(5), &entries[entries.len() - 40..]);
    KeyFile::create(folder.path(), &STAMP, &bytes).expect("a file");
    let path = file::path(folder.path(), STAMP.first);
    let disk = OpenOptions::new().write(true).open(&path).expect("it opens");
    let hashes: Vec<u64> = lists(&entries[entries.len() - 40..]).into_keys().collect();
    let (mut unopened, mut refused) = (0, 0);
    for (at, byte) in bytes.iter().enumerate() {
        disk.write_all_at(&[byte ^ (1 << (at % 8))], at as u64).expect("written");
        match KeyFile::open(folder.path(), &STAMP) {
            None => unopened += 1,
            Some(file) => {
                let found = file.look().expect("it opens").find(Key(hashes[at % hashes.len()]));
                assert!(matches!(found, Err(LookError::Damaged(_))), "byte {at}: {found:?}");
                refused += 1;
            }
        }
        disk.write_all_at(&[*byte], at as u64).expect("written");
    }
    assert_eq!((unopened, refused), (table::HEAD_BYTES + 8, table::BLOCK_BYTES));
}

#[test]
fn a_file_of_another_segment_of_other_frames_or_of_half_its_length_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let entries = mentions(&mut fastrand::Rng::with_seed(3), 10);
    let bytes = table::encode(&STAMP, Lsn(5), &entries);
    KeyFile::create(folder.path(), &STAMP, &bytes).expect("a file");
    for other in [Stamp { chain: 8, ..STAMP }, Stamp { last: Lsn(90_001), ..STAMP }, Stamp { first: Lsn(101), ..STAMP }]
    {
        assert!(KeyFile::open(folder.path(), &other).is_none(), "{other:?}");
    }
    let path = file::path(folder.path(), STAMP.first);
    for length in [0, 10, table::HEAD_BYTES, bytes.len() - 1] {
        File::options().write(true).open(&path).and_then(|file| file.set_len(length as u64)).expect("shortened");
        assert!(KeyFile::open(folder.path(), &STAMP).is_none(), "{length} bytes");
        std::fs::write(&path, &bytes).expect("written");
    }
    assert!(KeyFile::open(folder.path(), &STAMP).is_some());
}

#[test]
fn a_good_block_in_another_place_is_damaged() {
    let folder = tempfile::tempdir().expect("a folder");
    let entries = mentions(&mut fastrand::Rng::with_seed(4), 3_000);
    let bytes = table::encode(&STAMP, Lsn(5), &entries);
    let file = KeyFile::create(folder.path(), &STAMP, &bytes).expect("a file");
    let last = bytes.len() - table::BLOCK_BYTES;
    let disk = OpenOptions::new().write(true).open(file.path()).expect("it opens");
    disk.write_all_at(&bytes[last - table::BLOCK_BYTES..last], last as u64).expect("written");
    let highest = entries.last().expect("some").0;
    assert!(matches!(file.look().expect("it opens").find(Key(highest)), Err(LookError::Damaged(_))));
    // The same place of another segment's file, under the header of the first.
    let other = table::encode(&Stamp { chain: 8, ..STAMP }, Lsn(5), &entries);
    disk.write_all_at(&other, 0).expect("written");
    assert!(matches!(file.look().expect("it opens").find(Key(highest)), Err(LookError::Damaged(_))));
}

#[test]
fn names_tell_positions() {
    let path = file::path(std::path::Path::new("x"), Lsn(42));
    let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
    assert_eq!((file::first_of(name), file::is_unfinished(name)), (Some(Lsn(42)), false));
    let unfinished = format!("{name}.tmp");
    assert_eq!((file::first_of(&unfinished), file::is_unfinished(&unfinished)), (Some(Lsn(42)), true));
    assert_eq!(file::first_of("notes.txt"), None);
}
