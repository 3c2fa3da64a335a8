//! A batch: the next inputs of one reader, routed, up to a size in inputs and bytes.

use std::collections::HashMap;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

use super::reader::Reader;
use crate::engine::Input;
use crate::journal::ReadError;
use crate::model::{End, Event, Frame, InputOutcome, InputRecord, Limits, Lsn, Plan, shard_of};
use crate::router::{Routed, Router};

/// How much one batch takes at most.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub inputs: usize,
    pub bytes: usize,
    /// Frames looked at, so that a reader that skips much still gives way to others.
    pub frames: usize,
}

impl Size {
    pub fn new(inputs: usize, limits: &Limits) -> Size {
        let inputs = inputs.clamp(1, limits.batch_inputs as usize);
        Size { inputs, bytes: limits.batch_bytes as usize, frames: 4 * limits.batch_inputs as usize }
    }
}

#[derive(Default)]
pub struct Batch {
    pub inputs: Arc<Vec<Input>>,
    /// Keys of the documents that the inputs index.
    pub keys: Vec<Arc<str>>,
    index: HashMap<Arc<str>, usize, FxBuildHasher>,
    /// Inputs that no call is made for, by the number of calls before them.
    pub bad: Vec<(usize, InputRecord)>,
    /// Everything up to here is in the batch or not for this reader.
    pub position: Lsn,
    /// It ends with a control frame: whatever that changed must be known before anything behind it is run.
    pub control: bool,
    bytes: usize,
}

impl Batch {
    /// Takes frames until the batch is full, nothing is left, a control frame was taken, or `end` is reached (which is
    /// not taken).
    pub fn collect(
        reader: &mut Reader,
        business: &str,
        plan: &Plan,
        router: &Router,
        size: Size,
        end: Option<Lsn>,
    ) -> Result<Batch, ReadError> {
        let mut batch = Batch { position: reader.position(), ..Batch::default() };
        let mut inputs = Vec::new();
        let shards = reader.shards;
        for _ in 0..size.frames {
            let Some((lsn, frame)) = reader.peek()? else { break };
            if end.is_some_and(|end| *lsn >= end) {
                break;
            }
            let lsn = *lsn;
            batch.control = matches!(frame, Frame::Control(_));
            if let Frame::Input(event) = frame
                && *event.business == *business
            {
                router.route(plan, event, |routed| {
                    if shards.contains(shard_of(routed_key(&routed, event))) {
                        batch.add(&mut inputs, lsn, event, routed);
                    }
                });
            }
            reader.take();
            batch.position = lsn;
            if batch.control || inputs.len() + batch.bad.len() >= size.inputs || batch.bytes >= size.bytes {
                break;
            }
        }
        batch.inputs = Arc::new(inputs);
        Ok(batch)
    }

    fn add(&mut self, inputs: &mut Vec<Input>, lsn: Lsn, event: &Arc<Event>, routed: Routed) {
        match routed {
            Routed::Input { subscription, key, data } => {
                let key: Arc<str> = key.into();
                let fresh = self.keys.len();
                let document = *self.index.entry(key.clone()).or_insert(fresh);
                if document == fresh {
                    self.keys.push(key.clone());
                }
                self.bytes += event.data.len() + event.subject.len() + event.actor.len() + event.id.len() + key.len();
                inputs.push(Input { lsn, event: event.clone(), subscription, key, document, data });
            }
            Routed::Bad { subscription, code, message } => {
                let end = End::Refused { code: code.into(), message: message.into() };
                let outcome = InputOutcome::without_effects(end);
                let record = InputRecord { lsn, time: event.time, subscription, key: "".into(), outcome };
                self.bad.push((inputs.len(), record));
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty() && self.bad.is_empty()
    }

    /// Number of a key's document.
    pub fn document(&self, key: &str) -> Option<usize> {
        self.index.get(key).copied()
    }

    /// The records of the inputs that were run, with those of the bad ones where they belong. `before` cuts at a
    /// position whose inputs did not all run.
    pub fn records(&mut self, outcomes: Vec<InputOutcome>, before: Option<Lsn>) -> Vec<InputRecord> {
        let mut bad = std::mem::take(&mut self.bad).into_iter().peekable();
        let mut records = Vec::with_capacity(outcomes.len());
        for (run, (input, outcome)) in self.inputs.iter().zip(outcomes).enumerate() {
            while let Some((_, record)) = bad.next_if(|(after, _)| *after <= run) {
                records.push(record);
            }
            records.push(InputRecord {
                lsn: input.lsn,
                time: input.event.time,
                subscription: input.subscription,
                key: (&*input.key).into(),
                outcome,
            });
        }
        records.extend(bad.map(|(_, record)| record));
        records.retain(|record| before.is_none_or(|before| record.lsn < before));
        records
    }
}

/// An input belongs to its key's shard; one without a usable key to that of its event's id.
fn routed_key<'a>(routed: &'a Routed, event: &'a Event) -> &'a str {
    match routed {
        Routed::Input { key, .. } => key,
        Routed::Bad { .. } => &event.id,
    }
}
