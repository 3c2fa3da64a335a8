//! Identities over a journal and a store: bounds, failures, blocks that do not fit together.

use std::sync::atomic::AtomicU64;

use super::*;
use crate::journal::{Clock, Encoded, Journal, Options};
use crate::store::Failpoints;

struct World {
    folder: tempfile::TempDir,
    log: Log,
    store: Arc<Store>,
    limits: Limits,
    now: Arc<AtomicU64>,
    /// Blocks cannot be written.
    fails: Arc<AtomicBool>,
}

fn world(limits: Limits) -> World {
    let folder = tempfile::tempdir().expect("a folder");
    let (fails, now) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(1_000)));
    let (failing, clock) = (fails.clone(), now.clone());
    let before_blocks: store::Failpoint = Arc::new(move |_| match failing.load(Ordering::SeqCst) {
        true => Err(std::io::Error::other("no more disk")),
        false => Ok(()),
    });
    let failpoints = Failpoints { before_blocks: Some(before_blocks), ..Failpoints::default() };
    let options = store::Options { directories: 1, cache_bytes: 8 << 20, failpoints };
    let store = Arc::new(Store::open_with(&folder.path().join("store"), &options).expect("a store"));
    let clock = Clock(Arc::new(move || clock.load(Ordering::SeqCst)));
    let options = Options { clock, ..Options::default() };
    let (journal, _) =
        Journal::open(&folder.path().join("journal"), options, Lsn::ZERO, &mut |_| {}).expect("a journal");
    World { folder, log: Log::new(journal, 1 << 20, 10), store, limits, now, fails }
}

impl World {
    fn open(&self) -> Identities {
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        let identities = Identities::open(self.log.clone(), self.store.clone(), &self.limits, metrics).expect("opened");
        identities.catch_up(self.log.last().next(), &self.limits).expect("caught up");
        identities
    }

    fn event(&self, id: u64) -> Event {
        let now = self.now.load(Ordering::SeqCst);
        Event { source: "s".into(), id: id.to_string().into(), time: now, received: now, ..Event::default() }
    }

    fn accept(&self, identities: &Identities, ids: std::ops::RangeInclusive<u64>) {
        for id in ids {
            let event = Arc::new(self.event(id));
            let lsn = self.log.append_all(vec![Encoded::new(Frame::Input(event.clone()))]).expect("appended");
            let known = Known { lsn, content: event.content() };
            identities.lock().insert(&event, event.identity(), known);
        }
        self.log.wait_committed(self.log.last()).expect("durable");
    }

    fn knows(&self, identities: &Identities, id: u64) -> bool {
        identities.lock().find(self.event(id).identity()).expect("an answer").is_some()
    }

    /// Numbers of the blocks in the store.
    fn blocks(&self) -> Vec<u64> {
        self.store.blocks().map(|block| block.expect("a block").0).collect()
    }
}

fn limits(dedup_ids: u64) -> Limits {
    Limits { dedup_ids, ..Limits::default() }
}

#[test]
fn intake_waits_for_the_store_beyond_the_unwritten_and_ends_with_it() {
    let world = world(Limits { dedup_unwritten: 3, ..limits(16) });
    let identities = world.open();
    world.accept(&identities, 1..=3);
    assert_eq!(identities.lock().check(), Ok(()));
    world.accept(&identities, 4..=4);
    assert_eq!(identities.lock().check(), Err(SubmitError::Unwritten));
    assert!(identities.floor() == 0 && world.blocks().is_empty() && identities.needs() == Lsn(1));
    identities.write(None).expect("written");
    assert_eq!((identities.lock().check(), identities.needs()), (Ok(()), Lsn(5)));
    assert!((1..=4).all(|id| world.knows(&identities, id)) && world.blocks() == [0, 1, 2, 3]);
    world.fails.store(true, Ordering::SeqCst);
    world.accept(&identities, 5..=5);
    identities.write(None).expect_err("no disk");
    let refused = identities.lock().check();
    assert!(matches!(&refused, Err(SubmitError::Store(reason)) if reason.contains("no more disk")), "{refused:?}");
    assert_eq!(identities.needs(), Lsn(5), "retention must leave it in the journal");
}

#[test]
fn the_thread_writes_full_blocks_and_removes_forgotten_ones() {
    let world = world(limits(16));
    let identities = Arc::new(world.open());
    let writing = Writing::start(identities.clone()).expect("a thread");
    for id in 1..=40 {
        world.accept(&identities, id..=id);
    }
    while identities.needs() <= Lsn(40) {
        std::thread::yield_now();
    }
    drop(writing);
    let blocks = world.blocks();
    assert_eq!(blocks.last(), Some(&39), "{blocks:?}");
    assert!(blocks.first() >= Some(&20), "{blocks:?}");
    assert!(!world.knows(&identities, 24) && world.knows(&identities, 25) && world.knows(&identities, 40));
}

#[test]
fn a_checkpoint_has_the_open_block_and_a_start_goes_on_behind_it() {
    let world = world(limits(1_000));
    let identities = world.open();
    world.accept(&identities, 1..=100);
    identities.write(Some(world.log.last())).expect("written");
    assert_eq!((identities.needs(), world.blocks()), (Lsn(101), vec![0, 62]));
    world.accept(&identities, 101..=110);
    let again = world.open();
    assert_eq!(again.needs(), Lsn(101));
    assert!((1..=110).all(|id| world.knows(&again, id)) && !world.knows(&again, 111));
    // It fills the block that it has taken over.
    world.accept(&again, 111..=130);
    again.write(None).expect("written");
    assert_eq!((world.blocks(), again.needs()), (vec![0, 62], Lsn(125)));
    assert!((1..=130).all(|id| world.knows(&again, id)));
}

/// As a base copy may hold them that was taken while blocks were written.
#[test]
fn blocks_behind_a_gap_and_damaged_ones_are_made_again_from_the_journal() {
    for damage in [false, true] {
        let world = world(limits(160));
        let identities = world.open();
        world.accept(&identities, 1..=100);
        identities.write(Some(world.log.last())).expect("written");
        assert_eq!(world.blocks(), (0..=10).map(|number| number * 10).collect::<Vec<_>>());
        if damage {
            world.store.put_blocks(Lsn::ZERO, [(50, b"nonsense".to_vec())]).expect("written");
        } else {
            world.store.remove_blocks(50..60).expect("removed");
        }
        let again = world.open();
        assert_eq!(world.blocks(), [0, 10, 20, 30, 40], "what is behind the gap is gone");
        assert_eq!((again.needs(), again.floor()), (Lsn(51), 0));
        assert!((1..=100).all(|id| world.knows(&again, id)));
    }
}

/// The newest block alone knew that older ones had been forgotten.
#[test]
fn what_a_damaged_newest_block_had_forgotten_stays_forgotten() {
    let world = world(limits(16));
    let identities = world.open();
    for id in 1..=40 {
        // One is dated later than all that come behind it, and forgotten when the last ones come.
        world.now.store(if id == 15 { 200_000 } else { id * 1_000 }, Ordering::SeqCst);
        world.accept(&identities, id..=id);
    }
    identities.write(None).expect("written");
    let (floor, blocks) = (identities.floor(), world.blocks());
    assert!(floor == 200_000 && blocks == (23..40).collect::<Vec<_>>(), "{floor}, {blocks:?}");
    for damaged in 26..40 {
        world.store.put_blocks(Lsn::ZERO, [(damaged, b"nonsense".to_vec())]).expect("written");
    }
    let again = world.open();
    assert!(again.floor() >= floor, "{} is below {floor}: what was forgotten would come in unmarked", again.floor());
    assert!((25..=40).all(|id| world.knows(&again, id)) && !world.knows(&again, 24));
}

/// A base copy has blocks from before and from behind what was forgotten while it was taken; and its first may be damaged.
#[test]
fn a_gap_that_the_journal_cannot_fill_costs_no_later_block() {
    for damage in [None, Some(24), Some(30)] {
        let mut world = world(limits(16));
        world.log = log_of_small_segments(&world);
        let identities = world.open();
        world.accept(&identities, 1..=1);
        identities.write(None).expect("written");
        let early = world.store.block(0).expect("a store").expect("a block");
        world.accept(&identities, 2..=40);
        let padding = crate::model::Tick { now: 0, watermark: 0 };
        for _ in 0..120 {
            world.log.append_all((0..20_000).map(|_| Encoded::new(Frame::Tick(padding))).collect()).expect("appended");
        }
        let mark = world.log.last();
        identities.write(Some(mark)).expect("written");
        assert_eq!(world.blocks(), (24..=40).collect::<Vec<_>>());
        assert!(world.log.release(mark).expect("released").first > Lsn(40));
        match damage {
            None => world.store.put_blocks(Lsn::ZERO, [(0, early)]).expect("written"),
            Some(block) => world.store.put_blocks(Lsn::ZERO, [(block, b"nonsense".to_vec())]).expect("written"),
        }
        let again = world.open();
        let known = damage.map_or(25, |block| block + 2);
        assert!((known..=40).all(|id| world.knows(&again, id)), "{damage:?}");
        assert!(!world.knows(&again, known - 1));
        match damage {
            None => assert_eq!((again.floor(), again.needs()), (identities.floor(), mark.next())),
            Some(_) => assert_eq!(again.floor(), 1_000 + world.limits.skew_future_ms, "pessimistic"),
        }
    }
}

#[test]
fn a_damaged_block_refuses_and_never_guesses() {
    let world = world(limits(16));
    let identities = world.open();
    world.accept(&identities, 1..=5);
    identities.write(None).expect("written");
    world.store.put_blocks(Lsn::ZERO, [(1, b"nonsense".to_vec())]).expect("written");
    let found = identities.lock().find(world.event(2).identity());
    assert!(matches!(&found, Err(SubmitError::Store(reason)) if reason.contains("block 1 ")), "{found:?}");
    assert!(world.knows(&identities, 3) && !world.knows(&identities, 9));
}

/// A store from before there were blocks, over a journal whose beginning is gone.
#[test]
fn what_the_journal_has_released_and_no_block_holds_counts_as_forgotten() {
    let mut world = world(limits(1_000));
    world.log = log_of_small_segments(&world);
    let identities = world.open();
    for id in 1..=60 {
        world.now.fetch_add(1, Ordering::SeqCst);
        world.accept(&identities, id..=id);
        let padding = crate::model::Tick { now: 0, watermark: 0 };
        let frames = (0..20_000).map(|_| Encoded::new(Frame::Tick(padding))).collect();
        world.log.append_all(frames).expect("appended");
    }
    world.log.wait_committed(world.log.last()).expect("durable");
    let first = world.log.release(world.log.last()).expect("released").first;
    assert!(first > Lsn(1), "nothing was released");
    let again = world.open();
    let written = world.log.written_at(first).expect("a time");
    assert_eq!(again.floor(), written + world.limits.skew_future_ms);
    assert!(!world.knows(&again, 1) && world.knows(&again, 60));
}

fn log_of_small_segments(world: &World) -> Log {
    let now = world.now.clone();
    let options = Options {
        clock: Clock(Arc::new(move || now.load(Ordering::SeqCst))),
        segment_bytes: 5 << 20,
        frame_bytes: 64 << 10,
        ..Options::default()
    };
    let folder = world.folder.path().join("small");
    let (journal, _) = Journal::open(&folder, options, Lsn::ZERO, &mut |_| {}).expect("a journal");
    Log::new(journal, 1 << 20, 10)
}
