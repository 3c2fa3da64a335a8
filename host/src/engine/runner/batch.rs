//! How the inputs of a batch get their outcomes where not all is well: what fails runs alone, what is before and behind it
//! together, and what may stop the deployment is undone by whole positions.

use std::sync::Arc;

use super::super::call::Violation;
use super::super::error::HostFailure;
use super::super::input::Input;
use super::super::instance::Failed;
use super::{CallEnd, Failure, Fault, Ran, Runner, refused, without_handling};
use crate::model::{Document, End, InputOutcome, Lsn};

/// Documents as they were before a batch, where it has changed them: for a host failure, which undoes all of it.
pub(super) struct Undo(Vec<Option<Document>>);

impl Undo {
    fn new(documents: &[Document]) -> Undo {
        Undo(vec![None; documents.len()])
    }

    /// It is about to be changed.
    fn keep(&mut self, index: usize, document: &Document) {
        self.0[index].get_or_insert_with(|| document.clone());
    }

    pub fn keep_all(&mut self, earlier: Vec<Option<Document>>) {
        for (kept, earlier) in self.0.iter_mut().zip(earlier) {
            if kept.is_none() {
                *kept = earlier;
            }
        }
    }

    fn undo(self, documents: &mut [Document]) {
        for (document, kept) in documents.iter_mut().zip(self.0) {
            if let Some(kept) = kept {
                *document = kept;
            }
        }
    }
}

impl Runner {
    /// All in one call. Where that fails, it is undone; what is before the input at which it did has a call of its own, that
    /// input runs alone, and what is behind it goes on in another call. The host only sees which inputs a module has asked it
    /// about, so where one of these two shows that it was another input, all that is left runs one by one. So `n` inputs cost
    /// `2 n` calls at most, however many of them fail, and `f` of them `3 f + 1` if the module handles them in their order.
    pub(super) fn run_batch(
        &mut self,
        inputs: &Arc<Vec<Input>>,
        documents: &mut Vec<Document>,
        ran: &mut Ran,
        stop_at_fault: bool,
    ) -> Result<(), HostFailure> {
        let mut undo = Undo::new(documents);
        let ended = self.run_parts(inputs, documents, ran, &mut undo, stop_at_fault);
        match ended {
            Ok(true) => Ok(()),
            // What stops at a fault undoes all of its position: each input is run by itself from the beginning.
            Ok(false) => {
                undo.undo(documents);
                ran.outcomes.clear();
                let patience = self.module.engine.limits.quarantine_faults;
                self.run_each(inputs, documents, ran, stop_at_fault, patience)
            }
            Err(failure) => {
                undo.undo(documents);
                Err(failure)
            }
        }
    }

    /// False if an input has failed and something is to be stopped by that.
    fn run_parts(
        &mut self,
        inputs: &Arc<Vec<Input>>,
        documents: &mut Vec<Document>,
        ran: &mut Ran,
        undo: &mut Undo,
        stop_at_fault: bool,
    ) -> Result<bool, HostFailure> {
        let mut rest = inputs.clone();
        let mut patience = self.module.engine.limits.quarantine_faults;
        loop {
            let (at, failure) = match self.call(&rest, documents, ran, undo)? {
                CallEnd::Finished(outcomes) => {
                    ran.outcomes.extend(outcomes);
                    return Ok(true);
                }
                CallEnd::Failed(at, failure) => (at, failure),
            };
            if stop_at_fault {
                return Ok(false);
            }
            if at > 0 {
                match self.call(&Arc::new(rest[..at].to_vec()), documents, ran, undo)? {
                    CallEnd::Finished(outcomes) => ran.outcomes.extend(outcomes),
                    CallEnd::Failed(..) => return self.run_rest(&rest, documents, ran, undo, patience),
                }
            }
            let failed = rest[at].clone();
            let (lsn, index) = (failed.lsn, failed.document);
            let outcome = match failure {
                Failure::Violated(Violation { code, message, alone }) if alone == Some(at) => {
                    if failed.consumption(&documents[index]).is_some() {
                        undo.keep(index, &documents[index]);
                    }
                    without_handling(&failed, &mut documents[index], refused(code, message))
                }
                _ => {
                    undo.keep(index, &documents[index]);
                    self.run_alone(failed, documents, ran)?
                }
            };
            let was_it = outcome.end != End::Done;
            patience = patience.saturating_sub(u64::from(outcome.end.is_fault()));
            ran.outcomes.push(outcome);
            let Some(next) = rest.get(at + 1) else { return Ok(true) };
            if patience == 0 && (next.lsn != lsn || next.stands_alone()) {
                ran.stopped = Some(next.lsn);
                return Ok(true);
            }
            if !was_it {
                return self.run_rest(&rest[at + 1..], documents, ran, undo, patience);
            }
            rest = Arc::new(rest[at + 1..].to_vec());
        }
    }

    /// One by one, with what is left of the patience.
    fn run_rest(
        &mut self,
        rest: &[Input],
        documents: &mut Vec<Document>,
        ran: &mut Ran,
        undo: &mut Undo,
        patience: u64,
    ) -> Result<bool, HostFailure> {
        rest.iter().for_each(|input| undo.keep(input.document, &documents[input.document]));
        self.run_each(rest, documents, ran, false, patience).map(|()| true)
    }

    pub(super) fn run_each(
        &mut self,
        inputs: &[Input],
        documents: &mut Vec<Document>,
        ran: &mut Ran,
        stop_at_fault: bool,
        mut patience: u64,
    ) -> Result<(), HostFailure> {
        let before = documents.clone();
        // Where the current journal position began, so that a fault can undo all of it.
        let mut begun: (Lsn, usize, Vec<(usize, Document)>) = (Lsn::ZERO, 0, Vec::new());
        let mut last = None;
        for input in inputs {
            let (lsn, key, index) = (input.lsn, input.key.clone(), input.document);
            if patience == 0 && (last != Some(lsn) || input.stands_alone()) {
                ran.stopped = Some(lsn);
                return Ok(());
            }
            last = Some(lsn);
            if stop_at_fault {
                if begun.0 != lsn {
                    begun = (lsn, ran.outcomes.len(), Vec::new());
                }
                begun.2.push((index, documents[index].clone()));
            }
            match self.run_alone(input.clone(), documents, ran) {
                Ok(outcome) if stop_at_fault && outcome.end.is_fault() => {
                    begun.2.into_iter().rev().for_each(|(index, document)| documents[index] = document);
                    ran.outcomes.truncate(begun.1);
                    ran.fault = Some(Fault { lsn, key, end: outcome.end });
                    return Ok(());
                }
                Ok(outcome) => {
                    patience = patience.saturating_sub(u64::from(outcome.end.is_fault()));
                    ran.outcomes.push(outcome);
                }
                Err(failure) => {
                    *documents = before;
                    return Err(failure);
                }
            }
        }
        Ok(())
    }

    fn run_alone(
        &mut self,
        mut input: Input,
        documents: &mut [Document],
        ran: &mut Ran,
    ) -> Result<InputOutcome, HostFailure> {
        let index = std::mem::take(&mut input.document);
        if let Some(end) = self.unanswerable(&input) {
            return Ok(without_handling(&input, &mut documents[index], end));
        }
        self.instance = None;
        let inputs = Arc::new(vec![input]);
        let mut own = vec![std::mem::take(&mut documents[index])];
        // Whoever runs it keeps the document.
        let ended = self.call(&inputs, &mut own, ran, &mut Undo::new(&[]));
        documents[index] = own.pop().unwrap_or_default();
        let failure = match ended? {
            CallEnd::Finished(mut outcomes) => {
                return Ok(outcomes.pop().unwrap_or_else(|| InputOutcome::without_effects(End::Done)));
            }
            CallEnd::Failed(_, failure) => failure,
        };
        let end = match failure {
            Failure::Failed(Failed::Fuel) => End::OutOfFuel { limit: self.module.engine.limits.fuel_per_input },
            Failure::Failed(Failed::Trap(message)) => End::Trapped { message: message.into() },
            Failure::Failed(Failed::Watchdog) => return Err(self.watchdog()),
            Failure::Violated(violation) => refused(violation.code, violation.message),
        };
        Ok(without_handling(&inputs[0], &mut documents[index], end))
    }
}
