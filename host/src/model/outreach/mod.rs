//! From match to screen: policies, chains, actions, decisions, and what a person's own document holds.

mod action;
mod decision;
mod delivery;
mod frame;
mod policy;

pub use action::{Action, ActionId, Origin, Published, Tag};
pub use decision::{
    Answered, Candidate, CandidateFate, Cause, ChainRevisions, Decision, Reached, Status, Verdict, VerdictKind,
};
pub use delivery::{Asked, DeliveryEnd, Report, Reported, Waiting, WaitingState};
pub use frame::{Changed, Deed, Ended, Outreach, OwnedWhole, Owner, Settled};
pub use policy::{Act, ChainEntry, ChainPart, Channel, Class, Fail, MessageAct, Offline, Policy, PublishAct, TagAct};
