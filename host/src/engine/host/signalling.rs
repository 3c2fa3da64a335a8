//! Word to other keys of the deployment.

use super::{Answer, HostState};
use crate::engine::bindings::imports::fishpond::plugin::signalling;
use crate::engine::identity::Made;
use crate::model::Signal;

impl signalling::Host for HostState {
    fn send(&mut self, at: u32, key: String, name: String, payload: String) -> Answer<()> {
        let limits = self.limits.clone();
        self.bounded("signal_bytes", payload.len(), limits.signal_bytes)?;
        self.bounded("attribute_bytes", key.len(), limits.attribute_bytes)?;
        let handed = key.len() + name.len() + payload.len();
        let (call, at) = self.enter_granted(at, "send a signal", "signals", handed)?;
        let (sent, settings) = (call.effects[at].signals.len(), call.settings.clone());
        if sent as u64 >= limits.signals_per_input {
            let most = limits.signals_per_input;
            return self.violation("signals_per_input", format!("more than {most} signals of one input"));
        }
        let plan = &settings.configured.plan;
        if !plan.signals.iter().any(|known| **known == *name) {
            let message = format!("the plan has no signal `{name}`: list it under `signals`");
            return self.violation("unknown_signal", message);
        }
        if key.is_empty() {
            return self.violation("no_key", "a signal needs the key that it is for: 1 to 256 bytes".to_owned());
        }
        let call = self.call()?;
        let id = settings.scope.identity(Made::Signal, plan, &call.inputs[at], &name, sent);
        let signal = Signal { id, key: key.into(), name: name.into(), payload: payload.into() };
        let effects = &mut call.effects[at];
        effects.bytes += signal.bytes();
        effects.signals.push(signal);
        self.check_document(at)
    }
}
