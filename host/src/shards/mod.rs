//! Where events become outcomes: intake, the worker and its readers, documents, write-back, recovery.
//!
//! In the order of an event's way: `intake` (with `identities`, which are a `dedup` and its blocks in the store) appends it; `worker` meets it through a `reader`, gathers a
//! `batch` (with what was `resent`), runs it on `documents`, and appends what `commit` made of it; `checkpoint` and `writeback` bring
//! documents to the store, and `sweep` takes out those that are spent; the `desk` does what policies say about matches, `facts` are what it and others may subscribe
//! to; `ticks` let time pass for the timers of the `agenda`; `recovery` rebuilds all of it from the journal. `questions`
//! are answered in between, `progress` says how far everybody is. There are several `workers`, each at a `station` with
//! its own part of the shards, and nothing passes between them but frames. The `guardian` looks after deployments that fail
//! (`faults`) or lag (`blocking`).

mod agenda;
mod append;
mod asker;
mod base;
mod batch;
mod blocking;
mod checkpoint;
mod clock;
mod commit;
mod custody;
mod dedup;
mod deployment;
mod desk;
mod documents;
mod facts;
mod faults;
mod guardian;
mod identities;
mod instances;
mod intake;
mod keeping;
mod meters;
mod parts;
mod progress;
mod questions;
mod reader;
mod recovery;
mod resent;
mod shelf;
mod skipped;
mod standing;
mod station;
mod sweep;
mod ticks;
mod times;
mod turns;
mod upkeep;
mod worker;
mod workers;
mod writeback;

pub use asker::Asker;
pub use blocking::Blocking;
pub use clock::SteadyClock;
pub use custody::{BaseCopy, CopyError, Keeper, Keeping};
pub use faults::Faults;
pub use guardian::Guardian;
pub use identities::Identities;
pub use intake::Intake;
pub use parts::Parts;
pub use progress::Board;
pub use recovery::{Error as RecoveryError, Part, Recovered, RecoveredDesk, Recovery, recover};
pub use ticks::Timekeeper;
pub use turns::Batching;
pub use worker::{Fatal, Worker};
pub use workers::{Shards, Workers};
