//! Reading a closed journal in order, without changing anything: for whoever looks at the frames of a stopped host.

use std::ops::ControlFlow;
use std::path::Path;

use super::check::verify_all;
use super::error::Error;
use super::group::split_frame;
use super::lock::DirLock;
use super::released;
use super::verify::Files;
use super::walk::{Position, SegmentFile, Walk};
use crate::model::Lsn;

/// Gives the frames of the journal in `dir`, which must not be open, from a position on (`None`: the first), in order, up to the last good one or
/// where `visit` breaks. An unfinished write at the end, which an open would cut, is left out.
///
/// # Errors
/// [`Error::Damaged`] before anything is given, [`Error::Released`] if the journal begins above `from`, [`Error::Locked`],
/// [`Error::Version`], [`Error::Io`].
pub fn read_closed(
    dir: &Path,
    from: Option<Lsn>,
    visit: &mut dyn FnMut(Lsn, &[u8]) -> ControlFlow<()>,
) -> Result<(), Error> {
    let checked = verify_all(dir, Lsn::ZERO, &mut |_| {})?;
    if let Some(first) = checked.damaged.into_iter().next() {
        return Err(Error::Damaged(Box::new(first)));
    }
    let _lock = DirLock::acquire_to_read(dir)?;
    let released = released::load(dir)?;
    let mut at = released.unwrap_or(Position::START);
    let from = from.unwrap_or(at.next);
    if from < at.next && released.is_some() {
        return Err(Error::Released { asked: from, first: at.next });
    }
    for (_, path) in Files::list(dir, released)?.kept {
        let segment = SegmentFile::open_to_read(&path)?;
        let Some(header) = segment.header.clone() else { return Ok(()) };
        let mut walk = Walk::new(&segment, &header, at);
        while let Ok(group) = walk.step()? {
            let mut rest = walk.payload(&group);
            let mut lsn = group.first;
            while let Some((frame, behind)) = split_frame(rest).filter(|_| lsn < group.end()) {
                if lsn >= from && visit(lsn, frame).is_break() {
                    return Ok(());
                }
                (lsn, rest) = (lsn.next(), behind);
            }
        }
        at = walk.at;
    }
    Ok(())
}
