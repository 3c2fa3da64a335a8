//! What the journal holds of a part of the bench: frames by kind, encoded again to know their sizes.

use crate::codec::encode_frame;
use crate::journal::Log;
use crate::model::{Frame, Lsn};

#[derive(Default)]
pub struct Census {
    pub inputs: Kind,
    pub outcomes: Kind,
    pub outreach: Kind,
}

#[derive(Default)]
pub struct Kind {
    pub frames: u64,
    pub bytes: u64,
}

/// Frames behind a position, up to another one.
pub fn census(log: &Log, behind: Lsn, last: Lsn) -> anyhow::Result<Census> {
    let mut census = Census::default();
    for item in log.scan(behind.next()) {
        let (lsn, frame) = item?;
        if lsn > last {
            break;
        }
        let kind = match &frame {
            Frame::Input(_) => &mut census.inputs,
            Frame::Outcome(_) => &mut census.outcomes,
            Frame::Outreach(_) => &mut census.outreach,
            _ => continue,
        };
        kind.frames += 1;
        kind.bytes += encode_frame(&frame).len() as u64;
    }
    Ok(census)
}
