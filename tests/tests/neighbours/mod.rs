//! Neighbours that do not hurt each other: a deployment that fails, is slow or far behind is stopped alone, is seen, and comes
//! back.

mod accounts;
mod ahead;
mod begin;
mod filters;
mod lag;
mod quarantine;
mod slow;
