//! Exact sliding windows over event time, one part of a document.
//!
//! Edges are inclusive: two entries share a window of length w if last - first <= w. Entries are kept for twice the
//! length behind the window's clock, so that an event up to one length late still meets all its neighbours; older
//! ones are `late`. The clock counts an event's time at most as its receive time: one phone that is minutes fast
//! makes nobody late.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use rustc_hash::FxBuildHasher;

use super::EventRef;

/// What one `observe` added.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    pub time: u64,
    pub amount: i64,
    pub member: Box<str>,
    pub event: EventRef,
}

/// Inclusive times of one window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    pub first: u64,
    pub last: u64,
}

/// What a window adds up to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    pub count: u64,
    pub distinct: u64,
    pub sum: i64,
}

/// All entries of one name that may still share a window with something to come, by (time, LSN).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Window {
    pub(crate) entries: Vec<Entry>,
    /// Greatest min(time, received) seen, milliseconds.
    pub(crate) clock: u64,
}

impl Window {
    /// Rebuilds a window from its stored parts.
    pub fn restore(entries: Vec<Entry>, clock: u64) -> Window {
        Window { entries, clock }
    }

    /// Is an event of this time too old to be added?
    pub fn is_late(&self, time: u64, length: u64) -> bool {
        time < self.clock.saturating_sub(length)
    }

    /// Adds an entry and drops what can share no window with anything that is still accepted. The caller has asked
    /// [`Self::is_late`]. Answers the entries that were dropped, so that a document can keep its size.
    pub fn insert(&mut self, entry: Entry, received: u64, length: u64) -> Vec<Entry> {
        self.clock = self.clock.max(entry.time.min(received));
        let order = |other: &Entry| (other.time, other.event.lsn) <= (entry.time, entry.event.lsn);
        let place = self.entries.partition_point(order);
        // Most windows of most keys hold one entry; a vector's first growth would make room for four.
        if self.entries.is_empty() {
            self.entries.reserve_exact(1);
        }
        self.entries.insert(place, entry);
        let floor = self.clock.saturating_sub(2 * length);
        let stale = self.entries.partition_point(|entry| entry.time < floor);
        // `drain` of nothing allocates nothing: the ordinary case costs a comparison.
        self.entries.drain(..stale).collect()
    }

    /// Removes entries up to a time, of one member or of all; answers them.
    pub fn remove(&mut self, member: Option<&str>, until: u64) -> Vec<Entry> {
        let goes = |entry: &mut Entry| entry.time <= until && member.is_none_or(|member| *entry.member == *member);
        self.entries.extract_if(.., goes).collect()
    }

    /// The window that an entry at this time belongs to. For the newest entry it ends there. A late one lies in
    /// several: the one with the most distinct members, then the most entries, then the earliest. Each entry enters
    /// and leaves the moving window once at most, because any guest may fill a window and observe into its middle.
    pub fn around(&self, time: u64, length: u64) -> Span {
        let ending = Span { first: time.saturating_sub(length), last: time };
        if self.entries.last().is_none_or(|newest| newest.time <= time) {
            return ending;
        }
        let starts = self.range(ending);
        let mut members = Members::default();
        let (mut best, mut best_rank) = (ending, (0, 0));
        let mut end = starts.start;
        for start in starts.clone() {
            let first = self.entries[start].time;
            if start > starts.start {
                let left = &self.entries[start - 1];
                members.remove(&left.member);
                // Entries of one time begin one window, which the first of them has ranked.
                if left.time == first {
                    continue;
                }
            }
            let last = first.saturating_add(length);
            while let Some(entry) = self.entries.get(end).filter(|entry| entry.time <= last) {
                members.add(&entry.member);
                end += 1;
            }
            let rank = (members.counts.len(), end - start);
            // Starts rise, so of equals the earliest stays.
            if rank > best_rank {
                (best, best_rank) = (Span { first, last }, rank);
            }
        }
        best
    }

    pub fn totals(&self, span: Span) -> Totals {
        let entries = self.entries(span);
        Totals {
            count: entries.len() as u64,
            distinct: distinct(entries),
            sum: entries.iter().fold(0, |sum: i64, entry| sum.saturating_add(entry.amount)),
        }
    }

    /// The entries of a span, oldest first.
    pub fn entries(&self, span: Span) -> &[Entry] {
        &self.entries[self.range(span)]
    }

    /// Every entry that is kept, also beyond any one window.
    pub fn all(&self) -> &[Entry] {
        &self.entries
    }

    pub fn clock(&self) -> u64 {
        self.clock
    }

    fn range(&self, span: Span) -> Range<usize> {
        let first = self.entries.partition_point(|entry| entry.time < span.first);
        let last = self.entries.partition_point(|entry| entry.time <= span.last);
        first..last.max(first)
    }
}

/// The members of a moving window, and how many entries each has in it.
#[derive(Default)]
struct Members<'a> {
    counts: HashMap<&'a str, usize, FxBuildHasher>,
}

impl<'a> Members<'a> {
    fn add(&mut self, member: &'a str) {
        *self.counts.entry(member).or_default() += 1;
    }

    fn remove(&mut self, member: &'a str) {
        if let Some(count) = self.counts.get_mut(member) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(member);
            }
        }
    }
}

fn distinct(entries: &[Entry]) -> u64 {
    // Pairwise comparison is faster than hashing while the window is small, and ordinary windows are.
    if entries.len() <= 8 {
        let fresh = |i: &usize| !entries[..*i].iter().any(|earlier| earlier.member == entries[*i].member);
        return (0..entries.len()).filter(fresh).count() as u64;
    }
    let mut members: HashSet<&str, FxBuildHasher> = HashSet::default();
    members.extend(entries.iter().map(|entry| &*entry.member));
    members.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Lsn;

    const MINUTE: u64 = 60_000;

    fn entry(time: u64, member: &str) -> Entry {
        let event = EventRef { lsn: Lsn(time), source: "test".into(), id: time.to_string().into() };
        Entry { time, amount: 1, member: member.into(), event }
    }

    fn window(entries: &[(u64, &str)]) -> Window {
        let mut window = Window::default();
        for (time, member) in entries {
            window.insert(entry(*time, member), *time, MINUTE);
        }
        window
    }

    #[test]
    fn s1_07_edges_are_inclusive() {
        let base = 1_000_000;
        for (later, count) in [(MINUTE, 2), (MINUTE + 1, 1)] {
            let window = window(&[(base, "a"), (base + later, "b")]);
            let span = window.around(base + later, MINUTE);
            assert_eq!(window.totals(span).count, count, "{later} ms apart");
        }
    }

    #[test]
    fn members_are_counted_once() {
        let many: Vec<(u64, &str)> = (0..20).map(|i| (1_000 + i, if i % 2 == 0 { "a" } else { "b" })).collect();
        let large = window(&many);
        assert_eq!(large.totals(large.around(1_019, MINUTE)), Totals { count: 20, distinct: 2, sum: 20 });
        let small = window(&many[..3]);
        assert_eq!(small.totals(small.around(1_002, MINUTE)).distinct, 2);
    }

    #[test]
    fn a_late_entry_answers_the_window_with_the_most_members() {
        let base = 1_000_000;
        // Before it lie two entries of one member, after it two members: the later window wins.
        let window = window(&[
            (base, "a"),
            (base + 1_000, "a"),
            (base + 70_000, "b"),
            (base + 80_000, "c"),
            (base + 30_000, "d"),
        ]);
        let span = window.around(base + 30_000, MINUTE);
        assert_eq!(span, Span { first: base + 30_000, last: base + 90_000 });
        assert_eq!(window.totals(span), Totals { count: 3, distinct: 3, sum: 3 });
    }

    /// What `around` means, one window after the other.
    fn around_one_by_one(window: &Window, time: u64, length: u64) -> Span {
        let ending = Span { first: time.saturating_sub(length), last: time };
        if window.entries.last().is_none_or(|newest| newest.time <= time) {
            return ending;
        }
        let starts = window.range(ending).map(|i| window.entries[i].time);
        let spans = starts.map(|first| Span { first, last: first + length });
        let rank = |span: &Span| {
            let totals = window.totals(*span);
            (totals.distinct, totals.count, std::cmp::Reverse(span.first))
        };
        spans.max_by_key(rank).unwrap_or(ending)
    }

    #[test]
    fn the_moving_window_finds_what_one_by_one_finds() {
        const LENGTH: u64 = 40;
        for seed in 0..300 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (members, times) = (rng.u8(1..12), rng.u64(1..200));
            let mut window = Window::default();
            for lsn in 0..rng.u64(1..60) {
                let time = rng.u64(0..times);
                let member = (b'a' + rng.u8(0..members)).to_string();
                // Received at 0, nothing is ever stale, so entries lie on both sides of every time.
                let entry =
                    Entry { event: EventRef { lsn: Lsn(lsn), ..entry(time, "").event }, ..entry(time, &member) };
                assert!(window.insert(entry, 0, LENGTH).is_empty());
            }
            for time in 0..=times + LENGTH {
                let expected = around_one_by_one(&window, time, LENGTH);
                assert_eq!(window.around(time, LENGTH), expected, "seed {seed}, time {time}");
            }
        }
    }

    #[test]
    fn what_can_meet_nothing_more_is_dropped_and_what_is_older_is_late() {
        let base = 10 * MINUTE;
        let mut window = window(&[(base, "a"), (base + MINUTE, "b")]);
        assert!(window.insert(entry(base + 2 * MINUTE, "c"), base + 2 * MINUTE, MINUTE).is_empty());
        let dropped = window.insert(entry(base + 2 * MINUTE + 1, "d"), base + 2 * MINUTE + 1, MINUTE);
        assert_eq!(dropped.len(), 1);
        assert!(window.is_late(base + MINUTE, MINUTE));
        assert!(!window.is_late(base + MINUTE + 1, MINUTE));
    }

    #[test]
    fn a_fast_phone_makes_nobody_late() {
        let base = 10 * MINUTE;
        let mut window = Window::default();
        window.insert(entry(base + 4 * MINUTE, "fast"), base, MINUTE);
        assert!(!window.is_late(base, MINUTE));
    }

    #[test]
    fn removal_spares_what_came_after() {
        let mut window = window(&[(1_000, "a"), (2_000, "b"), (3_000, "a")]);
        assert_eq!(window.remove(Some("a"), 2_000).len(), 1);
        assert_eq!(window.remove(None, 2_000).len(), 1);
        assert_eq!(window.all().len(), 1);
    }
}
