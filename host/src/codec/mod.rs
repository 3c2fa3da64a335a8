//! Stored bytes of the model: frames of the journal and rows of the store, each beginning with a version byte.
//!
//! Written by hand because it is the file format: what is written here must be read for ever.

mod document;
mod frame;
mod intern;
mod wire;

pub use document::{decode_document, encode_document};
pub use frame::{Kind, decode_frame, encode_frame, kind_of};
pub use intern::Interner;
pub use wire::CodecError;
