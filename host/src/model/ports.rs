//! What one floor needs of another on the same floor or above: implemented there, wired in `app`.
//!
//! A port that waits takes a closure for its answer, so it neither blocks nor knows how its caller waits.

use super::outreach::{ActionId, Reached, Tag, Waiting};
use super::{Document, Event, Lsn, Reply, ShardSet};

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
    /// Refused until this deployment has caught up (`on_lag: block`).
    Blocked(super::DeploymentId),
    /// Refused, because it may have come before and its intake does not accept such ones.
    Undeduplicated,
}

impl Submitted {
    pub fn lsn(self) -> Lsn {
        match self {
            Submitted::Accepted(lsn) | Submitted::Duplicate(lsn) | Submitted::IdReused(lsn) => lsn,
            Submitted::Blocked(_) | Submitted::Undeduplicated => Lsn::ZERO,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SubmitError {
    #[error("the journal's queue is full (`journal_queue_bytes`): send again in a second")]
    Full,
    #[error("identities wait for the store (`dedup_unwritten`): send again in a second")]
    Unwritten,
    #[error("the journal has failed and accepts nothing until the host is restarted: {0}")]
    Failed(String),
    #[error("the store of identities has failed, so nothing can be accepted: {0}")]
    Store(String),
}

/// Whoever waits for an answer.
pub type Answering<T> = Box<dyn FnOnce(Result<T, AskError>) + Send>;

/// Asks the shards about one key.
pub trait Ask: Send + Sync {
    /// Runs a deployment's query on the document as it is at the reader's position.
    fn query(&self, question: Question, answer: Answering<Answer>);
    /// The documents of a key in every deployment of a business.
    fn documents(&self, business: &str, key: &str, answer: Box<dyn FnOnce(Vec<DocumentView>) + Send>);
    /// What the host keeps of a person in a business.
    fn person(&self, business: &str, person: &str, answer: Answering<PersonView>);
    /// The person is there and wants what waits: in the stream, or in one slot. What was not handed over before is
    /// judged again first; the answer comes after that.
    fn arrive(&self, business: &str, person: &str, slot: Option<&str>, answer: Answering<PersonView>);
    /// The person's client has it.
    fn acknowledge(&self, business: &str, person: &str, action: ActionId, answer: Answering<Acknowledged>);
    /// Which verdicts would an action's chain reach now, every filter asked, nothing kept? For actions that the
    /// person's document still holds, and for those of a decision that is given.
    fn what_if(&self, look: WhatIf, answer: Answering<Vec<Reached>>);
    /// Where the shards of a deployment that stand still do so.
    fn standing(&self, deployment: super::DeploymentId, answer: Answering<Vec<(ShardSet, Lsn)>>);
}

/// What belongs to one person in one business. Shown only when its position is durable.
#[derive(Clone, PartialEq, Debug)]
pub struct PersonView {
    pub position: Lsn,
    /// Those that have not expired, by name.
    pub tags: Vec<Tag>,
    /// What has not ended, in the order of action ids.
    pub waiting: Vec<Waiting>,
}

/// What became of an acknowledgement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acknowledged {
    /// Answer when this is durable.
    Accepted(Lsn),
    /// It had come before; answer when this is durable.
    Already(Lsn),
    /// The person has no such action waiting.
    Unknown,
}

/// An action to be judged in thought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WhatIf {
    pub action: super::outreach::Action,
    pub attempt: u32,
}

/// Knows who is connected.
pub trait Presence: Send + Sync {
    fn is_present(&self, business: &str, person: &str) -> bool;
}

/// Nobody is connected: for hosts without doors.
#[derive(Clone, Copy, Default, Debug)]
pub struct Nobody;

impl Presence for Nobody {
    fn is_present(&self, _business: &str, _person: &str) -> bool {
        false
    }
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
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Of the slowest shard.
    pub position: Lsn,
    /// Positions that shard still has to read,
    pub lag: u64,
    /// their bytes in the journal,
    pub lag_bytes: u64,
    /// and how long ago the first of them was written, milliseconds.
    pub lag_ms: u64,
    /// Documents in memory, and their bytes.
    pub documents: u64,
    pub state_bytes: u64,
}

/// Traps and spent fuel of a deployment since the start of the host.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Faulty {
    /// Those that count toward quarantine now.
    pub counted: u64,
    /// The last ones, newest first.
    pub samples: Vec<Sample>,
}

/// An input that ended with a fault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sample {
    pub lsn: Lsn,
    pub revision: u32,
    pub key: Box<str>,
    pub code: Box<str>,
    pub message: Box<str>,
    /// Receive clock, milliseconds.
    pub at: u64,
}

/// Makes a scenario file of what is recorded.
pub trait Capture: Send + Sync {
    fn capture(&self, request: &CaptureRequest) -> Result<Captured, CaptureError>;
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaptureRequest {
    pub business: Box<str>,
    /// None, of a position: that of the input there.
    pub key: Option<Box<str>>,
    /// This one alone, without what policies and chains did.
    pub deployment: Option<Box<str>>,
    pub what: CaptureWhat,
    pub deadline: std::time::Instant,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CaptureWhat {
    /// By the receive clock, milliseconds, both inclusive.
    Around { from: u64, to: u64 },
    /// A single input.
    Position(Lsn),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Captured {
    /// The scenario file.
    pub text: String,
    /// Those that it deploys.
    pub modules: Vec<CapturedModule>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct CapturedModule {
    pub business: String,
    /// `name@version`, as the scenario names it.
    pub name: String,
    pub digest: String,
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CaptureError {
    #[error("nothing is recorded of this key then; the journal reaches back to {since}")]
    Nothing { since: Box<str> },
    #[error(
        "this is beyond what the journal keeps (retention): it reaches back to position {first}, {since}, and a document is known from its first change behind a checkpoint there"
    )]
    BeyondRetention { first: Lsn, since: Box<str> },
    #[error("position {position} cannot be captured with the rest: {why}")]
    Elsewhere { position: Lsn, why: String },
    #[error("reading the journal took longer than one request may (`request_ms`)")]
    Deadline,
    #[error("the journal cannot be read: {0}")]
    Read(String),
}

/// Writes a backup of the running host.
pub trait Backup: Send + Sync {
    /// Everything that is durable, at least; `secrets`: token and keys too. Blocks as long as `to` does. Answers the position
    /// whose state it is.
    fn backup(&self, secrets: bool, to: &mut dyn std::io::Write) -> Result<Lsn, String>;
}

/// Runs a module over what the journal has, beside everything that is live.
pub trait Backfill: Send + Sync {
    /// Writes lines of JSON; they are a result only with the summary as the last one. Blocks as long as `to` does.
    fn backfill(&self, asked: &BackfillRequest, to: &mut dyn std::io::Write) -> Result<(), String>;
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BackfillRequest {
    pub business: Box<str>,
    pub deployment: Box<str>,
    /// Of the module.
    pub digest: super::Digest,
    /// JSON.
    pub configuration: Box<str>,
    /// None: what the module asks for.
    pub permissions: Option<Vec<Box<str>>>,
    /// Receipt of the events, milliseconds, both inclusive.
    pub since: Option<u64>,
    pub until: Option<u64>,
    /// How far the clock goes on behind the last event, milliseconds.
    pub advance_ms: u64,
}

/// Looks at the shards from outside.
pub trait Watch: Send + Sync {
    /// None for a deployment that no worker has met yet.
    fn progress(&self, deployment: super::DeploymentId) -> Option<Progress>;
    fn faults(&self, deployment: super::DeploymentId) -> Faulty;
    /// The reason why the host cannot do its work, if there is one.
    fn unhealthy(&self) -> Option<String>;
}
