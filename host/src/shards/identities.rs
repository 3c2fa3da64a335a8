//! Identities of events from before the checkpoint: read from the journal as far back as they are remembered.

use super::dedup::{Dedup, Known};
use crate::codec::Kind;
use crate::journal::{Log, ReadError};
use crate::model::{Event, Frame, Limits, Lsn};

/// The oldest position whose event may still be remembered, once events were received up to a time.
pub fn oldest(log: &Log, limits: &Limits, newest_receipt: u64) -> Lsn {
    // An identity lives from the later of both times of its event; the journal's clock is never before a receipt in it.
    let kept = limits.dedup_horizon_ms.saturating_add(limits.skew_future_ms);
    log.journal().position_at(newest_receipt.saturating_sub(kept)).max(log.first())
}

/// Remembers those below a position; answers how many there were.
pub fn remember(
    log: &Log,
    dedup: &mut Dedup,
    limits: &Limits,
    newest_receipt: u64,
    below: Lsn,
) -> Result<u64, ReadError> {
    let from = oldest(log, limits, newest_receipt);
    let mut count = 0;
    for item in log.scan_only(from, Kind::Input).take_while(|item| item.as_ref().map_or(true, |(lsn, _)| *lsn < below))
    {
        if let (lsn, Frame::Input(event)) = item? {
            insert(dedup, lsn, &event);
            count += 1;
        }
    }
    Ok(count)
}

/// As intake does it live.
pub fn insert(dedup: &mut Dedup, lsn: Lsn, event: &Event) {
    dedup.insert(event, event.identity(), Known { lsn, content: event.content() });
}
