//! Exact windows over event time.

use super::{Answer, HostState, trap};
use crate::engine::bindings::imports::fishpond::plugin::windows;
use crate::model::{Entry, Op, Span};

impl windows::Host for HostState {
    fn observe(&mut self, at: u32, window: u32, member: String, amount: i64) -> Answer<windows::Totals> {
        self.bounded("member_bytes", member.len(), self.limits.member_bytes)?;
        let (call, at) = self.enter_writing(at, "observe", member.len())?;
        let spec = call.window_spec(window).map_err(trap)?;
        // Once to find the window around the entry, once to add it up.
        let work = 2 * call.kept(at, &spec.name);
        self.charge(work)?;
        let call = self.call()?;
        let input = &call.inputs[at];
        let (time, received) = (input.time(), input.received());
        if call.document(at).window(&spec.name).is_some_and(|kept| kept.is_late(time, spec.length_ms)) {
            call.effects[at].late = true;
            return Ok(windows::Totals { count: 0, distinct: 0, sum: 0 });
        }
        let entry = Entry { time, amount, member: member.into(), event: input.reference() };
        call.change(at, Op::Observe { window: spec.name.clone(), length_ms: spec.length_ms, received, entry });
        let kept = call.document(at).window(&spec.name);
        let (span, totals) = kept.map_or((call.span(at, window, spec.length_ms), Default::default()), |kept| {
            let span = kept.around(time, spec.length_ms);
            (span, kept.totals(span))
        });
        call.effects[at].spans.retain(|(number, _)| *number != window);
        call.effects[at].spans.push((window, span));
        self.check_document(at)?;
        Ok(windows::Totals { count: totals.count, distinct: totals.distinct, sum: totals.sum })
    }

    fn current(&mut self, at: u32, window: u32) -> Answer<windows::Totals> {
        let (call, at) = self.enter(at, 0)?;
        let spec = call.window_spec(window).map_err(trap)?;
        let work = call.kept(at, &spec.name);
        self.charge(work)?;
        let call = self.call()?;
        let last = call.time(at);
        let span = Span { first: last.saturating_sub(spec.length_ms), last };
        let totals = call.document(at).window(&spec.name).map(|kept| kept.totals(span)).unwrap_or_default();
        Ok(windows::Totals { count: totals.count, distinct: totals.distinct, sum: totals.sum })
    }

    fn entries(&mut self, at: u32, window: u32, limit: u32) -> Answer<Vec<windows::Entry>> {
        let most = limit.min(self.limits.window_entries as u32) as usize;
        let (call, at) = self.enter(at, 0)?;
        let spec = call.window_spec(window).map_err(trap)?;
        let work = most.min(call.kept(at, &spec.name));
        self.charge(work)?;
        let call = self.call()?;
        let span = call.span(at, window, spec.length_ms);
        let entries = call.document(at).window(&spec.name).map_or(&[][..], |kept| kept.entries(span));
        let entry =
            |entry: &Entry| windows::Entry { time: entry.time, member: entry.member.to_string(), amount: entry.amount };
        Ok(entries.iter().take(most).map(entry).collect())
    }

    fn remove(&mut self, at: u32, window: u32, member: String) -> Answer<()> {
        self.forget(at, window, Some(member.into()))
    }

    fn clear(&mut self, at: u32, window: u32) -> Answer<()> {
        self.forget(at, window, None)
    }
}

impl HostState {
    fn forget(&mut self, at: u32, window: u32, member: Option<Box<str>>) -> Answer<()> {
        let handed = member.as_ref().map_or(0, |member| member.len());
        let (call, at) = self.enter_writing(at, "change a window", handed)?;
        let spec = call.window_spec(window).map_err(trap)?;
        let work = call.kept(at, &spec.name);
        self.charge(work)?;
        let call = self.call()?;
        if call.document(at).window(&spec.name).is_some_and(|kept| !kept.all().is_empty()) {
            let until = call.time(at);
            call.change(at, Op::Forget { window: spec.name, member, until });
        }
        self.check_document(at)
    }
}
