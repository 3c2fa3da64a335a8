//! Base copies: which are whole, which fit a journal, and making a store of the newest that does.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::finding::{Finding, Part, Told};
use super::folder;
use crate::model::Lsn;
use crate::store::{Options, Summary, load_dump, verify_dump};

const ENDING: &str = ".dump";
/// What is put aside keeps its name in front of this.
const DAMAGED: &str = ".damaged";
/// What sled may keep in memory while a copy is loaded, bytes.
const CACHE_BYTES: u64 = 64 << 20;

/// A base copy that was read to its end, or as far as it is whole.
pub(super) struct Base {
    pub path: PathBuf,
    pub read: Result<Summary, String>,
}

/// Reads all base copies of a data folder; newest first.
pub(super) fn read_all(data: &Path, tell: &mut dyn FnMut(Told)) -> anyhow::Result<Vec<Base>> {
    let folder = data.join("base");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = folder::entries(&folder)?;
    paths.retain(|path| path.to_string_lossy().ends_with(ENDING));
    let bytes = |path: &PathBuf| path.metadata().map_or(0, |file| file.len());
    let (total, mut before) = (paths.iter().map(bytes).sum(), 0);
    let mut bases = Vec::new();
    for path in paths {
        let mut tell = |done| tell(Told { part: Part::BaseCopies, done: before + done, total });
        let read = File::open(&path).map_err(|error| format!("it cannot be opened: {error}"));
        let read = read.and_then(|file| {
            let dump = BufReader::with_capacity(1 << 20, file);
            verify_dump(dump, |progress| tell(progress.bytes)).map_err(|error| error.to_string())
        });
        before += bytes(&path);
        bases.push(Base { path, read });
    }
    // A damaged one says nothing of its age; it is used for nothing either.
    bases
        .sort_by_key(|base| std::cmp::Reverse(base.read.as_ref().map_or(Lsn::ZERO, |read| read.header.stamp.position)));
    Ok(bases)
}

impl Base {
    /// The summary, if a journal with these positions brings a store of it up to its end.
    pub fn fits(&self, first: Lsn, last: Lsn) -> Result<Summary, String> {
        let summary = self.read.clone()?;
        let next = summary.header.checkpoints.iter().min().copied().unwrap_or_default().next();
        if next < first {
            return Err(format!("it needs the journal from position {next} on, which begins with {first}"));
        }
        if summary.highest > last {
            return Err(format!("it holds position {}, and the journal ends with {last}", summary.highest));
        }
        Ok(summary)
    }

    pub fn finding(&self) -> Option<Finding> {
        let error = self.read.as_ref().err()?;
        Some(Finding {
            part: Part::BaseCopies,
            place: self.path.display().to_string(),
            what: format!("{error}. A damaged store cannot be rebuilt from it"),
            remedy: "start the host: it takes the next copy in its time; `fishpond doctor rebuild` puts this one aside"
                .to_owned(),
        })
    }

    /// So that nothing counts it as a copy any more.
    pub fn put_aside(&self) -> anyhow::Result<PathBuf> {
        let mut name = self.path.clone().into_os_string();
        name.push(DAMAGED);
        std::fs::rename(&self.path, &name).with_context(|| format!("cannot rename {}", self.path.display()))?;
        Ok(name.into())
    }
}

/// What a store was made of.
pub(super) enum Made {
    Copy(PathBuf, Box<Summary>),
    /// There is none: the next start makes one from the whole journal.
    Journal,
}

/// Makes a store in the folder `into` from the newest copy that is whole and fits a journal with these positions.
pub(super) fn make_store(
    bases: &[Base],
    (first, last): (Lsn, Lsn),
    into: &Path,
    tell: &mut dyn FnMut(Told),
) -> anyhow::Result<Made> {
    let mut refused = Vec::new();
    for base in bases {
        match base.fits(first, last) {
            Ok(summary) => return load(&base.path, &summary, into, tell),
            Err(why) => refused.push(format!("{}: {why}", base.path.display())),
        }
    }
    if first > Lsn(1) {
        let why = if refused.is_empty() { "there is no base copy".to_owned() } else { refused.join("; ") };
        bail!(
            "the store cannot be rebuilt: the journal begins with position {first}, and no base copy reaches up to it \
             ({why}). Restore the data folder from a backup (`fishpond restore`)"
        );
    }
    Ok(Made::Journal)
}

fn load(path: &Path, summary: &Summary, into: &Path, tell: &mut dyn FnMut(Told)) -> anyhow::Result<Made> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let options =
        Options { directories: summary.header.directories, cache_bytes: CACHE_BYTES, failpoints: Default::default() };
    let total = summary.bytes;
    let dump = BufReader::with_capacity(1 << 20, file);
    let loaded =
        load_dump(dump, into, &options, |progress| tell(Told { part: Part::Store, done: progress.bytes, total }))?;
    Ok(Made::Copy(path.to_owned(), Box::new(loaded)))
}
