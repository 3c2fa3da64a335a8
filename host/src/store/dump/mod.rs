//! The base copy: a logical dump of a store, sorted rows, blocks and what a start needs, in chunks that carry their own
//! checksums. Taken while
//! rows are written: a row may be newer than the stamp, and its own position makes redo over it exact.
//!
//! A file of: magic and version; chunks, each with a checked header (kind, number, length, checksum) of 32 bytes; the last
//! one says how much there was and what all of it sums to. Numbers are little-endian.

pub(super) mod format;
mod load;
mod read;
mod write;

use std::io;

use super::error::Error;
use super::key::KeyError;
use crate::model::{Lsn, SHARD_COUNT, ShardId};

pub use load::load_dump;
pub(crate) use read::fill;
pub use read::{Dump, read_dump, verify_dump};

/// What is said of a dump when it is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The last complete checkpoint before it began: redo over it starts behind this.
    pub position: Lsn,
    /// When it began, milliseconds.
    pub time_ms: u64,
}

/// The beginning of a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub stamp: Stamp,
    /// Directories of the store that it was taken from.
    pub directories: usize,
    /// Of each shard, before the dump began.
    pub checkpoints: [Lsn; SHARD_COUNT as usize],
}

/// One thing in a dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    Row {
        key: Vec<u8>,
        bytes: Vec<u8>,
    },
    Block {
        id: u64,
        bytes: Vec<u8>,
    },
    /// A control frame.
    Control {
        lsn: Lsn,
        bytes: Vec<u8>,
    },
    /// How far a shard's readers were, at its checkpoint or behind it.
    Progress {
        shard: ShardId,
        bytes: Vec<u8>,
    },
    /// The key of a row whose document has timers, or had some.
    Timers {
        key: Vec<u8>,
    },
}

/// How far it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    pub rows: u64,
    /// Bytes of the dump.
    pub bytes: u64,
}

/// A whole dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    pub header: Header,
    pub rows: u64,
    pub blocks: u64,
    /// All of the dump.
    pub bytes: u64,
    /// No row is above it: what a backup's journal must reach.
    pub highest: Lsn,
}

/// Why a dump cannot be made, or is refused.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    #[error("the base copy cannot be written at byte {offset}: {error}")]
    Write { offset: u64, error: io::Error },
    #[error("the base copy cannot be read at byte {offset}: {error}")]
    Read { offset: u64, error: io::Error },
    #[error("this is no base copy: it does not begin as one")]
    NotADump,
    #[error(
        "the base copy has format version {found}, this program supports version {supported}: use the fishpond that made it"
    )]
    Version { found: u32, supported: u32 },
    #[error(
        "the base copy was made with {found}, this host uses {expected}: rows cannot be found under other keys. Use the fishpond that made it"
    )]
    Layout { found: String, expected: String },
    /// It was cut or altered.
    #[error("the base copy is damaged in chunk {chunk} at byte {offset}: {what}. Use another base copy")]
    Damaged { chunk: u32, offset: u64, what: String },
    #[error("a base copy stamped {stamp} cannot be made: the store's checkpoint is {checkpoint}")]
    Stamp { stamp: Lsn, checkpoint: Lsn },
    #[error("the row `{key}` cannot be copied ({error}): run `fishpond doctor` on this store")]
    Row { key: String, error: KeyError },
    /// Longer than a length in the file can say.
    #[error("an entry of {bytes} bytes cannot be copied: the most is 4 GiB")]
    TooLarge { bytes: usize },
    #[error(transparent)]
    Store(#[from] Error),
}
