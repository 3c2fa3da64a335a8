//! Why: inputs as the contract writes them become inputs as rules read them.

use super::{WireAction, WireDue, WireEvent, WireQuery, WireSettlement, WireSignal};
use crate::{Action, Due, Event, MessageClass, Query, Refusal, Settlement, Signalled};

impl From<WireEvent> for Event {
    fn from(event: WireEvent) -> Self {
        Self {
            subscription: event.subscription,
            time: event.time,
            key: event.key,
            event_type: event.event_type,
            subject: event.subject,
            actor: event.actor,
            source: event.source,
            id: event.id,
            data: event.data,
        }
    }
}

impl From<WireDue> for Due {
    fn from(due: WireDue) -> Self {
        Self { key: due.key, name: due.name, time: due.time, context: due.context, state_version: due.state_version }
    }
}

impl From<WireSignal> for Signalled {
    fn from(signal: WireSignal) -> Self {
        Self {
            key: signal.key,
            name: signal.name,
            time: signal.time,
            sender: signal.sender,
            payload: signal.payload,
            state_version: signal.state_version,
        }
    }
}

impl TryFrom<WireAction> for Action {
    type Error = Refusal;

    fn try_from(action: WireAction) -> Result<Self, Refusal> {
        Ok(Self {
            message_class: MessageClass::parse(&action.message_class)?,
            person: action.person,
            id: action.id,
            match_name: action.match_name,
            policy: action.policy,
            channel: action.channel,
            scene: action.scene,
            business: action.business,
            time: action.time,
            expires: action.expires,
            attempt: action.attempt,
            fields: action.fields,
        })
    }
}

impl From<WireSettlement> for Settlement {
    fn from(settlement: WireSettlement) -> Self {
        Self {
            key: settlement.key,
            effect: settlement.effect,
            id: settlement.id,
            status: settlement.status,
            context: settlement.context,
            answer: settlement.answer,
            time: settlement.time,
            state_version: settlement.state_version,
        }
    }
}

impl From<WireQuery> for Query {
    fn from(query: WireQuery) -> Self {
        Self { key: query.key, name: query.name, user: query.user, time: query.time, parameters: query.parameters }
    }
}
