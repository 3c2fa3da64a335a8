//! Rows and checkpoints, one writer or several.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use super::*;

#[test]
fn rows_lie_in_the_directory_of_their_shard() {
    let folder = folder();
    let store = open(folder.path(), 4);
    store.write(&rows(200)).expect("written");
    for number in 0..200 {
        let shard = crate::model::shard_of(&format!("user:{number}"));
        let lies = |directory: &&Directory| directory.get(&key(number)).expect("read").is_some();
        let found: Vec<usize> = store.directories.iter().filter(lies).map(Directory::number).collect();
        assert_eq!(found, [usize::from(shard.0) % 4]);
    }
}

#[test]
fn a_removed_row_stays_removed() {
    let folder = folder();
    let store = open(folder.path(), 4);
    store.write(&rows(50)).expect("written");
    store.write(&[Row { bytes: None, ..row(7, 60) }, row(8, 61)]).expect("removed");
    drop(store);
    let store = open(folder.path(), 4);
    assert_eq!((stored(&store, 7), stored(&store, 8).as_deref()), (None, Some("8 at 61")));
    assert_eq!(store.highest(), Lsn(61));
}

#[test]
fn the_last_of_several_rows_of_a_key_stays() {
    let folder = folder();
    let store = open(folder.path(), 2);
    store.write(&[row(1, 1), Row { bytes: None, ..row(1, 2) }, row(1, 3)]).expect("written");
    assert_eq!(stored(&store, 1).as_deref(), Some("1 at 3"));
}

#[test]
fn a_row_of_another_directory_is_refused_and_nothing_is_written() {
    let folder = folder();
    let store = open(folder.path(), 4);
    let (own, other) = (user_in(&store, 1), user_in(&store, 2));
    let error = store.write_directory(1, &[row(own, 1), row(other, 2)]).expect_err("refused");
    assert!(matches!(error, Error::OtherDirectory { belongs: 2, asked: 1, .. }), "{error}");
    assert_eq!((stored(&store, own), store.highest()), (None, Lsn::ZERO));
    store.write_directory(1, &[row(own, 1)]).expect("written");
    assert!(stored(&store, own).is_some());
}

#[test]
fn a_directory_that_waits_for_its_disk_holds_nobody_else() {
    let (held, is_held) = channel();
    let (release, released) = channel::<()>();
    let released = std::sync::Mutex::new(released);
    let armed = Arc::new(AtomicBool::new(false));
    let seen = armed.clone();
    // On a thread of sled's: all directories share them.
    let at_sync: SyncHook = Arc::new(move |path, moment| {
        if path.ends_with("0/db") && moment == Moment::Before && seen.swap(false, Ordering::SeqCst) {
            held.send(()).expect("the test listens");
            released.lock().expect("one at a time").recv().expect("the test releases");
        }
        Ok(())
    });
    let folder = folder();
    let store =
        Store::open_with(folder.path(), &options(2, Failpoints { at_sync: Some(at_sync), ..Failpoints::default() }));
    let store = store.expect("a store");
    let (slow, fast) = (user_in(&store, 0), user_in(&store, 1));
    // More than sled has threads to write it with.
    let large = |number| Row { bytes: Some(vec![7; 120 << 10]), ..row(number, 1) };
    let rows: Vec<Row> = (0..).filter(|number| home(&store, *number) == 0).take(100).map(large).collect();
    armed.store(true, Ordering::SeqCst);
    thread::scope(|scope| {
        // Dropped with this closure, so that a failure here releases the thread as well.
        let release = release;
        let slow_write = scope.spawn(|| store.write_directory(0, &rows));
        is_held.recv().expect("it is held");
        store.write_directory(1, &[row(fast, 2)]).expect("written");
        store.set_checkpoint(ShardSet::one(ShardId(1)), Lsn(2), &[]).expect("noted");
        assert_eq!(stored(&store, fast).as_deref(), Some(&*format!("{fast} at 2")));
        assert!(store.get(&key(slow)).expect("read").is_some(), "rows are read while they are synced");
        release.send(()).expect("it waits");
        slow_write.join().expect("no panic").expect("written");
    });
}

#[test]
fn many_writers_of_one_directory_lose_no_row_and_no_position() {
    let folder = folder();
    let store = open(folder.path(), 1);
    thread::scope(|scope| {
        for writer in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for number in (writer..200).step_by(4) {
                    // Falling positions: the highest one must not be written over by a lower one.
                    store.write_directory(0, &[row(number, 1_000 - number)]).expect("written");
                }
            });
        }
    });
    assert_eq!(store.highest(), Lsn(1_000));
    drop(store);
    let store = open(folder.path(), 1);
    assert_eq!(store.highest(), Lsn(1_000));
    assert!((0..200).all(|number| stored(&store, number) == Some(format!("{number} at {}", 1_000 - number))));
}

#[test]
fn checkpoints_are_of_shards() {
    let folder = folder();
    let store = open(folder.path(), 4);
    let low = ShardSet((1 << 10) - 1);
    store.set_checkpoint(ShardSet::ALL, Lsn(5), &[]).expect("noted");
    store.set_checkpoint(low, Lsn(9), &[]).expect("noted");
    let expected: [Lsn; 64] = std::array::from_fn(|shard| if shard < 10 { Lsn(9) } else { Lsn(5) });
    assert_eq!((store.checkpoints(), store.checkpoint(), store.highest()), (expected, Lsn(5), Lsn(9)));
    drop(store);
    let store = open(folder.path(), 4);
    assert_eq!((store.checkpoints(), store.checkpoint(), store.highest()), (expected, Lsn(5), Lsn(9)));
    store.set_checkpoint(ShardSet::EMPTY, Lsn(100), &[]).expect("nothing to note");
    assert_eq!((store.checkpoint(), store.highest()), (Lsn(5), Lsn(9)));
}
