//! Dumps whose checksums are right and whose content is not: what another program, or a fault of ours, could write.

use xxhash_rust::xxh3::xxh3_64;

use super::*;
use crate::store::dump::format::{ChunkHeader, Kind, Trailer, encode_header, prelude};

fn header() -> (Kind, Vec<u8>) {
    let stamp = Stamp { position: Lsn::ZERO, time_ms: 0 };
    (Kind::Header, encode_header(&Header { stamp, directories: 1, checkpoints: [Lsn::ZERO; 64] }))
}

fn entry(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    [&(key.len() as u32).to_le_bytes()[..], &(bytes.len() as u32).to_le_bytes(), key, bytes].concat()
}

/// Keys of two users in the order of rows.
fn two() -> [Vec<u8>; 2] {
    let mut keys = [key(1), key(2)];
    keys.sort();
    keys
}

/// Chunks behind the beginning of a dump, and a trailer that sums them up with these counts.
fn crafted(chunks: &[(Kind, Vec<u8>)], rows: u64, blocks: u64) -> Vec<u8> {
    let mut bytes = prelude().to_vec();
    let put = |bytes: &mut Vec<u8>, kind: Kind, number: usize, payload: &[u8]| {
        let (number, length) = (number as u32, payload.len() as u32);
        bytes.extend(ChunkHeader { kind, number, length, checksum: xxh3_64(payload) }.encode());
        bytes.extend(payload);
    };
    for (number, (kind, payload)) in chunks.iter().enumerate() {
        put(&mut bytes, *kind, number, payload);
    }
    let trailer = Trailer { rows, blocks, highest: Lsn(1), whole: xxh3_64(&bytes) };
    put(&mut bytes, Kind::Trailer, chunks.len(), &trailer.encode());
    bytes
}

fn refusal(bytes: &[u8]) -> DumpError {
    verify_dump(bytes, |_| {}).expect_err("it is refused")
}

/// What is said of damage in this chunk.
fn damaged(chunks: &[(Kind, Vec<u8>)], rows: u64, blocks: u64, expected: u32, words: &str) {
    match refusal(&crafted(chunks, rows, blocks)) {
        DumpError::Damaged { chunk, what, .. } => {
            assert!(chunk == expected && what.contains(words), "chunk {chunk}, not {expected}: {what}");
        }
        other => panic!("not damaged: {other}"),
    }
}

#[test]
fn a_crafted_dump_without_fault_is_taken() {
    let [first, second] = two();
    let rows = (Kind::Rows, [entry(&first, b"one"), entry(&second, b"two")].concat());
    let block = (Kind::Blocks, entry(&7_u64.to_be_bytes(), b"seven"));
    let summary = verify_dump(&*crafted(&[header(), rows, block], 2, 1), |_| {}).expect("it is whole");
    assert_eq!((summary.rows, summary.blocks, summary.highest), (2, 1, Lsn(1)));
}

#[test]
fn entries_and_chunks_out_of_order_are_refused() {
    let [first, second] = two();
    let rows = |keys: &[&[u8]]| (Kind::Rows, keys.iter().flat_map(|key| entry(key, b"x")).collect::<Vec<u8>>());
    let block = |id: u64| (Kind::Blocks, entry(&id.to_be_bytes(), b"x"));
    let falling = "entries are not in order";
    damaged(&[header(), rows(&[&second, &first])], 2, 0, 1, falling);
    damaged(&[header(), rows(&[&first, &first])], 2, 0, 1, falling);
    damaged(&[header(), rows(&[&second]), rows(&[&first])], 2, 0, 2, falling);
    damaged(&[header(), block(2), block(1)], 0, 2, 2, falling);
    damaged(&[header(), block(2), rows(&[&first])], 1, 1, 2, "chunks are out of order");
    damaged(&[header(), header()], 0, 0, 1, "chunks are out of order");
    damaged(&[rows(&[&first])], 1, 0, 0, "no header");
}

#[test]
fn entries_that_are_none_are_refused() {
    let whole = entry(&key(1), b"x");
    let rows = |payload: &[u8]| [header(), (Kind::Rows, payload.to_vec())];
    damaged(&rows(&whole[..whole.len() - 1]), 1, 0, 1, "ends behind its chunk");
    damaged(&rows(&whole[..5]), 1, 0, 1, "ends behind its chunk");
    damaged(&rows(&entry(b"\x00\x00\x04demo", b"x")), 1, 0, 1, "a row that is none");
    damaged(&[header(), (Kind::Blocks, entry(b"seven", b"x"))], 0, 1, 1, "without its number");
    damaged(&[header(), (Kind::Controls, entry(b"seven", b"x"))], 0, 0, 1, "without its number");
    damaged(&[header(), (Kind::Progress, entry(&SHARD_COUNT.to_be_bytes(), b"x"))], 0, 0, 1, "without its number");
    damaged(&[header(), (Kind::Timers, entry(b"\x00\x00\x04demo", b""))], 0, 0, 1, "without its number");
}

#[test]
fn a_trailer_that_counts_otherwise_is_refused() {
    let rows = [header(), (Kind::Rows, entry(&key(1), b"x"))];
    damaged(&rows, 2, 0, 2, "the trailer counts 2 rows and 0 blocks, there are 1 rows and 0 blocks");
    damaged(&rows, 1, 1, 2, "the trailer counts");
}

#[test]
fn a_dump_of_another_shard_count_or_hash_is_refused() {
    let (kind, whole) = header();
    let mut count = whole.clone();
    count[0] = 32;
    let mut hash = whole.clone();
    hash[4] = b'y';
    for payload in [count, hash] {
        let error = refusal(&crafted(&[(kind, payload)], 0, 0));
        assert!(matches!(error, DumpError::Layout { .. }), "{error}");
        assert!(error.to_string().contains("64 shards by xxh3-64"), "{error}");
    }
    damaged(&[(kind, whole[..whole.len() - 1].to_vec())], 0, 0, 0, "the header is not of its length");
}
