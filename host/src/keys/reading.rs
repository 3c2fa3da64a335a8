//! The journal as somebody finds it who begins to read: regions with a key file, and regions without one.

use std::ops::Range;
use std::sync::Arc;

use super::file::KeyFile;
use super::{Keys, Wanted};
use crate::model::Lsn;

/// What has to be read of a region.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Span {
    /// These, ascending.
    Frames(Vec<Lsn>),
    /// All that is there of it.
    All,
}

/// Positions that are found in one way.
struct Region {
    first: Lsn,
    /// Of the last one no position is the last.
    last: Lsn,
    file: Option<Arc<KeyFile>>,
}

/// The regions of the journal, each once and in order. What is appended later is in the last one.
pub struct Reading {
    keys: Keys,
    regions: Vec<Region>,
}

impl Keys {
    /// How the journal can be read now. Deployments that are asked for by id must be looked up behind this: a younger one
    /// has frames in the last region alone.
    pub fn reading(&self) -> Reading {
        let segments = self.log().journal().segments();
        let files = self.files();
        let mut regions: Vec<Region> = segments
            .iter()
            .map(|segment| {
                let fits = |file: &&Arc<KeyFile>| {
                    file.stamp().last == segment.last && Some(file.stamp().chain) == segment.chain
                };
                let file = files.get(&segment.first).filter(fits).cloned();
                Region { first: segment.first, last: segment.last, file }
            })
            .collect();
        drop(files);
        match regions.last_mut() {
            Some(open) if open.file.is_none() => open.last = Lsn(u64::MAX),
            other => {
                let first = other.map_or(Lsn(1), |sealed| sealed.last.next());
                regions.push(Region { first, last: Lsn(u64::MAX), file: None });
            }
        }
        Reading { keys: self.clone(), regions }
    }
}

impl Reading {
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Their numbers, in the order of positions.
    pub fn regions(&self) -> Range<usize> {
        0..self.regions.len()
    }

    /// First and last position of a region.
    pub fn bounds(&self, region: usize) -> (Lsn, Lsn) {
        (self.regions[region].first, self.regions[region].last)
    }

    pub fn has_file(&self, region: usize) -> bool {
        self.regions[region].file.is_some()
    }

    /// What has to be read of a region for something. A damaged file is told to the indexer.
    pub fn find(&self, region: usize, wanted: &Wanted) -> Span {
        let Some(file) = &self.regions[region].file else { return Span::All };
        match wanted.find(file) {
            Ok(found) => Span::Frames(found),
            Err(error) => {
                if error.is_of_file() {
                    self.keys.distrust(file, &error);
                }
                Span::All
            }
        }
    }
}
