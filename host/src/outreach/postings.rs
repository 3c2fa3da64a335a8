//! Lists of frames by what they speak of, newest first. Lists only grow, and most are of one or two frames, so all of them
//! are links in one vector: 8 bytes for each mention, and 17 (by the fill of the map some 20 to 35) for each name.

use std::hash::Hasher;

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::Xxh3Default;

/// No further link.
const END: u32 = u32::MAX;

/// Of two lists the longer is looked at too if it has at most so many times the links: otherwise reading the frames of
/// the shorter one costs less.
const LONGER: u32 = 64;

/// What a list is about. A frame may speak of several things of one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Business,
    Person,
    Action,
    Match,
    Policy,
    Reason,
}

/// The name of a list. Two things may have the same: whoever reads the frames looks again.
pub(super) fn key(kind: Kind, business: &str, value: &[u8]) -> u64 {
    let mut hash = Xxh3Default::new();
    hash.write_u8(kind as u8);
    hash.write_u64(business.len() as u64);
    hash.update(business.as_bytes());
    hash.update(value);
    hash.digest()
}

#[derive(Default)]
pub(super) struct Postings {
    heads: FxHashMap<u64, Head>,
    links: Vec<Link>,
}

#[derive(Clone, Copy)]
struct Head {
    newest: u32,
    count: u32,
}

/// Frames are numbered in the order in which they came.
#[derive(Clone, Copy)]
struct Link {
    frame: u32,
    older: u32,
}

impl Postings {
    /// Notes that a frame, the newest so far, speaks of something. Twice is once.
    pub fn add(&mut self, key: u64, frame: u32) {
        let newest = self.links.len() as u32;
        let head = self.heads.entry(key).or_insert(Head { newest: END, count: 0 });
        if self.links.get(head.newest as usize).is_some_and(|link| link.frame == frame) {
            return;
        }
        self.links.push(Link { frame, older: head.newest });
        *head = Head { newest, count: head.count + 1 };
    }

    pub fn mentions(&self) -> usize {
        self.links.len()
    }

    /// Frames below a number that speak of all of these, as far as lists can tell: newest first.
    pub fn frames(&self, keys: &[u64], below: u32) -> impl Iterator<Item = u32> {
        let heads: Option<Vec<Head>> = keys.iter().map(|key| self.heads.get(key).copied()).collect();
        let mut heads = heads.unwrap_or_default();
        heads.sort_by_key(|head| head.count);
        let shortest = heads.first().copied().unwrap_or(Head { newest: END, count: 0 });
        let longest = shortest.count.saturating_mul(LONGER);
        let others = heads.iter().skip(1).filter(|head| head.count <= longest);
        let mut others: Vec<_> = others.map(|head| self.walk(*head).peekable()).collect();
        self.walk(shortest).filter(move |frame| {
            let named = |other: &mut std::iter::Peekable<_>| {
                while other.next_if(|newer| newer > frame).is_some() {}
                other.peek() == Some(frame)
            };
            *frame < below && others.iter_mut().all(named)
        })
    }

    fn walk(&self, head: Head) -> Walk<'_> {
        Walk { links: &self.links, at: head.newest }
    }
}

struct Walk<'a> {
    links: &'a [Link],
    at: u32,
}

impl Iterator for Walk<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let link = self.links.get(self.at as usize)?;
        self.at = link.older;
        Some(link.frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(postings: &Postings, keys: &[u64], below: u32) -> Vec<u32> {
        postings.frames(keys, below).collect()
    }

    #[test]
    fn frames_come_newest_first_and_once() {
        let mut postings = Postings::default();
        for frame in [0, 3, 3, 7] {
            postings.add(1, frame);
        }
        assert_eq!(all(&postings, &[1], 100), [7, 3, 0]);
        assert_eq!(all(&postings, &[1], 7), [3, 0]);
        assert!(all(&postings, &[2], 100).is_empty() && all(&postings, &[1, 2], 100).is_empty());
        assert!(all(&postings, &[], 100).is_empty());
    }

    #[test]
    fn several_names_are_met_together_as_far_as_that_is_cheaper_than_reading() {
        let mut postings = Postings::default();
        for frame in 0..100 {
            postings.add(1, frame);
            if frame % 3 == 0 {
                postings.add(2, frame);
            }
            if frame % 50 == 1 {
                postings.add(3, frame);
            }
        }
        let both: Vec<u32> = (0..90).rev().filter(|frame| frame % 3 == 0).collect();
        assert_eq!(all(&postings, &[1, 2], 90), both);
        assert_eq!(all(&postings, &[3, 2], 100), [51]);
        // One frame more in the list of 1 than is looked at for a list of one frame.
        postings.add(4, 500);
        assert_eq!(all(&postings, &[2, 4], 1_000), [0; 0]);
        assert_eq!(all(&postings, &[1, 4], 1_000), [500]);
    }

    #[test]
    fn names_of_different_kinds_and_businesses_are_kept_apart() {
        assert_ne!(key(Kind::Person, "a", b"x"), key(Kind::Policy, "a", b"x"));
        assert_ne!(key(Kind::Person, "a", b"bx"), key(Kind::Person, "ab", b"x"));
        assert_eq!(key(Kind::Person, "a", b"x"), key(Kind::Person, "a", b"x"));
    }
}
