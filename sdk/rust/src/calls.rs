//! Why: the one seam between a rule and whatever hosts it. The trait repeats the contract's imports (`wit/`) call by
//! call; `guest` answers it with the generated bindings, `testing` in memory. Exactly one of them is compiled, so the
//! choice costs nothing at run time and a module imports only what it uses.

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::__guest::{Imports as Current, calendar};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::{Memory as Current, calendar};

/// What a window holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Entries in the window.
    pub count: u64,
    /// Different members among them.
    pub distinct: u64,
    /// Sum of the amounts, saturating.
    pub sum: i64,
}

/// One observation in a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Milliseconds since the Unix epoch.
    pub time: u64,
    /// Who or what was observed.
    pub member: String,
    /// What it counted for; 1 unless the rule said otherwise.
    pub amount: i64,
}

/// `matches.emit` without its `at`; see there for the limits.
#[derive(Debug)]
pub(crate) struct Emit<'a> {
    pub name: &'a str,
    pub person: &'a str,
    pub fields: &'a str,
    pub windows: &'a [u32],
    pub also: &'a [String],
    pub once: Option<&'a str>,
}

/// `publishing.publish` without its `at`; see there for the limits.
#[derive(Debug)]
pub(crate) struct Publish<'a> {
    pub event_type: &'a str,
    pub subject: &'a str,
    pub actor: &'a str,
    pub data: &'a str,
}

/// The contract's imports that a context offers. Limits and errors are those of `wit/*.wit`; `at` is the index of the
/// input. Refusals, verdicts and replies are what a rule returns, so they are no calls here; `calendar` has no `at`.
pub(crate) trait Calls {
    fn attribute(&mut self, at: u32, name: &str) -> Option<String>;
    fn get(&mut self, at: u32, name: &str) -> Option<Vec<u8>>;
    fn set(&mut self, at: u32, name: &str, value: &[u8], expires: Option<u64>);
    fn remove(&mut self, at: u32, name: &str);
    fn observe(&mut self, at: u32, window: u32, member: &str, amount: i64) -> Totals;
    fn current(&mut self, at: u32, window: u32) -> Totals;
    fn entries(&mut self, at: u32, window: u32, limit: u32) -> Vec<Entry>;
    fn remove_member(&mut self, at: u32, window: u32, member: &str);
    fn clear(&mut self, at: u32, window: u32);
    fn emit(&mut self, at: u32, emit: &Emit<'_>);
    fn publish(&mut self, at: u32, event: &Publish<'_>);
    fn set_timer(&mut self, at: u32, name: &str, time: u64, context: &str);
    fn cancel_timer(&mut self, at: u32, name: &str);
    fn send(&mut self, at: u32, key: &str, name: &str, payload: &str);
    fn log(&mut self, at: u32, level: &str, message: &str);
}
