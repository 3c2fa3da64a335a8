//! Frames of the journal. The first byte is the version, the second the kind.

mod control;
mod event;
mod outcome;
mod outreach;
mod report;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::intern::Interner;
use super::tags::Tagged;
use super::wire::{CodecError, Reader, Writer};
use crate::model::{Frame, Mark, ShardSet, Tick};
use control::{read_control, write_control};
use event::{read_event, write_event};
use outcome::{read_outcome, write_outcome};
use outreach::{read_outreach, write_outreach};
use report::{read_report, write_report};

const VERSION: u8 = 4;

/// What a frame is, without decoding it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Input,
    Control,
    Outcome,
    Mark,
    Tick,
    Report,
    Outreach,
}

/// Which outcome frames a reader needs whole. Of the others it gets the head alone, without records and documents.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Needs {
    #[default]
    All,
    /// Those that more may follow from: a record has published an event, sent a signal or, if that is of interest, matched.
    Telling { matches: bool },
}

/// None if the bytes are no frame of this version.
pub fn kind_of(bytes: &[u8]) -> Option<Kind> {
    match bytes {
        [VERSION, kind, ..] => Kind::of(*kind),
        _ => None,
    }
}

/// About what a frame comes to: the outcome of a large batch would be copied at each growth of its bytes.
fn expected_bytes(frame: &Frame) -> usize {
    const FRAME: usize = 192;
    match frame {
        Frame::Outcome(outcome) => {
            let wholes: usize = outcome.wholes.iter().map(|whole| whole.key.len() + whole.bytes.len()).sum();
            FRAME * (1 + outcome.inputs.len()) + wholes
        }
        _ => FRAME,
    }
}

pub fn encode_frame(frame: &Frame) -> Vec<u8> {
    let mut writer = Writer::with_capacity(expected_bytes(frame));
    writer.byte(VERSION);
    match frame {
        Frame::Input(event) => {
            writer.tag(Kind::Input);
            write_event(&mut writer, event);
        }
        Frame::Control(control) => {
            writer.tag(Kind::Control);
            write_control(&mut writer, control);
        }
        Frame::Outcome(outcome) => {
            writer.tag(Kind::Outcome);
            write_outcome(&mut writer, outcome);
        }
        Frame::Mark(mark) => {
            writer.tag(Kind::Mark);
            writer.uint(mark.shards.0);
        }
        Frame::Tick(tick) => {
            writer.tag(Kind::Tick);
            writer.uint(tick.now);
            writer.near(tick.watermark, tick.now);
        }
        Frame::Report(report) => {
            writer.tag(Kind::Report);
            write_report(&mut writer, report);
        }
        Frame::Outreach(outreach) => {
            writer.tag(Kind::Outreach);
            write_outreach(&mut writer, outreach);
        }
    }
    writer.bytes
}

/// Refuses what [`encode_frame`] of this version does not write.
pub fn decode_frame(bytes: &[u8], interner: &mut Interner) -> Result<Frame, CodecError> {
    decode_needed(bytes, Needs::All, interner)
}

/// As [`decode_frame`], as much of it as the reader needs.
pub fn decode_needed(bytes: &[u8], needs: Needs, interner: &mut Interner) -> Result<Frame, CodecError> {
    let mut reader = Reader::new(bytes);
    let Some(kind) = kind_of(bytes) else { return reader.error("frame version and kind") };
    reader.raw(2, "frame version and kind")?;
    let frame = match kind {
        Kind::Input => Frame::Input(Arc::new(read_event(&mut reader, interner)?)),
        Kind::Control => Frame::Control(Arc::new(read_control(&mut reader, interner)?)),
        Kind::Outcome => Frame::Outcome(Arc::new(read_outcome(&mut reader, needs, interner)?)),
        Kind::Mark => Frame::Mark(Mark { shards: ShardSet(reader.uint("mark shards")?) }),
        Kind::Tick => {
            let now = reader.uint("tick now")?;
            Frame::Tick(Tick { now, watermark: reader.near(now, "tick watermark")? })
        }
        Kind::Report => Frame::Report(Arc::new(read_report(&mut reader)?)),
        Kind::Outreach => Frame::Outreach(Arc::new(read_outreach(&mut reader, interner)?)),
    };
    reader.end("frame end")?;
    Ok(frame)
}
