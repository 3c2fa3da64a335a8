//! What one floor needs of another on the same floor or above: implemented there, wired in `app`.
//!
//! A port that waits takes a closure for its answer, so it neither blocks nor knows how its caller waits.

use super::{Document, Event, Lsn, Reply};

/// Takes events into the journal.
pub trait Submit: Send + Sync {
    /// Gives each event its position, in order. Nothing is durable yet: answer nobody before it is.
    fn submit(&self, events: Vec<Event>) -> Result<Vec<Submitted>, SubmitError>;
}

/// What became of one event. The position is the original's where there was one: also a duplicate is answered
/// only when that is durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Submitted {
    Accepted(Lsn),
    /// Same identity, same content.
    Duplicate(Lsn),
    /// Same identity, other content: nothing was changed.
    IdReused(Lsn),
}

impl Submitted {
    pub fn lsn(self) -> Lsn {
        match self {
            Submitted::Accepted(lsn) | Submitted::Duplicate(lsn) | Submitted::IdReused(lsn) => lsn,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SubmitError {
    #[error("the journal's queue is full (`journal_queue_bytes`): send again in a second")]
    Full,
    #[error("the journal has failed and accepts nothing until the host is restarted: {0}")]
    Failed(String),
}

/// Asks the shards about one key.
pub trait Ask: Send + Sync {
    /// Runs a deployment's query on the document as it is at the reader's position.
    fn query(&self, question: Question, answer: Box<dyn FnOnce(Result<Answer, AskError>) + Send>);
    /// The documents of a key in every deployment of a business.
    fn documents(&self, business: &str, key: &str, answer: Box<dyn FnOnce(Vec<DocumentView>) + Send>);
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    pub business: Box<str>,
    pub deployment: Box<str>,
    pub query: Box<str>,
    pub key: Box<str>,
    /// JSON object.
    pub parameters: Box<str>,
}

/// An answer is shown only when its position is durable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    pub reply: Reply,
    /// How far the deployment has read in this key's shard.
    pub position: Lsn,
    /// Positions that it still has to read.
    pub lag: u64,
    pub revision: u32,
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AskError {
    #[error("there is no deployment `{0}` in this business: `fishpond deployment list` shows what there is")]
    NoDeployment(Box<str>),
    #[error("the deployment has no query `{query}`; it has: {known}")]
    NoQuery { query: Box<str>, known: String },
    #[error("{message}")]
    Refused { code: Box<str>, message: Box<str> },
    #[error("the host could not run the query: {0}")]
    Host(String),
}

/// One deployment's document of a key.
#[derive(Clone, PartialEq, Debug)]
pub struct DocumentView {
    pub deployment: Box<str>,
    pub document: Document,
    pub position: Lsn,
    pub lag: u64,
}

/// How far a deployment has read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Of the slowest shard.
    pub position: Lsn,
    /// Positions that shard still has to read.
    pub lag: u64,
}

/// Looks at the shards from outside.
pub trait Watch: Send + Sync {
    /// None for a deployment that no worker has met yet.
    fn progress(&self, deployment: super::DeploymentId) -> Option<Progress>;
    /// The reason why the host cannot do its work, if there is one.
    fn unhealthy(&self) -> Option<String>;
}
