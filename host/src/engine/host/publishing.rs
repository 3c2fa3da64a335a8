//! Events that the module makes.

use super::{Answer, HostState, is_object, trap};
use crate::engine::bindings::imports::fishpond::plugin::publishing;
use crate::engine::call::work_of_bytes;
use crate::engine::identity::Made;
use crate::model::HOST_TYPES;
use crate::model::outreach::Published;

impl publishing::Host for HostState {
    fn publish(&mut self, at: u32, event_type: String, subject: String, actor: String, data: String) -> Answer<()> {
        let limits = self.limits.clone();
        self.bounded("match_bytes", data.len(), limits.match_bytes)?;
        self.bounded("attribute_bytes", subject.len().max(actor.len()), limits.attribute_bytes)?;
        let handed = [&event_type, &subject, &actor, &data].map(String::len).into_iter().sum();
        let (_, at) = self.enter_telling(at, "publish an event", "publish", handed)?;
        let most = limits.attribute_bytes;
        if event_type.is_empty() || event_type.len() as u64 > most || event_type.starts_with(HOST_TYPES) {
            let message = format!(
                "`{event_type}` is no type for an event: use 1 to {most} bytes, and leave `{HOST_TYPES}` to the host"
            );
            return self.violation("bad_event_type", message);
        }
        // It is read as JSON, not only handed over.
        self.charge(work_of_bytes(data.len()))?;
        if !is_object(&data) {
            return Err(trap("the data of a published event is no JSON object"));
        }
        let call = self.call()?;
        let (settings, input) = (&call.settings, &call.inputs[at]);
        let (plan, number) = (&settings.configured.plan, call.effects[at].published.len());
        let published = Published {
            id: settings.scope.identity(Made::Event, plan, input, &event_type, number),
            event_type: event_type.into(),
            subject: subject.into(),
            actor: actor.into(),
            data: data.into(),
            time: input.time(),
            hops: input.hops().saturating_add(1),
        };
        let effects = &mut call.effects[at];
        effects.bytes += published.bytes();
        effects.published.push(published);
        self.check_document(at)
    }
}
