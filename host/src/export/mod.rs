//! The journal of a stopped host as lines of JSON, one for each frame, values exactly as recorded: for whoever wants to look
//! with programs that are not ours.
//!
//! Numbers are numbers, ids are hexadecimal texts, JSON that somebody gave stays the text that it was, bytes are hexadecimal.
//!
//! - `frame`: one frame; `control`: what changed what runs; `outcome`: what came of inputs; `ops`: changes of documents;
//!   `outreach`: decisions, tags, deliveries; `rules`: policies and chains

mod control;
mod frame;
mod ops;
mod outcome;
mod outreach;
mod rules;

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::codec::{CodecError, Interner, decode_frame};
use crate::journal::{self, read_closed};
use crate::model::Lsn;

/// Texts that the frames of one export share in memory.
const SHARED_TEXTS: usize = 4_096;

/// Positions that are wanted, both inclusive.
#[derive(Clone, Copy, Debug, Default)]
pub struct Range {
    /// None: from the first that the journal has.
    pub from: Option<Lsn>,
    /// None: to the last.
    pub to: Option<Lsn>,
}

/// Why nothing, or not everything, was exported.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no journal in {}: name the data folder of a host", .0.display())]
    NoJournal(PathBuf),
    #[error(transparent)]
    Journal(#[from] journal::Error),
    #[error("position {at}: the frame cannot be read: {error}. Was it written by a newer version of fishpond?")]
    Frame { at: Lsn, error: CodecError },
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// Writes the frames of a data folder, whose host is stopped, to `out`. Nothing is changed. Answers how many there were.
///
/// # Errors
/// As [`read_closed`]; what cannot be decoded or written.
pub fn export(data: &Path, range: Range, out: &mut impl Write) -> Result<u64, Error> {
    let folder = data.join("journal");
    if !folder.is_dir() {
        return Err(Error::NoJournal(data.to_owned()));
    }
    let (mut interner, mut count, mut failed) = (Interner::new(SHARED_TEXTS), 0, None);
    read_closed(&folder, range.from, &mut |lsn, bytes| {
        if range.to.is_some_and(|to| lsn > to) {
            return ControlFlow::Break(());
        }
        match line(lsn, bytes, &mut interner, out) {
            Ok(()) => {
                count += 1;
                ControlFlow::Continue(())
            }
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    match failed {
        Some(error) => Err(error),
        None => Ok(count),
    }
}

fn line(lsn: Lsn, bytes: &[u8], interner: &mut Interner, out: &mut impl Write) -> Result<(), Error> {
    let decoded = decode_frame(bytes, interner).map_err(|error| Error::Frame { at: lsn, error })?;
    let mut object = frame::object(&decoded);
    object.insert("position".to_owned(), lsn.0.into());
    serde_json::to_writer(&mut *out, &object).map_err(io::Error::from)?;
    Ok(out.write_all(b"\n")?)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn id(id: u128) -> String {
    format!("{id:032x}")
}
