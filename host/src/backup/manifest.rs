//! What a backup holds, written at its end: only a file that has one is whole.

use serde::{Deserialize, Serialize};

/// The base copy's part.
pub(super) const BASE: &str = "base.dump";
/// Folders of parts.
pub(super) const MODULES: &str = "modules/";
pub(super) const JOURNAL: &str = "journal/";
/// The settings of the data folder, if there are any.
pub(super) const SETTINGS: &str = "fishpond.toml";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The fishpond that made it.
    pub made_by: String,
    /// Receive clock of the host, milliseconds.
    pub time_ms: u64,
    /// First position of the journal in it,
    pub first: u64,
    /// and the last: the state is that at this position.
    pub last: u64,
    /// The store is that of this checkpoint, or newer.
    pub checkpoint: u64,
    /// Token and key are in it.
    pub secrets: bool,
    pub parts: Vec<PartSum>,
}

/// One part of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartSum {
    pub name: String,
    /// Data in it.
    pub bytes: u64,
    /// Of the data, XXH3 in hexadecimal digits.
    pub checksum: String,
}
