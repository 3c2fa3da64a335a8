//! `fishpond capture`: from the journal of a host to a scenario file that plays one key's past to the recorded outcome.
//!
//! `range` says which frames are meant, `gather` reads them with the documents as they were before, `write` makes the steps,
//! `expect` the lines that were recorded.

mod expect;
mod gather;
mod range;
mod write;

use std::sync::Arc;
use std::time::Instant;

use crate::journal::{Log, ReadError};
use crate::model::ports::{Capture, CaptureError, CaptureRequest, Captured};
use crate::model::{Frame, Limits, Lsn};
use crate::registry::Registry;

/// Frames between two looks at the clock.
const CLOCK_FRAMES: u64 = 64;

/// Captures from a host's journal.
pub struct Capturer {
    pub log: Log,
    pub registry: Arc<Registry>,
    pub limits: Arc<Limits>,
}

impl Capture for Capturer {
    /// The key as it is, or, if nothing is recorded about `user:ID`, the ID alone.
    fn capture(&self, request: &CaptureRequest) -> Result<Captured, CaptureError> {
        let found = self.capture_exactly(request);
        match (&found, request.key.as_deref().and_then(|key| key.strip_prefix("user:"))) {
            (Err(CaptureError::Nothing { .. }), Some(bare)) if !bare.is_empty() => {
                let bare = CaptureRequest { key: Some(bare.into()), ..request.clone() };
                self.capture_exactly(&bare).or(found)
            }
            _ => found,
        }
    }
}

impl Capturer {
    fn capture_exactly(&self, request: &CaptureRequest) -> Result<Captured, CaptureError> {
        let range = range::find(self, request)?;
        let gathered = gather::gather(self, request, &range)?;
        write::write(self, &gathered)
    }

    /// Durable frames from a position on, until the deadline.
    fn walk(&self, from: Lsn, deadline: Instant) -> impl Iterator<Item = Result<(Lsn, Frame), CaptureError>> + use<> {
        let scan = self.log.scan(from.max(self.log.first()));
        (0u64..).zip(scan).map(move |(number, item)| {
            if number.is_multiple_of(CLOCK_FRAMES) && Instant::now() >= deadline {
                return Err(CaptureError::Deadline);
            }
            item.map_err(|error: ReadError| CaptureError::Read(error.to_string()))
        })
    }
}
