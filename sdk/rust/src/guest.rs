//! Why: the SDK's side of the contract in Wasm. The bindings are generated from `wit/`, one small world per exported
//! interface, so that a module exports exactly what it implements; `wit-component` joins the worlds again.
//! Public only for `export!`; nothing here is for rule authors.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use self::imports::fishpond::plugin as host;
use crate::calls::{Calls, Emit, Entry, Totals};
use crate::event::json_text;
use crate::{Context, Event, Identity, Queries, Query, QueryContext, Reply, Rule};

pub use self::events::export_events;
pub use self::events::exports::fishpond::plugin::events::{Event as WireEvent, Guest as EventsGuest};
pub use self::lifecycle::export_lifecycle;
pub use self::lifecycle::exports::fishpond::plugin::lifecycle::Guest as LifecycleGuest;
pub use self::queries::export_queries;
pub use self::queries::exports::fishpond::plugin::queries::{Guest as QueriesGuest, Query as WireQuery};

#[allow(unsafe_code, reason = "wit-bindgen writes it")]
mod imports {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package fishpond:sdk;
            world imports {
                import fishpond:plugin/inputs@0.1.0;
                import fishpond:plugin/state@0.1.0;
                import fishpond:plugin/windows@0.1.0;
                import fishpond:plugin/matches@0.1.0;
                import fishpond:plugin/replies@0.1.0;
                import fishpond:plugin/logging@0.1.0;
            }",
        generate_all,
    });
}

#[allow(unsafe_code, reason = "wit-bindgen writes it")]
pub mod lifecycle {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package fishpond:sdk; world lifecycle { export fishpond:plugin/lifecycle@0.1.0; }",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_lifecycle",
    });
}

#[allow(unsafe_code, reason = "wit-bindgen writes it")]
pub mod events {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package fishpond:sdk; world events { export fishpond:plugin/events@0.1.0; }",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_events",
    });
}

#[allow(unsafe_code, reason = "wit-bindgen writes it")]
pub mod queries {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package fishpond:sdk; world queries { export fishpond:plugin/queries@0.1.0; }",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_queries",
    });
}

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
    for (at, event) in (0..).zip(events) {
        CURRENT.store(at, Ordering::Relaxed);
        let event = Event::from(event);
        let mut calls = Imports;
        if let Err(refusal) = rule.on_event(&event, &mut Context::new(at, event.time, &mut calls)) {
            host::inputs::refuse(at, &refusal.code, &refusal.message);
        }
    }
    CURRENT.store(NO_INPUT, Ordering::Relaxed);
}

/// `queries.handle`
pub fn handle_queries<R: Queries>(slot: &OnceLock<R>, queries: Vec<WireQuery>) {
    let rule = configured(slot);
    for (at, query) in (0..).zip(queries) {
        let mut calls = Imports;
        let answer = rule.on_query(&Query::from(query), &mut QueryContext::new(at, &mut calls));
        let reply = answer.unwrap_or_else(Reply::from);
        host::replies::reply(at, &reply.status, &reply.body, reply.retry);
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

/// The imports of the contract.
#[derive(Debug)]
pub struct Imports;

impl Calls for Imports {
    fn attribute(&mut self, at: u32, name: &str) -> Option<String> {
        host::inputs::attribute(at, name)
    }

    fn get(&mut self, at: u32, name: &str) -> Option<Vec<u8>> {
        host::state::get(at, name)
    }

    fn set(&mut self, at: u32, name: &str, value: &[u8], expires: Option<u64>) {
        host::state::set(at, name, value, expires);
    }

    fn remove(&mut self, at: u32, name: &str) {
        host::state::remove(at, name);
    }

    fn observe(&mut self, at: u32, window: u32, member: &str, amount: i64) -> Totals {
        host::windows::observe(at, window, member, amount).into()
    }

    fn current(&mut self, at: u32, window: u32) -> Totals {
        host::windows::current(at, window).into()
    }

    fn entries(&mut self, at: u32, window: u32, limit: u32) -> Vec<Entry> {
        host::windows::entries(at, window, limit).into_iter().map(Entry::from).collect()
    }

    fn remove_member(&mut self, at: u32, window: u32, member: &str) {
        host::windows::remove(at, window, member);
    }

    fn clear(&mut self, at: u32, window: u32) {
        host::windows::clear(at, window);
    }

    fn emit(&mut self, at: u32, emit: &Emit<'_>) {
        host::matches::emit(at, emit.name, emit.person, emit.fields, emit.windows, emit.also, emit.once);
    }

    fn log(&mut self, at: u32, level: &str, message: &str) {
        host::logging::write(at, level, message);
    }
}

impl From<host::windows::Totals> for Totals {
    fn from(totals: host::windows::Totals) -> Self {
        Self { count: totals.count, distinct: totals.distinct, sum: totals.sum }
    }
}

impl From<host::windows::Entry> for Entry {
    fn from(entry: host::windows::Entry) -> Self {
        Self { time: entry.time, member: entry.member, amount: entry.amount }
    }
}

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

impl From<WireQuery> for Query {
    fn from(query: WireQuery) -> Self {
        Self { key: query.key, name: query.name, user: query.user, time: query.time, parameters: query.parameters }
    }
}
