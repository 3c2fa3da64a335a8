//! A guest for the host's tests: each event says what the module does (`{"do": "trap"}`), above all what no module
//! should. Written on the bare contract, because the SDK makes most of it impossible.
#![cfg(target_arch = "wasm32")]

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use self::bindings::exports::fishpond::plugin::{events, lifecycle, queries};
use self::bindings::fishpond::plugin::{inputs, matches, replies, state, windows};

#[allow(unsafe_code, reason = "wit-bindgen writes it")]
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit", world: "guest" });
    use super::Misbehave;
    export!(Misbehave);
}

struct Misbehave;

/// What no module may have: memory of earlier inputs in a global.
static SEEN: AtomicU64 = AtomicU64::new(0);

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
        let version = &envelope["configuration"]["state"];
        let version = version.as_u64().unwrap_or(1);
        Ok(format!(
            r#"{{"subscriptions": [
                    {{"name": "by_actor", "types": ["do", "both"], "key": "actor", "data": "all"}},
                    {{"name": "by_subject", "types": ["both"], "key": "subject", "data": "all"}}],
                "windows": [{{"name": "recent", "kind": "sliding", "length_ms": 60000}}],
                "permissions": ["matches"],
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
            handle(at, event, data["do"].as_str().unwrap_or("count"));
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
