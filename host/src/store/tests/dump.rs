//! The base copy: what comes out is what went in, and what was cut or altered is refused with its place.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;
use crate::store::dump::format::{CHUNK_HEADER_BYTES, PRELUDE_BYTES};

const STAMP: Stamp = Stamp { position: Lsn(4), time_ms: 1_700_000_000_000 };

/// Rows of about 3 KiB, so that there are several chunks.
fn checkpoint(store: &Store, shards: ShardSet, lsn: Lsn) {
    let progress: Vec<_> = shards.iter().map(|shard| (shard, lsn.0.to_be_bytes().to_vec())).collect();
    store.set_checkpoint(shards, lsn, &progress).expect("noted");
}

fn fill(store: &Store, count: u64) {
    let wide = |row: Row| Row { bytes: row.bytes.map(|bytes| bytes.repeat(400)), ..row };
    store.write(&rows(count).into_iter().map(wide).collect::<Vec<_>>()).expect("written");
    checkpoint(store, ShardSet::ALL, Lsn(4));
    checkpoint(store, ShardSet::one(ShardId(9)), Lsn(6));
    (0..100).for_each(|id| put_block(store, id * 3, &vec![id as u8; 5_000]).expect("written"));
}

fn dumped(store: &Store) -> (Vec<u8>, Summary) {
    let mut bytes = Vec::new();
    let summary = store.dump(&mut bytes, STAMP, |_| {}).expect("a dump");
    (bytes, summary)
}

/// A store's dump of six chunks or more.
fn sample() -> Vec<u8> {
    let folder = folder();
    let store = open(folder.path(), 3);
    fill(&store, 300);
    dumped(&store).0
}

/// Everything in a store: rows, blocks.
type Content = (BTreeMap<Vec<u8>, Vec<u8>>, Vec<(u64, Vec<u8>)>);

fn content(store: &Store) -> Content {
    let mut rows = BTreeMap::new();
    store
        .check(|key, bytes| {
            rows.insert(key.to_vec(), bytes.to_vec());
            Ok(())
        })
        .expect("checked");
    (rows, store.blocks().collect::<Result<_, _>>().expect("blocks"))
}

/// Where each chunk begins, and where the last one ends.
fn borders(bytes: &[u8]) -> Vec<usize> {
    let mut borders = vec![PRELUDE_BYTES];
    while let Some(start) = borders.last().copied().filter(|start| *start < bytes.len()) {
        let length = bytes[start + 12..start + 16].try_into().expect("four bytes");
        borders.push(start + CHUNK_HEADER_BYTES + u32::from_le_bytes(length) as usize);
    }
    borders
}

fn refusal(bytes: &[u8]) -> DumpError {
    verify_dump(bytes, |_| {}).expect_err("it is refused")
}

/// The chunk and the byte at which a dump is damaged.
fn place(bytes: &[u8]) -> (usize, usize) {
    match refusal(bytes) {
        DumpError::Damaged { chunk, offset, .. } => (chunk as usize, offset as usize),
        other => panic!("not damaged: {other}"),
    }
}

#[test]
fn a_dump_makes_the_same_store_again() {
    let (from, to) = (folder(), folder());
    let store = open(from.path(), 3);
    fill(&store, 300);
    let (bytes, summary) = dumped(&store);
    assert_eq!((summary.rows, summary.blocks, summary.bytes), (300, 100, bytes.len() as u64));
    assert_eq!((summary.highest, summary.header.stamp, summary.header.directories), (Lsn(300), STAMP, 3));
    assert_eq!(verify_dump(&*bytes, |_| {}).expect("it is whole"), summary);
    let loaded = load_dump(&*bytes, to.path(), &options(5, Failpoints::default()), |_| {}).expect("loaded");
    assert_eq!(loaded, summary);
    let again = open(to.path(), 1);
    assert_eq!(again.directories(), 5);
    assert_eq!(content(&again), content(&store));
    assert_eq!((again.checkpoints(), again.highest()), (store.checkpoints(), Lsn(300)));
    assert_eq!(again.check(|_, _| Ok(())).expect("checked").faulty, 0);
    let mut second = Vec::new();
    again.dump(&mut second, STAMP, |_| {}).expect("a dump");
    // The number of directories is in the first chunk and in the sum of all; rows come in the same order.
    let (first, last) = (borders(&bytes)[1], borders(&bytes)[borders(&bytes).len() - 2]);
    assert_eq!((second.len(), &second[first..last]), (bytes.len(), &bytes[first..last]));
}

#[test]
fn a_dump_has_its_rows_sorted_whatever_their_directories() {
    let bytes = sample();
    let dump = read_dump(&*bytes).expect("a dump");
    assert_eq!(dump.header().checkpoints[9], Lsn(6));
    let keys: Vec<Vec<u8>> = dump
        .filter_map(|entry| match entry.expect("an entry") {
            Entry::Row { key, .. } => Some(key),
            _ => None,
        })
        .collect();
    assert_eq!(keys.len(), 300);
    assert!(keys.is_sorted());
}

#[test]
fn an_empty_store_can_be_dumped_and_loaded() {
    let (from, to) = (folder(), folder());
    let mut bytes = Vec::new();
    let stamp = Stamp { position: Lsn::ZERO, time_ms: 0 };
    open(from.path(), 2).dump(&mut bytes, stamp, |_| {}).expect("a dump");
    let loaded = load_dump(&*bytes, to.path(), &options(2, Failpoints::default()), |_| {}).expect("loaded");
    assert_eq!((loaded.rows, loaded.blocks), (0, 0));
    assert_eq!(open(to.path(), 2).highest(), Lsn::ZERO);
}

#[test]
fn a_dump_that_was_cut_at_a_border_is_refused_there() {
    let bytes = sample();
    let borders = borders(&bytes);
    assert!(borders.len() > 7 && borders.last() == Some(&bytes.len()), "{borders:?}");
    for (chunk, border) in borders[..borders.len() - 1].iter().enumerate() {
        assert_eq!(place(&bytes[..*border]), (chunk, *border));
    }
    assert!(verify_dump(&*bytes, |_| {}).is_ok());
}

#[test]
fn a_dump_that_was_cut_anywhere_is_refused_at_its_chunk() {
    let bytes = sample();
    let borders = borders(&bytes);
    let near = borders.iter().flat_map(|border| [border - 1, border + 1, border + CHUNK_HEADER_BYTES]);
    let mut seed = fastrand::Rng::with_seed(7);
    let anywhere = (0..50).map(|_| seed.usize(PRELUDE_BYTES..bytes.len()));
    for cut in near.chain(anywhere).filter(|cut| (PRELUDE_BYTES..bytes.len()).contains(cut)) {
        let chunk = borders.partition_point(|border| *border <= cut) - 1;
        assert_eq!(place(&bytes[..cut]), (chunk, borders[chunk]), "cut at {cut}");
        assert!(refusal(&bytes[..cut]).to_string().contains(&format!("it ends at byte {cut}")));
    }
    for cut in 0..PRELUDE_BYTES {
        assert!(matches!(refusal(&bytes[..cut]), DumpError::NotADump));
    }
}

#[test]
fn a_dump_with_one_bit_flipped_is_refused_at_its_chunk() {
    let bytes = sample();
    let borders = borders(&bytes);
    let mut random = fastrand::Rng::with_seed(11);
    let anywhere: Vec<usize> = (0..300).map(|_| random.usize(PRELUDE_BYTES..bytes.len())).collect();
    // Every byte of a chunk header, and of the trailer.
    let headers = borders[1]..borders[1] + CHUNK_HEADER_BYTES;
    let trailer = borders[borders.len() - 2]..bytes.len();
    for at in anywhere.into_iter().chain(headers).chain(trailer) {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << random.u8(0..8);
        let chunk = borders.partition_point(|border| *border <= at) - 1;
        assert_eq!(place(&altered), (chunk, borders[chunk]), "flipped at {at}");
    }
    for at in 0..PRELUDE_BYTES {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << random.u8(0..8);
        assert!(matches!(refusal(&altered), DumpError::NotADump | DumpError::Version { .. }), "flipped at {at}");
    }
}

#[test]
fn chunks_that_are_gone_doubled_moved_or_of_another_dump_are_refused() {
    let bytes = sample();
    let borders = borders(&bytes);
    let chunk = |number: usize| &bytes[borders[number]..borders[number + 1]];
    let until = |number: usize| &bytes[..borders[number]];
    let gone = [until(2), &bytes[borders[3]..]].concat();
    let doubled = [until(3), chunk(2), &bytes[borders[3]..]].concat();
    let moved = [until(2), chunk(3), chunk(2), &bytes[borders[4]..]].concat();
    assert_eq!((place(&gone).0, place(&doubled).0, place(&moved).0), (2, 3, 2));
    assert_eq!(place(&[&bytes[..], b"x"].concat()), (borders.len() - 1, bytes.len()));
    // Of another dump of the same kind: only the sum of all bytes tells.
    let folder = folder();
    let store = open(folder.path(), 3);
    fill(&store, 300);
    let other = Row { bytes: Some(b"0 at 1".repeat(400).iter().map(u8::to_ascii_uppercase).collect()), ..row(0, 1) };
    store.write(&[other]).expect("written");
    let other = dumped(&store).0;
    assert_eq!(other.len(), bytes.len());
    let differ = (1..borders.len() - 2).find(|number| other[borders[*number]..borders[number + 1]] != *chunk(*number));
    let differ = differ.expect("a chunk differs");
    let mixed = [until(differ), &other[borders[differ]..borders[differ + 1]], &bytes[borders[differ + 1]..]].concat();
    assert_eq!(place(&mixed).0, borders.len() - 2, "the trailer");
}

#[test]
fn a_refused_dump_leaves_an_empty_folder() {
    let bytes = sample();
    for altered in [&bytes[..5], &bytes[..bytes.len() - 1], &bytes[..borders(&bytes)[3]]] {
        let to = folder();
        let refused = load_dump(altered, to.path(), &options(2, Failpoints::default()), |_| {});
        assert!(matches!(refused, Err(DumpError::Damaged { .. } | DumpError::NotADump)), "{refused:?}");
        assert_eq!(std::fs::read_dir(to.path()).expect("a folder").count(), 0);
    }
}

#[test]
fn a_dump_is_loaded_into_an_empty_folder_only() {
    let bytes = sample();
    let to = folder();
    drop(open(to.path(), 2));
    let refused = load_dump(&*bytes, to.path(), &options(2, Failpoints::default()), |_| {}).expect_err("refused");
    assert!(matches!(refused, DumpError::Store(Error::NotEmpty { .. })), "{refused}");
    assert_eq!(open(to.path(), 2).check(|_, _| Ok(())).expect("checked").rows, 0);
}

#[test]
fn a_load_that_cannot_be_synced_is_no_store() {
    let bytes = sample();
    let to = folder();
    let behind_flush = point(|place| match place.lsn {
        Lsn::ZERO => Ok(()),
        _ => Err(io::Error::other("no such luck")),
    });
    let failpoints = Failpoints { behind_flush, ..Failpoints::default() };
    let refused = load_dump(&*bytes, to.path(), &options(2, failpoints), |_| {}).expect_err("refused");
    assert!(matches!(refused, DumpError::Store(Error::Sync { .. })), "{refused}");
    assert_eq!(std::fs::read_dir(to.path()).expect("a folder").count(), 0);
}

#[test]
fn a_stamp_above_the_checkpoint_is_refused() {
    let folder = folder();
    let store = open(folder.path(), 2);
    fill(&store, 10);
    let stamp = Stamp { position: Lsn(5), ..STAMP };
    let refused = store.dump(&mut Vec::new(), stamp, |_| {}).expect_err("refused");
    assert!(matches!(refused, DumpError::Stamp { stamp: Lsn(5), checkpoint: Lsn(4) }), "{refused}");
}

#[test]
fn a_row_that_could_not_be_loaded_is_refused_at_once() {
    let folder = folder();
    let store = open(folder.path(), 1);
    fill(&store, 10);
    store.directories[0].load(store.directories[0].rows(), b"\x00\x00\x04demo", b"x").expect("written");
    let refused = store.dump(&mut Vec::new(), STAMP, |_| {}).expect_err("refused");
    assert!(matches!(&refused, DumpError::Row { key, .. } if key.ends_with("demo")), "{refused}");
}

/// Takes so many bytes.
struct Full(usize);

impl io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or_else(|| io::Error::other("the disk is full"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_said_with_its_place() {
    let folder = folder();
    let store = open(folder.path(), 2);
    fill(&store, 300);
    let refused = store.dump(&mut Full(400 << 10), STAMP, |_| {}).expect_err("refused");
    let full = matches!(refused, DumpError::Write { offset, .. } if (256 << 10..=400 << 10).contains(&offset));
    assert!(full, "{refused}");
}

#[test]
fn progress_is_told_while_dumping_verifying_and_loading() {
    let (from, to) = (folder(), folder());
    let store = open(from.path(), 2);
    fill(&store, 300);
    let mut bytes = Vec::new();
    let mut told: [Vec<Progress>; 3] = Default::default();
    let summary = store.dump(&mut bytes, STAMP, |progress| told[0].push(progress)).expect("a dump");
    verify_dump(&*bytes, |progress| told[1].push(progress)).expect("it is whole");
    let loaded = load_dump(&*bytes, to.path(), &options(2, Failpoints::default()), |progress| told[2].push(progress));
    loaded.expect("loaded");
    assert_eq!(told[0].last(), Some(&Progress { rows: 300, bytes: summary.bytes }));
    for told in told {
        assert!(told.len() > 4 && told.is_sorted_by_key(|progress| (progress.bytes, progress.rows)), "{told:?}");
    }
}

/// Rows carry their own positions: a copy need not be of one moment, but each of its rows was there.
#[test]
fn a_dump_taken_while_rows_are_written_is_whole() {
    let (from, to) = (folder(), folder());
    let store = open(from.path(), 4);
    fill(&store, 300);
    let ended = AtomicBool::new(false);
    let bytes = thread::scope(|scope| {
        let (store, ended) = (&store, &ended);
        let writer = scope.spawn(move || {
            let mut lsn = 1_000;
            while !ended.load(Ordering::SeqCst) || lsn < 1_200 {
                let number = lsn % 400;
                store.write(&[row(number, lsn), Row { bytes: None, ..row((number + 7) % 400, lsn) }]).expect("written");
                lsn += 1;
            }
        });
        let mut bytes = Vec::new();
        let summary = store.dump(&mut bytes, STAMP, |_| {});
        ended.store(true, Ordering::SeqCst);
        writer.join().expect("no panic");
        assert!(summary.expect("a dump").highest <= store.highest());
        bytes
    });
    let summary = load_dump(&*bytes, to.path(), &options(2, Failpoints::default()), |_| {}).expect("loaded");
    let again = open(to.path(), 2);
    assert_eq!(again.highest(), summary.highest);
    let checked = again.check(|_, bytes| {
        let text = std::str::from_utf8(bytes).expect("text");
        let lsn = text.rsplit(' ').next().and_then(|lsn| lsn.parse().ok()).map_or(Lsn::ZERO, Lsn);
        if lsn > summary.highest { Err(format!("{lsn}")) } else { Ok(()) }
    });
    assert_eq!(checked.expect("checked").faults, []);
}
