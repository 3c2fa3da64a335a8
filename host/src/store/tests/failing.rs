//! Whatever fails while writing is told to the caller, and nothing is claimed.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// A hook that fails while the switch is on.
fn switch() -> (Arc<AtomicBool>, Option<Failpoint>) {
    let on = Arc::new(AtomicBool::new(false));
    let seen = on.clone();
    let hook = point(move |_| match seen.load(Ordering::SeqCst) {
        true => Err(io::Error::other("no such luck")),
        false => Ok(()),
    });
    (on, hook)
}

fn said<T>(result: Result<T, Error>) {
    let error = result.err().expect("it fails");
    assert!(matches!(error, Error::Io { .. } | Error::Sync { .. }), "{error}");
    assert!(error.to_string().contains("no such luck"), "{error}");
}

#[test]
fn rows_that_cannot_be_written_leave_no_trace() {
    let (on, before_rows) = switch();
    let folder = folder();
    let store = Store::open_with(folder.path(), &options(2, Failpoints { before_rows, ..Failpoints::default() }));
    let store = store.expect("a store");
    on.store(true, Ordering::SeqCst);
    said(store.write(&[row(1, 1)]));
    assert_eq!((stored(&store, 1), store.highest()), (None, Lsn::ZERO));
    on.store(false, Ordering::SeqCst);
    store.write(&[row(1, 1)]).expect("nothing was lost, it may be tried again");
    assert_eq!(store.highest(), Lsn(1));
}

#[test]
fn a_checkpoint_that_cannot_be_written_is_not_claimed() {
    let (on, before_checkpoint) = switch();
    let folder = folder();
    let store = Store::open_with(folder.path(), &options(2, Failpoints { before_checkpoint, ..Failpoints::default() }));
    let store = store.expect("a store");
    store.set_checkpoint(ShardSet::ALL, Lsn(1), &[]).expect("noted");
    on.store(true, Ordering::SeqCst);
    said(store.set_checkpoint(ShardSet::ALL, Lsn(2), &[]));
    assert_eq!((store.checkpoint(), store.highest()), (Lsn(1), Lsn(1)));
}

#[test]
fn blocks_that_cannot_be_written_or_removed_stay_as_they_were() {
    let (on, before_blocks) = switch();
    let folder = folder();
    let store = Store::open_with(folder.path(), &options(2, Failpoints { before_blocks, ..Failpoints::default() }));
    let store = store.expect("a store");
    put_block(&store, 1, b"one").expect("written");
    on.store(true, Ordering::SeqCst);
    said(put_block(&store, 1, b"two"));
    said(store.remove_blocks(0..5));
    assert_eq!(store.block(1).expect("read").as_deref(), Some(&b"one"[..]));
}

/// After it nobody knows what is on disk, and asking again could be answered with yes.
fn a_failed_sync_is_final(failpoints: Failpoints, on: &AtomicBool) {
    let folder = folder();
    let store = Store::open_with(folder.path(), &options(2, failpoints)).expect("a store");
    let (broken, whole) = (user_in(&store, 0), user_in(&store, 1));
    let shard = ShardSet::one(ShardId(0));
    store.set_checkpoint(ShardSet::ALL, Lsn(1), &[]).expect("noted");
    on.store(true, Ordering::SeqCst);
    said(store.write(&[row(broken, 2)]));
    on.store(false, Ordering::SeqCst);
    let failed = |result: Result<(), Error>| {
        let again = matches!(&result, Err(Error::Failed { reason, .. }) if reason.contains("no such luck"));
        assert!(again, "{result:?}");
    };
    failed(store.write(&[row(broken, 3)]));
    failed(store.set_checkpoint(shard, Lsn(3), &[]));
    failed(put_block(&store, 1, b"one"));
    assert_eq!(store.checkpoint(), Lsn(1));
    assert_eq!(store.highest(), Lsn(2), "evidence is never taken back");
    store.write(&[row(whole, 3)]).expect("the other directory's disk is another one");
    assert!(stored(&store, broken).is_some(), "reading goes on");
}

#[test]
fn a_failed_flush_is_final() {
    let (on, before_flush) = switch();
    a_failed_sync_is_final(Failpoints { before_flush, ..Failpoints::default() }, &on);
}

#[test]
fn a_failed_sync_of_a_directory_is_final() {
    let (on, behind_flush) = switch();
    a_failed_sync_is_final(Failpoints { behind_flush, ..Failpoints::default() }, &on);
}

/// On a thread of sled's, which sled tells its callers of.
#[test]
fn a_failed_sync_of_a_file_is_final() {
    let on = Arc::new(AtomicBool::new(false));
    let seen = on.clone();
    let hook: SyncHook = Arc::new(move |path, moment| match seen.load(Ordering::SeqCst) && moment == Moment::Before {
        true => Err(io::Error::other(format!("no such luck with {}", path.display()))),
        false => Ok(()),
    });
    a_failed_sync_is_final(Failpoints { at_sync: Some(hook), ..Failpoints::default() }, &on);
}

#[test]
fn a_checkpoint_that_cannot_be_synced_is_not_claimed() {
    let (on, behind_flush) = switch();
    let folder = folder();
    let store = Store::open_with(folder.path(), &options(2, Failpoints { behind_flush, ..Failpoints::default() }));
    let store = store.expect("a store");
    on.store(true, Ordering::SeqCst);
    said(store.set_checkpoint(ShardSet::ALL, Lsn(4), &[]));
    assert_eq!(store.checkpoints(), [Lsn::ZERO; 64]);
}

#[test]
fn failpoints_are_met_in_the_order_of_the_writing() {
    let met: Arc<Mutex<Vec<(&str, Place)>>> = Arc::default();
    let note = |name: &'static str| {
        let met = met.clone();
        point(move |place| {
            met.lock().expect("no panic").push((name, place));
            Ok(())
        })
    };
    let failpoints = Failpoints {
        before_rows: note("rows"),
        before_blocks: note("blocks"),
        before_checkpoint: note("checkpoint"),
        before_flush: note("flush"),
        behind_flush: note("flushed"),
        ..Failpoints::default()
    };
    let folder = folder();
    let store = Store::open_with(folder.path(), &options(2, failpoints)).expect("a store");
    met.lock().expect("no panic").clear();
    store.write(&[row(user_in(&store, 1), 3)]).expect("written");
    store.set_checkpoint(ShardSet::one(ShardId(0)), Lsn(4), &[]).expect("noted");
    put_block(&store, 1, b"one").expect("written");
    let met = met.lock().expect("no panic").clone();
    let at = |directory, lsn| Place { directory, lsn: Lsn(lsn) };
    let after = |name, place| [(name, place), ("flush", place), ("flushed", place)];
    let expected = [after("rows", at(1, 3)), after("checkpoint", at(0, 4)), after("blocks", at(0, 0))];
    assert_eq!(met, expected.concat());
}

/// sled writes over what it takes for free while it opens: what a kill has left unsynced must be on the disk by then.
#[test]
fn what_is_found_is_synced_before_sled_opens_it() {
    let folder = folder();
    open(folder.path(), 1).write(&[row(1, 3)]).expect("written");
    let free: Arc<Mutex<Vec<bool>>> = Arc::default();
    let noted = free.clone();
    let hook: SyncHook = Arc::new(move |path, moment| {
        if path.ends_with("0/db") && moment == Moment::Before {
            // sled locks its file.
            noted.lock().expect("no panic").push(std::fs::File::open(path)?.try_lock().is_ok());
        }
        Ok(())
    });
    let failpoints = Failpoints { at_sync: Some(hook), ..Failpoints::default() };
    Store::open_with(folder.path(), &options(1, failpoints)).expect("a store");
    assert_eq!(free.lock().expect("no panic").first(), Some(&true));
}

#[test]
fn rows_are_in_the_file_before_it_is_synced() {
    let folder = folder();
    let database = folder.path().join("0/db");
    let text = b"1 at 77";
    let met: Arc<Mutex<Vec<bool>>> = Arc::default();
    let look = || {
        let (met, database) = (met.clone(), database.clone());
        point(move |place| {
            let bytes = std::fs::read(&database)?;
            let found = bytes.windows(text.len()).any(|bytes| bytes == text);
            if place.lsn == Lsn(77) {
                met.lock().expect("no panic").push(found);
            }
            Ok(())
        })
    };
    let failpoints = Failpoints { before_flush: look(), behind_flush: look(), ..Failpoints::default() };
    let store = Store::open_with(folder.path(), &options(1, failpoints)).expect("a store");
    store.write(&[row(1, 77)]).expect("written");
    assert_eq!(*met.lock().expect("no panic"), [false, true]);
}

/// Pages above 128 KiB are files of their own, which sled does not sync at all.
#[test]
fn files_beside_the_database_are_synced_unless_a_test_leaves_it_out() {
    for leave_out_sync in [false, true] {
        let folder = folder();
        let failpoints = Failpoints { leave_out_sync, ..Failpoints::default() };
        let store = Store::open_with(folder.path(), &options(1, failpoints)).expect("a store");
        put_block(&store, 1, &vec![7; 200 << 10]).expect("written");
        let blobs = || {
            let blobs = std::fs::read_dir(folder.path().join("0/blobs")).expect("a folder");
            blobs.map(|blob| blob.expect("an entry").file_name()).collect::<std::collections::BTreeSet<_>>()
        };
        assert!(!blobs().is_empty(), "sled has put it into the database: the test is about nothing");
        let synced = store.directories[0].synced_files().into_iter().collect();
        let expected = if leave_out_sync { Default::default() } else { blobs() };
        assert_eq!(expected, synced);
    }
}
