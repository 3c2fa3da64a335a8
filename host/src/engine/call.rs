//! One call: inputs, the documents they touch, and the effects that the guest has asked for so far.
//!
//! Effects are buffered and documents are copied at their first write, so a call that fails is undone by dropping
//! the copies, and a refused input by applying the others' operations once more. A timer is the exception: it is gone
//! from its document when its input begins, and stays gone when the input is refused.

use std::sync::Arc;

use super::input::{Input, QueryInput, What};
use super::settings::Settings;
use crate::model::outreach::{Published, Verdict};
use crate::model::{
    Document, End, EventRef, InputOutcome, LogLine, Match, Op, Reply, Signal, Span, Window, WindowSpec,
};

/// A document as it was before the call and, once written, as it is now.
pub(super) struct Slot {
    base: Document,
    current: Option<Document>,
}

impl Slot {
    /// The document as it is, and as it was if it has changed.
    fn into_parts(self) -> (Document, Option<Document>) {
        match self.current {
            Some(current) => (current, Some(self.base)),
            None => (self.base, None),
        }
    }
}

/// What a call that has ended well comes to.
pub(super) struct Finished {
    pub outcomes: Vec<InputOutcome>,
    pub documents: Vec<Document>,
    /// Documents that it has changed, as they were before.
    pub earlier: Vec<Option<Document>>,
}

/// What one input has asked for.
#[derive(Default)]
pub(super) struct Effects {
    pub ops: Vec<Op>,
    /// So many of the first operations are the host's own, and stay if the input is refused.
    consumed: usize,
    pub matches: Vec<Match>,
    pub published: Vec<Published>,
    pub signals: Vec<Signal>,
    pub verdict: Option<Verdict>,
    /// A second verdict was given.
    pub contradicted: bool,
    pub reply: Option<Reply>,
    pub logs: Vec<LogLine>,
    pub late: bool,
    /// Texts of the operations, bytes.
    pub bytes: usize,
    pub refused: Option<(Box<str>, Box<str>)>,
    /// Per window number: the window that `observe` answered.
    pub spans: Vec<(u32, Span)>,
}

/// A host call broke a limit, a schema or a permission: ends the call, and the input alone is refused by this code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Violation {
    pub code: &'static str,
    pub message: String,
    /// The input that broke it, if it would have alone as well: nothing of it hangs on the others of the call.
    pub alone: Option<usize>,
}

/// Bytes that a unit of host work reads, checks or copies.
const BYTES_A_UNIT: usize = 64;
/// Inputs of the call that a unit of host work passes over.
const INPUTS_A_UNIT: usize = 64;

pub(super) fn work_of_bytes(bytes: usize) -> usize {
    bytes / BYTES_A_UNIT
}

pub(super) struct Call {
    pub settings: Arc<Settings>,
    pub inputs: Arc<Vec<Input>>,
    /// Set instead of inputs: then only a reply is allowed.
    pub query: Option<QueryInput>,
    pub slots: Vec<Slot>,
    pub effects: Vec<Effects>,
    pub violation: Option<Violation>,
    /// Units of host work, of all inputs together as with fuel, and of those that were refused too.
    pub host_work: u64,
    last_at: usize,
    /// Inputs whose handling has begun.
    begun: usize,
}

impl Call {
    pub fn new(settings: Arc<Settings>, inputs: Arc<Vec<Input>>, documents: Vec<Document>) -> Call {
        let effects = inputs.iter().map(|_| Effects::default()).collect();
        let slots = documents.into_iter().map(|base| Slot { base, current: None }).collect();
        Call { settings, inputs, query: None, slots, effects, violation: None, host_work: 0, last_at: 0, begun: 0 }
    }

    pub fn for_query(settings: Arc<Settings>, query: QueryInput, document: Document) -> Call {
        let slots = vec![Slot { base: document, current: None }];
        let effects = vec![Effects::default()];
        Call {
            settings,
            inputs: Arc::new(Vec::new()),
            query: Some(query),
            slots,
            effects,
            violation: None,
            host_work: 0,
            last_at: 0,
            begun: 0,
        }
    }

    /// Checks an `at`; the error is a trap.
    pub fn at(&mut self, at: u32) -> Result<usize, String> {
        let index = at as usize;
        if index >= self.effects.len() {
            return Err(format!("`at` {at} is out of range: the call has {} inputs", self.effects.len()));
        }
        if index < self.last_at {
            return Err(format!("`at` fell from {} to {at}: it may only rise", self.last_at));
        }
        if self.effects[index].refused.is_some() {
            return Err(format!("`at` {at} was used after the input was refused"));
        }
        self.last_at = index;
        self.begin(index + 1);
        Ok(index)
    }

    /// Begins the inputs up to this number, in order: what one of them does is seen by the next of the same document.
    fn begin(&mut self, until: usize) {
        while self.begun < until.min(self.inputs.len()) {
            let at = self.begun;
            self.begun += 1;
            if let Some(op) = self.inputs[at].consumption(self.document(at)) {
                self.change(at, op);
                self.effects[at].consumed = 1;
            }
        }
    }

    /// Are its inputs actions, which want a verdict each?
    pub fn judges(&self) -> bool {
        self.inputs.first().is_some_and(|input| matches!(input.what, What::Action(_)))
    }

    /// Milliseconds by which expiry and windows of this input are judged.
    pub fn time(&self, at: usize) -> u64 {
        match &self.query {
            Some(query) => query.time,
            None => self.inputs[at].time(),
        }
    }

    pub fn document(&self, at: usize) -> &Document {
        let slot = &self.slots[self.slot(at)];
        slot.current.as_ref().unwrap_or(&slot.base)
    }

    fn slot(&self, at: usize) -> usize {
        self.inputs.get(at).map_or(0, |input| input.document)
    }

    /// Entries of a window that are kept, for the work of looking at them.
    pub fn kept(&self, at: usize, window: &str) -> usize {
        self.document(at).window(window).map_or(0, |window| window.all().len())
    }

    /// Units of work of the document's copy, if a write now would make one.
    pub fn copy_work(&self, at: usize) -> usize {
        let slot = &self.slots[self.slot(at)];
        if slot.current.is_some() { 0 } else { work_of_bytes(slot.base.bytes()) }
    }

    /// Units of work of undoing the input: its document is made anew.
    pub fn undo_work(&self, at: usize) -> usize {
        if !self.wrote(at) {
            return 0;
        }
        let index = self.slot(at);
        let own = self.inputs.iter().zip(&self.effects).filter(|(input, _)| input.document == index);
        let ops: usize = own.map(|(_, effects)| effects.ops.len()).sum();
        self.inputs.len() / INPUTS_A_UNIT + ops + work_of_bytes(self.slots[index].base.bytes())
    }

    /// Applies a change to the input's document and remembers it.
    pub fn change(&mut self, at: usize, op: Op) {
        let index = self.slot(at);
        let slot = &mut self.slots[index];
        slot.current.get_or_insert_with(|| slot.base.clone()).apply(op.clone());
        self.effects[at].bytes += op.bytes();
        self.effects[at].ops.push(op);
    }

    /// Has the module changed the input's document?
    fn wrote(&self, at: usize) -> bool {
        self.effects[at].ops.len() > self.effects[at].consumed
    }

    /// Undoes all that the input did, but for what the host itself did.
    pub fn refuse(&mut self, at: usize, code: Box<str>, message: Box<str>) {
        let wrote = self.wrote(at);
        let Effects { mut ops, consumed, late, .. } = std::mem::take(&mut self.effects[at]);
        ops.truncate(consumed);
        let bytes = ops.iter().map(Op::bytes).sum();
        self.effects[at] = Effects { ops, consumed, bytes, late, refused: Some((code, message)), ..Effects::default() };
        if wrote {
            self.rebuild(self.slot(at));
        }
    }

    /// A slot's document anew: its base and what the inputs that still stand did to it.
    fn rebuild(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        let own = self.inputs.iter().zip(&self.effects).filter(|(input, _)| input.document == index);
        let mut ops = own.flat_map(|(_, effects)| &effects.ops).peekable();
        slot.current = ops.peek().is_some().then(|| slot.base.clone());
        if let Some(document) = &mut slot.current {
            ops.for_each(|op| document.apply(op.clone()));
        }
    }

    /// The window of this number in the plan.
    pub fn window_spec(&self, window: u32) -> Result<WindowSpec, String> {
        let windows = &self.settings.configured.plan.windows;
        windows.get(window as usize).cloned().ok_or_else(|| format!("the plan has no window {window}"))
    }

    /// The window's entries are those around the input: what its `observe` answered, else what ends at its time.
    pub fn span(&self, at: usize, window: u32, length_ms: u64) -> Span {
        let answered = self.effects[at].spans.iter().find(|(number, _)| *number == window);
        let time = self.time(at);
        answered.map_or(Span { first: time.saturating_sub(length_ms), last: time }, |(_, span)| *span)
    }

    /// The events behind a match: the input's own, if it is one, and those of the named windows, by (time, position),
    /// each once.
    pub fn events_of(&self, at: usize, windows: &[u32]) -> Result<Vec<EventRef>, String> {
        let own = self.inputs.get(at).filter(|input| matches!(input.what, What::Event { .. }));
        let mut found: Vec<(u64, EventRef)> = own.map(|input| (input.time(), input.reference())).into_iter().collect();
        for number in windows {
            let spec = self.window_spec(*number)?;
            let span = self.span(at, *number, spec.length_ms);
            let entries = self.document(at).window(&spec.name).map_or(&[][..], |window: &Window| window.entries(span));
            found.extend(entries.iter().map(|entry| (entry.time, entry.event.clone())));
        }
        // A tick is the position of all timers that it fires, so a position alone is not one input.
        found.sort_by(|(time, a), (other, b)| (time, a.lsn, &a.id).cmp(&(other, b.lsn, &b.id)));
        found.dedup_by(|(_, a), (_, b)| (a.lsn, &a.id) == (b.lsn, &b.id));
        Ok(found.into_iter().map(|(_, event)| event).collect())
    }

    /// The call has ended well.
    pub fn finish(mut self) -> Finished {
        self.begin(self.inputs.len());
        if self.judges() {
            (0..self.effects.len()).for_each(|at| self.check_verdict(at));
        }
        let (documents, earlier) = self.slots.into_iter().map(Slot::into_parts).unzip();
        Finished { outcomes: self.effects.into_iter().map(Effects::into_outcome).collect(), documents, earlier }
    }

    /// The input that was begun last: as far as the host can tell, the one at which a call has failed.
    pub fn last_begun(&self) -> usize {
        self.begun.saturating_sub(1)
    }

    /// A filter that says not one thing about an action has failed at it.
    fn check_verdict(&mut self, at: usize) {
        let effects = &self.effects[at];
        let message = match effects.verdict {
            _ if effects.refused.is_some() => return,
            Some(_) if !effects.contradicted => return,
            Some(_) => "two verdicts: the filter may call one of `verdicts` once for each action",
            None => "no verdict: the filter must call one of `verdicts` for each action",
        };
        self.refuse(at, "no_verdict".into(), message.into());
    }

    /// The last `error` line that the guest wrote.
    pub fn last_words(&self) -> Option<&str> {
        let mut lines = self.effects.iter().flat_map(|effects| &effects.logs);
        lines.rfind(|line| line.level == "error").map(|line| &*line.message)
    }

    /// The call has failed: documents as they were.
    pub fn undo(self) -> Vec<Document> {
        self.slots.into_iter().map(|slot| slot.base).collect()
    }
}

impl Effects {
    fn into_outcome(self) -> InputOutcome {
        let end = match self.refused {
            Some((code, message)) => End::Refused { code, message },
            None => End::Done,
        };
        InputOutcome {
            end,
            ops: self.ops,
            matches: self.matches,
            published: self.published,
            signals: self.signals,
            verdict: self.verdict,
            reply: self.reply,
            late: self.late,
            // The batch knows.
            undeduplicated: false,
            logs: self.logs,
        }
    }
}
