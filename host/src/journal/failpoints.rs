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

/// Declares the places, the list of them, and what is done there, for messages: "cannot ... <file>".
macro_rules! sites {
    ($(#[doc = $text:literal] $name:ident = $verb:literal;)*) => {
        /// A place at which the journal changes or syncs files.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Site { $(#[doc = $text] $name,)* }

        impl Site {
            /// All of them.
            pub const ALL: &[Site] = &[$(Site::$name),*];

            fn verb(self) -> &'static str {
                match self { $(Site::$name => $verb,)* }
            }
        }
    };
}

sites! {
    #[doc = "A segment file is created."]
    SegmentCreate = "create";
    #[doc = "Its full length is reserved."]
    SegmentReserve = "reserve space for";
    #[doc = "Its header page is written."]
    SegmentHeader = "write the header of";
    #[doc = "Header and length are synced."]
    SegmentSync = "sync";
    #[doc = "The directory is synced, so that the new segment has a name."]
    SegmentEntry = "sync";
    #[doc = "A group is written."]
    GroupWrite = "write";
    #[doc = "A group is synced."]
    GroupSync = "sync";
    #[doc = "An open zeros an unfinished write, or gives a segment its length back."]
    TailRepair = "repair the end of";
    #[doc = "An open syncs the segment that it goes on in."]
    TailSync = "sync";
    #[doc = "An index file is written, under a temporary name."]
    IndexWrite = "write";
    #[doc = "An index file is synced."]
    IndexSync = "sync";
    #[doc = "An index file gets its name."]
    IndexRename = "put into place";
    #[doc = "The directory is synced, so that the index file has a name."]
    IndexEntry = "sync";
    #[doc = "The file `released` is written, under a temporary name."]
    ReleasedWrite = "write";
    #[doc = "The file `released` is synced."]
    ReleasedSync = "sync";
    #[doc = "The file `released` gets its name."]
    ReleasedRename = "put into place";
    #[doc = "The directory is synced, so that `released` has its name."]
    ReleasedEntry = "sync";
    #[doc = "A released segment is removed."]
    SegmentRemove = "remove";
    #[doc = "The directory is synced, so that it is gone."]
    RemovedEntry = "sync";
}

/// Hooks for crash tests; none by default.
#[derive(Clone, Default)]
pub struct Failpoints {
    /// Before a group is written, with its last LSN (for an empty group: the LSN
    /// that is durable already); everything before it has been synced.
    pub before_write: Option<Failpoint>,
    /// After a group was written, before it is synced; with the same LSN.
    pub before_sync: Option<Failpoint>,
    /// Just before the operation at every place, on whatever thread gets there.
    pub at: Option<SiteHook>,
    /// Just behind an operation that succeeded, before anybody is told; an error counts as one of the operation.
    pub done: Option<SiteHook>,
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
        let hooked = |hook: &Option<SiteHook>| hook.as_ref().map_or(Ok(()), |hook| hook(site, path));
        let run = || {
            hooked(&self.at)?;
            let done = operation()?;
            hooked(&self.done).map(|()| done)
        };
        run().map_err(Error::io(site.verb(), path))
    }
}

impl fmt::Debug for Failpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failpoints")
            .field("before_write", &self.before_write.is_some())
            .field("before_sync", &self.before_sync.is_some())
            .field("at", &self.at.is_some())
            .field("done", &self.done.is_some())
            .finish()
    }
}
