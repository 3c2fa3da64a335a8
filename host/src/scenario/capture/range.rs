//! Which frames a capture is about.

use super::Capturer;
use crate::model::ports::{CaptureError, CaptureRequest, CaptureWhat};
use crate::model::{Frame, Lsn};
use crate::scenario::parse::rfc3339;

/// The first and the last frame whose inputs are captured, and what the receive clock said between them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub start: Lsn,
    pub end: Lsn,
    /// Milliseconds; of a single position everything.
    pub from: u64,
    pub to: u64,
}

impl Range {
    pub fn contains(&self, lsn: Lsn) -> bool {
        self.start <= lsn && lsn <= self.end
    }
}

pub(super) fn find(capturer: &Capturer, request: &CaptureRequest) -> Result<Range, CaptureError> {
    let first = capturer.log.first();
    let beyond = || CaptureError::BeyondRetention { first, since: since(capturer) };
    let (from, to) = match request.what {
        CaptureWhat::Position(lsn) if lsn < first => return Err(beyond()),
        CaptureWhat::Position(lsn) => return Ok(Range { start: lsn, end: lsn, from: 0, to: u64::MAX }),
        CaptureWhat::Around { from, to } => (from, to),
    };
    if first > Lsn(1) && from < capturer.log.written_at(first).unwrap_or(0) {
        return Err(beyond());
    }
    let mut range: Option<Range> = None;
    for item in capturer.walk(first, request.deadline) {
        let (lsn, frame) = item?;
        match received(&frame) {
            Some(clock) if clock > to => break,
            Some(clock) if clock >= from => {
                let start = range.map_or(lsn, |range| range.start);
                range = Some(Range { start, end: lsn, from, to });
            }
            _ => {}
        }
    }
    range.ok_or_else(|| CaptureError::Nothing { since: since(capturer) })
}

/// The time that the journal reaches back to.
pub(super) fn since(capturer: &Capturer) -> Box<str> {
    rfc3339(capturer.log.written_at(capturer.log.first()).unwrap_or(0)).into()
}

/// The receive clock of a frame that came from outside.
fn received(frame: &Frame) -> Option<u64> {
    match frame {
        Frame::Input(event) => Some(event.received),
        Frame::Tick(tick) => Some(tick.now),
        Frame::Report(report) => Some(report.at),
        Frame::Control(control) => Some(control.at),
        Frame::Outcome(_) | Frame::Outreach(_) | Frame::Mark(_) => None,
    }
}
