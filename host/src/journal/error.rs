//! What can go wrong in the journal, said so that an operator knows which file,
//! which byte, and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::Lsn;

/// Every failure of the journal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another open journal, here or in another process, holds the directory.
    #[error("journal directory {} is in use by another process; stop it first", dir.display())]
    Locked { dir: PathBuf },
    /// A segment was written by a version of the format that is not known here.
    #[error(
        "journal segment {} has format version {found}, this program supports version {supported}; \
         open it with the program that wrote it", segment.display()
    )]
    Version { segment: PathBuf, found: u32, supported: u32 },
    /// Synced data is no longer what was written. Nothing was changed.
    #[error("{0}")]
    Damaged(Box<Damage>),
    /// A frame is larger than `journal.frame_bytes`; nothing of its batch is queued.
    #[error("a frame of {bytes} bytes exceeds journal.frame_bytes ({limit})")]
    FrameTooLarge { bytes: usize, limit: usize },
    /// One batch is larger than `journal.queue_bytes`; nothing of it is queued.
    #[error("a batch of {bytes} bytes exceeds journal.queue_bytes ({limit}); append it in parts")]
    BatchTooLarge { bytes: usize, limit: usize },
    /// `journal.queue_bytes` wait for the writer; only `try_begin` says so.
    #[error("journal.queue_bytes ({limit}) are waiting to be written; try again later")]
    Full { limit: usize },
    /// A write or sync failed earlier. Durable frames can still be read.
    #[error("the journal failed and accepts nothing until a restart: {0}")]
    Failed(Arc<str>),
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
    /// A cut or a copy was asked for above the end of the journal.
    #[error("the journal ends at LSN {}, below LSN {}; ask for at most that", end.0, asked.0)]
    Beyond { asked: Lsn, end: Lsn },
    /// What was asked for had been removed by retention.
    #[error(
        "LSN {} is no longer in the journal: retention released everything below LSN {}. Go on from there, \
         or read it from a backup", asked.0, first.0
    )]
    Released { asked: Lsn, first: Lsn },
    /// A copy was asked for in a directory that holds a journal already.
    #[error("{} already holds journal files; copy into an empty directory", dir.display())]
    Occupied { dir: PathBuf },
    /// The options contradict each other.
    #[error("{0}")]
    Options(String),
    /// The file system refused an operation.
    #[error("cannot {what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
}

impl Error {
    /// For `map_err`: names the operation and the file.
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_path_buf();
        move |source| Error::Io { what, path, source }
    }

    /// For the reason of a failed journal: what is wrong, where, and what to do.
    pub(super) fn with_advice(&self) -> String {
        use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        let advice = match self {
            Error::Io { source, .. } => match source.kind() {
                StorageFull | QuotaExceeded => "make room on that disk (or give it more), then restart",
                ReadOnlyFilesystem => {
                    "find out why the file system became read-only (see the kernel's log), then restart"
                }
                _ => "check the disk and its file system (see the kernel's log), then restart",
            },
            _ => "restart",
        };
        format!("{self}; {advice}. Whatever was acknowledged is on disk")
    }
}

/// Where synced data was found damaged, and why it is certain that it had been
/// synced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The segment file.
    pub segment: PathBuf,
    /// Byte in the file where the first bad thing starts.
    pub offset: u64,
    /// First LSN that cannot be read.
    pub lsn: Lsn,
    /// What is wrong there.
    pub fault: Fault,
    /// What shows that this is no unfinished write.
    pub proof: Proof,
}

impl Damage {
    /// What an operator can do about it.
    pub fn remedy(&self) -> String {
        if matches!(self.fault, Fault::ReleasedFile | Fault::NoSegment) {
            return "Restore all files of the journal, the file `released` among them, from one backup or standby"
                .to_owned();
        }
        format!(
            "Restore the file from a backup or a standby. To accept the loss of LSN {} and all \
             above it: `fishpond doctor repair --to NEW --accept-loss` makes a copy that ends below it",
            self.lsn.0
        )
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "journal segment {} is damaged at byte {} (LSN {}): {}, although {}. Nothing was \
             changed. {}",
            self.segment.display(),
            self.offset,
            self.lsn.0,
            self.fault,
            self.proof,
            self.remedy()
        )
    }
}

/// What is wrong at one place of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the segment file is missing")]
    NoSegment,
    #[error("the file that says where the journal begins is unreadable")]
    ReleasedFile,
    #[error("the disk does not give it back")]
    Unreadable,
    #[error("the segment's header page is unreadable")]
    SegmentHeader,
    #[error("the segment's header does not fit its name or its predecessor")]
    SegmentOrder,
    #[error("there is no group")]
    NoGroup,
    #[error("the segment is full")]
    Full,
    #[error("the file is too short")]
    Short,
    #[error("the group's header is unreadable")]
    GroupHeader,
    #[error("the group starts at another LSN")]
    GroupOrder,
    #[error("the group's payload checksum does not match")]
    Payload,
    #[error("the bytes behind the group's payload are not zero")]
    Padding,
    #[error("the frame lengths do not add up")]
    Frames,
}

/// What shows that a bad place had been synced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Proof {
    /// A later group says so.
    #[error("the group at byte {offset} says that LSN {} was durable", durable.0)]
    LaterGroup { offset: u64, durable: Lsn },
    /// A segment is created only when everything below it is synced.
    #[error("segment {} exists, which is created only when all before it is synced", .0.display())]
    LaterSegment(PathBuf),
    /// The embedded store takes in durable positions only.
    #[error("the store holds LSN {}, which it takes only when durable", .0.0)]
    Store(Lsn),
    /// No crash can leave this: header and length are synced before anything else.
    #[error("header and length of a segment are synced before its first group is written")]
    Order,
    /// The file `released` names the first segment only when that is synced.
    #[error("the file `released` says that the journal begins with LSN {}", .0.0)]
    Released(Lsn),
    /// A file that got its name only when it was synced.
    #[error("it was synced before it got its name")]
    Renamed,
    /// It was read or synced by this very process.
    #[error("it was durable when the journal was opened or since")]
    Opened,
    /// A cut was asked for above it.
    #[error("it lies below the LSN at which the journal shall be cut")]
    Asked,
}
