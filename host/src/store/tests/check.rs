//! What a check finds.

use super::*;

#[test]
fn a_whole_store_has_no_faults() {
    let folder = folder();
    let store = open(folder.path(), 4);
    store.write(&rows(300)).expect("written");
    let mut seen = 0;
    let checked = store.check(|key, bytes| {
        seen += 1;
        let user = RowKey::parse(key).expect("a key").key.strip_prefix("user:").expect("a user").to_owned();
        assert!(bytes.starts_with(format!("{user} at ").as_bytes()));
        Ok(())
    });
    let checked = checked.expect("checked");
    assert_eq!((checked.rows, checked.faulty, seen), (300, 0, 300));
    let bytes: usize = rows(300).iter().map(|row| row.key.len() + row.bytes.as_ref().map_or(0, Vec::len)).sum();
    assert_eq!(checked.row_bytes, bytes as u64);
}

#[test]
fn rows_that_do_not_fit_are_named() {
    let folder = folder();
    let store = open(folder.path(), 4);
    store.write(&rows(20)).expect("written");
    let user = user_in(&store, 1);
    let put = |directory: usize, key: &[u8]| {
        store.directories[directory].load(store.directories[directory].rows(), key, b"x").expect("written");
    };
    put(2, &key(user));
    put(0, b"\x00\x00\x04demo");
    let mut other_shard = key(user);
    other_shard[1] = (other_shard[1] + 4) % 64;
    put(1, &other_shard);
    let judged = key(5);
    let checked = store.check(|key, _| if key == judged { Err("not to my taste".to_owned()) } else { Ok(()) });
    let checked = checked.expect("checked");
    let mut faults: Vec<(usize, &str)> = checked.faults.iter().map(|fault| (fault.directory, &*fault.what)).collect();
    faults.sort_unstable();
    let shard = crate::model::shard_of(&format!("user:{user}")).0;
    let mut expected = [
        (0, "the key ends inside its deployment".to_owned()),
        (1, format!("the key says shard {}, its text belongs to shard {shard}", (shard + 4) % 64)),
        (2, format!("a row of shard {shard} belongs to directory 1")),
        (home(&store, 5), "not to my taste".to_owned()),
    ];
    expected.sort_unstable();
    assert_eq!(faults, expected.iter().map(|(number, what)| (*number, &**what)).collect::<Vec<_>>());
    assert_eq!((checked.rows, checked.faulty), (23, 4));
    assert!(checked.faults.iter().any(|fault| fault.key == "\\x00\\x00\\x04demo"));
}

#[test]
fn faults_are_counted_beyond_those_that_are_listed() {
    let folder = folder();
    let store = open(folder.path(), 1);
    store.write(&rows(1_200)).expect("written");
    let checked = store.check(|_, _| Err("no".to_owned())).expect("checked");
    assert_eq!((checked.faulty, checked.faults.len()), (1_200, 1_000));
}
