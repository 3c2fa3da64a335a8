//! The exports of an instance that handle inputs: one kind of input each, and each kind one record of the contract.

use wasmtime::Store;
use wasmtime::component::Instance;

use super::bindings::events::exports::fishpond::plugin::events::Event;
use super::bindings::filter::exports::fishpond::plugin::filter::Action;
use super::bindings::settlements::exports::fishpond::plugin::settlements::Settlement;
use super::bindings::signals::exports::fishpond::plugin::signals::Signal;
use super::bindings::timers::exports::fishpond::plugin::timers::Due;
use super::bindings::{events, filter, settlements, signals, timers};
use super::error::HostFailure;
use super::host::HostState;
use super::input::{Input, Judged, What};
use super::module::Exports;
use crate::model::{Attribute, Plan, Select};

/// What a settlement is of. So far the only effect with an answer.
const DELIVERY: &str = "delivery";

/// Those that the module has.
pub(super) struct Handlers {
    events: Option<events::ExportsEvents>,
    timers: Option<timers::ExportsTimers>,
    signals: Option<signals::ExportsSignals>,
    filter: Option<filter::ExportsFilter>,
    settlements: Option<settlements::ExportsSettlements>,
}

impl Handlers {
    pub fn load(exports: &Exports, store: &mut Store<HostState>, wasm: &Instance) -> wasmtime::Result<Handlers> {
        Ok(Handlers {
            events: exports.events.as_ref().map(|indices| indices.load(&mut *store, wasm)).transpose()?,
            timers: exports.timers.as_ref().map(|indices| indices.load(&mut *store, wasm)).transpose()?,
            signals: exports.signals.as_ref().map(|indices| indices.load(&mut *store, wasm)).transpose()?,
            filter: exports.filter.as_ref().map(|indices| indices.load(&mut *store, wasm)).transpose()?,
            settlements: exports.settlements.as_ref().map(|indices| indices.load(&mut *store, wasm)).transpose()?,
        })
    }

    /// Calls the export for the first input's kind. The inner result is the guest's.
    pub fn handle(
        &self,
        store: &mut Store<HostState>,
        plan: &Plan,
        inputs: &[Input],
    ) -> Result<wasmtime::Result<()>, HostFailure> {
        let missing = |name: &str| HostFailure(format!("the module exports no `{name}`"));
        match inputs.first().map(|input| &input.what) {
            None => Ok(Ok(())),
            Some(What::Event { .. }) => {
                let guest = self.events.as_ref().ok_or_else(|| missing("events"))?.fishpond_plugin_events();
                let records = records(inputs, |input| event(plan, input))?;
                Ok(guest.call_handle(store, &records))
            }
            Some(What::Keep(_)) => Err(HostFailure("an input that waits was handed to the module".to_owned())),
            Some(What::Timer { .. }) => {
                let guest = self.timers.as_ref().ok_or_else(|| missing("timers"))?.fishpond_plugin_timers();
                let records = records(inputs, due)?;
                Ok(guest.call_handle(store, &records))
            }
            Some(What::Signal(_)) => {
                let guest = self.signals.as_ref().ok_or_else(|| missing("signals"))?.fishpond_plugin_signals();
                let records = records(inputs, signal)?;
                Ok(guest.call_handle(store, &records))
            }
            Some(What::Settlement(_)) => {
                let guest = self.settlements.as_ref().ok_or_else(|| missing("settlements"))?;
                let texts = records(inputs, |input| match &input.what {
                    What::Settlement(settled) => Some(settled.action.to_string()),
                    _ => None,
                })?;
                let mut ids = texts.iter();
                let records = records(inputs, |input| settlement(input, ids.next()?))?;
                Ok(guest.fishpond_plugin_settlements().call_handle(store, &records))
            }
            Some(What::Action(_)) => {
                let guest = self.filter.as_ref().ok_or_else(|| missing("filter"))?;
                let texts = records(inputs, |input| match &input.what {
                    What::Action(judged) => Some((judged.action.id.to_string(), judged.channel.to_string())),
                    _ => None,
                })?;
                let mut texts = texts.iter();
                let records = records(inputs, |input| action(input, texts.next()?))?;
                Ok(guest.fishpond_plugin_filter().call_handle(store, &records))
            }
        }
    }
}

/// One record for each input. A batch of several kinds is a mistake of the caller: no export could handle it.
fn records<'a, T>(inputs: &'a [Input], record: impl FnMut(&'a Input) -> Option<T>) -> Result<Vec<T>, HostFailure> {
    let records: Vec<T> = inputs.iter().map_while(record).collect();
    if records.len() < inputs.len() {
        return Err(HostFailure("inputs of several kinds came in one batch".to_owned()));
    }
    Ok(records)
}

/// The record carries what the subscription selects, borrowed from the event.
fn event<'a>(plan: &Plan, input: &'a Input) -> Option<Event<'a>> {
    let What::Event { event, subscription: number, data, .. } = &input.what else { return None };
    let subscription = &plan.subscriptions[*number as usize];
    let pick = |attribute: Attribute, text: &'a str| if subscription.select.contains(&attribute) { text } else { "" };
    Some(Event {
        subscription: *number,
        time: event.time,
        key: &input.key,
        event_type: pick(Attribute::Type, &event.kind),
        subject: pick(Attribute::Subject, &event.subject),
        actor: pick(Attribute::Actor, &event.actor),
        source: pick(Attribute::Source, &event.source),
        id: pick(Attribute::Id, &event.id),
        data: match (data, &subscription.data) {
            (Some(selected), _) => selected,
            (None, Select::All) => &event.data,
            (None, _) => "",
        },
    })
}

fn due(input: &Input) -> Option<Due<'_>> {
    let What::Timer { name, timer, .. } = &input.what else { return None };
    Some(Due { key: &input.key, name, time: timer.due, context: &timer.context, state_version: timer.state_version })
}

fn signal(input: &Input) -> Option<Signal<'_>> {
    let What::Signal(signal) = &input.what else { return None };
    Some(Signal {
        key: &input.key,
        name: &signal.name,
        time: signal.time,
        sender: &signal.sender,
        payload: &signal.payload,
        state_version: signal.state_version,
    })
}

fn settlement<'a>(input: &'a Input, id: &'a str) -> Option<Settlement<'a>> {
    let What::Settlement(settled) = &input.what else { return None };
    Some(Settlement {
        key: &input.key,
        effect: DELIVERY,
        id,
        status: &settled.status,
        context: &settled.context,
        answer: &settled.answer,
        time: settled.time,
        state_version: settled.state_version,
    })
}

fn action<'a>(input: &'a Input, (id, channel): &'a (String, String)) -> Option<Action<'a>> {
    let What::Action(judged) = &input.what else { return None };
    let Judged { action, time, attempt, .. } = &**judged;
    Some(Action {
        person: &input.key,
        id,
        match_name: &action.origin.match_name,
        policy: &action.policy,
        message_class: action.class.name(),
        channel,
        scene: &action.scene,
        business: &action.business,
        time: *time,
        expires: action.expires,
        attempt: *attempt,
        fields: &action.fields,
    })
}
