//! What a store can be told when it is opened: its size, its cache, and the failpoints of crash tests.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::model::Lsn;

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Sled databases to spread the shards over, 1 to 64; only for a store that is made now, see
    /// `store_directories`. An existing one has the number that it was made with.
    pub directories: usize,
    /// What sled keeps in memory of its files, bytes, all directories together; see `store_cache_bytes`.
    pub cache_bytes: u64,
    /// None by default.
    pub failpoints: Failpoints,
}

/// Where a failpoint was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub directory: usize,
    /// The highest position of what is being written; zero where blocks are removed.
    pub lsn: Lsn,
}

/// A hook on the writing thread. It may block (hold the write or the sync) or return an error, which is treated exactly
/// like one of the file system.
pub type Failpoint = Arc<dyn Fn(Place) -> io::Result<()> + Send + Sync>;

/// As [`Failpoint`], at the sync of one file or folder.
pub type SyncHook = Arc<dyn Fn(&Path, Moment) -> io::Result<()> + Send + Sync>;

/// When a [`SyncHook`] is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Before,
    /// It succeeded, and nobody has been told.
    Behind,
}

/// Hooks for crash tests, one at each place where the store writes or syncs.
#[derive(Clone, Default)]
pub struct Failpoints {
    /// Before the rows of one directory are written, and their highest position.
    pub before_rows: Option<Failpoint>,
    /// Before blocks of identities are written or removed.
    pub before_blocks: Option<Failpoint>,
    /// Before the checkpoint records of one directory are written.
    pub before_checkpoint: Option<Failpoint>,
    /// After sled was told, before it is asked to write what it has in its buffers.
    pub before_flush: Option<Failpoint>,
    /// After sled's flush: it is on the disk, and nobody has been told.
    pub behind_flush: Option<Failpoint>,
    /// Around each sync that is not sled's own, of whatever file or folder; that of a log is on a thread of sled's.
    pub at_sync: Option<SyncHook>,
    /// Leaves out the syncs that sled does not do, so that a test of power cuts can be seen failing without them. Never in
    /// earnest.
    pub leave_out_sync: bool,
}

impl Failpoints {
    pub(super) fn pass(point: &Option<Failpoint>, place: Place) -> io::Result<()> {
        point.as_ref().map_or(Ok(()), |hook| hook(place))
    }

    /// Does a sync of this file or folder, unless a hook fails.
    pub(super) fn sync(&self, path: &Path, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let hooked = |moment| self.at_sync.as_ref().map_or(Ok(()), |hook| hook(path, moment));
        hooked(Moment::Before)?;
        sync()?;
        hooked(Moment::Behind)
    }
}

impl fmt::Debug for Failpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failpoints")
            .field("before_rows", &self.before_rows.is_some())
            .field("before_blocks", &self.before_blocks.is_some())
            .field("before_checkpoint", &self.before_checkpoint.is_some())
            .field("before_flush", &self.before_flush.is_some())
            .field("behind_flush", &self.behind_flush.is_some())
            .field("at_sync", &self.at_sync.is_some())
            .field("leave_out_sync", &self.leave_out_sync)
            .finish()
    }
}
