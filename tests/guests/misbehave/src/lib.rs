//! A guest for the host's tests: each event says what the module does (`{"do": "trap"}`), above all what no module
//! should; so do the payload of a signal, the context of a timer or settlement, and the fields of an action. The configuration
//! may say it for those that do not (`{"do": "spin", "spins": 1000}`). Written on the bare contract, because
//! the SDK makes most of it impossible.
#![cfg(target_arch = "wasm32")]

use std::hint::black_box;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use self::bindings::exports::fishpond::plugin::{events, filter, lifecycle, queries, settlements, signals, timers};
use self::bindings::fishpond::plugin::{
    calendar, inputs, matches, publishing, replies, signalling, state, timing, verdicts, windows,
};

#[allow(unsafe_code, reason = "wit-bindgen writes it")]
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit", world: "guest" });
    use super::Misbehave;
    export!(Misbehave);
}

struct Misbehave;

/// What no module may have: memory of earlier inputs in a global.
static SEEN: AtomicU64 = AtomicU64::new(0);

/// What is done by default, and how often it spins: every instance is configured alike.
static DEFAULT: OnceLock<(String, u64)> = OnceLock::new();

fn default_deed(otherwise: &str) -> &str {
    DEFAULT.get().map(|(deed, _)| &**deed).filter(|deed| !deed.is_empty()).unwrap_or(otherwise)
}

impl lifecycle::Guest for Misbehave {
    fn describe() -> String {
        r#"{"name": "misbehave", "version": "0.1.0", "contract": "0.1", "configuration": {"type": "object"},
            "state": {"writes": 1, "reads": [1]}}"#
            .to_owned()
    }

    fn configure(envelope: String) -> Result<String, String> {
        let envelope: serde_json::Value = serde_json::from_str(&envelope).expect("the host writes JSON");
        if envelope["configuration"]["accept"] == false {
            let diagnostics = r#"[{"message": "it says so itself", "place": "/accept", "hint": "say true"}]"#;
            return Err(diagnostics.to_owned());
        }
        let deed = envelope["configuration"]["do"].as_str().unwrap_or_default().to_owned();
        DEFAULT.get_or_init(|| (deed, envelope["configuration"]["spins"].as_u64().unwrap_or(0)));
        let version = &envelope["configuration"]["state"];
        let version = version.as_u64().unwrap_or(1);
        let filter = match envelope["configuration"]["filter"] == true {
            true => r#""filter": {"verdicts": ["allow", "deny"]},"#,
            false => "",
        };
        let permissions = match &envelope["configuration"]["permissions"] {
            serde_json::Value::Null => r#"["matches"]"#.to_owned(),
            asked => asked.to_string(),
        };
        Ok(format!(
            r#"{{"subscriptions": [
                    {{"name": "by_actor", "types": ["do", "both"], "key": "actor", "data": "all"}},
                    {{"name": "by_subject", "types": ["both"], "key": "subject", "data": "all"}}],
                "windows": [{{"name": "recent", "kind": "sliding", "length_ms": 60000}}],
                "permissions": {permissions},
                "signals": ["word"],
                "timers": {{"wake": "receive"}},
                {filter}
                "state": {{"writes": {version}, "reads": [{version}]}},
                "matches": {{"seen": {{"type": "object", "properties": {{"n": {{"type": "integer"}}}}, "required": ["n"]}}}},
                "queries": {{"count": {{"parameters": {{}}}}, "silent": {{"parameters": {{}}}}, "writes": {{"parameters": {{}}}}}}}}"#
        ))
    }
}

impl events::Guest for Misbehave {
    fn handle(events: Vec<events::Event>) {
        for (at, event) in (0..).zip(&events) {
            let data: serde_json::Value = serde_json::from_str(&event.data).unwrap_or_default();
            handle(at, event, data["do"].as_str().unwrap_or_else(|| default_deed("count")));
        }
    }
}

impl timers::Guest for Misbehave {
    fn handle(due: Vec<timers::Due>) {
        for (at, due) in (0..).zip(&due) {
            handle(at, &stand_in(&due.key, &due.name, due.time), &due.context);
        }
    }
}

impl signals::Guest for Misbehave {
    fn handle(signals: Vec<signals::Signal>) {
        for (at, signal) in (0..).zip(&signals) {
            handle(at, &stand_in(&signal.key, &signal.sender, signal.time), &signal.payload);
        }
    }
}

impl settlements::Guest for Misbehave {
    fn handle(settlements: Vec<settlements::Settlement>) {
        for (at, settlement) in (0..).zip(&settlements) {
            handle(at, &stand_in(&settlement.key, &settlement.id, settlement.time), &settlement.context);
        }
    }
}

impl filter::Guest for Misbehave {
    fn handle(actions: Vec<filter::Action>) {
        for (at, action) in (0..).zip(&actions) {
            let fields: serde_json::Value = serde_json::from_str(&action.fields).unwrap_or_default();
            judge(at, action, fields["do"].as_str().unwrap_or_else(|| default_deed("allow")));
        }
    }
}

impl queries::Guest for Misbehave {
    fn handle(queries: Vec<queries::Query>) {
        for (at, query) in (0..).zip(&queries) {
            match &*query.name {
                "silent" => {}
                "writes" => state::set(at, "count", b"7", None),
                _ => replies::reply(at, "ok", &count(at).to_string(), false),
            }
        }
    }
}

/// What is no event, to be handled like one.
fn stand_in(key: &str, id: &str, time: u64) -> events::Event {
    events::Event {
        subscription: 0,
        time,
        key: key.to_owned(),
        event_type: String::new(),
        subject: String::new(),
        actor: String::new(),
        source: String::new(),
        id: id.to_owned(),
        data: String::new(),
    }
}

fn judge(at: u32, action: &filter::Action, what: &str) {
    match what {
        // What a good filter does: keeps count, and says one thing.
        "allow" => {
            let n = count(at) + 1;
            state::set(at, "count", n.to_string().as_bytes(), None);
            verdicts::allow(at, &format!(r#"{{"n": {n}}}"#), Some("count"));
        }
        "deny" => verdicts::deny(at, "not_today", "{}"),
        "no_verdict" => state::set(at, "count", b"7", None),
        "two_verdicts" => {
            judge(at, action, "allow");
            judge(at, action, "deny");
        }
        "hold" => verdicts::hold(at, action.time + 1, "not_now", "{}"),
        "bad_reason" => verdicts::deny(at, "Not Today", "{}"),
        other => handle(at, &stand_in(&action.person, &action.id, action.time), other),
    }
}

fn handle(at: u32, event: &events::Event, what: &str) {
    match what {
        // What a good module does: counts in its state, and says so.
        "count" => {
            let n = count(at) + 1;
            state::set(at, "count", n.to_string().as_bytes(), None);
            seen(at, event, n);
        }
        "observe" => seen(at, event, windows::observe(at, 0, &event.id, 1).count),
        "trap" => unreachable(),
        // One event for two keys, of which only the second traps.
        "trap_for_subject" if event.subscription == 1 => unreachable(),
        "trap_for_subject" => handle(at, event, "count"),
        "trap_after_effects" => {
            handle(at, event, "count");
            unreachable()
        }
        "loop" => while black_box(true) {},
        // Slow, and otherwise good.
        "spin" => {
            (0..DEFAULT.get().map_or(0, |(_, spins)| *spins)).for_each(|n| _ = black_box(n));
            handle(at, event, "count");
        }
        "recurse" => drop(black_box(recurse(at))),
        "grow" => drop(black_box(vec![1u8; 128 << 20])),
        "emit_unknown" => emit(at, event, "unheard_of", "{}"),
        "break_schema" => emit(at, event, "seen", r#"{"n": "many"}"#),
        "emit_much" => (0..17).for_each(|n| seen(at, event, n)),
        "some_state" => state::set(at, "some", &[0; 12 << 10], None),
        "big_state" => state::set(at, "big", &[0; 70 << 10], None),
        "long_name" => state::set(at, &"n".repeat(65), b"", None),
        "undeclared" => drop(inputs::attribute(at, "zone")),
        // Only a batch has an input before this one.
        "at_back" => {
            handle(at, event, "count");
            if at > 0 {
                state::get(at - 1, "count");
            }
        }
        // Of another input, if there is one behind this one.
        "at_next" => handle(at + 1, event, "count"),
        "at_beyond" => drop(state::get(1_000_000, "count")),
        "refuse" => {
            handle(at, event, "count");
            inputs::refuse(at, "not_today", "the event says so");
        }
        "after_refuse" => {
            inputs::refuse(at, "not_today", "the event says so");
            state::set(at, "count", b"7", None);
        }
        "bad_code" => inputs::refuse(at, "Not Today", ""),
        "host_code" => inputs::refuse(at, "fuel", ""),
        "hand_over_much" => state::set(at, "big", &vec![0; 2 << 20], None),
        "read_much" => {
            state::set(at, "large", &[0; 60 << 10], None);
            loop {
                black_box(state::get(at, "large"));
            }
        }
        "no_window" => drop(windows::current(at, 9)),
        "set_timer" => timing::set_timer(at, "wake", event.time + 1_000, "set_timer"),
        "unknown_timer" => timing::set_timer(at, "unheard_of", event.time, ""),
        "long_context" => timing::set_timer(at, "wake", event.time, &"x".repeat(5 << 10)),
        // Only a filter has an action to judge.
        "verdict" => verdicts::allow(at, "{}", None),
        // The plan does not ask for the permission.
        "publish" => publishing::publish(at, "derived", "", "", "{}"),
        "signal" => signalling::send(at, "bo", "word", "count"),
        "signal_much" => (0..17).for_each(|_| signalling::send(at, "bo", "word", "count")),
        "signal_large" => signalling::send(at, "bo", "word", &"x".repeat(5 << 10)),
        "signal_nobody" => signalling::send(at, "", "word", "count"),
        "unknown_signal" => signalling::send(at, "bo", "unheard_of", "count"),
        "signal_trap" => signalling::send(at, "bo", "word", "trap"),
        "signal_circle" => signalling::send(at, &event.key, "word", "signal_circle"),
        "signal_refused" => {
            handle(at, event, "signal");
            inputs::refuse(at, "not_today", "the event says so");
        }
        "weekday" => {
            let shown = calendar::local(event.time, "Europe/Berlin");
            seen(at, event, shown.map_or(0, |shown| shown.weekday.into()));
        }
        "reply" => replies::reply(at, "ok", "{}", false),
        "global_counter" => seen(at, event, SEEN.fetch_add(1, Ordering::Relaxed)),
        "nan" => nan(at, event),
        other => inputs::refuse(at, "bad_event", &format!("there is nothing to `{other}`")),
    }
}

fn count(at: u32) -> u64 {
    let stored = state::get(at, "count").unwrap_or_default();
    String::from_utf8_lossy(&stored).parse().unwrap_or(0)
}

fn seen(at: u32, event: &events::Event, n: u64) {
    emit(at, event, "seen", &format!(r#"{{"n": {n}}}"#));
}

fn emit(at: u32, event: &events::Event, name: &str, fields: &str) {
    matches::emit(at, name, &event.key, fields, &[0], &[], None);
}

/// The bits of numbers that are none, which differ between processors unless the host makes them equal: one made
/// by a division, one that comes with bits of its own.
fn nan(at: u32, event: &events::Event) {
    let made = black_box(0.0f64) / black_box(0.0f64);
    let given = black_box(f64::from_bits(0xfff4_0000_dead_beef)) * black_box(1.5);
    seen(at, event, made.to_bits() >> 1);
    seen(at, event, given.to_bits() >> 1);
    seen(at, event, made.to_bits() >> 63);
    seen(at, event, given.to_bits() >> 63);
}

fn unreachable() -> ! {
    core::arch::wasm32::unreachable()
}

#[allow(unconditional_recursion, reason = "the host must stop it")]
fn recurse(depth: u32) -> u32 {
    let frame = black_box([depth; 64]);
    recurse(depth.wrapping_add(1)).wrapping_add(frame[0])
}
