//! From a batch that has run to the frames that say so.

use crate::journal::Encoded;
use crate::model::{Frame, InputRecord, Lsn, Outcome, Whole};
use std::sync::Arc;

/// A frame is closed when it holds about this much: well below the journal's limit of one frame, which the largest
/// single input (`effect_bytes` and its matches) still fits above it.
const FRAME_BYTES: usize = 256 << 10;

/// A record beside its texts.
const RECORD_BYTES: usize = 64;

/// Splits records into frames at journal positions, so that each frame is a whole number of inputs.
pub struct Frames {
    head: Outcome,
    done: Vec<Outcome>,
    current: Vec<InputRecord>,
    bytes: usize,
}

impl Frames {
    /// `head`: everything but inputs and wholes; its position is that of the last frame.
    pub fn new(head: Outcome) -> Frames {
        Frames { head, done: Vec::new(), current: Vec::new(), bytes: 0 }
    }

    /// Adds a record and answers the number of its frame.
    pub fn push(&mut self, record: InputRecord) -> usize {
        if self.bytes >= FRAME_BYTES && self.current.last().is_some_and(|last| last.lsn < record.lsn) {
            let position = record.lsn.previous();
            self.close(position);
        }
        self.bytes += bytes(&record);
        self.current.push(record);
        self.done.len()
    }

    fn close(&mut self, position: Lsn) {
        let inputs = std::mem::take(&mut self.current);
        self.bytes = 0;
        self.done.push(Outcome { inputs, position, ..self.head.clone() });
    }

    /// The frames, with each whole document in the one that changed it last.
    pub fn finish(mut self, wholes: Vec<(usize, Whole)>) -> Vec<Encoded> {
        self.close(self.head.position);
        for (frame, whole) in wholes {
            self.done[frame].wholes.push(whole);
        }
        self.done.into_iter().map(|outcome| Encoded::new(Frame::Outcome(Arc::new(outcome)))).collect()
    }
}

fn bytes(record: &InputRecord) -> usize {
    let outcome = &record.outcome;
    let ops: usize = outcome.ops.iter().map(crate::model::Op::bytes).sum();
    let matches: usize = outcome.matches.iter().map(crate::model::Match::bytes).sum();
    RECORD_BYTES + record.key.len() + ops + matches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DeploymentId, Digest, End, InputOutcome, Op, ShardSet, Value};

    fn record(lsn: u64, bytes: usize) -> InputRecord {
        let value = Value { bytes: vec![0; bytes].into(), expires: None };
        let ops = vec![Op::Set { name: "a".into(), value }];
        let outcome = InputOutcome { ops, ..InputOutcome::without_effects(End::Done) };
        InputRecord { lsn: Lsn(lsn), time: 0, subscription: 0, key: "k".into(), outcome }
    }

    #[test]
    fn frames_end_between_positions_and_below_the_limit() {
        let head = Outcome {
            deployment: DeploymentId(1),
            revision: 1,
            digest: Digest([0; 32]),
            shards: ShardSet::ALL,
            position: Lsn(99),
            inputs: Vec::new(),
            wholes: Vec::new(),
        };
        let mut frames = Frames::new(head);
        let numbers: Vec<usize> = [(1, FRAME_BYTES), (1, 10), (5, 10), (6, 10)]
            .into_iter()
            .map(|(lsn, bytes)| frames.push(record(lsn, bytes)))
            .collect();
        assert_eq!(numbers, [0, 0, 1, 1]);
        frames.close(Lsn(99));
        let positions: Vec<Lsn> = frames.done.iter().map(|outcome| outcome.position).collect();
        assert_eq!(positions, [Lsn(4), Lsn(99)]);
    }
}
