//! Stored bytes of the model: frames of the journal, rows and records of the store and the values of a person's own document, each
//! beginning with a version byte.
//!
//! Written by hand because it is the file format: what is written here must be read for ever. An enum is one number
//! and the variant's fields; `write_x` and `read_x` stand next to each other.

mod document;
mod frame;
mod intern;
mod kept;
mod op;
mod outreach;
mod progress;
#[cfg(test)]
mod samples;
mod tags;
mod wire;

pub use document::{decode_document, encode_document};
pub use frame::{Kind, Needs, decode_frame, decode_needed, encode_frame, kind_of};
pub use intern::Interner;
pub use kept::{decode_kept, encode_kept};
pub use outreach::{decode_tag, decode_waiting, encode_tag, encode_waiting};
pub use progress::{decode_progress, encode_progress};
pub use wire::CodecError;
