//! The HTTP API: everything that a producer, an operator or a consumer can ask of a running host.

pub mod body;
mod cloudevents;
