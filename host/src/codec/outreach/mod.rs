//! Outreach as bytes: what frames and the values of a person's own document have in common, and those values.

mod action;
mod decision;
mod origin;
mod policy;
mod value;

pub use decision::{read_decision, write_decision};
pub use origin::{read_digest, read_origin, read_published, write_digest, write_origin, write_published};
pub use policy::{read_chain_entry, read_part, read_policy, write_chain_entry, write_part, write_policy};
pub use value::{decode_tag, decode_waiting, encode_tag, encode_waiting, read_tag, write_tag};
