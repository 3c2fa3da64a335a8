//! Timers of the document.

use super::{Answer, HostState};
use crate::engine::bindings::imports::fishpond::plugin::timing;
use crate::model::{Op, Timer};

impl timing::Host for HostState {
    fn set_timer(&mut self, at: u32, name: String, time: u64, context: String) -> Answer<()> {
        self.not_in_filter("set a timer")?;
        self.bounded("context_bytes", context.len(), self.limits.context_bytes)?;
        let (call, at) = self.enter_writing(at, "set a timer", name.len() + context.len())?;
        let plan = &call.settings.configured.plan;
        let Some(clock) = plan.timers.get(&*name).copied() else {
            return self.violation("unknown_timer", format!("the plan has no timer `{name}`: list it under `timers`"));
        };
        let state_version = plan.state_writes;
        let others = call.document(at).timers().len();
        self.charge(others)?;
        let call = self.call()?;
        let (input, number) = (&call.inputs[at], call.document(at).timers_set());
        let (set_at, hops) = (input.sets_at(clock), input.hops());
        let timer = Timer { clock, due: time, context: context.into(), at: set_at, number, state_version, hops };
        call.change(at, Op::SetTimer { name: name.into(), timer });
        self.check_document(at)
    }

    fn cancel_timer(&mut self, at: u32, name: String) -> Answer<()> {
        self.not_in_filter("cancel a timer")?;
        let (call, at) = self.enter_writing(at, "cancel a timer", name.len())?;
        if call.document(at).timer(&name).is_some() {
            call.change(at, Op::CancelTimer { name: name.into() });
        }
        self.check_document(at)
    }
}
