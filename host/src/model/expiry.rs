//! When values that have expired leave their document.
//!
//! A value is gone for inputs at or after its expiry; inputs that come late, or wait, still see it. So it is dropped when
//! no later input can: behind what an event may be late by (`skew_past_ms`, else its time is replaced) and a request may
//! take (`request_ms`), and before every timer and kept input that is pending. A document that is full drops what lies
//! `lateness_ms` behind the input, rather than to refuse it. Both are operations, so redo does what ran.
//!
//! A document in which no later input can see anything is *spent*, and may be emptied altogether.

use super::{Document, Limits, Op, WindowSpec};

/// No event that is received later has a time before this, and the input itself has none: milliseconds.
pub fn unseen_until(limits: &Limits, time: u64, received: u64) -> u64 {
    received.saturating_sub(limits.skew_past_ms).saturating_sub(limits.request_ms).min(time)
}

/// What a full document keeps no longer: milliseconds.
pub fn crowded_until(limits: &Limits, time: u64, received: u64) -> u64 {
    time.min(received).saturating_sub(limits.lateness_ms)
}

impl Document {
    /// The operation that drops values which expired up to a time, but for what pending timers and kept inputs may see. None
    /// if nothing would be dropped.
    pub fn expire(&self, until: u64) -> Option<Op> {
        let until = self.timers().iter().map(|(_, timer)| timer.due).fold(until, u64::min);
        let goes = self.values().iter().any(|(_, value)| value.expires.is_some_and(|expires| expires <= until));
        goes.then_some(Op::Expire { until })
    }

    /// Is nothing in it that an input at `until` (milliseconds) or later can see? No timer, all values expired, and of every
    /// window, of the plan's that handles what comes, no entry is left that the next one would not drop. What was ever
    /// timed or changed in it lies before `until` too: so no number of a timer, and no lateness, is missed.
    pub fn is_spent(&self, until: u64, plan: &[WindowSpec]) -> bool {
        let gone = |(name, window): &(_, super::Window)| {
            let spec = plan.iter().find(|spec| spec.name == *name);
            let newest = window.all().last().map_or(0, |entry| entry.time).max(window.clock());
            spec.is_some_and(|spec| newest.saturating_add(spec.length_ms.saturating_mul(2)) < until)
        };
        self.timers().is_empty()
            && self.clock() < until
            && self.values().iter().all(|(_, value)| value.expires.is_some_and(|expires| expires < until))
            && self.windows().iter().all(gone)
    }

    /// Is there nothing in it, and nothing that it remembers, but the position of its last change?
    pub fn is_blank(&self) -> bool {
        let none = self.timers().is_empty() && self.values().is_empty() && self.windows().is_empty();
        none && self.timers_set() == 0 && self.clock() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Entry, EventRef, Lsn, Timer, TimerClock, Value};

    fn set(name: &str, expires: Option<u64>) -> Op {
        Op::Set { name: name.into(), value: Value { bytes: Box::new([1]), expires } }
    }

    fn names(document: &Document) -> Vec<&str> {
        document.values().iter().map(|(name, _)| &**name).collect()
    }

    #[test]
    fn only_what_no_pending_timer_can_see_is_dropped() {
        let mut document = Document::default();
        for op in [set("a", Some(10)), set("b", Some(20)), set("c", None), set("d", Some(11))] {
            document.apply(op);
        }
        assert_eq!(document.expire(9), None);
        let timer = Timer {
            clock: TimerClock::Event,
            due: 10,
            context: "".into(),
            at: Lsn(1),
            number: 0,
            state_version: 1,
            hops: 0,
        };
        document.apply(Op::SetTimer { name: "t".into(), timer });
        assert_eq!(document.expire(30), Some(Op::Expire { until: 10 }));
        document.apply(Op::CancelTimer { name: "t".into() });
        let before = document.bytes();
        document.apply(document.expire(19).expect("two have expired"));
        assert_eq!(names(&document), ["b", "c"]);
        assert!(document.bytes() < before);
    }

    #[test]
    fn a_document_is_spent_when_the_last_of_its_parts_has_passed() {
        let plan = [WindowSpec { name: "w".into(), length_ms: 100 }];
        let mut document = Document::default();
        assert!(document.is_spent(1, &plan) && document.is_blank());
        let event = EventRef { lsn: Lsn(1), source: "s".into(), id: "i".into() };
        let entry = Entry { time: 1_000, amount: 1, member: "m".into(), event };
        document.apply(Op::Observe { window: "w".into(), length_ms: 100, received: 1_000, entry });
        assert!(!document.is_spent(1_200, &plan) && document.is_spent(1_201, &plan) && !document.is_blank());
        assert!(!document.is_spent(u64::MAX, &[]), "how long a window is that the plan has not, nobody knows");
        document.apply(set("a", Some(2_000)));
        assert!(!document.is_spent(2_000, &plan) && document.is_spent(2_001, &plan));
        document.advance(3_000);
        assert!(!document.is_spent(3_000, &plan) && document.is_spent(3_001, &plan));
        let timer = Timer { due: 10, ..Timer::default() };
        document.apply(Op::SetTimer { name: "t".into(), timer });
        assert!(!document.is_spent(u64::MAX, &plan));
        document.apply(Op::CancelTimer { name: "t".into() });
        assert!(document.is_spent(3_001, &plan));
        document.apply(set("b", None));
        assert!(!document.is_spent(u64::MAX, &plan));
    }

    #[test]
    fn whatever_an_event_may_be_late_by_is_waited_for() {
        let limits = Limits::default();
        let received = 100 * 86_400_000;
        let until = unseen_until(&limits, received, received);
        assert!(until < received - limits.skew_past_ms);
        assert_eq!(unseen_until(&limits, 5, received), 5);
        assert_eq!(crowded_until(&limits, received + 10, received), received - limits.lateness_ms);
    }
}
