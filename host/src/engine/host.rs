//! The imports: what a guest may ask of the host. Each checks its arguments, then reads the call or buffers an effect.
//!
//! Two ways to end badly: a trap (a misuse that only a broken module makes) and a violation (a limit, schema or
//! permission; the input alone is then refused by its name).
//!
//! What the host does for a guest costs the guest no fuel, so it is paid in units of `host_work_per_input`: before the
//! work, and in proportion to it. Without that, one input could keep a worker busy for as long as its fuel buys calls.

use std::sync::Arc;

use wasmtime::component::HasData;
use wasmtime::error::Error;

use super::call::{Call, Violation, work_of_bytes};
use super::instance::Bounds;
use crate::model::Limits;
use crate::model::expiry::crowded_until;

mod calendar;
mod inputs;
mod logging;
mod matches;
mod publishing;
mod replies;
mod signalling;
mod state;
mod timing;
mod verdicts;
mod windows;

/// The data of a store. `call` is there while a handler runs.
pub(super) struct HostState {
    pub bounds: Bounds,
    pub call: Option<Call>,
    limits: Arc<Limits>,
}

impl HasData for HostState {
    type Data<'a> = &'a mut HostState;
}

type Answer<T> = wasmtime::Result<T>;

impl HostState {
    pub fn new(bounds: Bounds, limits: Arc<Limits>) -> HostState {
        HostState { bounds, call: None, limits }
    }

    fn call(&mut self) -> Answer<&mut Call> {
        self.call.as_mut().ok_or_else(|| trap("describe and configure may call nothing of the host but `calendar`"))
    }

    /// The call and the checked index of an input. `handed` is how many bytes the guest handed over.
    fn enter(&mut self, at: u32, handed: usize) -> Answer<(&mut Call, usize)> {
        let at = self.call()?.at(at).map_err(trap)?;
        self.charge(1 + work_of_bytes(handed))?;
        Ok((self.call()?, at))
    }

    /// As [`Self::enter`], for effects that a query may not have. The first write copies the document.
    fn enter_writing(&mut self, at: u32, what: &str, handed: usize) -> Answer<(&mut Call, usize)> {
        if self.call()?.query.is_some() {
            return Err(trap(format!("a query may only read and reply, not {what}")));
        }
        let (call, at) = self.enter(at, handed)?;
        let copy = call.copy_work(at);
        self.charge(copy)?;
        Ok((self.call()?, at))
    }

    /// A filter says what it thinks of an action; what else it may do is keep count: its writes hang on what the other
    /// filters say, so nothing may follow from them.
    fn not_in_filter(&mut self, what: &str) -> Answer<()> {
        if self.call()?.judges() {
            let message = format!("a filter that judges may only give verdicts and keep state, not {what}");
            return self.violation("not_in_filter", message);
        }
        Ok(())
    }

    /// As [`Self::enter_writing`], for what needs a permission and leaves the document.
    fn enter_granted(
        &mut self,
        at: u32,
        what: &str,
        permission: &'static str,
        handed: usize,
    ) -> Answer<(&mut Call, usize)> {
        self.not_in_filter(what)?;
        let (call, index) = self.enter_writing(at, what, handed)?;
        if !call.settings.permissions.iter().any(|granted| **granted == *permission) {
            let message = format!("not_permitted: {permission}. Grant it in the deployment's permissions");
            return self.violation("not_permitted", message);
        }
        Ok((self.call()?, index))
    }

    /// As [`Self::enter_granted`], for what other deployments will learn: it counts as one of the input's matches.
    fn enter_telling(
        &mut self,
        at: u32,
        what: &str,
        permission: &'static str,
        handed: usize,
    ) -> Answer<(&mut Call, usize)> {
        let (call, index) = self.enter_granted(at, what, permission, handed)?;
        let told = call.effects[index].matches.len() + call.effects[index].published.len();
        let most = self.limits.matches_per_input;
        if told as u64 >= most {
            return self.violation("matches_per_input", format!("more than {most} matches and events of one input"));
        }
        Ok((self.call()?, index))
    }

    /// Pays for work that is about to be done.
    fn charge(&mut self, units: usize) -> Answer<()> {
        let limit = self.limits.host_work_per_input;
        let call = self.call()?;
        call.host_work = call.host_work.saturating_add(units as u64);
        if call.host_work > limit {
            let message = format!(
                "the host calls took more than the limit of {limit} units of work (`host_work_per_input`): make fewer of \
                 them, and keep values and windows small"
            );
            return self.violation("host_work_per_input", message);
        }
        Ok(())
    }

    /// Ends the call; the input alone is refused by this code. The message may quote what the guest handed over.
    fn violation<T>(&mut self, code: &'static str, message: String) -> Answer<T> {
        let message = cut(message, self.limits.log_bytes).into_string();
        let error = trap(message.clone());
        if let Some(call) = &mut self.call {
            call.violation = Some(Violation { code, message, alone: None });
        }
        Err(error)
    }

    fn bounded(&mut self, code: &'static str, bytes: usize, limit: u64) -> Answer<()> {
        if bytes as u64 > limit {
            return self.violation(code, format!("{bytes} bytes are over the limit of {limit} (`{code}`)"));
        }
        Ok(())
    }

    /// Drops what has expired by a rule of [`crate::model::expiry`].
    fn expire(&mut self, at: usize, until: impl FnOnce(&Limits, u64, u64) -> u64) -> Answer<()> {
        let limits = self.limits.clone();
        let call = self.call()?;
        let Some(input) = call.inputs.get(at) else { return Ok(()) };
        if let Some(op) = call.document(at).expire(until(&limits, input.time(), input.received())) {
            call.change(at, op);
        }
        Ok(())
    }

    /// After a write: the document must still fit, without what has expired.
    fn check_document(&mut self, at: usize) -> Answer<()> {
        let full = |call: &Call| call.document(at).bytes() as u64 > self.limits.document_bytes;
        if self.call.as_ref().is_some_and(full) {
            self.expire(at, crowded_until)?;
        }
        let bytes = self.call.as_ref().map_or((0, 0), |call| (call.document(at).bytes(), call.effects[at].bytes));
        let fits = self.bounded("document_bytes", bytes.0, self.limits.document_bytes);
        let fits = fits.and_then(|()| self.bounded("effect_bytes", bytes.1, self.limits.effect_bytes));
        if let Some(violation) = self.call.as_mut().and_then(|call| call.violation.as_mut()) {
            violation.alone = Some(at);
        }
        fits
    }
}

fn trap(message: impl Into<String>) -> Error {
    Error::msg(message.into())
}

/// Cuts a text at a character border.
fn cut(mut text: String, limit: u64) -> Box<str> {
    let mut end = text.len().min(limit as usize);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.into()
}

/// Lower-case words joined by `_`, at most 64 bytes: for machines.
fn is_code(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (1..=64).contains(&text.len()) && text.chars().all(plain)
}

/// Is it the text of a JSON object?
fn is_object(text: &str) -> bool {
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).is_ok()
}

#[cfg(test)]
mod tests;
