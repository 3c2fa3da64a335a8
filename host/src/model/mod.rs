//! The nouns of Fishpond: no IO, no async, no serde. Whoever speaks JSON, WIT or bytes translates at its own door.

pub mod document;
pub mod event;
pub mod frame;
pub mod ids;
pub mod limits;
pub mod outcome;
pub mod plan;
pub mod ports;
pub mod window;

pub use document::{Document, Op, Value};
pub use event::{Event, EventRef};
pub use frame::{Change, Control, Frame, InputRecord, Mark, OnError, Outcome, Start, Whole};
pub use ids::{DeploymentId, Digest, Lsn, NameError, SHARD_COUNT, SHARD_HASH, ShardId, ShardSet, check_name, shard_of};
pub use limits::Limits;
pub use outcome::{End, InputOutcome, LogLine, Match, Reply};
pub use plan::{Attribute, Path, Plan, Predicate, Scalar, Select, Subscription, Test, WindowSpec};
pub use window::{Entry, Span, Totals, Window};
