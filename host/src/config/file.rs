//! The settings file: TOML whose every key must be known, with the line of each.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::Error;
use super::tree::{Origin, Tree, Value, wrong_type};

/// Puts a file's settings over the tree.
pub(super) fn apply(tree: &mut Tree, path: &Path) -> Result<(), Error> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::Read { path: path.to_owned(), error })?;
    let syntax = |error: toml::de::Error| Error::Syntax { path: path.to_owned(), message: error.to_string() };
    let document = DeTable::parse(&text).map_err(syntax)?;
    let file = File { path, text: &text };
    file.apply_table(tree, "", document.get_ref())
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn apply_table(&self, tree: &mut Tree, prefix: &str, table: &DeTable<'_>) -> Result<(), Error> {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            let origin = self.origin(name.span().start);
            let below = format!("{key}.");
            let is_table = tree.keys().any(|known| known.starts_with(&below));
            match value.get_ref() {
                DeValue::Table(inner) if is_table => self.apply_table(tree, &below, inner)?,
                other if is_table => return Err(wrong_type(&key, origin, "a table", other.type_str().to_owned())),
                DeValue::String(text) => tree.set(&key, Value::Text(text.to_string()), origin)?,
                DeValue::Integer(number) => match u64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => tree.set(&key, Value::Number(number), origin)?,
                    Err(_) => return Err(wrong_type(&key, origin, "a whole number from 0", number.to_string())),
                },
                other => {
                    // Says first if there is no such key at all.
                    tree.set(&key, Value::Text(String::new()), origin.clone()).or_else(only_unknown)?;
                    let found = other.type_str().to_owned();
                    return Err(wrong_type(&key, origin, "a text or a whole number", found));
                }
            }
        }
        Ok(())
    }

    fn origin(&self, offset: usize) -> Origin {
        let line = self.text[..offset.min(self.text.len())].matches('\n').count() + 1;
        Origin::File { path: self.path.to_owned(), line }
    }
}

fn only_unknown(error: Error) -> Result<(), Error> {
    match error {
        Error::UnknownKey { .. } => Err(error),
        _ => Ok(()),
    }
}
