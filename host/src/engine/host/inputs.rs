//! What every input can be asked, and how it is refused.

use super::{Answer, HostState, cut, is_code, trap};
use crate::engine::bindings::imports::fishpond::plugin::inputs;
use crate::engine::input::What;
use crate::model::Limits;
use crate::model::outcome::HOST_CODES;

impl inputs::Host for HostState {
    fn attribute(&mut self, at: u32, name: String) -> Answer<Option<String>> {
        let (call, at) = self.enter(at, name.len())?;
        if !call.settings.configured.plan.attributes.iter().any(|declared| **declared == *name) {
            let message = format!("the plan does not list the attribute `{name}` under `attributes`");
            return self.violation("undeclared_attribute", message);
        }
        // A question has no input.
        let Some(input) = call.inputs.get(at) else { return Ok(None) };
        let common = match &*name {
            "time" => Some(input.time().to_string()),
            "receivedat" | "now" => Some(input.received().to_string()),
            "hops" => Some(input.hops().to_string()),
            _ => None,
        };
        let What::Event { event, .. } = &input.what else { return Ok(common) };
        Ok(common.or_else(|| match &*name {
            "time-replaced" => Some(event.time_replaced.to_string()),
            "undeduplicated" => Some(event.undeduplicated.to_string()),
            "late" => Some(call.effects[at].late.to_string()),
            other => event.attribute(other).map(str::to_owned),
        }))
    }

    fn refuse(&mut self, at: u32, code: String, message: String) -> Answer<()> {
        let limit = self.limits.log_bytes;
        let (call, at) = self.enter(at, code.len() + message.len())?;
        let undo = call.undo_work(at);
        if !is_code(&code) {
            return Err(trap(format!("`{}` is no refusal code: use 1 to 64 of a-z, 0-9 and _", cut(code, 80))));
        }
        if HOST_CODES.contains(&&*code) || Limits::is_name(&code) {
            return Err(trap(format!("the refusal code `{code}` is the host's own: choose another")));
        }
        self.charge(undo)?;
        self.call()?.refuse(at, code.into(), cut(message, limit));
        Ok(())
    }
}
