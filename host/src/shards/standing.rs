//! How far everybody is, for the store's checkpoint and for whoever lets go of the journal's beginning.

use std::array;

use super::deployment::Active;
use super::reader::Reader;
use super::worker::Worker;
use crate::codec::encode_progress;
use crate::model::progress::{ShardProgress, Standing, Times};
use crate::model::{Lsn, SHARD_COUNT, ShardId};

/// Settlements that a deployment has not read yet, as bounds of their positions in each shard: exact where there are none,
/// never too narrow.
pub struct Settlements([Option<(Lsn, Lsn)>; SHARD_COUNT as usize]);

impl Default for Settlements {
    fn default() -> Settlements {
        Settlements(array::from_fn(|_| None))
    }
}

impl Settlements {
    /// There are some between two positions; the shard's reader is at `position`.
    pub fn note(&mut self, shard: ShardId, (first, last): (Lsn, Lsn), position: Lsn) {
        let known = self.unread(shard, position);
        let (from, to) = known.unwrap_or((first, last));
        self.0[usize::from(shard.0)] = Some((from.min(first), to.max(last)));
    }

    /// Those above a reader's position.
    pub fn unread(&self, shard: ShardId, position: Lsn) -> Option<(Lsn, Lsn)> {
        let (first, last) = self.0[usize::from(shard.0)].filter(|(_, last)| *last > position)?;
        Some((first.max(position.next()), last))
    }
}

impl Active {
    pub(super) fn standing(&self, shard: ShardId) -> Standing {
        let reader = self.reader_of(shard);
        let (position, watermark) = reader.map_or((Lsn::ZERO, 0), |reader| (reader.position(), reader.watermark()));
        Standing { position, watermark, settlements: self.settlements.unread(shard, position) }
    }
}

impl Active {
    /// The first position of the journal that it still has to read, or would have to after a crash: in shards that go on, or
    /// a settlement for one that stands still. What was passed and not said is as good as unread.
    pub(super) fn needs(&self) -> Option<Lsn> {
        let unread = |reader: &Reader| {
            let position = reader.position();
            reader
                .shards
                .iter()
                .filter_map(|shard| self.settlements.unread(shard, position))
                .map(|(first, _)| first)
                .min()
        };
        let needs = |reader: &Reader| match reader.position() {
            position if reader.said() < position => Some(reader.said().next()),
            position if self.is_over(position) => None,
            _ if reader.paused => unread(reader),
            position => Some(position.next()),
        };
        self.readers.iter().filter_map(needs).min()
    }
}

impl Worker {
    /// How far each of its shards is, encoded. To be asked at a mark, before anything is read behind it: then nothing in
    /// it is above the mark.
    pub(super) fn progress(&self, times: &Times) -> Vec<(ShardId, Vec<u8>)> {
        let of = |shard: ShardId| {
            let deployments = self.active.iter().map(|(id, active)| (*id, active.standing(shard))).collect();
            let (desk, desk_now) = self.desk.reached(shard);
            encode_progress(&ShardProgress { times: times.clone(), desk, desk_now, deployments })
        };
        self.shards.iter().map(|shard| (shard, of(shard))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settlements_are_held_until_they_were_read() {
        let (shard, mut kept) = (ShardId(3), Settlements::default());
        kept.note(shard, (Lsn(5), Lsn(5)), Lsn(2));
        kept.note(shard, (Lsn(9), Lsn(9)), Lsn(2));
        assert_eq!(kept.unread(shard, Lsn(2)), Some((Lsn(5), Lsn(9))));
        assert_eq!(kept.unread(shard, Lsn(6)), Some((Lsn(7), Lsn(9))));
        assert_eq!(kept.unread(shard, Lsn(9)), None);
        kept.note(shard, (Lsn(900), Lsn(900)), Lsn(100));
        assert_eq!(kept.unread(shard, Lsn(100)), Some((Lsn(900), Lsn(900))), "what was read holds nothing any more");
        assert_eq!(kept.unread(ShardId(4), Lsn(0)), None);
    }
}
