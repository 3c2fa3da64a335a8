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

use super::bindings::imports::fishpond::plugin::{inputs, logging, matches, replies, state, windows};
use super::call::{Call, Violation, work_of_bytes};
use super::instance::Bounds;
use crate::model::outcome::HOST_CODES;
use crate::model::{Entry, EventRef, Limits, LogLine, Match, Op, Reply, Value};

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
        self.call.as_mut().ok_or_else(|| trap("describe and configure may not call the host"))
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
            call.violation = Some(Violation { code, message });
        }
        Err(error)
    }

    fn bounded(&mut self, code: &'static str, bytes: usize, limit: u64) -> Answer<()> {
        if bytes as u64 > limit {
            return self.violation(code, format!("{bytes} bytes are over the limit of {limit} (`{code}`)"));
        }
        Ok(())
    }

    /// After a write: the document must still fit.
    fn check_document(&mut self, at: usize) -> Answer<()> {
        let bytes = self.call.as_ref().map_or((0, 0), |call| (call.document(at).bytes(), call.effects[at].bytes));
        self.bounded("document_bytes", bytes.0, self.limits.document_bytes)?;
        self.bounded("effect_bytes", bytes.1, self.limits.effect_bytes)
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

impl inputs::Host for HostState {
    fn attribute(&mut self, at: u32, name: String) -> Answer<Option<String>> {
        let (call, at) = self.enter(at, name.len())?;
        if !call.settings.configured.plan.attributes.iter().any(|declared| **declared == *name) {
            let message = format!("the plan does not list the attribute `{name}` under `attributes`");
            return self.violation("undeclared_attribute", message);
        }
        let Some(event) = call.event(at) else { return Ok(None) };
        Ok(match &*name {
            "time" => Some(event.time.to_string()),
            "receivedat" => Some(event.received.to_string()),
            "time-replaced" => Some(event.time_replaced.to_string()),
            "late" => Some(call.effects[at].late.to_string()),
            other => event.attribute(other).map(str::to_owned),
        })
    }

    fn refuse(&mut self, at: u32, code: String, message: String) -> Answer<()> {
        let limit = self.limits.log_bytes;
        let (call, at) = self.enter(at, code.len() + message.len())?;
        let undo = call.undo_work(at);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if code.is_empty() || code.len() > 64 || !code.chars().all(plain) {
            return Err(trap(format!("`{}` is no refusal code: use 1 to 64 of a-z, 0-9 and _", cut(code, 80))));
        }
        if HOST_CODES.contains(&&*code) || Limits::is_name(&code) {
            return Err(trap(format!("the refusal code `{code}` is the host's own: choose another")));
        }
        self.charge(undo)?;
        self.call()?.refuse(at, code.into(), cut(message, limit));
        Ok(())
    }
}

impl state::Host for HostState {
    fn get(&mut self, at: u32, name: String) -> Answer<Option<Vec<u8>>> {
        let (call, at) = self.enter(at, name.len())?;
        let value = call.document(at).value(&name, call.time(at));
        let bytes = value.map(|value| value.bytes.to_vec());
        // A document's size bounds the copy, so it can be paid for afterwards.
        self.charge(work_of_bytes(bytes.as_ref().map_or(0, Vec::len)))?;
        Ok(bytes)
    }

    fn set(&mut self, at: u32, name: String, value: Vec<u8>, expires: Option<u64>) -> Answer<()> {
        self.bounded("value_name_bytes", name.len(), self.limits.value_name_bytes)?;
        let (call, at) = self.enter_writing(at, "set state", name.len() + value.len())?;
        let others = call.document(at).values().len();
        self.charge(others)?;
        let call = self.call()?;
        call.change(at, Op::Set { name: name.into(), value: Value { bytes: value.into(), expires } });
        self.check_document(at)
    }

    fn remove(&mut self, at: u32, name: String) -> Answer<()> {
        let (call, at) = self.enter_writing(at, "remove state", name.len())?;
        let others = call.document(at).values().len();
        self.charge(others)?;
        let call = self.call()?;
        if call.document(at).values().iter().any(|(stored, _)| **stored == *name) {
            call.change(at, Op::Remove { name: name.into() });
        }
        self.check_document(at)
    }
}

impl windows::Host for HostState {
    fn observe(&mut self, at: u32, window: u32, member: String, amount: i64) -> Answer<windows::Totals> {
        self.bounded("member_bytes", member.len(), self.limits.member_bytes)?;
        let (call, at) = self.enter_writing(at, "observe", member.len())?;
        let spec = call.window_spec(window).map_err(trap)?;
        // Once to find the window around the entry, once to add it up.
        let work = 2 * call.kept(at, &spec.name);
        self.charge(work)?;
        let call = self.call()?;
        let input = &call.inputs[at];
        let (time, received) = (input.event.time, input.event.received);
        if call.document(at).window(&spec.name).is_some_and(|kept| kept.is_late(time, spec.length_ms)) {
            call.effects[at].late = true;
            return Ok(windows::Totals { count: 0, distinct: 0, sum: 0 });
        }
        let event = EventRef { lsn: input.lsn, source: input.event.source.clone(), id: input.event.id.clone() };
        let entry = Entry { time, amount, member: member.into(), event };
        call.change(at, Op::Observe { window: spec.name.clone(), length_ms: spec.length_ms, received, entry });
        let kept = call.document(at).window(&spec.name);
        let (span, totals) = kept.map_or((call.span(at, window, spec.length_ms), Default::default()), |kept| {
            let span = kept.around(time, spec.length_ms);
            (span, kept.totals(span))
        });
        call.effects[at].spans.retain(|(number, _)| *number != window);
        call.effects[at].spans.push((window, span));
        self.check_document(at)?;
        Ok(windows::Totals { count: totals.count, distinct: totals.distinct, sum: totals.sum })
    }

    fn current(&mut self, at: u32, window: u32) -> Answer<windows::Totals> {
        let (call, at) = self.enter(at, 0)?;
        let spec = call.window_spec(window).map_err(trap)?;
        let work = call.kept(at, &spec.name);
        self.charge(work)?;
        let call = self.call()?;
        let last = call.time(at);
        let span = crate::model::Span { first: last.saturating_sub(spec.length_ms), last };
        let totals = call.document(at).window(&spec.name).map(|kept| kept.totals(span)).unwrap_or_default();
        Ok(windows::Totals { count: totals.count, distinct: totals.distinct, sum: totals.sum })
    }

    fn entries(&mut self, at: u32, window: u32, limit: u32) -> Answer<Vec<windows::Entry>> {
        let most = limit.min(self.limits.window_entries as u32) as usize;
        let (call, at) = self.enter(at, 0)?;
        let spec = call.window_spec(window).map_err(trap)?;
        let work = most.min(call.kept(at, &spec.name));
        self.charge(work)?;
        let call = self.call()?;
        let span = call.span(at, window, spec.length_ms);
        let entries = call.document(at).window(&spec.name).map_or(&[][..], |kept| kept.entries(span));
        let entry =
            |entry: &Entry| windows::Entry { time: entry.time, member: entry.member.to_string(), amount: entry.amount };
        Ok(entries.iter().take(most).map(entry).collect())
    }

    fn remove(&mut self, at: u32, window: u32, member: String) -> Answer<()> {
        self.forget(at, window, Some(member.into()))
    }

    fn clear(&mut self, at: u32, window: u32) -> Answer<()> {
        self.forget(at, window, None)
    }
}

impl HostState {
    fn forget(&mut self, at: u32, window: u32, member: Option<Box<str>>) -> Answer<()> {
        let handed = member.as_ref().map_or(0, |member| member.len());
        let (call, at) = self.enter_writing(at, "change a window", handed)?;
        let spec = call.window_spec(window).map_err(trap)?;
        let work = call.kept(at, &spec.name);
        self.charge(work)?;
        let call = self.call()?;
        if call.document(at).window(&spec.name).is_some_and(|kept| !kept.all().is_empty()) {
            let until = call.time(at);
            call.change(at, Op::Forget { window: spec.name, member, until });
        }
        self.check_document(at)
    }
}

impl matches::Host for HostState {
    fn emit(
        &mut self,
        at: u32,
        name: String,
        person: String,
        fields: String,
        windows: Vec<u32>,
        also: Vec<String>,
        once: Option<String>,
    ) -> Answer<()> {
        let limits = self.limits.clone();
        self.bounded("match_bytes", fields.len(), limits.match_bytes)?;
        self.bounded(
            "attribute_bytes",
            person.len().max(once.as_ref().map_or(0, String::len)),
            limits.attribute_bytes,
        )?;
        let texts = also.iter().chain(&once).chain([&name, &person, &fields]);
        let handed = texts.map(String::len).sum::<usize>() + size_of_val(&*windows) + size_of_val(&*also);
        let (call, at) = self.enter_writing(at, "emit a match", handed)?;
        let settings = call.settings.clone();
        let emitted = call.effects[at].matches.len() as u64;
        if !settings.permissions.iter().any(|granted| **granted == *"matches") {
            return self.violation(
                "not_permitted",
                "not_permitted: matches. Grant it in the deployment's permissions".to_owned(),
            );
        }
        if emitted >= limits.matches_per_input {
            return self.violation(
                "matches_per_input",
                format!("more than {} matches of one input", limits.matches_per_input),
            );
        }
        if also.len() as u64 > limits.match_also || windows.len() > settings.configured.plan.windows.len() {
            return self.violation(
                "match_also",
                format!("a match may name {} further ids and each window once", limits.match_also),
            );
        }
        if person.is_empty() {
            return self.violation("match_schema", "a match needs a person".to_owned());
        }
        self.charge(settings.match_work(&name, &fields))?;
        if let Err((code, message)) = settings.check_match(&name, &fields) {
            return self.violation(code, message);
        }
        let specs = &settings.configured.plan.windows;
        let named = windows.iter().filter_map(|number| specs.get(*number as usize));
        let call = self.call()?;
        let work = named.map(|spec| call.kept(at, &spec.name)).sum();
        self.charge(work)?;
        let call = self.call()?;
        let events = call.events_of(at, &windows).map_err(trap)?;
        let found = Match {
            name: name.into(),
            person: person.into(),
            fields: fields.into(),
            events,
            also: also.into_iter().map(Box::from).collect(),
            once: once.map(Box::from),
        };
        let effects = &mut call.effects[at];
        effects.bytes += found.bytes();
        effects.matches.push(found);
        self.check_document(at)
    }
}

impl replies::Host for HostState {
    fn reply(&mut self, at: u32, status: String, body: String, retry: bool) -> Answer<()> {
        self.bounded("reply_bytes", body.len(), self.limits.reply_bytes)?;
        let (call, at) = self.enter(at, status.len() + body.len())?;
        if call.effects[at].reply.is_some() {
            return Err(trap("a second reply to one input"));
        }
        if call.query.is_none() {
            return Err(trap("an event is not answered: `replies.reply` is for queries"));
        }
        if serde_json::from_str::<serde::de::IgnoredAny>(&body).is_err() {
            return Err(trap("the reply's body is not JSON"));
        }
        call.effects[at].reply = Some(Reply { status: cut(status, 64), body: body.into(), retry });
        Ok(())
    }
}

impl logging::Host for HostState {
    fn write(&mut self, at: u32, level: String, message: String) -> Answer<()> {
        let limits = self.limits.clone();
        let (call, at) = self.enter(at, level.len() + message.len())?;
        let lines = &mut call.effects[at].logs;
        if (lines.len() as u64) < limits.log_lines {
            let level = ["debug", "info", "warn", "error"].into_iter().find(|known| *known == level).unwrap_or("info");
            lines.push(LogLine { level, message: cut(message, limits.log_bytes) });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
