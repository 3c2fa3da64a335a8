//! Write Fishpond rules in Rust.
//!
//! A rule is a type that implements [`Rule`]: `configure` takes the operator's configuration and says what the
//! deployment needs (a [`Plan`]), `on_event` decides about one event. [`Timers`], [`Signals`], [`Filter`], [`Settlements`]
//! and [`Queries`] are what it may do besides. [`export!`] makes the crate a module.
//! `examples/hello-rule` is the smallest one; `cargo xtask new NAME` starts another from it.
//!
//! The same rule runs natively against [`testing::Host`], so its tests need no Wasm.
//!
//! # Layout, in reading order
//!
//! | file | what it is |
//! |---|---|
//! | `rule` | what a rule author implements |
//! | `plan`, `subscription`, `diagnostic` | what a deployment needs, or why its configuration is refused |
//! | `event`, `timer`, `signal`, `filter`, `settlement` | the inputs, and what a filter says about one: a verdict |
//! | `channel` | the ways out that a verdict may name |
//! | `context`, `matches`, `publisher` | what may be asked and done about an input, and what a rule finds and makes |
//! | `calendar` | what clocks on walls show, for an input and in `configure` |
//! | `lifecycle` | descriptions and plans as JSON documents of the contract |
//! | `calls` | the port below `context`: the contract's imports as a trait |
//! | `guest`, `export` | the port in Wasm: generated bindings and the exports (wasm32 only) |
//! | `testing` | the port in memory: exact windows, expiry, timers, chains, refusals (native only) |
//! | `arena`, `allocator` | memory that is free again after each batch (wasm32 only) |

pub mod calendar;
mod calls;
mod channel;
mod context;
mod diagnostic;
mod event;
mod export;
mod filter;
mod lifecycle;
mod matches;
mod plan;
mod publisher;
mod rule;
mod settlement;
mod signal;
mod subscription;
mod timer;

#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
#[path = "guest/mod.rs"]
pub mod __guest;

#[cfg(all(target_arch = "wasm32", feature = "allocator"))]
mod allocator;
#[cfg(any(test, all(target_arch = "wasm32", feature = "allocator")))]
mod arena;

pub use channel::CHANNEL_PATTERN;
pub use context::{Context, Level, QueryContext};
pub use diagnostic::Diagnostic;
pub use event::{Event, Query, Refusal, Reply};
pub use filter::{Action, MessageClass, Verdict, VerdictKind};
pub use matches::{Emission, Match};
pub use plan::{Attribute, Plan, Window};
pub use publisher::Publisher;
pub use rule::{Filter, Identity, NoConfig, NoParameters, Queries, Rule, Settlements, Signals, StateVersions, Timers};
pub use settlement::Settlement;
pub use signal::{Signal, Signalled};
pub use subscription::{Field, Path, Predicate, Subscription, data};
pub use timer::{Due, Timer};

pub use calls::{Entry, Totals};

/// What nearly every rule needs: `use fishpond_sdk::prelude::*;`
pub mod prelude {
    pub use std::time::Duration;

    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};

    pub use crate::{
        Action, Context, Diagnostic, Due, Event, Field, Filter, Match, MessageClass, NoConfig, NoParameters, Path,
        Plan, Publisher, Queries, Query, QueryContext, Refusal, Reply, Rule, Settlement, Settlements, Signal,
        Signalled, Signals, Timer, Timers, Totals, Verdict, VerdictKind, Window, calendar, data,
    };
}
