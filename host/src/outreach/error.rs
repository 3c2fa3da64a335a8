//! Why a policy or a chain was refused. Nothing was changed.

use crate::model::NameError;
use crate::model::outreach::{ChainPart, Channel};
use crate::{journal, registry};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("`{0}` is no name of a match: use lower-case words joined by `_`, 1 to 64 bytes")]
    MatchName(String),
    #[error("`{0}` is no name of a tag: use 1 to 64 of a-z, 0-9, _ and -, beginning with a letter or digit")]
    TagName(String),
    #[error("the content of the message is no JSON object: {0}")]
    Content(String),
    #[error("{what} lasts 0 ms: say for how long it is worth something")]
    LastsNothing { what: &'static str },
    #[error("the policy is never valid: it begins at {} and ends at {}: let it end later", time(*from), time(*until))]
    NeverValid { from: u64, until: u64 },
    #[error("the fallback of `{0}` is `{0}` itself: name another channel, or keep the message")]
    Fallback(Channel),
    #[error(
        "`{0}` is no type for a published event: use 1 to 256 bytes that do not begin with `fishpond.`, which is the host's own"
    )]
    EventType(String),
    #[error("a match has at most {limit} policies in one business (`policies_per_match`): remove one first")]
    PoliciesPerMatch { limit: u64 },
    #[error("there is no deployment `{0}` in this business to take matches from: see `fishpond deployment list`")]
    NoDeployment(String),
    #[error("there is no policy `{0}` in this business: see the list of its policies")]
    NoPolicy(String),
    #[error("the policy has {bytes} bytes, at most {limit} are allowed (`policy_bytes`)")]
    PolicyBytes { bytes: u64, limit: u64 },
    #[error("the value of the tag has {bytes} bytes, at most {limit} are allowed (`tag_bytes`)")]
    TagBytes { bytes: u64, limit: u64 },
    #[error("a business has at most {limit} policies (`policies`): remove one first")]
    Policies { limit: u64 },
    #[error("the platform part of all chains belongs to the business `platform`: ask for it there")]
    NotPlatform,
    #[error("this part of the chain has {entries} filters, at most {limit} are allowed (`chain_entries`)")]
    ChainEntries { entries: u64, limit: u64 },
    #[error(
        "entry {entry}: there is no deployment `{filter}` in the business `{owner}`: a chain names filters of its own business"
    )]
    NoFilter { entry: usize, filter: String, owner: String },
    #[error("entry {entry}: the deployment `{filter}` is retired: take it out of the list")]
    Retired { entry: usize, filter: String },
    #[error("entry {entry}: the deployment `{filter}` is no filter: its newest plan has no `filter`")]
    NotAFilter { entry: usize, filter: String },
    #[error(
        "entry {entry}: `{filter}` is in the part {part} of the same chain already: a chain that meets a filter twice goes in a circle, so name it once"
    )]
    Twice { entry: usize, filter: String, part: ChainPart },
    #[error(
        "entry {entry}: `{filter}` may change the channel, but `{before}` before it may not: put those that downgrade first, so that all others judge the channel that is used"
    )]
    DowngradeLate { entry: usize, filter: String, before: String },
    #[error("entry {entry}: `{filter}` says `allow: final`, but nobody may leave out the rest of the platform part")]
    FinalInPlatform { entry: usize, filter: String },
    #[error(
        "the deployment `{deployment}` is a filter in the part {part} of the chains of `{business}`: take it out first"
    )]
    InChain { deployment: String, part: ChainPart, business: String },
    #[error(transparent)]
    Registry(#[from] registry::Error),
    #[error(transparent)]
    Journal(#[from] journal::Error),
}

/// As operators write it.
fn time(ms: u64) -> String {
    let stamp = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    stamp.map_or_else(|| ms.to_string(), |stamp| stamp.to_string())
}
