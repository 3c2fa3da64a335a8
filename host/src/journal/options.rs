//! What a journal can be told when it is opened: its limits, its clock, and how
//! much of it is read.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::error::Error;
use super::failpoints::Failpoints;
use super::group::GROUP_HEADER_BYTES;
use super::segment::PAGE_BYTES;
use crate::model::Lsn;

/// Default size of a segment file in bytes (`journal.segment_bytes`).
pub const SEGMENT_BYTES: u64 = 64 << 20;
/// Default payload limit of one write group in bytes (`journal.group_bytes`).
pub const GROUP_BYTES: usize = 4 << 20;
/// Default limit of one frame in bytes (`journal.frame_bytes`).
pub const FRAME_BYTES: usize = 1 << 20;
/// Default limit of what may wait for the writer, in bytes (`journal.queue_bytes`).
pub const QUEUE_BYTES: usize = 32 << 20;
/// Default pause after which the journal counts as idle and proves its last
/// group by an empty one. It delays no append: it only keeps a steady trickle
/// of appends from paying for a second sync each.
pub const IDLE_AFTER: Duration = Duration::from_millis(10);

/// How a journal is opened. Sizes of existing segments come from their headers,
/// so `segment_bytes` may change between two opens.
#[derive(Debug, Clone)]
pub struct Options {
    /// Size of a new segment file, a multiple of 4,096 bytes.
    pub segment_bytes: u64,
    /// Most payload bytes in one group: what is written and synced at once, and
    /// what a reader holds in memory.
    pub group_bytes: usize,
    /// Largest frame; `append` refuses what is larger by this limit's name.
    pub frame_bytes: usize,
    /// `append` blocks while this many bytes wait for the writer. It is also the
    /// most that one batch may bring.
    pub queue_bytes: usize,
    /// See [`IDLE_AFTER`].
    pub idle_after: Duration,
    /// The writer rests so long before each group, so that more comes into the
    /// next one and there are fewer syncs; an append that is waited for is durable
    /// later by up to twice that. None by default.
    pub commit_delay: Duration,
    /// Sealed segments that lie wholly below it and have a good index file are
    /// not read by `open`; everything from it on is. `Lsn(1)` reads everything.
    pub verify_from: Lsn,
    /// Where the time in headers comes from.
    pub clock: Clock,
    /// None by default; see [`Failpoints`].
    pub failpoints: Failpoints,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            segment_bytes: SEGMENT_BYTES,
            group_bytes: GROUP_BYTES,
            frame_bytes: FRAME_BYTES,
            queue_bytes: QUEUE_BYTES,
            idle_after: IDLE_AFTER,
            commit_delay: Duration::ZERO,
            verify_from: Lsn(1),
            clock: Clock::default(),
            failpoints: Failpoints::default(),
        }
    }
}

impl Options {
    /// Every frame must fit a group, every group a segment, also behind an empty
    /// group: a segment without frames is never left, for the next one would
    /// have the same name.
    pub(super) fn validate(&self) -> Result<(), Error> {
        let page = PAGE_BYTES as u64;
        let framed = self.frame_bytes as u64 + 4;
        let group = (self.group_bytes as u64 + GROUP_HEADER_BYTES as u64).next_multiple_of(page) + page;
        let refuse = |why: String| Err(Error::Options(why));
        if !self.segment_bytes.is_multiple_of(page) {
            return refuse(format!("journal.segment_bytes ({}) must be a multiple of {page}", self.segment_bytes));
        }
        if framed > self.group_bytes as u64 {
            return refuse(format!(
                "journal.group_bytes ({}) must be at least journal.frame_bytes + 4 ({framed})",
                self.group_bytes
            ));
        }
        if self.group_bytes > u32::MAX as usize || page + group > self.segment_bytes {
            return refuse(format!(
                "journal.segment_bytes ({}) must be at least {}, so that a group of \
                 journal.group_bytes and an empty one fit, and journal.group_bytes below 4 GiB",
                self.segment_bytes,
                page + group
            ));
        }
        if self.queue_bytes < self.frame_bytes {
            return refuse(format!(
                "journal.queue_bytes ({}) must be at least journal.frame_bytes ({})",
                self.queue_bytes, self.frame_bytes
            ));
        }
        Ok(())
    }
}

/// Wall-clock milliseconds since 1970 for the headers. They are read
/// back to find positions by time and for retention by age; no decision about damage depends on time.
#[derive(Clone)]
pub struct Clock(pub Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    pub(super) fn now_ms(&self) -> u64 {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Clock {
        Clock(Arc::new(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            since.map_or(0, |d| d.as_millis() as u64)
        }))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
