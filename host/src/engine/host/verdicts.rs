//! What a filter says about an action.

use super::{Answer, HostState, cut, is_code, is_object, trap};
use crate::engine::bindings::imports::fishpond::plugin::verdicts;
use crate::model::outreach::{Channel, Verdict, VerdictKind};

impl verdicts::Host for HostState {
    fn allow(&mut self, at: u32, numbers: String, context: Option<String>) -> Answer<()> {
        self.say(at, VerdictKind::Allow, None, numbers, context)
    }

    fn deny(&mut self, at: u32, reason: String, numbers: String) -> Answer<()> {
        self.say(at, VerdictKind::Deny, Some(reason), numbers, None)
    }

    fn hold(&mut self, at: u32, until: u64, reason: String, numbers: String) -> Answer<()> {
        self.say(at, VerdictKind::Hold(until), Some(reason), numbers, None)
    }

    fn downgrade(
        &mut self,
        at: u32,
        channel: String,
        reason: String,
        numbers: String,
        context: Option<String>,
    ) -> Answer<()> {
        let Some(channel) = Channel::parse(&channel) else {
            let channel = cut(channel, 80);
            return Err(trap(format!("`{channel}` is no channel: use `app`, `log` or `slot:` and a name")));
        };
        self.say(at, VerdictKind::Downgrade(channel), Some(reason), numbers, context)
    }
}

impl HostState {
    fn say(
        &mut self,
        at: u32,
        kind: VerdictKind,
        reason: Option<String>,
        numbers: String,
        context: Option<String>,
    ) -> Answer<()> {
        if !self.call()?.judges() {
            return Err(trap("there is no action to judge: `verdicts` are for the export `filter`"));
        }
        let limit = self.limits.context_bytes;
        self.bounded("context_bytes", numbers.len().max(context.as_ref().map_or(0, String::len)), limit)?;
        let texts = [&reason, &context].into_iter().flatten();
        // The numbers are read as JSON, not only handed over.
        let handed = texts.map(String::len).sum::<usize>() + 2 * numbers.len();
        let (call, at) = self.enter(at, handed)?;
        let declared = call.settings.configured.plan.filter.unwrap_or_default();
        let may = match kind {
            VerdictKind::Allow => declared.allow,
            VerdictKind::Deny => declared.deny,
            VerdictKind::Hold(_) => declared.hold,
            VerdictKind::Downgrade(_) => declared.downgrade,
        };
        if !may {
            let message = format!("the plan does not list `{}` under `filter.verdicts`", kind.name());
            return self.violation("undeclared_verdict", message);
        }
        if let Some(reason) = reason.as_ref().filter(|reason| !is_code(reason)) {
            let reason = cut(reason.clone(), 80);
            return Err(trap(format!("`{reason}` is no reason for a verdict: use 1 to 64 of a-z, 0-9 and _")));
        }
        if !is_object(&numbers) {
            return Err(trap("the numbers of a verdict are no JSON object"));
        }
        let effects = &mut call.effects[at];
        if effects.verdict.is_some() {
            effects.contradicted = true;
            return Ok(());
        }
        let reason = reason.unwrap_or_default().into();
        effects.verdict = Some(Verdict { kind, reason, numbers: numbers.into(), context: context.map(Box::from) });
        Ok(())
    }
}
