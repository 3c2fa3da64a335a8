//! Why: time passes only where a test says so, and what is due then fires in order.

use super::document::Timer;
use super::host::Host;
use super::input::Input;
use crate::timer::Clock;
use crate::{Due, Timers};

/// Timers that one `advance` fires: more is a rule that always sets a timer which has passed.
const FIRED_MAX: usize = 10_000;

impl<R: Timers> Host<R> {
    /// Both clocks reach `to` (milliseconds since the Unix epoch) in one tick: what is due fires in the order of its
    /// time, with the attribute `now` reading `to`. What is set meanwhile and has passed fires with it.
    ///
    /// # Panics
    /// If 10,000 timers fire.
    pub fn advance(&mut self, to: u64) -> &mut Self {
        self.tick(to, &[Clock::Receive, Clock::Event])
    }

    /// As `advance`, of timers on the receive clock only.
    ///
    /// # Panics
    /// If 10,000 timers fire.
    pub fn advance_receive(&mut self, to: u64) -> &mut Self {
        self.tick(to, &[Clock::Receive])
    }

    /// As `advance`, of timers on the watermark only.
    ///
    /// # Panics
    /// If 10,000 timers fire.
    pub fn advance_event(&mut self, to: u64) -> &mut Self {
        self.tick(to, &[Clock::Event])
    }

    fn tick(&mut self, to: u64, clocks: &[Clock]) -> &mut Self {
        for _ in 0..FIRED_MAX {
            let Some((due, hops)) = self.take_due(to, clocks) else { return self };
            let id = format!("{}@{}", due.name, due.time);
            let input = Input::Other { id, time: due.time, now: to, hops };
            // A refusal is kept by `run`; there is nobody to answer.
            let _ = self.run(&due.key, due.time, input, |()| true, |rule, cx| rule.on_timer(&due, cx));
        }
        panic!("{FIRED_MAX} timers fired at once: the rule sets a timer that has passed, again and again");
    }

    /// Removes and answers the first timer that these clocks have passed.
    fn take_due(&mut self, to: u64, clocks: &[Clock]) -> Option<(Due, u8)> {
        let all = self.documents.iter().flat_map(|(key, document)| {
            document.timers.iter().map(move |(name, timer)| (timer.time, key.clone(), name.clone()))
        });
        let passed = all.filter(|(time, _, name)| *time <= to && self.runs_on(name, clocks));
        let (time, key, name) = passed.min()?;
        let Timer { context, hops, .. } = self.documents.get_mut(&key)?.timers.remove(&name)?;
        Some((Due { key, name, time, context, state_version: R::STATE.writes }, hops))
    }

    fn runs_on(&self, timer: &str, clocks: &[Clock]) -> bool {
        self.plan.clock(timer).is_some_and(|clock| clocks.contains(&clock))
    }
}
