//! Why: the window semantics of `wit/windows.wit` in their plainest form, slow and obviously right.

use std::collections::BTreeSet;

use crate::calls::{Entry, Totals};

/// Entries of one window of one key, ordered by time and then by arrival. `event` is the number of the test event.
#[derive(Debug, Clone, Default)]
pub(crate) struct WindowEntries {
    entries: Vec<Observed>,
}

#[derive(Debug, Clone)]
pub(crate) struct Observed {
    pub entry: Entry,
    /// Identity of the event that was observed.
    pub event: String,
}

/// First and last time of a window, both inclusive.
pub(crate) type Span = (u64, u64);

impl WindowEntries {
    /// Adds an entry and answers the window that contains it: of all windows of this length around it the one with
    /// the most different members, then the most entries, then the earliest.
    pub(crate) fn observe(&mut self, observed: Observed, length_ms: u64) -> Span {
        let time = observed.entry.time;
        let place = self.entries.partition_point(|other| other.entry.time <= time);
        self.entries.insert(place, observed);
        // A window around it is never better than the one that ends at its own last entry: that one holds all of it.
        let ends: BTreeSet<u64> = self.entries.iter().map(|other| other.entry.time).collect();
        let mut best = ending_at(time, length_ms);
        for end in ends.range(time..=time.saturating_add(length_ms)) {
            let span = ending_at(*end, length_ms);
            if self.rank(span) > self.rank(best) {
                best = span;
            }
        }
        best
    }

    pub(crate) fn totals(&self, span: Span) -> Totals {
        let mut totals = Totals::default();
        let mut members = BTreeSet::new();
        for observed in self.within(span) {
            totals.count += 1;
            totals.sum = totals.sum.saturating_add(observed.entry.amount);
            members.insert(&observed.entry.member);
        }
        totals.distinct = members.len() as u64;
        totals
    }

    pub(crate) fn within(&self, (first, last): Span) -> impl Iterator<Item = &Observed> {
        self.entries.iter().filter(move |observed| (first..=last).contains(&observed.entry.time))
    }

    pub(crate) fn remove(&mut self, member: &str, until: u64) {
        self.entries.retain(|observed| observed.entry.time > until || observed.entry.member != member);
    }

    pub(crate) fn clear(&mut self, until: u64) {
        self.entries.retain(|observed| observed.entry.time > until);
    }

    fn rank(&self, span: Span) -> (u64, u64) {
        let totals = self.totals(span);
        (totals.distinct, totals.count)
    }
}

/// The window of this length that ends at this time.
pub(crate) fn ending_at(time: u64, length_ms: u64) -> Span {
    (time.saturating_sub(length_ms), time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observe(window: &mut WindowEntries, time: u64, member: &str) -> (Span, Totals) {
        let entry = Entry { time, member: member.into(), amount: 2 };
        let span = window.observe(Observed { entry, event: format!("{member}@{time}") }, 60);
        (span, window.totals(span))
    }

    #[test]
    fn both_edges_belong_to_the_window() {
        let mut window = WindowEntries::default();
        observe(&mut window, 100, "a");
        assert_eq!(observe(&mut window, 160, "b").1, Totals { count: 2, distinct: 2, sum: 4 });
        assert_eq!(observe(&mut window, 161, "b").1, Totals { count: 2, distinct: 1, sum: 4 });
    }

    #[test]
    fn an_older_entry_is_answered_by_the_best_window_around_it() {
        let mut window = WindowEntries::default();
        for (time, member) in [(100, "a"), (170, "b"), (180, "c")] {
            observe(&mut window, time, member);
        }
        assert_eq!(observe(&mut window, 130, "d"), ((120, 180), Totals { count: 3, distinct: 3, sum: 6 }));
    }

    #[test]
    fn ties_go_to_more_entries_and_then_to_the_earliest() {
        let mut window = WindowEntries::default();
        for (time, member) in [(100, "a"), (101, "a"), (180, "c")] {
            observe(&mut window, time, member);
        }
        assert_eq!(observe(&mut window, 140, "d").0, (80, 140), "two members either way, three entries against two");
        let mut window = WindowEntries::default();
        for (time, member) in [(100, "a"), (180, "c")] {
            observe(&mut window, time, member);
        }
        assert_eq!(observe(&mut window, 140, "d").0, (80, 140), "equal: the earliest");
    }

    #[test]
    fn equal_times_stay_in_the_order_of_arrival() {
        let mut window = WindowEntries::default();
        for (time, member) in [(100, "b"), (100, "c"), (99, "d"), (100, "a")] {
            observe(&mut window, time, member);
        }
        let members: Vec<&str> = window.within((0, 200)).map(|observed| observed.entry.member.as_str()).collect();
        assert_eq!(members, ["d", "b", "c", "a"]);
    }

    #[test]
    fn removing_spares_what_is_later() {
        let mut window = WindowEntries::default();
        for (time, member) in [(100, "a"), (110, "b"), (120, "a")] {
            observe(&mut window, time, member);
        }
        window.remove("a", 110);
        assert_eq!(window.totals((0, 200)).count, 2);
        window.clear(115);
        assert_eq!(window.within((0, 200)).map(|observed| observed.entry.time).collect::<Vec<_>>(), [120]);
    }
}
