//! What the doctor says: one finding for each thing that is wrong, and how far it is.

use std::fmt;

/// A part of a data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Journal,
    Store,
    BaseCopies,
    Modules,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Journal => "journal",
            Part::Store => "store",
            Part::BaseCopies => "base copies",
            Part::Modules => "modules",
        })
    }
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub part: Part,
    /// File, and within it byte, position, chunk or key.
    pub place: String,
    /// What is wrong there, and what that means.
    pub what: String,
    /// What mends it: a command where there is one.
    pub remedy: String,
}

/// How far a long step is; bytes of this part, as far as they are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    pub part: Part,
    pub done: u64,
    /// Zero if it is not known.
    pub total: u64,
}
