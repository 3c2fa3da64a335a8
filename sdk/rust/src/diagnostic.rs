//! Why: a refused configuration is read by an operator, who needs to know what is wrong, where, and what to do.

use serde::Serialize;

/// One problem of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// What is wrong. At most 1 KiB.
    pub message: String,
    /// JSON pointer into the configuration; empty for the whole of it.
    pub place: String,
    /// What to do about it. At most 1 KiB.
    pub hint: String,
}

impl Diagnostic {
    /// A problem at a place (a JSON pointer such as `/window_s`) and its remedy.
    pub fn new(place: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), place: place.into(), hint: hint.into() }
    }

    /// A configuration that does not fit its type.
    pub(crate) fn unreadable(error: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        let hint = "compare it with the configuration's JSON Schema in the module's description";
        Self::new(pointer(error.path()), error.inner().to_string(), hint)
    }
}

/// The path as a JSON pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            // A variant's name is no place in the text, and behind an unknown one nothing more can be said.
            Segment::Enum { .. } => {}
            Segment::Unknown => break,
        }
    }
    pointer
}
