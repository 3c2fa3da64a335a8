//! Backups: one file with everything that a host needs, taken while it serves; and a data folder made of it.
//!
//! A file of: a base copy, the modules, the journal up to a position, settings; each cut into records that carry their own
//! checksums, and at the end a manifest of all of them. See `format`.

mod format;
mod manifest;
mod read;
mod restore;
mod take;

pub use format::FormatError;
pub use manifest::{Manifest, PartSum};
pub use restore::{Restored, Told, restore, verify};
pub use take::{Taken, Taker};
