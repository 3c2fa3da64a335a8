//! Shares the few texts that most events carry: business, source, type.

use std::collections::HashSet;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

/// Gives equal texts one allocation, up to a number of texts; beyond it each gets its own.
#[derive(Debug)]
pub struct Interner {
    texts: HashSet<Arc<str>, FxBuildHasher>,
    limit: usize,
}

impl Interner {
    pub fn new(limit: usize) -> Interner {
        Interner { texts: HashSet::default(), limit }
    }

    pub fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let fresh: Arc<str> = text.into();
        if self.texts.len() < self.limit {
            self.texts.insert(fresh.clone());
        }
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_shared_up_to_the_limit() {
        let mut interner = Interner::new(1);
        assert!(Arc::ptr_eq(&interner.get("a"), &interner.get("a")));
        assert!(!Arc::ptr_eq(&interner.get("b"), &interner.get("b")));
    }
}
