//! Several directories: each says where it belongs, and what does not fit is refused by name.

use super::*;
use crate::store::layout::{LOADING, MAKING};

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("a copy");
        }
    }
}

/// A closed store with rows in all of its directories.
fn filled(directories: usize) -> tempfile::TempDir {
    let folder = folder();
    open(folder.path(), directories).write(&rows(100)).expect("written");
    folder
}

fn says(error: &Error, words: &[&str]) {
    let text = error.to_string();
    words.iter().for_each(|word| assert!(text.contains(word), "`{word}` is not in: {text}"));
}

#[test]
fn rows_positions_and_checkpoints_survive_a_reopen() {
    let folder = folder();
    {
        let store = open(folder.path(), 4);
        assert_eq!((store.highest(), store.checkpoint()), (Lsn::ZERO, Lsn::ZERO));
        store.write(&[row(1, 7)]).expect("written");
        store.write(&[row(1, 5)]).expect("written");
        store.set_checkpoint(ShardSet::ALL, Lsn(6), &[]).expect("checkpoint");
    }
    let store = open(folder.path(), 4);
    assert_eq!(stored(&store, 1).as_deref(), Some("1 at 5"));
    assert_eq!((store.highest(), store.checkpoint()), (Lsn(7), Lsn(6)));
    assert_eq!(store.get(b"none").expect("row"), None);
}

#[test]
fn the_number_of_directories_is_that_of_the_making() {
    let folder = filled(3);
    let store = open(folder.path(), 8);
    assert_eq!(store.directories(), 3);
    assert!(!folder.path().join("3").exists());
    assert!((0..100).all(|number| stored(&store, number).is_some()));
    let label = store.directories[2].label().expect("a label").expect("a label");
    assert_eq!(label.header, "fishpond 2, 64 shards by xxh3-64, directory 2 of 3");
}

#[test]
fn a_number_of_directories_out_of_range_is_refused() {
    for asked in [0, 65] {
        let folder = folder();
        let error = Store::open(folder.path(), asked, CACHE).err().expect("refused");
        assert!(matches!(error, Error::Directories { .. }), "{error}");
        assert_eq!(open(folder.path(), 64).directories(), 64, "nothing is left of the attempt");
    }
}

#[test]
fn a_missing_directory_is_refused_by_name() {
    for number in [0, 2, 3] {
        let folder = filled(4);
        std::fs::remove_dir_all(folder.path().join(number.to_string())).expect("removed");
        let error = refused(folder.path());
        assert!(matches!(error, Error::Missing { number: found, count: 4, .. } if found == number), "{error}");
        says(&error, &[&format!("`{number}` is missing"), "4 directories", "fishpond doctor"]);
    }
}

#[test]
fn an_emptied_directory_is_missing_and_not_made_again() {
    let folder = filled(4);
    std::fs::remove_dir_all(folder.path().join("1")).expect("removed");
    std::fs::create_dir(folder.path().join("1")).expect("made");
    assert!(matches!(refused(folder.path()), Error::Missing { number: 1, .. }));
    assert!(std::fs::read_dir(folder.path().join("1")).expect("a folder").next().is_none());
}

#[test]
fn a_surplus_directory_is_refused_by_name() {
    for name in ["4", "1.old"] {
        let folder = filled(4);
        copy(&folder.path().join("1"), &folder.path().join(name));
        let error = refused(folder.path());
        assert!(matches!(&error, Error::Surplus { name: found, .. } if found == name), "{error}");
        says(&error, &[&format!("`{name}`"), "move it out"]);
    }
}

#[test]
fn a_directory_in_another_ones_place_is_refused() {
    let folder = filled(4);
    std::fs::remove_dir_all(folder.path().join("1")).expect("removed");
    copy(&folder.path().join("2"), &folder.path().join("1"));
    let error = refused(folder.path());
    assert!(matches!(error, Error::Foreign { .. }), "{error}");
    says(&error, &["/1", "directory 2 of 4", "directory 1 of 4", "fishpond doctor"]);
}

#[test]
fn a_directory_of_another_store_is_refused() {
    for (others, words) in [(4, &["/0", "of store"][..]), (2, &["/0", "directory 0 of 2", "directory 0 of 4"])] {
        let (folder, other) = (filled(4), filled(others));
        std::fs::remove_dir_all(folder.path().join("0")).expect("removed");
        copy(&other.path().join("0"), &folder.path().join("0"));
        let error = refused(folder.path());
        assert!(matches!(error, Error::Foreign { .. }), "{error}");
        says(&error, words);
    }
}

#[test]
fn a_store_of_another_shard_count_is_refused() {
    let folder = folder();
    let store = open(folder.path(), 1);
    let label = store.directories[0].label().expect("a label").expect("a label");
    let header = "fishpond 2, 32 shards by xxh3-64, directory 0 of 1".to_owned();
    store.directories[0].put_label(&super::super::directory::Label { header, ..label }).expect("written");
    drop(store);
    let error = refused(folder.path());
    assert!(matches!(error, Error::Header { .. }), "{error}");
    says(&error, &["32 shards", "64 shards"]);
}

#[test]
fn a_store_of_the_older_layout_is_refused_and_not_touched() {
    let folder = folder();
    drop(sled::open(folder.path()).expect("a database"));
    let names = || std::fs::read_dir(folder.path()).expect("a folder").count();
    let before = names();
    let error = refused(folder.path());
    assert!(matches!(error, Error::OldLayout { .. }), "{error}");
    says(&error, &["older layout", "remove the folder"]);
    assert_eq!(names(), before);
}

#[test]
fn what_a_crash_left_of_a_making_is_made_again() {
    let folder = filled(4);
    std::fs::remove_dir_all(folder.path().join("3")).expect("removed");
    std::fs::write(folder.path().join(MAKING), "").expect("a marker");
    let store = open(folder.path(), 2);
    assert_eq!((store.directories(), stored(&store, 1)), (2, None));
    assert!(!folder.path().join(MAKING).exists() && !folder.path().join("2").exists());
}

#[test]
fn an_unfinished_load_is_refused() {
    let folder = filled(2);
    std::fs::write(folder.path().join(LOADING), "").expect("a marker");
    let error = refused(folder.path());
    assert!(matches!(error, Error::Unfinished { .. }), "{error}");
    says(&error, &["load it again"]);
}

#[test]
fn a_store_has_one_process() {
    let folder = folder();
    let store = open(folder.path(), 2);
    assert!(matches!(refused(folder.path()), Error::InUse { .. }));
    drop(store);
    open(folder.path(), 2);
}

#[test]
fn a_store_that_another_process_is_making_is_not_touched() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("0")).expect("made");
    std::fs::write(folder.path().join(MAKING), "").expect("a marker");
    let lock = crate::store::layout::lock(folder.path()).expect("nobody has it");
    assert!(matches!(refused(folder.path()), Error::InUse { .. }));
    assert!(folder.path().join("0").exists() && folder.path().join(MAKING).exists());
    drop(lock);
    open(folder.path(), 2);
}
