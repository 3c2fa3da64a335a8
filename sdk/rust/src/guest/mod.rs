//! Why: the SDK's side of the contract in Wasm: each export hands its inputs to the rule, one by one. The generated
//! bindings are in `bindings`, the calls that a rule makes in `imports`.
//! Public only for `export!`; nothing here is for rule authors.

mod bindings;
mod convert;
mod imports;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use self::bindings::imports::fishpond::plugin as host;
use crate::event::json_text;
use crate::filter::Judgement;
use crate::{
    Action, Context, Due, Event, Filter, Identity, Queries, Query, QueryContext, Refusal, Reply, Rule, Settlement,
    Settlements, Signalled, Signals, Timers, Verdict,
};

pub use self::bindings::events::export_events;
pub use self::bindings::events::exports::fishpond::plugin::events::{Event as WireEvent, Guest as EventsGuest};
pub use self::bindings::filter::export_filter;
pub use self::bindings::filter::exports::fishpond::plugin::filter::{Action as WireAction, Guest as FilterGuest};
pub use self::bindings::lifecycle::export_lifecycle;
pub use self::bindings::lifecycle::exports::fishpond::plugin::lifecycle::Guest as LifecycleGuest;
pub use self::bindings::queries::export_queries;
pub use self::bindings::queries::exports::fishpond::plugin::queries::{Guest as QueriesGuest, Query as WireQuery};
pub use self::bindings::settlements::export_settlements;
pub use self::bindings::settlements::exports::fishpond::plugin::settlements::{
    Guest as SettlementsGuest, Settlement as WireSettlement,
};
pub use self::bindings::signals::export_signals;
pub use self::bindings::signals::exports::fishpond::plugin::signals::{Guest as SignalsGuest, Signal as WireSignal};
pub use self::bindings::timers::export_timers;
pub use self::bindings::timers::exports::fishpond::plugin::timers::{Due as WireDue, Guest as TimersGuest};
pub use self::bindings::{events, filter, lifecycle, queries, settlements, signals, timers};
pub use self::imports::Imports;
pub(crate) use self::imports::calendar;

/// No input is in hand.
const NO_INPUT: u32 = u32::MAX;
/// The input in hand, for the panic hook.
static CURRENT: AtomicU32 = AtomicU32::new(NO_INPUT);

/// `lifecycle.describe`
pub fn describe<R: Rule>(identity: &Identity) -> String {
    crate::lifecycle::describe::<R>(identity)
}

/// `lifecycle.configure`: builds the instance's rule.
pub fn configure<R: Rule>(slot: &OnceLock<R>, envelope: &str) -> Result<String, String> {
    std::panic::set_hook(Box::new(|panic| report(&panic.to_string())));
    let (rule, plan) = crate::lifecycle::configure::<R>(envelope).map_err(|problems| json_text(&problems))?;
    assert!(slot.set(rule).is_ok(), "an instance is configured once");
    let plan = json_text(&plan);
    #[cfg(feature = "allocator")]
    crate::allocator::set_mark();
    Ok(plan)
}

/// `events.handle`
pub fn handle_events<R: Rule>(slot: &OnceLock<R>, events: Vec<WireEvent>) {
    let rule = configured(slot);
    each(events, |at, event| {
        let event = Event::from(event);
        rule.on_event(&event, &mut Context::new(at, event.time, &mut Imports))
    });
}

/// `timers.handle`
pub fn handle_timers<R: Timers>(slot: &OnceLock<R>, due: Vec<WireDue>) {
    let rule = configured(slot);
    each(due, |at, due| {
        let due = Due::from(due);
        rule.on_timer(&due, &mut Context::new(at, due.time, &mut Imports))
    });
}

/// `signals.handle`
pub fn handle_signals<R: Signals>(slot: &OnceLock<R>, signals: Vec<WireSignal>) {
    let rule = configured(slot);
    each(signals, |at, signal| {
        let signal = Signalled::from(signal);
        rule.on_signal(&signal, &mut Context::new(at, signal.time, &mut Imports))
    });
}

/// `filter.handle`
pub fn handle_filter<R: Filter>(slot: &OnceLock<R>, actions: Vec<WireAction>) {
    let rule = configured(slot);
    each(actions, |at, action| {
        let action = Action::try_from(action)?;
        let verdict = rule.judge(&action, &mut Context::new(at, action.time, &mut Imports))?;
        say(at, &verdict);
        Ok(())
    });
}

/// `settlements.handle`
pub fn handle_settlements<R: Settlements>(slot: &OnceLock<R>, settlements: Vec<WireSettlement>) {
    let rule = configured(slot);
    each(settlements, |at, settlement| {
        let settlement = Settlement::from(settlement);
        rule.on_settlement(&settlement, &mut Context::new(at, settlement.time, &mut Imports))
    });
}

/// `queries.handle`
pub fn handle_queries<R: Queries>(slot: &OnceLock<R>, queries: Vec<WireQuery>) {
    let rule = configured(slot);
    for (at, query) in (0..).zip(queries) {
        let answer = rule.on_query(&Query::from(query), &mut QueryContext::new(at, &mut Imports));
        let reply = answer.unwrap_or_else(Reply::from);
        host::replies::reply(at, &reply.status, &reply.body, reply.retry);
    }
}

/// Decides about each input, and refuses those that the rule refuses.
fn each<I>(inputs: Vec<I>, mut decide: impl FnMut(u32, I) -> Result<(), Refusal>) {
    for (at, input) in (0..).zip(inputs) {
        CURRENT.store(at, Ordering::Relaxed);
        if let Err(refusal) = decide(at, input) {
            host::inputs::refuse(at, &refusal.code, &refusal.message);
        }
    }
    CURRENT.store(NO_INPUT, Ordering::Relaxed);
}

fn say(at: u32, verdict: &Verdict) {
    let (numbers, context) = (verdict.numbers.as_str(), verdict.context.as_deref());
    match &verdict.judgement {
        Judgement::Allow => host::verdicts::allow(at, numbers, context),
        Judgement::Deny { reason } => host::verdicts::deny(at, reason, numbers),
        Judgement::Hold { until, reason } => host::verdicts::hold(at, *until, reason, numbers),
        Judgement::Downgrade { channel, reason } => {
            host::verdicts::downgrade(at, channel, reason, numbers, context);
        }
    }
}

fn configured<R>(slot: &OnceLock<R>) -> &R {
    slot.get().expect("`configure` is the first call on every instance")
}

/// Tells the module's team why it traps. A query may have no effect, so a panic there stays silent.
fn report(message: &str) {
    let at = CURRENT.load(Ordering::Relaxed);
    if at != NO_INPUT {
        host::logging::write(at, "error", message);
    }
}
