//! Why a change of the registry was refused. Nothing was changed.

use crate::engine::{ConfigureError, UploadError};
use crate::journal;
use crate::model::{Gap, NameError, ShardId};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(transparent)]
    Upload(#[from] UploadError),
    #[error(transparent)]
    Configure(#[from] ConfigureError),
    #[error(
        "{name}@{version} is uploaded already with other content (digest {digest}): give the new one another version"
    )]
    VersionTaken { name: String, version: String, digest: String },
    #[error("there is no module `{0}` in this business: upload it, or see `fishpond module list`")]
    NoModule(String),
    #[error("`{0}` names several modules: use name@version or the digest")]
    AmbiguousModule(String),
    #[error("there is no deployment `{0}` in this business: see `fishpond deployment list`")]
    NoDeployment(String),
    #[error("the deployment `{0}` is paused already")]
    AlreadyPaused(String),
    #[error("the deployment `{0}` is not paused")]
    NotPaused(String),
    #[error("the deployment `{0}` is retired, for good: deploy the module under another name")]
    Retired(String),
    #[error(
        "the deployment `{name}` has no revision {wanted} to go back to: it has 1 to {newest}, and {newest} is in force"
    )]
    NoRevision { name: String, wanted: u32, newest: u32 },
    #[error("the deployment `{0}` has revision 1 only: there is none to go back to")]
    FirstRevision(String),
    #[error(
        "no shard of the deployment `{0}` is paused, so it has no backlog: activate without `--from backlog`, or pause it first"
    )]
    NotStanding(String),
    #[error("the deployment `{0}` was changed while it was to be repaired: look at it, and try again")]
    NoLongerStanding(String),
    #[error("a repair needs the position of each shard once, but shard {} is named {times} times: ask again where the deployment stands", shard.0)]
    Standing { shard: ShardId, times: usize },
    #[error(
        "retention has released what `{name}` has not read: in {shards} shards up to {} frames, positions {} to {}. To go on behind \
         them, accept that (`--accept-gap`); to read them, restore a backup", gap.positions(), gap.from, gap.to
    )]
    Gap { name: String, gap: Gap, shards: u32 },
    #[error("a start at a time in the future is not possible: use `latest`, or deploy it then")]
    StartInFuture,
    #[error("the deployment `{0}` has begun already: only a new one begins at a time")]
    HasBegun(String),
    #[error("the configuration is not JSON: {0}")]
    ConfigurationJson(String),
    #[error("the configuration has {bytes} bytes, at most {limit} are allowed (`configuration_bytes`)")]
    ConfigurationBytes { bytes: u64, limit: u64 },
    #[error("there is no permission `{0}`: there are `matches`, `publish` and `signals`")]
    Permission(String),
    #[error(
        "the new module reads state versions {reads:?}, but version {stored} is stored: add a migration, or deploy it under another name"
    )]
    StateVersion { reads: Vec<u32>, stored: u32 },
    #[error(
        "{waits} waits for the watermark, and `{event_type}` is derived: the watermark says nothing about what deployments \
         and policies still have to publish. Use the receive clock and `order: arrival`, or read the events behind it"
    )]
    DerivedTypes { waits: String, event_type: String },
    #[error("this host holds at most {limit} {name} (`{name}`)")]
    Limit { name: &'static str, limit: u64 },
    #[error("the host could not start an instance: {0}")]
    Host(String),
    #[error("the module's file: {0}")]
    File(#[from] std::io::Error),
    #[error(
        "the stored module {expected} has other content (digest {found}): restore its file from a backup, or upload it again after removing the file"
    )]
    ChangedFile { expected: String, found: String },
    #[error(transparent)]
    Journal(#[from] journal::Error),
    #[error("the journal holds a change that this version cannot apply: {0}")]
    Recovery(String),
}
