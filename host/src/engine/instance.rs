//! Stores, their bounds, and what a failed call means.

use wasmtime::{ResourceLimiter, Store, Trap};

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
    fn new(limits: &Limits) -> Bounds {
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

/// The reason, without the frames: those differ between builds of the host, and the reason is journalled.
pub(super) fn describe_error(error: &wasmtime::Error) -> String {
    let text = error.root_cause().to_string();
    text.chars().take(1_024).collect()
}
