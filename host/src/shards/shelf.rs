//! The documents of one owner with the agenda of their timers; and the persons' own, one shelf for each business.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::agenda::Agenda;
use super::documents::{Documents, Error};
use crate::model::outreach::{Changed, OwnedWhole, Owner};
use crate::model::{Document, Lsn, Op, Whole};
use crate::store::Store;

/// In the place of a deployment's name in the keys of rows; no name may begin with `~`.
pub const PERSONS: &str = "~persons";

/// Part of `documents_memory_bytes` that open documents may take. A packed one has to be decoded before a call; an open one takes
/// three times the memory.
const OPEN_PART: usize = 64;

pub struct Shelf {
    pub documents: Documents,
    pub agenda: Agenda,
}

impl Shelf {
    pub fn new(business: Arc<str>, deployment: Arc<str>, store: Arc<Store>) -> Shelf {
        Shelf { documents: Documents::new(business, deployment, store), agenda: Agenda::default() }
    }

    /// The agenda follows operations that a document has got.
    pub fn note(&mut self, key: &Arc<str>, ops: &[Op]) {
        ops.iter().for_each(|op| self.agenda.note(key, op));
    }

    /// Redo of a change, if the store does not have it already (`above`: the position is above its checkpoint).
    pub fn redo(&mut self, lsn: Lsn, above: bool, changes: &[&Changed]) -> Result<(), Error> {
        let Some(first) = changes.first() else { return Ok(()) };
        let key: Arc<str> = (&*first.key).into();
        changes.iter().for_each(|changed| self.note(&key, &changed.ops));
        if !above {
            return Ok(());
        }
        let ops = changes.iter().flat_map(|changed| changed.ops.iter().map(|op| (changed.time, op.clone())));
        self.documents.redo(&key, lsn, first.state_version, ops.collect())
    }
}

/// Packs documents that were not used lately, so that those that are open stay within their part of this memory: of each
/// shelf in proportion.
pub fn pack<'a>(shelves: impl Iterator<Item = &'a mut Shelf>, memory: usize) {
    let mut shelves: Vec<&mut Shelf> = shelves.collect();
    let open: usize = shelves.iter().map(|shelf| shelf.documents.open_bytes()).sum();
    let share = (memory / OPEN_PART) as f64 / open.max(1) as f64;
    if share < 1.0 {
        shelves
            .iter_mut()
            .for_each(|shelf| shelf.documents.pack((shelf.documents.open_bytes() as f64 * share) as usize));
    }
}

/// The host's own documents of persons: inbox, tags, what is held.
pub struct Persons {
    store: Arc<Store>,
    shelves: BTreeMap<Arc<str>, Shelf>,
}

impl Persons {
    pub fn new(store: Arc<Store>) -> Persons {
        Persons { store, shelves: BTreeMap::new() }
    }

    pub fn shelf(&mut self, business: &str) -> &mut Shelf {
        if !self.shelves.contains_key(business) {
            let name: Arc<str> = business.into();
            let shelf = Shelf::new(name.clone(), PERSONS.into(), self.store.clone());
            self.shelves.insert(name, shelf);
        }
        self.shelves.get_mut(business).expect("it was just inserted")
    }

    pub fn shelves(&self) -> impl Iterator<Item = (&Arc<str>, &Shelf)> {
        self.shelves.iter()
    }

    pub fn shelves_mut(&mut self) -> impl Iterator<Item = &mut Shelf> {
        self.shelves.values_mut()
    }

    pub fn existing(&mut self, business: &str) -> Option<&mut Shelf> {
        self.shelves.get_mut(business)
    }

    /// A copy of a person's document.
    pub fn look(&mut self, business: &str, person: &str) -> Result<Document, Error> {
        self.shelf(business).documents.look(person)
    }
}

/// A whole, with its owner.
pub fn owned(owner: Owner, whole: Whole) -> OwnedWhole {
    OwnedWhole { owner, key: whole.key, bytes: whole.bytes }
}
