//! Walking through the rows of a shard, a few at a time.

use std::ops::Bound;

use super::Store;
use super::error::Error;
use crate::model::ShardId;

/// A row's key, and what it holds.
pub type KeyAndBytes = (Vec<u8>, Vec<u8>);

impl Store {
    /// The next rows of a shard behind a key (empty: from the first), by their keys: so many at most, fewer at the shard's end.
    /// What is written meanwhile may or may not be among them.
    pub fn rows_behind(&self, shard: ShardId, after: &[u8], most: usize) -> Result<Vec<KeyAndBytes>, Error> {
        let directory = &self.directories[self.directory_of(shard)];
        let prefix = shard.0.to_be_bytes();
        let from = if after.is_empty() { Bound::Included(&prefix[..]) } else { Bound::Excluded(after) };
        let rows = directory.rows().range::<&[u8], _>((from, Bound::Unbounded)).take(most);
        let rows = rows.map(|item| item.map_err(|error| directory.failed(error)));
        let own = rows.take_while(|item| item.as_ref().map_or(true, |(key, _)| key.starts_with(&prefix)));
        own.map(|item| item.map(|(key, bytes)| (key.to_vec(), bytes.to_vec()))).collect()
    }
}
