//! The nouns of Fishpond: no IO, no async, no serde. Whoever speaks JSON, WIT or bytes translates at its own door.

pub mod document;
pub mod event;
pub mod expiry;
pub mod frame;
pub mod guard;
pub mod ids;
pub mod limits;
pub mod outcome;
pub mod outreach;
pub mod plan;
pub mod ports;
pub mod progress;
pub mod signal;
pub mod window;

pub use document::{Document, Op, Timer, Value};
pub use event::{DEFAULT_INTAKE, Event, EventRef};
pub use frame::{Change, Control, Frame, InputRecord, Mark, OnError, Outcome, Resend, Start, Tick, Via, Whole};
pub use guard::{Gap, Guard, OnLag, OnQuarantine, PauseCause};
pub use ids::{DeploymentId, Digest, Lsn, NameError, SHARD_COUNT, SHARD_HASH, ShardId, ShardSet, check_name, shard_of};
pub use limits::Limits;
pub use outcome::{End, InputOutcome, LogLine, Match, Reply};
pub use plan::{
    Attribute, FilterSpec, HOST_TYPES, Order, Path, Plan, Predicate, Scalar, Select, Subscription, Test, TimerClock,
    WindowSpec,
};
pub use signal::{Signal, Signalled};
pub use window::{Entry, Span, Totals, Window};
