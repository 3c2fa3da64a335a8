//! Where each durable group lies, in memory: 32 bytes per group with frames.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use super::group::GroupHeader;
use super::segment::PAGE_BYTES;
use super::walk::Position;
use crate::model::Lsn;

/// What a reader needs to know about a segment.
#[derive(Debug)]
pub(super) struct SegmentPlace {
    pub(super) path: PathBuf,
    pub(super) salt: u64,
    pub(super) bytes: u64,
}

/// A group with frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) first: Lsn,
    /// Checksum of the group before it.
    pub(super) previous: u64,
    pub(super) wall_ms: u64,
    pub(super) page: u32,
}

/// A segment and its durable groups.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) place: Arc<SegmentPlace>,
    /// What its header continues.
    pub(super) start: Position,
    /// Behind its last group, empty ones included.
    pub(super) end: Position,
    /// Bytes up to there, the header page included.
    pub(super) used: u64,
    /// Bytes up to the end of the last group with frames.
    pub(super) framed: u64,
    pub(super) groups: Vec<Group>,
}

impl Segment {
    fn new(place: SegmentPlace, start: Position) -> Segment {
        let header = PAGE_BYTES as u64;
        Segment { place: Arc::new(place), start, end: start, used: header, framed: header, groups: Vec::new() }
    }

    fn add(&mut self, header: &GroupHeader, offset: u64) {
        let previous = self.end.chain;
        self.end = Position { next: header.end(), chain: header.chain, wall_ms: header.wall_ms };
        self.used = offset + header.total_bytes();
        if header.count > 0 {
            self.framed = self.used;
            let page = (offset / PAGE_BYTES as u64) as u32;
            self.groups.push(Group { first: header.first, previous, wall_ms: header.wall_ms, page });
        }
    }

    /// The group that holds `lsn`, which lies in this segment.
    fn group(&self, lsn: Lsn) -> Option<&Group> {
        let behind = self.groups.partition_point(|g| g.first <= lsn);
        self.groups[..behind].last()
    }
}

/// A group to be read.
#[derive(Debug, Clone)]
pub(super) struct GroupPlace {
    pub(super) segment: Arc<SegmentPlace>,
    pub(super) offset: u64,
    pub(super) first: Lsn,
    pub(super) previous: u64,
    pub(super) wall_ms: u64,
}

/// A sealed segment never changes again, so others may hold it.
#[derive(Debug)]
struct Sealed {
    segment: Arc<Segment>,
    /// Used bytes of all segments before it since the journal was opened.
    base: u64,
}

/// All durable groups in LSN order.
#[derive(Debug)]
pub(super) struct Index {
    /// Where the journal begins.
    start: Position,
    sealed: VecDeque<Sealed>,
    active: Option<Segment>,
    /// Used bytes of all segments before the active one.
    base: u64,
}

impl Index {
    /// Of a journal that begins at `start`.
    pub(super) fn new(start: Position) -> Index {
        Index { start, sealed: VecDeque::new(), active: None, base: 0 }
    }

    /// Adds a segment that goes on at `start`; the one before it is sealed by
    /// that, and answered.
    pub(super) fn add_segment(&mut self, place: SegmentPlace, start: Position) -> Option<Arc<Segment>> {
        let sealed = self.active.replace(Segment::new(place, start))?;
        Some(self.push_sealed(sealed))
    }

    /// Adds a whole segment; others must follow.
    pub(super) fn add_sealed(&mut self, segment: Segment) {
        if let Some(before) = self.active.take() {
            self.push_sealed(before);
        }
        self.push_sealed(segment);
    }

    fn push_sealed(&mut self, segment: Segment) -> Arc<Segment> {
        let (base, segment) = (self.base, Arc::new(segment));
        self.base += segment.used;
        self.sealed.push_back(Sealed { segment: segment.clone(), base });
        segment
    }

    /// Adds a group of the newest segment; an empty one holds nothing to find.
    pub(super) fn add_group(&mut self, header: &GroupHeader, offset: u64) {
        if let Some(active) = &mut self.active {
            active.add(header, offset);
        }
    }

    /// Position of the first frame kept; while there is none, of the next.
    pub(super) fn first(&self) -> Lsn {
        self.start.next
    }

    /// Where the oldest segment begins.
    pub(super) fn start(&self) -> Position {
        self.start
    }

    /// The position that the next durable frame will have.
    pub(super) fn next(&self) -> Lsn {
        self.newest().map_or(self.start.next, |s| s.end.next)
    }

    fn newest(&self) -> Option<&Segment> {
        self.active.as_ref().or_else(|| self.sealed.back().map(|s| &*s.segment))
    }

    pub(super) fn sealed(&self) -> impl DoubleEndedIterator<Item = &Arc<Segment>> {
        self.sealed.iter().map(|s| &s.segment)
    }

    pub(super) fn active(&self) -> Option<&Segment> {
        self.active.as_ref()
    }

    /// The segment with `lsn`, and the used bytes before it.
    fn segment(&self, lsn: Lsn) -> Option<(&Segment, u64)> {
        if let Some(active) = self.active.as_ref().filter(|a| a.start.next <= lsn) {
            return Some((active, self.base));
        }
        let behind = self.sealed.partition_point(|s| s.segment.start.next <= lsn);
        let sealed = self.sealed.get(behind.checked_sub(1)?)?;
        Some((&sealed.segment, sealed.base))
    }

    /// The group that holds `lsn`, if it is durable and was not released.
    pub(super) fn locate(&self, lsn: Lsn) -> Option<GroupPlace> {
        let (segment, _) = self.segment(lsn).filter(|(s, _)| lsn < s.end.next)?;
        let group = segment.group(lsn)?;
        Some(GroupPlace {
            segment: segment.place.clone(),
            offset: offset(group),
            first: group.first,
            previous: group.previous,
            wall_ms: group.wall_ms,
        })
    }

    /// First LSN of the first group written at or after `ms`, else the one that
    /// comes next.
    pub(super) fn position_at(&self, ms: u64) -> Lsn {
        let at = self.sealed.partition_point(|s| s.segment.end.wall_ms < ms);
        let later = self.sealed.iter().skip(at).map(|s| &*s.segment).chain(self.active.as_ref());
        for segment in later {
            let at = segment.groups.partition_point(|g| g.wall_ms < ms);
            if let Some(group) = segment.groups.get(at) {
                return group.first;
            }
        }
        self.next()
    }

    /// Bytes from the group that holds `lsn` to the end of the last group with
    /// frames: groups, and the header pages between them.
    pub(super) fn bytes_from(&self, lsn: Lsn) -> u64 {
        if lsn >= self.next() {
            return 0;
        }
        let lsn = lsn.max(self.first());
        let place = self.segment(lsn).and_then(|(s, base)| Some(base + offset(s.group(lsn)?)));
        self.framed().saturating_sub(place.unwrap_or_default())
    }

    /// Where the last group with frames ends, on the scale of `base`.
    fn framed(&self) -> u64 {
        match (&self.active, self.sealed.back()) {
            (Some(active), _) if !active.groups.is_empty() => self.base + active.framed,
            (_, Some(last)) => last.base + last.segment.framed,
            _ => 0,
        }
    }

    /// The sealed segments that hold nothing at or above `before`, oldest first.
    pub(super) fn below(&self, before: Lsn) -> Vec<Arc<Segment>> {
        self.sealed().take_while(|s| s.end.next <= before).cloned().collect()
    }

    /// Forgets the segments before `start`, where another one begins.
    pub(super) fn release(&mut self, start: Position) {
        while self.sealed.front().is_some_and(|s| s.segment.start.next < start.next) {
            self.sealed.pop_front();
        }
        self.start = start;
    }
}

fn offset(group: &Group) -> u64 {
    u64::from(group.page) * PAGE_BYTES as u64
}
