//! When values that have expired leave their document.
//!
//! A value is gone for inputs at or after its expiry; inputs that come late, or wait, still see it. So it is dropped when
//! no later input can: behind what an event may be late by (`skew_past_ms`, else its time is replaced) and a request may
//! take (`request_ms`), and before every timer and kept input that is pending. A document that is full drops what lies
//! `lateness_ms` behind the input, rather than to refuse it. Both are operations, so redo does what ran.

use super::{Document, Limits, Op};

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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Lsn, Timer, TimerClock, Value};

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
    fn whatever_an_event_may_be_late_by_is_waited_for() {
        let limits = Limits::default();
        let received = 100 * 86_400_000;
        let until = unseen_until(&limits, received, received);
        assert!(until < received - limits.skew_past_ms);
        assert_eq!(unseen_until(&limits, 5, received), 5);
        assert_eq!(crowded_until(&limits, received + 10, received), received - limits.lateness_ms);
    }
}
