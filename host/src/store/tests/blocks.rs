//! Blocks of idempotency keys.

use super::*;

fn block(id: u64) -> Vec<u8> {
    vec![id as u8; 3_000 + id as usize]
}

fn all(store: &Store) -> Vec<(u64, Vec<u8>)> {
    store.blocks().collect::<Result<_, _>>().expect("they can be read")
}

#[test]
fn blocks_come_back_in_order_after_a_reopen() {
    let folder = folder();
    {
        let store = open(folder.path(), 3);
        for id in [300, 2, 255, 256, 1, 70_000] {
            put_block(&store, id, &block(id)).expect("written");
        }
        put_block(&store, 2, b"newer").expect("written");
    }
    let store = open(folder.path(), 3);
    let expected: Vec<_> = [1, 2, 255, 256, 300, 70_000].map(|id| (id, block(id))).into();
    let mut expected = expected;
    expected[1].1 = b"newer".to_vec();
    assert_eq!(all(&store), expected);
    assert_eq!((store.block(255).expect("read"), store.block(3).expect("read")), (Some(block(255)), None));
}

#[test]
fn blocks_below_a_number_are_removed_for_good() {
    let folder = folder();
    {
        let store = open(folder.path(), 3);
        (0..40).for_each(|id| put_block(&store, id * 100, &block(id)).expect("written"));
        assert_eq!(store.remove_blocks(0..1_000).expect("removed"), 10);
        assert_eq!(store.remove_blocks(0..1_000).expect("removed"), 0);
    }
    let store = open(folder.path(), 3);
    let ids: Vec<u64> = all(&store).into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, (10..40).map(|id| id * 100).collect::<Vec<_>>());
}

#[test]
fn blocks_are_no_rows() {
    let folder = folder();
    let store = open(folder.path(), 1);
    put_block(&store, 1, b"one").expect("written");
    let checked = store.check(|_, _| Ok(())).expect("checked");
    assert_eq!((checked.rows, checked.blocks, checked.faulty), (0, 1, 0));
    assert_eq!(store.get(&1_u64.to_be_bytes()).expect("read"), None);
}
