//! What a start needs beside rows: control frames, progress, which rows have timers; in the store and in its dump.

use super::*;

fn timed(number: u64, lsn: u64, timers: bool) -> Row {
    Row { timers, ..row(number, lsn) }
}

fn timers(store: &Store) -> Vec<Vec<u8>> {
    let mut keys: Vec<_> = store.timer_rows().collect::<Result<_, _>>().expect("keys");
    keys.sort();
    keys
}

fn controls(store: &Store) -> Vec<(Lsn, Vec<u8>)> {
    store.controls().collect::<Result<_, _>>().expect("controls")
}

fn fill(store: &Store) {
    store.write(&[timed(1, 1, true), timed(2, 2, true), timed(3, 3, false)]).expect("written");
    store.put_controls(&[(Lsn(300), b"later".to_vec()), (Lsn(2), b"first".to_vec())]).expect("written");
    let progress = [(ShardId(5), b"five".to_vec()), (ShardId(6), b"six".to_vec())];
    store.set_checkpoint(ShardSet::one(ShardId(5)).union(ShardSet::one(ShardId(6))), Lsn(4), &progress).expect("noted");
}

fn check(store: &Store) {
    assert_eq!(controls(store), [(Lsn(2), b"first".to_vec()), (Lsn(300), b"later".to_vec())], "in their order");
    let progress = |shard| store.progress(ShardId(shard)).expect("it can be read");
    assert_eq!((progress(5), progress(6), progress(7)), (Some(b"five".to_vec()), Some(b"six".to_vec()), None));
    let mut keys = [key(1), key(2)];
    keys.sort();
    assert_eq!(timers(store), keys);
    assert_eq!(store.highest(), Lsn(300), "a control frame is evidence as a row is");
}

#[test]
fn what_a_start_needs_survives_a_reopen_and_a_dump() {
    let (from, to) = (folder(), folder());
    let store = open(from.path(), 3);
    fill(&store);
    check(&store);
    drop(store);
    let store = open(from.path(), 3);
    check(&store);
    let mut bytes = Vec::new();
    store.dump(&mut bytes, Stamp { position: Lsn::ZERO, time_ms: 1 }, |_| {}).expect("a dump");
    load_dump(&*bytes, to.path(), &options(5, Failpoints::default()), |_| {}).expect("loaded");
    check(&open(to.path(), 5));
}

#[test]
fn a_row_without_timers_any_more_is_noted_no_more() {
    let folder = folder();
    let store = open(folder.path(), 2);
    store.write(&[timed(1, 1, true), timed(2, 1, true)]).expect("written");
    store.write(&[timed(1, 2, false), Row { bytes: None, ..timed(2, 2, false) }]).expect("written");
    assert_eq!(timers(&store), Vec::<Vec<u8>>::new());
    store.write(&[timed(1, 3, true)]).expect("written");
    assert_eq!(timers(&store), [key(1)]);
}

#[test]
fn a_checkpoint_without_progress_is_said() {
    let folder = folder();
    let store = open(folder.path(), 2);
    store.set_checkpoint(ShardSet::one(ShardId(9)), Lsn(4), &[]).expect("noted");
    let Err(Error::Broken { name, .. }) = store.progress(ShardId(9)) else { panic!("it was not missed") };
    assert_eq!(name, "progress");
}
