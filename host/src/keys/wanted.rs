//! What somebody looks for, as lists of frames that are put together.

use std::collections::BTreeSet;

use super::Key;
use super::file::{KeyFile, Look, LookError};
use crate::model::Lsn;

/// Frames that may be wanted. Whoever reads them looks again.
#[derive(Clone, Debug)]
pub enum Wanted {
    Key(Key),
    /// Outcome frames with a record of an input that came with this position.
    Origin(Lsn),
    Any(Vec<Wanted>),
    /// At least one, each of which must hold of the frame.
    All(Vec<Wanted>),
}

impl Wanted {
    /// One of these.
    pub fn any(keys: impl IntoIterator<Item = Key>) -> Wanted {
        Wanted::Any(keys.into_iter().map(Wanted::Key).collect())
    }

    /// Positions in one segment, ascending, each once.
    pub(super) fn find(&self, file: &KeyFile) -> Result<Vec<Lsn>, LookError> {
        self.find_in(file, &mut file.look()?)
    }

    fn find_in(&self, file: &KeyFile, look: &mut Look<'_>) -> Result<Vec<Lsn>, LookError> {
        match self {
            Wanted::Key(key) => look.find(*key),
            Wanted::Origin(lsn) if *lsn < file.lowest_origin() => Ok(Vec::new()),
            Wanted::Origin(lsn) => look.find(Key::origin(*lsn)),
            Wanted::Any(parts) => {
                let mut found = BTreeSet::new();
                for part in parts {
                    found.extend(part.find_in(file, look)?);
                }
                Ok(found.into_iter().collect())
            }
            Wanted::All(parts) => {
                let Some((first, others)) = parts.split_first() else { return Ok(Vec::new()) };
                let mut found = first.find_in(file, look)?;
                for other in others {
                    if found.is_empty() {
                        break;
                    }
                    let also = other.find_in(file, look)?;
                    found.retain(|lsn| also.binary_search(lsn).is_ok());
                }
                Ok(found)
            }
        }
    }
}
