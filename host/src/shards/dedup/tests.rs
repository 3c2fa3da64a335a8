//! Against an obvious model: a list of everything that was accepted.

use std::collections::HashMap;
use std::convert::Infallible;

use super::*;

/// What the store would have.
type Written = HashMap<u64, Arc<Block>>;

fn limits(dedup_ids: u64, dedup_horizon_ms: u64) -> Limits {
    Limits { dedup_ids, dedup_horizon_ms, ..Limits::default() }
}

fn find(dedup: &Dedup, written: &Written, id: u128) -> Option<Known> {
    let found = dedup.find(id, |first| Ok::<_, Infallible>(written[&first].clone()));
    found.unwrap_or_else(|never| match never {})
}

fn insert_at(dedup: &mut Dedup, id: u128, time: u64, received: u64, lsn: u64) {
    let event = Event { time, received, ..Event::default() };
    dedup.insert(&event, id, Known { lsn: Lsn(lsn), content: id as u64 });
}

fn insert(dedup: &mut Dedup, id: u128, received: u64) {
    insert_at(dedup, id, received, received, id as u64);
}

#[test]
fn identities_are_forgotten_by_number_and_by_age() {
    let (mut dedup, none) = (Dedup::new(&limits(2, 100)), Written::new());
    (1..=2).for_each(|id| insert(&mut dedup, id, 1_000));
    assert_eq!((dedup.floor(), dedup.len()), (0, 2));
    insert(&mut dedup, 3, 1_000);
    assert!(find(&dedup, &none, 1).is_none());
    assert_eq!(find(&dedup, &none, 2).map(|known| known.lsn), Some(Lsn(2)));
    assert_eq!((dedup.floor(), dedup.effective_horizon_ms()), (1_000, 0), "what is of that time may be forgotten");
    insert(&mut dedup, 4, 1_100);
    assert!(find(&dedup, &none, 3).is_some(), "it is within the horizon, and there is room for two");
    insert(&mut dedup, 5, 1_101);
    assert_eq!((dedup.len(), dedup.floor()), (2, 1_000));
    insert(&mut dedup, 6, 1_300);
    assert_eq!((dedup.len(), dedup.floor(), dedup.effective_horizon_ms()), (1, 1_101, 199));
}

#[test]
fn an_identity_lives_from_the_later_of_both_times_of_its_event() {
    let (mut dedup, none) = (Dedup::new(&limits(100, 160)), Written::new());
    insert_at(&mut dedup, 1, 1_090, 1_000, 1);
    insert_at(&mut dedup, 2, 200, 1_020, 2);
    insert(&mut dedup, 3, 1_250);
    assert!(find(&dedup, &none, 1).is_some() && find(&dedup, &none, 2).is_some(), "oldest first, in blocks");
    insert(&mut dedup, 4, 1_251);
    assert!(find(&dedup, &none, 1).is_none() && find(&dedup, &none, 2).is_none());
    assert_eq!(dedup.floor(), 1_090);
}

#[test]
fn nothing_is_remembered_with_room_for_none() {
    let mut dedup = Dedup::new(&limits(0, 100));
    insert(&mut dedup, 1, 50);
    assert_eq!((dedup.len(), dedup.floor()), (0, 50));
    assert!(find(&dedup, &Written::new(), 1).is_none());
}

#[test]
fn a_hit_is_confirmed_by_the_whole_identity() {
    let (mut dedup, none) = (Dedup::new(&limits(100, 100)), Written::new());
    insert(&mut dedup, 7, 10);
    // As if both had the same 42 bits.
    dedup.table.insert(8, 0, |_| true);
    assert_eq!(dedup.table.candidates(8).count(), 1);
    assert!(find(&dedup, &none, 8).is_none() && find(&dedup, &none, 7).is_some());
}

/// A host that stops now: its blocks, the open one as the last checkpoint left it, and the events behind them.
struct Stopped<'a> {
    limits: &'a Limits,
    written: &'a Written,
    open: Option<&'a Block>,
    accepted: &'a [(u128, Event)],
}

impl Stopped<'_> {
    fn start(&self) -> Dedup {
        let mut firsts: Vec<u64> = self.written.keys().copied().collect();
        firsts.sort_unstable();
        let mut blocks: Vec<Block> = firsts.iter().map(|first| (*self.written[first]).clone()).collect();
        let end = blocks.last().map_or(0, Block::end);
        blocks.extend(self.open.filter(|open| open.head.first >= end).cloned());
        let last = blocks.last().map_or(Head::default(), |block| block.head);
        let mut dedup = Dedup::new(self.limits);
        assert!(blocks.into_iter().all(|block| dedup.restore(block)));
        dedup.restored(last);
        for (index, (id, event)) in self.accepted.iter().enumerate() {
            let lsn = Lsn(index as u64 + 1);
            if lsn > last.upto {
                dedup.insert(event, *id, Known { lsn, content: *id as u64 });
            }
        }
        dedup
    }
}

/// Everything that whoever asks can see.
fn seen(dedup: &Dedup) -> (u64, u64, u64) {
    (dedup.len(), dedup.floor(), dedup.clock)
}

/// Random events and repeats, written blocks, checkpoints and restarts: what is remembered is what was accepted last, whatever
/// is not proven to be new was accepted before or is at or below the floor, and a start stands where the host stood.
#[test]
fn verdicts_are_those_of_a_list_across_restarts() {
    for seed in 0..40 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let limits = limits([3, 40, 5_000][rng.usize(0..3)], [30, 400, 1 << 40][rng.usize(0..3)]);
        let mut dedup = Dedup::new(&limits);
        let (mut written, mut open) = (Written::new(), None);
        let mut accepted: Vec<(u128, Event)> = Vec::new();
        let (mut now, mut floors) = (1_000, vec![0]);
        for step in 0..900 {
            now += rng.u64(0..4);
            // Repeats of what was sent, or something new.
            let id = if rng.bool() && step > 0 { rng.u128(1..=step) } else { step + 1 };
            let before = accepted.iter().rposition(|(accepted, _)| *accepted == id);
            let event = match before {
                // A repeat has the time of the original.
                Some(index) => Event { received: now, ..accepted[index].1.clone() },
                None => Event { time: now - rng.u64(0..90) + rng.u64(0..20), received: now, ..Event::default() },
            };
            let remembered = accepted.len() - dedup.len() as usize;
            let expected = before.filter(|index| *index >= remembered).map(|index| Lsn(index as u64 + 1));
            let found = find(&dedup, &written, id);
            assert_eq!(found.map(|known| known.lsn), expected, "seed {seed}, step {step}");
            if found.is_none() {
                assert!(
                    before.is_none() || event.time <= dedup.floor(),
                    "seed {seed}, step {step}: a miss without a mark"
                );
                accepted.push((id, event.clone()));
                let lsn = Lsn(accepted.len() as u64);
                dedup.insert(&event, id, Known { lsn, content: id as u64 });
            }
            let kept = &accepted[accepted.len() - dedup.len() as usize..];
            assert!(kept.len() as u64 <= limits.dedup_ids);
            let within = |(_, event): &(u128, Event)| event.time.max(event.received) + limits.dedup_horizon_ms >= now;
            let spare = (limits.dedup_ids / SHARES).clamp(1, BLOCK_IDS) as usize;
            let last = accepted.iter().rev().take(limits.dedup_ids as usize + 1 - spare);
            assert!(
                last.take_while(|item| within(item)).count() <= kept.len(),
                "seed {seed}, step {step}: forgotten too soon"
            );
            assert!(dedup.floor() >= floors[floors.len() - 1], "it never falls");
            floors.push(dedup.floor());
            if rng.u8(0..20) == 0 {
                let checkpoint = rng.bool().then(|| Lsn((accepted.len() as u64).saturating_sub(rng.u64(0..3))));
                for block in dedup.to_write(checkpoint) {
                    let block = Arc::new(Block::decode(&block.encode()).expect("a block"));
                    if block.head.open {
                        open = Some(block);
                    } else {
                        dedup.written(block.head.first);
                        written.insert(block.head.first, block);
                    }
                }
            }
            if rng.u8(0..20) == 0 {
                let stopped =
                    Stopped { limits: &limits, written: &written, open: open.as_deref(), accepted: &accepted };
                let again = stopped.start();
                assert_eq!(seen(&again), seen(&dedup), "seed {seed}, step {step}");
                dedup = again;
            }
        }
        assert!(limits.dedup_ids > 1_000 || floors[900] > 0, "seed {seed}: nothing was forgotten");
    }
}

#[test]
fn blocks_are_restored_only_without_gaps() {
    let limits = limits(1_000, 1 << 40);
    let mut dedup = Dedup::new(&limits);
    (1..=400).for_each(|id| insert(&mut dedup, id, 10));
    let blocks = dedup.to_write(Some(Lsn(400)));
    assert!(blocks.len() > 4 && blocks.last().is_some_and(|open| open.head.open));
    let mut again = Dedup::new(&limits);
    assert!(again.restore((*blocks[1]).clone()), "older ones may be forgotten");
    assert!(!again.restore((*blocks[3]).clone()), "one is missing");
    assert!(again.restore((*blocks[2]).clone()));
    let mut open = Dedup::new(&limits);
    assert!(open.restore(Block { head: Head { open: true, ..blocks[0].head }, ..(*blocks[0]).clone() }));
    assert!(!open.restore((*blocks[1]).clone()), "an open one has none behind it");
}
