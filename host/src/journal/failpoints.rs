//! Where tests can make the file system fail: one name for each place at which
//! the journal writes or syncs.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::error::Error;
use crate::model::Lsn;

/// A hook on the writer thread. It may block (hold the write or the sync) or
/// return an error, which is treated exactly like one of the file system.
pub type Failpoint = Arc<dyn Fn(Lsn) -> io::Result<()> + Send + Sync>;

/// As [`Failpoint`], for every place: which one, and the file or directory.
pub type SiteHook = Arc<dyn Fn(Site, &Path) -> io::Result<()> + Send + Sync>;

/// A place at which the journal changes or syncs files. Every hook is called
/// just before the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// A segment file is created.
    SegmentCreate,
    /// Its full length is reserved.
    SegmentReserve,
    /// Its header page is written.
    SegmentHeader,
    /// Header and length are synced.
    SegmentSync,
    /// The directory is synced, so that the new segment has a name.
    SegmentEntry,
    /// A group is written.
    GroupWrite,
    /// A group is synced.
    GroupSync,
    /// An open zeros an unfinished write, or gives a segment its length back.
    TailRepair,
    /// An open syncs the segment that it goes on in.
    TailSync,
    /// An index file is written, under a temporary name.
    IndexWrite,
    /// An index file is synced.
    IndexSync,
    /// An index file gets its name.
    IndexRename,
    /// The directory is synced, so that the index file has a name.
    IndexEntry,
    /// The file `released` is written, under a temporary name.
    ReleasedWrite,
    /// The file `released` is synced.
    ReleasedSync,
    /// The file `released` gets its name.
    ReleasedRename,
    /// The directory is synced, so that `released` has its name.
    ReleasedEntry,
    /// A released segment is removed.
    SegmentRemove,
    /// The directory is synced, so that it is gone.
    RemovedEntry,
}

/// Hooks for crash tests; none by default.
#[derive(Clone, Default)]
pub struct Failpoints {
    /// Before a group is written, with its last LSN (for an empty group: the LSN
    /// that is durable already); everything before it has been synced.
    pub before_write: Option<Failpoint>,
    /// After a group was written, before it is synced; with the same LSN.
    pub before_sync: Option<Failpoint>,
    /// At every place, on whatever thread gets there.
    pub at: Option<SiteHook>,
}

impl Failpoints {
    pub(super) fn pass(point: &Option<Failpoint>, lsn: Lsn) -> io::Result<()> {
        point.as_ref().map_or(Ok(()), |hook| hook(lsn))
    }

    /// Does `operation` at `site`, unless the hook there fails.
    pub(super) fn run<T>(
        &self,
        site: Site,
        path: &Path,
        operation: impl FnOnce() -> io::Result<T>,
    ) -> Result<T, Error> {
        let hooked = self.at.as_ref().map_or(Ok(()), |hook| hook(site, path));
        hooked.and_then(|()| operation()).map_err(Error::io(site.verb(), path))
    }
}

impl Site {
    /// What is done there, for messages: "cannot ... <file>".
    fn verb(self) -> &'static str {
        match self {
            Site::SegmentCreate => "create",
            Site::SegmentReserve => "reserve space for",
            Site::SegmentHeader => "write the header of",
            Site::GroupWrite | Site::IndexWrite | Site::ReleasedWrite => "write",
            Site::TailRepair => "repair the end of",
            Site::IndexRename | Site::ReleasedRename => "put into place",
            Site::SegmentRemove => "remove",
            Site::SegmentSync
            | Site::SegmentEntry
            | Site::GroupSync
            | Site::TailSync
            | Site::IndexSync
            | Site::IndexEntry
            | Site::ReleasedSync
            | Site::ReleasedEntry
            | Site::RemovedEntry => "sync",
        }
    }
}

impl fmt::Debug for Failpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failpoints")
            .field("before_write", &self.before_write.is_some())
            .field("before_sync", &self.before_sync.is_some())
            .field("at", &self.at.is_some())
            .finish()
    }
}
