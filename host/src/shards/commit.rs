//! From a batch that has run to the frames that say so.
//!
//! Records come first, then the documents that are logged whole, in frames of their own: a crash between them leaves
//! documents that redo rebuilds from their rows and the records.

use std::ops::Range;
use std::sync::Arc;

use crate::journal::Encoded;
use crate::model::outreach::Published;
use crate::model::{Frame, InputRecord, Match, Op, Outcome, Signal, Via, Whole};

/// A frame is closed when it holds about this much. The records of one position stay together above it: those of one event,
/// 32 subscriptions of `effect_bytes` each, still fit `journal_frame_bytes`; what derived events of one frame come to
/// may not ([`largest_position`]).
const FRAME_BYTES: usize = 256 << 10;

/// Or when its records hold this many signals: those of one frame are one position for whoever gets them, and what they come
/// to must fit one frame again.
const FRAME_SIGNALS: usize = 32;

/// Frames that are appended at once: well below `journal_queue_bytes`.
const APPEND_BYTES: usize = 4 << 20;

/// A record or a whole beside its texts.
const RECORD_BYTES: usize = 64;

/// Splits records into frames at journal positions, so that each frame is a whole number of inputs.
pub struct Frames {
    head: Outcome,
    done: Vec<(Outcome, usize)>,
    current: Outcome,
    bytes: usize,
    signals: usize,
}

impl Frames {
    /// `head`: everything but inputs and wholes; its position is that of the last frame. `records`: how many will come; most
    /// batches fit one frame.
    pub fn new(head: Outcome, records: usize) -> Frames {
        let current = Outcome { inputs: Vec::with_capacity(records), ..head.clone() };
        Frames { current, head, done: Vec::new(), bytes: 0, signals: 0 }
    }

    /// Adds a record and answers the number of its frame. The frame's position is before the next record's.
    pub fn push(&mut self, record: InputRecord) -> usize {
        // What a tick has fired so far is known from the timers that are left, so its frames may end within it.
        let apart = |last: &InputRecord| last.lsn < record.lsn || record.via.is_by_tick();
        let full = self.bytes >= FRAME_BYTES || self.signals >= FRAME_SIGNALS;
        if full && self.current.inputs.last().is_some_and(apart) {
            self.current.position = record.lsn.previous();
            self.close();
        }
        self.bytes += record_bytes(&record);
        self.signals += record.outcome.signals.len();
        self.current.inputs.push(record);
        self.done.len()
    }

    /// Adds a whole document behind all records and answers the number of its frame.
    pub fn push_whole(&mut self, whole: Whole) -> usize {
        if !self.current.inputs.is_empty() || self.bytes >= FRAME_BYTES {
            self.close();
        }
        self.bytes += RECORD_BYTES + whole.key.len() + whole.bytes.len();
        self.current.wholes.push(whole);
        self.done.len()
    }

    fn close(&mut self) {
        let full = std::mem::replace(&mut self.current, self.head.clone());
        self.done.push((full, std::mem::take(&mut self.bytes)));
        self.signals = 0;
    }

    /// The frames, in portions that are appended at once.
    pub fn finish(mut self) -> Vec<Vec<Encoded>> {
        self.close();
        let sizes: Vec<usize> = self.done.iter().map(|(_, bytes)| *bytes).collect();
        let mut frames = self.done.into_iter().map(|(outcome, _)| Encoded::new(Frame::Outcome(Arc::new(outcome))));
        portions(&sizes).into_iter().map(|portion| frames.by_ref().take(portion.len()).collect()).collect()
    }
}

/// Upper bound of the bytes of the largest position among records: its records stay together in one frame, but for those of a
/// tick.
pub fn largest_position(records: &[InputRecord]) -> usize {
    let position = |a: &InputRecord, b: &InputRecord| a.lsn == b.lsn && !b.via.is_by_tick();
    records.chunk_by(position).map(|records| records.iter().map(record_bytes).sum()).max().unwrap_or(0)
}

/// Neighbours that together stay below what is appended at once; at least one each.
fn portions(sizes: &[usize]) -> Vec<Range<usize>> {
    let (mut portions, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (index, size) in sizes.iter().enumerate() {
        if index > start && bytes + size > APPEND_BYTES {
            portions.push(start..index);
            (start, bytes) = (index, 0);
        }
        bytes += size;
    }
    portions.push(start..sizes.len());
    portions
}

/// Upper bound of a record's encoded size, bytes.
fn record_bytes(record: &InputRecord) -> usize {
    let outcome = &record.outcome;
    let ops: usize = outcome.ops.iter().map(Op::bytes).sum();
    let matches: usize = outcome.matches.iter().map(Match::bytes).sum();
    let published: usize = outcome.published.iter().map(Published::bytes).sum();
    let signals: usize = outcome.signals.iter().map(Signal::bytes).sum();
    let end = outcome.end.code().len() + outcome.end.message().len();
    RECORD_BYTES + via_bytes(&record.via) + record.key.len() + end + ops + matches + published + signals
}

/// Of a signal's sender, who may be as long as a key; the other ways in are short.
fn via_bytes(via: &Via) -> usize {
    match via {
        Via::Signal { sender, name, .. } => sender.len() + name.len(),
        Via::Subscription(_) | Via::Timer(_) | Via::Settlement(_) | Via::Kept(_) | Via::HandedOver { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DeploymentId, Digest, End, InputOutcome, Lsn, ShardSet, Value, Via};

    fn head(position: Lsn) -> Outcome {
        Outcome {
            deployment: DeploymentId(1),
            revision: 1,
            digest: Digest([0; 32]),
            shards: ShardSet::ALL,
            position,
            now: 0,
            state_version: 1,
            inputs: Vec::new(),
            wholes: Vec::new(),
        }
    }

    fn record(lsn: u64, bytes: usize) -> InputRecord {
        let value = Value { bytes: vec![0; bytes].into(), expires: None };
        let ops = vec![Op::Set { name: "a".into(), value }];
        let outcome = InputOutcome { ops, ..InputOutcome::without_effects(End::Done) };
        InputRecord {
            lsn: Lsn(lsn),
            replay_of: None,
            time: 0,
            via: Via::Subscription(0),
            hops: 0,
            key: "k".into(),
            outcome,
        }
    }

    #[test]
    fn frames_end_between_positions_and_below_the_limit() {
        let mut frames = Frames::new(head(Lsn(99)), 0);
        let numbers: Vec<usize> = [(1, FRAME_BYTES), (1, 10), (5, 10), (6, 10)]
            .into_iter()
            .map(|(lsn, bytes)| frames.push(record(lsn, bytes)))
            .collect();
        assert_eq!(numbers, [0, 0, 1, 1]);
        let whole = Whole { key: "k".into(), bytes: vec![0; FRAME_BYTES].into() };
        assert_eq!([frames.push_whole(whole.clone()), frames.push_whole(whole)], [2, 3]);
        frames.close();
        let positions: Vec<Lsn> = frames.done.iter().map(|(outcome, _)| outcome.position).collect();
        assert_eq!(positions, [Lsn(4), Lsn(99), Lsn(99), Lsn(99)]);
    }

    #[test]
    fn a_frame_ends_also_with_its_signals() {
        let mut sending = record(1, 10);
        let signal = Signal { id: 1, key: "k".into(), name: "word".into(), payload: "".into() };
        sending.outcome.signals = vec![signal; FRAME_SIGNALS];
        let same = InputRecord { key: "l".into(), ..sending.clone() };
        let mut frames = Frames::new(head(Lsn(9)), 0);
        let numbers = [sending, same, record(2, 10), record(3, 10)].map(|record| frames.push(record));
        assert_eq!(numbers, [0, 0, 1, 1], "records of one position stay together");
    }

    #[test]
    fn the_timers_of_a_tick_need_not_stay_together() {
        let timer = |bytes| InputRecord { via: Via::Timer("t".into()), ..record(7, bytes) };
        let records = [record(6, 10), timer(FRAME_BYTES), timer(FRAME_BYTES)];
        assert!(largest_position(&records) < 2 * FRAME_BYTES);
        assert!(largest_position(&[record(7, FRAME_BYTES), record(7, FRAME_BYTES)]) > 2 * FRAME_BYTES);
        let mut frames = Frames::new(head(Lsn(7)), 0);
        let numbers = records.map(|record| frames.push(record));
        frames.close();
        let positions: Vec<Lsn> = frames.done.iter().map(|(outcome, _)| outcome.position).collect();
        assert_eq!((numbers, positions), ([0, 0, 1], vec![Lsn(6), Lsn(7)]));
    }

    #[test]
    fn no_portion_is_larger_than_an_append_unless_one_frame_is() {
        let half = APPEND_BYTES / 2;
        assert_eq!(portions(&[half, half, 1, 2 * APPEND_BYTES, 1]), [0..2, 2..3, 3..4, 4..5]);
    }

    #[test]
    fn the_words_of_a_trap_count() {
        let mut trapped = record(1, 0);
        trapped.outcome = InputOutcome::without_effects(End::Trapped { message: "x".repeat(2_000).into() });
        assert!(record_bytes(&trapped) > 2_000);
    }
}
