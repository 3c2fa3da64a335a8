//! Why a backfill has no result.

use std::io;

use crate::journal::{self, ReadError};
use crate::model::Lsn;
use crate::model::ports::SubmitError;
use crate::registry;
use crate::shards::Fatal;

/// Nothing that was written before one is a result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Registry(#[from] registry::Error),
    #[error("the plan reads `{0}`, which the host tells of live work: in past events from outside there is none of it")]
    Derived(Box<str>),
    #[error("line {line}: {reason}")]
    Line { line: u64, reason: String },
    #[error(
        "the documents of the backfill and what it still reads have {bytes} bytes, at most {limit} are allowed \
         (`backfill_bytes`): ask for less time, or raise it"
    )]
    Bytes { bytes: u64, limit: u64 },
    #[error(
        "only {free} bytes are free on the disk of the scratch folder, and {reserve} stay free there for the live host \
         (two `journal_segment_bytes` and `dirty_bytes`): make room, or ask for less time"
    )]
    Disk { free: u64, reserve: u64 },
    #[error(
        "the clock would go on for {asked} ms behind the last event, at most {limit} are allowed (`backfill_advance_ms`)"
    )]
    Advance { asked: u64, limit: u64 },
    #[error("retention has released position {0} while it was being read: begin later, with `since`")]
    Released(Lsn),
    #[error("the deployment stopped on the way: {0}")]
    Paused(Box<str>),
    #[error("it was ended from outside before it was done")]
    Stopped,
    #[error("the journal cannot be read: {0}")]
    Read(ReadError),
    #[error("the scratch host failed: {0}")]
    Host(String),
    /// Whoever should read it does not: there is nobody to be told.
    #[error("nobody reads: {0}")]
    Write(#[from] io::Error),
}

impl Error {
    /// For programs.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Registry(_) => "refused",
            Error::Derived(_) => "derived_events",
            Error::Line { .. } => "bad_line",
            Error::Bytes { .. } => "backfill_bytes",
            Error::Disk { .. } => "disk_low",
            Error::Advance { .. } => "backfill_advance_ms",
            Error::Released(_) => "released",
            Error::Paused(_) => "paused",
            Error::Stopped => "stopped",
            Error::Read(_) | Error::Host(_) | Error::Write(_) => "host_failure",
        }
    }

    pub(super) fn host(error: impl std::fmt::Display) -> Error {
        Error::Host(format!("{error:#}"))
    }
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Error {
        match error {
            ReadError::Journal(journal::Error::Released { asked, .. }) => Error::Released(asked),
            other => Error::Read(other),
        }
    }
}

impl From<Fatal> for Error {
    fn from(error: Fatal) -> Error {
        Error::host(error)
    }
}

impl From<journal::Error> for Error {
    fn from(error: journal::Error) -> Error {
        Error::host(error)
    }
}

impl From<SubmitError> for Error {
    fn from(error: SubmitError) -> Error {
        Error::host(error)
    }
}
