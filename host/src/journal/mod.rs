//! The journal: one file order for everything that was accepted or decided.
//! A frame (opaque bytes) gets a position, its [`Lsn`](crate::model::Lsn); a
//! position becomes *durable* when the group that holds it has been synced.
//!
//! One thread writes what is queued, `fdatasync`s, publishes the durable
//! position, and again: no timer and no barrier, so an append waits for at most
//! two syncs unless more is queued than one group holds. Nothing is retried
//! after an error: the journal is then failed for the life of the process.
//!
//! # Layout
//! - `options`: limits, clock; `failpoints`: where tests make files fail;
//!   `error`: what can go wrong
//! - `handle`: [`Journal`], what callers hold
//! - `queue`: positions are given here; `writer`: the one thread;
//!   `commit`: the durable position; `stats`: its numbers
//! - `segment`, `group`: the format on disk; `walk`: reading it in order
//! - `verify`, `open`: recovery; `lock`: one process per directory
//! - `index`, `reader`: reading durable frames
//! - `files`: small files beside the segments; `released`: where the journal
//!   begins; `retain`: removing old segments; `sidecar`, `keeper`: index files
//! - `snapshot`: a copy while it runs
//! - `check`, `closed`, `cut`: tools for a closed journal: verify all, read in order, shorten
//!
//! # Format, version 1 (integers little endian)
//! A directory holds segments named by their first LSN. A segment is a header
//! page of 4 KiB and groups that start at 4 KiB borders, zeros behind the last.
//! A group is a header with its own checksum and frames of `u32` length and
//! payload; the payload checksum is chained over all groups of the journal. Each
//! group says which LSN was durable when it was written. That is what tells a
//! damaged file (refused) from an unfinished write (cut): see `verify`.
//!
//! Beside them lie `<first LSN>.index` (where the groups of a sealed segment are;
//! may be lost) and, once segments were released, `released` (where the journal
//! begins; may not). Both have a version and a checksum of their own.

mod check;
mod closed;
mod commit;
mod cut;
mod error;
mod failpoints;
mod files;
mod group;
mod handle;
mod index;
mod keeper;
mod lock;
mod log;
mod open;
mod options;
mod pin;
mod queue;
mod reader;
mod released;
mod retain;
mod segment;
mod sidecar;
mod snapshot;
mod stats;
mod verify;
mod walk;
mod writer;

#[cfg(test)]
mod tests;

pub use check::{Checked, verify_all};
pub use closed::read_closed;
pub use commit::{Durable, Health};
pub use cut::cut;
pub use error::{Damage, Error, Fault, Proof};
pub use failpoints::{Failpoint, Failpoints, Site, SiteHook};
pub use handle::Journal;
pub use lock::DirLock;
pub use log::{Committed, Encoded, Follower, Log, ReadError, Scan};
pub use open::{Cut, Opened, Progress};
pub use options::{Clock, FRAME_BYTES, GROUP_BYTES, IDLE_AFTER, Options, QUEUE_BYTES, SEGMENT_BYTES};
pub use pin::{Piece, Pin};
pub use queue::Batch;
pub use reader::Reader;
pub use retain::{Release, SegmentInfo, release_point};
pub use snapshot::Snapshot;
pub use stats::{Latency, Stats};
