//! How far one sled database has written its log, how far that is on the disk, and when it must be before sled goes on.
//!
//! sled takes for durable what it has written, but it writes with `sync_file_range`, which is no sync. Two things rest on it.
//! The header of a segment (512 KiB) says up to where the log is whole, and a start believes it; and a segment is written over
//! when everything in it has moved to others of which a later header says that. So what a header speaks of must be on the disk
//! before that header is written, and a header is written when its segment is flushed or full. How much of the log a row
//! takes cannot be told from its length: sled writes whole pages now and then, and moves others on the way.

use std::sync::atomic::{AtomicI64, Ordering};

/// Of one database. Places in the log, bytes; they only grow.
pub(super) struct Reach {
    synced: AtomicI64,
}

impl Reach {
    /// Of a database whose files were synced after it was opened.
    pub fn new(db: &sled::Db) -> Reach {
        Reach { synced: AtomicI64::new(written(db)) }
    }

    /// Was anything written that is not on the disk?
    pub fn is_behind(&self, db: &sled::Db) -> bool {
        written(db) > self.synced.load(Ordering::Acquire)
    }

    /// Must a sync come before anything else is given to sled? So it is as soon as sled has begun a segment, or written by
    /// itself: one row is never as much as a segment, so the header that is in memory now will not be written before.
    pub fn is_due(&self, db: &sled::Db) -> bool {
        let synced = self.synced.load(Ordering::Acquire);
        // The segment of that place is one of them.
        written(db) > synced || db.context.pagecache.log.iter_from(synced.max(0)).segments.len() > 1
    }

    /// Everything up to a place that was [`written`] before the sync began is on the disk.
    pub fn raise(&self, written: i64) {
        self.synced.fetch_max(written, Ordering::AcqRel);
    }
}

/// Up to where sled has written its log.
pub(super) fn written(db: &sled::Db) -> i64 {
    db.context.pagecache.log.stable_offset()
}
