//! What a connection is doing, as its bytes and its requests show, and until when it may.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Nothing has come yet.
    Fresh,
    /// A part of a request's head.
    Head,
    /// From a request's head to the end of its answer. Handlers have their own time limits, streams have none.
    Request,
    /// Between two requests; the last answer may still be on its way.
    Idle,
}

/// One connection's state. All of it is changed within one task.
pub struct Pulse {
    bounds: Bounds,
    state: Mutex<State>,
}

/// How long a connection may be in a phase.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// `http_header_ms`
    pub header: Duration,
    /// `http_idle_ms`
    pub idle: Duration,
    /// `http_write_ms`
    pub write: Duration,
}

struct State {
    phase: Phase,
    since: Instant,
    /// Since when the client takes nothing of what is to be written.
    blocked: Option<Instant>,
    unread: bool,
}

impl Pulse {
    pub fn new(bounds: Bounds) -> Arc<Pulse> {
        Arc::new(Pulse { bounds, state: Mutex::new(State::new(Instant::now())) })
    }

    /// Bytes have come.
    pub fn read(&self) {
        self.state().read(Instant::now());
    }

    /// Bytes have gone, or could not because the client does not read.
    pub fn wrote(&self, done: bool) {
        self.state().wrote(Instant::now(), done);
    }

    /// A request has begun; it ends when what this answers is dropped.
    pub fn begin(self: &Arc<Pulse>) -> Request {
        self.state().enter(Phase::Request, Instant::now());
        Request(self.clone())
    }

    /// A request's body was not read to its end.
    pub fn leave_unread(&self) {
        self.state().unread = true;
    }

    pub fn is_unread(&self) -> bool {
        self.state().unread
    }

    /// Is a part of an earlier answer still to be written?
    pub fn is_blocked(&self) -> bool {
        self.state().blocked.is_some()
    }

    pub fn phase(&self) -> Phase {
        self.state().phase
    }

    /// None while a request is worked on and its client takes what is written.
    pub fn deadline(&self) -> Option<Instant> {
        self.state().deadline(self.bounds)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new(now: Instant) -> State {
        State { phase: Phase::Fresh, since: now, blocked: None, unread: false }
    }

    fn enter(&mut self, phase: Phase, now: Instant) {
        (self.phase, self.since) = (phase, now);
    }

    fn read(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Fresh | Phase::Idle) {
            self.enter(Phase::Head, now);
        }
    }

    fn wrote(&mut self, now: Instant, done: bool) {
        if !done {
            self.blocked.get_or_insert(now);
            return;
        }
        self.blocked = None;
        if self.phase == Phase::Idle {
            self.since = now;
        }
    }

    fn deadline(&self, bounds: Bounds) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Fresh | Phase::Head => Some(self.since + bounds.header),
            Phase::Idle => Some(self.since + bounds.idle),
            Phase::Request => None,
        };
        let taken = self.blocked.map(|since| since + bounds.write);
        phase.into_iter().chain(taken).min()
    }
}

/// A request, from its head to the end of its answer.
pub struct Request(Arc<Pulse>);

impl Drop for Request {
    fn drop(&mut self) {
        self.0.state().enter(Phase::Idle, Instant::now());
    }
}

/// Wakes at a deadline that moves. Later deadlines cost nothing until the earlier one has passed: on a busy connection the
/// timer is set once in a while, not for each request.
#[derive(Default)]
pub struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready when the deadline has passed.
    pub fn poll(&mut self, context: &mut Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        let Some(deadline) = deadline else { return Poll::Pending };
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        loop {
            ready!(sleep.as_mut().poll(context));
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const BOUNDS: Bounds =
        Bounds { header: Duration::from_secs(10), idle: Duration::from_secs(75), write: Duration::from_secs(30) };

    #[test]
    fn a_head_has_its_time_from_the_first_byte_and_an_idle_connection_from_the_last() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut state = State::new(start);
        assert_eq!(state.deadline(BOUNDS), Some(at(10)));
        state.read(at(9));
        assert_eq!((state.phase, state.deadline(BOUNDS)), (Phase::Head, Some(at(19))));
        state.read(at(15));
        assert_eq!(state.deadline(BOUNDS), Some(at(19)), "a further byte is no further time");
        state.enter(Phase::Request, at(16));
        state.read(at(17));
        assert_eq!((state.phase, state.deadline(BOUNDS)), (Phase::Request, None));
        state.enter(Phase::Idle, at(20));
        assert_eq!(state.deadline(BOUNDS), Some(at(95)));
        state.wrote(at(90), false);
        assert_eq!((state.deadline(BOUNDS), state.blocked), (Some(at(95)), Some(at(90))), "who does not read is idle");
        state.wrote(at(91), true);
        assert_eq!((state.deadline(BOUNDS), state.blocked), (Some(at(166)), None), "who reads slowly is not");
    }

    #[test]
    fn who_takes_nothing_has_its_time_from_the_last_that_it_took_also_in_a_request() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut state = State::new(start);
        state.enter(Phase::Request, start);
        state.wrote(at(1), true);
        assert_eq!(state.deadline(BOUNDS), None, "a stream may last");
        state.wrote(at(5), false);
        state.wrote(at(20), false);
        assert_eq!(state.deadline(BOUNDS), Some(at(35)), "trying again is no progress");
        state.wrote(at(34), true);
        assert_eq!(state.deadline(BOUNDS), None);
        state.wrote(at(34), false);
        assert_eq!(state.deadline(BOUNDS), Some(at(64)));
    }

    #[test]
    fn a_request_lasts_until_its_answer_is_dropped() {
        let pulse = Pulse::new(BOUNDS);
        assert_eq!(pulse.phase(), Phase::Fresh);
        let request = pulse.begin();
        assert_eq!(pulse.phase(), Phase::Request);
        drop(request);
        assert_eq!(pulse.phase(), Phase::Idle);
    }

    #[tokio::test]
    async fn an_alarm_follows_a_deadline_that_moves() {
        let begun = Instant::now();
        let at = |ms| Some(begun + Duration::from_millis(ms));
        let mut alarm = Alarm::default();
        for deadline in [at(3_600_000), at(10), None] {
            assert!(alarm.poll(&mut Context::from_waker(std::task::Waker::noop()), deadline).is_pending());
        }
        // The earliest passes meanwhile and does not count.
        poll_fn(|context| alarm.poll(context, at(30))).await;
        let passed = begun.elapsed();
        assert!(passed >= Duration::from_millis(30) && passed < Duration::from_secs(3_600), "{passed:?}");
    }
}
