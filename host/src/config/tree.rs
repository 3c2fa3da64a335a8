//! Every key with its value and where that comes from, before anything is checked.

use std::fmt;
use std::path::PathBuf;

use super::nearest::nearest;
use super::{DEFAULT_DATA, DEFAULT_LISTEN, Error};
use crate::model::{DEFAULT_INTAKE, Limits};

/// Who said a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    Default,
    /// Lines count from 1.
    File {
        path: PathBuf,
        line: usize,
    },
    /// The variable's name.
    Environment(String),
    /// As it is typed, with its dashes.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Environment(name) => write!(f, "environment {name}"),
            Origin::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Value {
    Text(String),
    Number(u64),
}

impl Value {
    pub fn show(&self) -> String {
        match self {
            Value::Text(text) => text.clone(),
            Value::Number(number) => number.to_string(),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Setting {
    /// With its table: `limits.event_bytes`.
    pub key: String,
    pub value: Value,
    pub origin: Origin,
    /// What the number counts; empty for texts.
    pub unit: &'static str,
}

/// All settings, in the order they are printed.
#[derive(Clone, Debug)]
pub struct Tree {
    settings: Vec<Setting>,
}

/// The table of the limits.
pub(super) const LIMITS: &str = "limits.";

impl Default for Tree {
    fn default() -> Tree {
        let text = |key: &str, value: &str| Setting {
            key: key.to_owned(),
            value: Value::Text(value.to_owned()),
            origin: Origin::Default,
            unit: "",
        };
        let mut settings = vec![
            text("data", DEFAULT_DATA),
            text("listen", DEFAULT_LISTEN),
            text("log", "info"),
            text("log_format", "text"),
            text("api.cors_origins", ""),
            text("api.intakes", DEFAULT_INTAKE),
            text("api.refuse_older", ""),
        ];
        for (name, value, _, unit, _) in Limits::default().table() {
            let key = format!("{LIMITS}{name}");
            settings.push(Setting { key, value: Value::Number(value), origin: Origin::Default, unit });
        }
        Tree { settings }
    }
}

impl Tree {
    pub(super) fn settings(&self) -> &[Setting] {
        &self.settings
    }

    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.settings.iter().map(|setting| &*setting.key)
    }

    /// Replaces a value by one of a stronger source. A text is read as a number where one is wanted.
    pub(super) fn set(&mut self, key: &str, value: Value, origin: Origin) -> Result<(), Error> {
        let Some(setting) = self.settings.iter_mut().find(|setting| setting.key == key) else {
            let nearest = nearest(key, self.keys().map(str::to_owned));
            return Err(Error::UnknownKey { key: key.to_owned(), origin, nearest });
        };
        let value = match (&setting.value, value) {
            (Value::Number(_), Value::Text(text)) => match text.trim().replace('_', "").parse() {
                Ok(number) => Value::Number(number),
                Err(_) => return Err(wrong_type(key, origin, "a whole number from 0", format!("`{text}`"))),
            },
            (Value::Text(_), Value::Number(number)) => {
                return Err(wrong_type(key, origin, "a text in quotes", number.to_string()));
            }
            (_, value) => value,
        };
        (setting.value, setting.origin) = (value, origin);
        Ok(())
    }

    /// Who said the value of a known key.
    pub fn origin(&self, key: &str) -> &Origin {
        self.settings.iter().find(|setting| setting.key == key).map_or(&Origin::Default, |setting| &setting.origin)
    }

    /// The text of a key that holds one.
    pub(super) fn text(&self, key: &str) -> &str {
        let found = self.settings.iter().find(|setting| setting.key == key);
        match found.map(|setting| &setting.value) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }
}

pub(super) fn wrong_type(key: &str, origin: Origin, expected: &'static str, found: String) -> Error {
    Error::Type { key: key.to_owned(), origin, expected, found }
}
