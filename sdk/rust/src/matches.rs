//! Why: what a rule finds. A [`Match`] knows the type of its fields, so what is emitted always fits the schema in the
//! plan.

use std::fmt::{self, Debug, Formatter};
use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;

use crate::Window;
use crate::event::json_text;

/// A match of the plan: its name and the type of its fields. From `plan.emits("name")`.
pub struct Match<T> {
    name: String,
    fields: PhantomData<fn(&T)>,
}

// Not derived: that would ask the fields to be `Debug` as well.
impl<T> Debug for Match<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Match").field(&self.name).finish()
    }
}

impl<T: Serialize> Match<T> {
    pub(crate) fn new(name: String) -> Self {
        Self { name, fields: PhantomData }
    }

    /// A finding about one person (1 to 256 bytes); `cx.emit` makes it so.
    ///
    /// # Panics
    /// If the fields cannot be written as JSON (a map whose keys are no strings): a mistake in the module.
    pub fn about<'a>(&'a self, person: &'a str, fields: &T) -> Emission<'a> {
        Emission {
            name: &self.name,
            person,
            fields: json_text(fields),
            windows: Vec::new(),
            also: Vec::new(),
            once: Once::Never,
        }
    }
}

#[derive(Debug)]
pub(crate) enum Once {
    Never,
    Key(String),
    Slot(Duration),
}

/// A match that is about to be emitted.
#[derive(Debug)]
#[must_use = "nothing is emitted before `cx.emit(..)`"]
pub struct Emission<'a> {
    pub(crate) name: &'a str,
    pub(crate) person: &'a str,
    pub(crate) fields: String,
    pub(crate) windows: Vec<u32>,
    pub(crate) also: Vec<String>,
    pub(crate) once: Once,
}

impl Emission<'_> {
    /// The entries of this window made the match: the host records their events. Emit before the window is cleared.
    pub fn window(mut self, window: Window) -> Self {
        self.windows.push(window.number());
        self
    }

    /// The id of a further event that belongs to it; at most 100.
    pub fn also(mut self, id: impl Into<String>) -> Self {
        self.also.push(id.into());
        self
    }

    /// Repeats of this match about this person with this key (at most 256 bytes) are one fact for whoever acts on them.
    pub fn once(mut self, key: impl Into<String>) -> Self {
        self.once = Once::Key(key.into());
        self
    }

    /// One fact per person and slot of this length (counted from the Unix epoch). The right key for a rule with a
    /// cool-down of the same length: two matches a cool-down apart never share a slot, and a replay under another
    /// version, whose match falls on a neighbouring event, mostly does.
    pub fn once_per(mut self, length: Duration) -> Self {
        self.once = Once::Slot(length);
        self
    }
}
