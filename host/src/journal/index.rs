//! Where each durable group lies, in memory: 32 bytes per group with frames.

use std::path::PathBuf;
use std::sync::Arc;

use super::group::GroupHeader;
use super::segment::PAGE_BYTES;
use crate::model::Lsn;

/// What a reader needs to know about a segment.
#[derive(Debug)]
pub(super) struct SegmentPlace {
    pub(super) path: PathBuf,
    pub(super) salt: u64,
    pub(super) bytes: u64,
}

/// A group with frames.
#[derive(Debug, Clone, Copy)]
struct Entry {
    first: Lsn,
    /// Checksum of the group before it.
    previous: u64,
    wall_ms: u64,
    segment: u32,
    page: u32,
}

/// A group to be read.
#[derive(Debug, Clone)]
pub(super) struct GroupPlace {
    pub(super) segment: Arc<SegmentPlace>,
    pub(super) offset: u64,
    pub(super) first: Lsn,
    pub(super) previous: u64,
}

/// All durable groups in LSN order.
#[derive(Debug, Default)]
pub(super) struct Index {
    segments: Vec<Arc<SegmentPlace>>,
    groups: Vec<Entry>,
    last: Lsn,
}

impl Index {
    pub(super) fn add_segment(&mut self, segment: SegmentPlace) {
        self.segments.push(Arc::new(segment));
    }

    /// Adds a group of the newest segment; an empty one holds nothing to find.
    pub(super) fn add_group(&mut self, header: &GroupHeader, offset: u64, previous: u64) {
        if header.count == 0 {
            return;
        }
        self.last = Lsn(header.end().0 - 1);
        self.groups.push(Entry {
            first: header.first,
            previous,
            wall_ms: header.wall_ms,
            segment: self.segments.len() as u32 - 1,
            page: (offset / PAGE_BYTES as u64) as u32,
        });
    }

    /// The group that holds `lsn`, if it is durable.
    pub(super) fn locate(&self, lsn: Lsn) -> Option<GroupPlace> {
        let behind = self.groups.partition_point(|g| g.first <= lsn);
        let entry = self.groups[..behind].last().filter(|_| lsn <= self.last)?;
        Some(GroupPlace {
            segment: self.segments[entry.segment as usize].clone(),
            offset: u64::from(entry.page) * PAGE_BYTES as u64,
            first: entry.first,
            previous: entry.previous,
        })
    }

    /// First LSN of the first group written at or after `ms`, else the one that
    /// comes next.
    pub(super) fn position_at(&self, ms: u64) -> Lsn {
        let at = self.groups.partition_point(|g| g.wall_ms < ms);
        self.groups.get(at).map_or(self.last.next(), |g| g.first)
    }
}
