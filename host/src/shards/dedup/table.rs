//! Which remembered identity may be this one? Eight bytes for each: a part of its hash, and its number in the order of
//! acceptance. A new identity is known to be new without looking at anything else; a hit is confirmed by whoever has the
//! whole identities, so nothing here decides alone.

use std::hash::{BuildHasher, RandomState};

/// Parts of the table: each is rebuilt by itself, so no event waits for more than some thousand others. With the 32 bits in
/// an entry they make 42 bits of hash: among 8 million identities a new one meets a foreign hit once in 500 000 times.
const PARTS: usize = 1 << 10;
const PART_BITS: u32 = PARTS.trailing_zeros();
/// No number of an entry: the place is free.
const FREE: u64 = 0;
const LEAST: usize = 16;

/// Open addressing, linear probing. What is forgotten stays where it is until its part is rebuilt.
pub struct Table {
    /// Of this process: nobody can choose identities that fall together.
    seeds: [u64; 2],
    parts: Vec<Part>,
}

#[derive(Default)]
struct Part {
    /// Upper half: hash, never zero. Lower half: the number's lower half.
    slots: Box<[u64]>,
    used: usize,
}

impl Table {
    pub fn new() -> Table {
        let seed = || RandomState::new().hash_one(0);
        Table { seeds: [seed(), seed()], parts: (0..PARTS).map(|_| Part::default()).collect() }
    }

    /// Part and entry's hash.
    fn place(&self, identity: u128) -> (usize, u32) {
        let halves = [identity as u64, (identity >> 64) as u64];
        let mixed = u128::from(halves[0] ^ self.seeds[0]).wrapping_mul(u128::from(halves[1] ^ self.seeds[1]));
        let hash = (mixed as u64) ^ ((mixed >> 64) as u64);
        ((hash >> (64 - PART_BITS)) as usize, (hash as u32).max(1))
    }

    /// The lower halves of the numbers that may be this identity's.
    pub fn candidates(&self, identity: u128) -> impl Iterator<Item = u32> + '_ {
        let (part, hash) = self.place(identity);
        let slots = &self.parts[part].slots;
        let begin = begin(hash, slots.len());
        let met = slots[begin..].iter().chain(&slots[..begin]).take_while(|slot| **slot != FREE);
        met.filter(move |slot| (**slot >> 32) as u32 == hash).map(|slot| *slot as u32)
    }

    /// Notes the number of an identity. `is_remembered` says of a number's lower half whether it still counts.
    pub fn insert(&mut self, identity: u128, number: u32, is_remembered: impl Fn(u32) -> bool) {
        let (part, hash) = self.place(identity);
        self.parts[part].insert(hash, number, is_remembered);
    }

    /// Memory of the entries, bytes.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.parts.iter().map(|part| size_of_val(&*part.slots)).sum()
    }
}

fn begin(hash: u32, slots: usize) -> usize {
    ((u64::from(hash) * slots as u64) >> 32) as usize
}

impl Part {
    fn insert(&mut self, hash: u32, number: u32, is_remembered: impl Fn(u32) -> bool) {
        if (self.used + 1) * 5 > self.slots.len() * 4 {
            self.rebuild(is_remembered);
        }
        self.put(hash, number);
    }

    fn put(&mut self, hash: u32, number: u32) {
        let count = self.slots.len();
        let mut at = begin(hash, count);
        while self.slots[at] != FREE {
            at = (at + 1) % count;
        }
        self.slots[at] = u64::from(hash) << 32 | u64::from(number);
        self.used += 1;
    }

    /// Leaves out what is forgotten; larger by a quarter if that makes too little room.
    fn rebuild(&mut self, is_remembered: impl Fn(u32) -> bool) {
        let old = std::mem::take(&mut self.slots);
        let kept = || old.iter().filter(|slot| **slot != FREE && is_remembered(**slot as u32));
        let (live, mut count) = (kept().count() + 1, old.len().max(LEAST));
        while live * 10 > count * 7 {
            count += count / 4;
        }
        (self.slots, self.used) = (vec![FREE; count].into_boxed_slice(), 0);
        kept().for_each(|slot| self.put((slot >> 32) as u32, *slot as u32));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(number: u64) -> u128 {
        xxhash_rust::xxh3::xxh3_128(&number.to_le_bytes())
    }

    #[test]
    fn every_number_is_found_by_its_identity_and_foreign_hits_are_few() {
        let mut table = Table::new();
        let count = 200_000;
        (0..count).for_each(|number| table.insert(identity(number), number as u32, |_| true));
        let found = |number: u64| table.candidates(identity(number)).any(|low| u64::from(low) == number);
        assert!((0..count).all(found));
        let foreign: usize = (count..2 * count).map(|number| table.candidates(identity(number)).count()).sum();
        assert!(foreign < 10, "{foreign} foreign hits");
    }

    /// What the documentation says of memory.
    #[test]
    fn an_identity_takes_at_most_sixteen_bytes_however_many_are_forgotten() {
        let mut table = Table::new();
        for window in [150_000_u64, 200_000, 230_000] {
            for number in 0..4 * window {
                let oldest = number.saturating_sub(window) as u32;
                table.insert(identity(number), number as u32, |low| low >= oldest);
            }
            let each = table.bytes() as f64 / window as f64;
            assert!((10.0..=16.0).contains(&each), "{each} bytes for each of {window}");
            table = Table::new();
        }
    }
}
