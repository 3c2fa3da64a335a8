//! The index file beside a sealed segment: where its groups lie and where they
//! end, so that an open need not read the segment. Losing it costs only that.

use std::path::Path;
use std::sync::Arc;

use super::error::Error;
use super::failpoints::{Failpoints, Site};
use super::files::{self, Content, Sites, Words};
use super::index::{Group, Segment, SegmentPlace};
use super::segment::{self, SegmentHeader};
use super::walk::Position;
use crate::model::Lsn;

/// The version of the format that this code reads and writes; another one is
/// written anew.
const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"fishpidx";
const GROUP_BYTES: usize = 28;
const HEAD_BYTES: usize = 80;

/// The bytes of the index file.
fn encode(segment: &Segment) -> Vec<u8> {
    let (start, end) = (&segment.start, &segment.end);
    let place = &segment.place;
    let head = [
        place.salt,
        place.bytes,
        start.next.0,
        start.chain,
        start.wall_ms,
        end.next.0,
        end.chain,
        end.wall_ms,
        segment.used,
        segment.framed,
    ];
    let mut body = Vec::with_capacity(HEAD_BYTES + segment.groups.len() * GROUP_BYTES);
    head.iter().for_each(|word| body.extend_from_slice(&word.to_le_bytes()));
    for group in &segment.groups {
        body.extend_from_slice(&group.first.0.to_le_bytes());
        body.extend_from_slice(&group.previous.to_le_bytes());
        body.extend_from_slice(&group.wall_ms.to_le_bytes());
        body.extend_from_slice(&group.page.to_le_bytes());
    }
    files::seal(MAGIC, VERSION, &body)
}

fn decode(path: &Path, body: &[u8]) -> Option<Segment> {
    let mut words = Words(body);
    let (salt, bytes) = (words.u64()?, words.u64()?);
    let place = Arc::new(SegmentPlace { path: path.to_path_buf(), salt, bytes });
    let start = position(&mut words)?;
    let end = position(&mut words)?;
    let (used, framed) = (words.u64()?, words.u64()?);
    let mut groups = Vec::with_capacity(words.0.len() / GROUP_BYTES);
    while !words.0.is_empty() {
        let (first, previous, wall_ms) = (Lsn(words.u64()?), words.u64()?, words.u64()?);
        groups.push(Group { first, previous, wall_ms, page: words.u32()? });
    }
    Some(Segment { place, start, end, used, framed, groups })
}

fn position(words: &mut Words<'_>) -> Option<Position> {
    Some(Position { next: Lsn(words.u64()?), chain: words.u64()?, wall_ms: words.u64()? })
}

/// What the index file of the segment at `path` says, if it is good and was made
/// for a segment with this header that goes on at `start`.
pub(super) fn load(path: &Path, header: &SegmentHeader, start: &Position) -> Option<Segment> {
    let mut bytes = files::read(&segment::index_path(path)).ok()??;
    let Content::Good(body) = files::open(MAGIC, VERSION, &mut bytes) else { return None };
    let known = decode(path, body)?;
    let fits = known.place.salt == header.salt && known.place.bytes == header.bytes && known.start == *start;
    fits.then_some(known)
}

/// Whether the index file is there and says exactly this.
pub(super) fn is_current(segment: &Segment) -> bool {
    let found = files::read(&segment::index_path(&segment.place.path));
    found.is_ok_and(|found| found.is_some_and(|bytes| bytes == encode(segment)))
}

/// Writes the index file into `dir` and syncs it, not the directory.
pub(super) fn store(dir: &Path, segment: &Segment, points: &Failpoints) -> Result<(), Error> {
    let path = segment::index_path(&segment::path(dir, segment.start.next));
    let sites = Sites { write: Site::IndexWrite, sync: Site::IndexSync, rename: Site::IndexRename };
    files::replace(&path, &encode(segment), points, sites).inspect_err(|_| {
        // On a full disk every byte counts; if it stays, the next open removes it.
        let _ = files::remove(&files::temporary(&path));
    })
}
