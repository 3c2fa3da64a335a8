//! The thread that writes index files of sealed segments, so that no commit
//! waits for them.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError};

use super::error::Error;
use super::failpoints::Site;
use super::handle::Shared;
use super::index::Segment;
use super::segment;
use super::sidecar;

/// Runs until the writer is gone and everything it sealed has an index file.
pub(super) fn run(shared: &Shared, sealed: &Receiver<Arc<Segment>>) {
    for segment in sealed {
        if let Err(error) = write(shared, &segment) {
            tracing::warn!(%error, "an index file of the journal was not written; the next open reads its segment");
        }
    }
}

fn write(shared: &Shared, segment: &Segment) -> Result<(), Error> {
    let points = &shared.options.failpoints;
    // Held so that a release either finds the file or comes before it.
    let _files = shared.files.lock().unwrap_or_else(PoisonError::into_inner);
    if shared.index().first() > segment.start.next {
        return Ok(());
    }
    sidecar::store(&shared.dir, segment, points)?;
    segment::sync_dir(&shared.dir, points, Site::IndexEntry)
}
