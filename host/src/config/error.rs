//! Why settings were refused: which key, from where, and what to do.

use std::path::PathBuf;

use super::Origin;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read the settings file {}: {error}", path.display())]
    Read { path: PathBuf, error: std::io::Error },
    #[error("the settings file {} is not TOML: {message}", path.display())]
    Syntax { path: PathBuf, message: String },
    #[error("unknown key `{key}` ({origin}){}; `fishpond serve --print-config` prints all keys", suggestion(nearest))]
    UnknownKey { key: String, origin: Origin, nearest: Option<String> },
    #[error(
        "unknown variable `{name}` in the environment{}; settings are FISHPOND_ and the key in capitals, as \
         FISHPOND_LIMITS_EVENT_BYTES",
        suggestion(nearest)
    )]
    UnknownVariable { name: String, nearest: Option<String> },
    #[error("`{key}` ({origin}) must be {expected}, not {found}")]
    Type { key: String, origin: Origin, expected: &'static str, found: String },
    #[error("`{key} = {value}` ({origin}): {reason}")]
    Invalid { key: String, value: String, origin: Origin, reason: String },
}

fn suggestion(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}
