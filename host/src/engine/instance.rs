//! Stores, their bounds, and what a failed call means.

use wasmtime::{ResourceLimiter, Store, Trap};

use super::call::Violation;
use super::compile::Engine;
use super::host::HostState;
use crate::model::Limits;

/// Bounds of one store, and how much linear memory it has.
pub(super) struct Bounds {
    memory_bytes: usize,
    table_elements: usize,
    items: usize,
    /// Linear memory in use, bytes.
    pub memory_used: usize,
}

impl Bounds {
    pub fn new(limits: &Limits) -> Bounds {
        Bounds {
            memory_bytes: limits.guest_memory_bytes as usize,
            table_elements: limits.guest_table_elements as usize,
            items: limits.guest_instances as usize,
            memory_used: 0,
        }
    }
}

impl ResourceLimiter for Bounds {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let after = self.memory_used - current + desired;
        let fits = after <= self.memory_bytes;
        if fits {
            self.memory_used = after;
        }
        Ok(fits)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= self.table_elements)
    }

    fn instances(&self) -> usize {
        self.items
    }

    fn tables(&self) -> usize {
        self.items
    }

    fn memories(&self) -> usize {
        self.items
    }
}

/// A store with every bound of the limits table. One holds one instance, and is thrown away after any trap.
pub(super) fn new_store(engine: &Engine) -> Store<HostState> {
    let limits = &engine.limits;
    let bounds = Bounds::new(limits);
    let mut store = Store::new(&engine.wasm, HostState::new(bounds, engine.limits.clone()));
    store.limiter(|state| &mut state.bounds);
    store.set_hostcall_fuel(limits.host_call_bytes as usize);
    store.set_max_component_handles(limits.guest_handles as usize);
    arm(&mut store, engine, limits.fuel_configure);
    store
}

/// Gives the next call its fuel and its watchdog.
pub(super) fn arm(store: &mut Store<HostState>, engine: &Engine, fuel: u64) {
    // The only error is an engine without fuel, and ours always has it.
    let set = store.set_fuel(fuel);
    debug_assert!(set.is_ok());
    store.set_epoch_deadline(engine.watchdog_ticks());
}

/// How a call failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failed {
    Trap(String),
    Fuel,
    /// The watchdog fired: the host's failure, not the module's.
    Watchdog,
}

pub(super) fn classify(error: &wasmtime::Error) -> Failed {
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => Failed::Fuel,
        Some(Trap::Interrupt) => Failed::Watchdog,
        _ => Failed::Trap(describe_error(error)),
    }
}

/// The limit that wasmtime itself watches: how much one host call hands over.
///
/// Its error is private, and its text all there is to know it by. The whole text, because a part of it might be the
/// guest's; `tests/modules/misuse.rs` fails if a later wasmtime says it otherwise.
pub(super) fn violation(error: &wasmtime::Error, limits: &Limits) -> Option<Violation> {
    const TEXT: &str =
        "too much data is being copied between the host and the guest: fuel allocated for hostcalls has been exhausted";
    let limit = limits.host_call_bytes;
    let message = || format!("one host call handed over more than the limit of {limit} bytes (`host_call_bytes`)");
    (error.root_cause().to_string() == TEXT).then(|| Violation {
        code: "host_call_bytes",
        message: message(),
        alone: None,
    })
}

/// Why an instance could not be made, or did not answer while it was described or configured: by the limit if it is one.
/// Some are known by wasmtime's texts alone; `tests/modules/limits.rs` fails if a later one says it otherwise.
pub(super) fn why(error: &wasmtime::Error) -> String {
    let text = describe_error(error);
    let limit = match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => "fuel_configure",
        Some(Trap::Interrupt) => "watchdog_ms",
        Some(Trap::StackOverflow) => "guest_stack_bytes",
        _ if text.contains("exceeds memory limits") => "guest_memory_bytes",
        _ if text.contains("exceeds table limits") => "guest_table_elements",
        _ if text.contains("resource limit exceeded") => "guest_instances",
        _ => return text,
    };
    format!("{text} (`{limit}`)")
}

/// The reason, without the frames: those differ between builds of the host, and the reason is journalled.
pub(super) fn describe_error(error: &wasmtime::Error) -> String {
    let text = error.root_cause().to_string();
    text.chars().take(1_024).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_text_of_wasmtime_is_a_broken_limit() {
        let exhausted = "too much data is being copied between the host and the guest: fuel allocated for hostcalls has been exhausted";
        let limits = Limits::default();
        let found = violation(&wasmtime::Error::msg(exhausted).context("in `set`"), &limits).expect("a violation");
        assert!(Limits::is_name(found.code) && found.message.contains("1048576 bytes"), "{found:?}");
        let forged = wasmtime::Error::msg(format!("`{exhausted}` is no refusal code"));
        assert_eq!(violation(&forged, &limits), None);
        assert_eq!(violation(&Trap::OutOfFuel.into(), &limits), None);
    }

    #[test]
    fn memory_grows_up_to_its_bound_over_all_memories() {
        let limits = Limits { guest_memory_bytes: 100, ..Limits::default() };
        let mut bounds = Bounds::new(&limits);
        let mut grow = |current, desired| bounds.memory_growing(current, desired, None).expect("no error");
        assert_eq!([grow(0, 60), grow(0, 41), grow(0, 40), grow(60, 61)], [true, false, true, false]);
    }
}
