//! `fishpond doctor rebuild`: makes the store again, from the newest base copy that is whole and the journal behind it. The
//! old store is put aside, not removed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::bases::{self, Base, Made};
use super::finding::Told;
use super::folder;
use crate::journal::{Checked, DirLock, verify_all};
use crate::model::Lsn;
use crate::store::{self, Store};

/// sled's, while the old store is asked.
const CACHE_BYTES: u64 = 64 << 20;
/// The new one until it is whole.
const UNFINISHED: &str = "store.new";
/// Where old ones are put, with a number behind it.
const REPLACED: &str = "store.replaced";

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// The base copy; None if the journal holds everything, so that the next start makes the store.
    pub from: Option<PathBuf>,
    /// The next start redoes what is behind this.
    pub position: Lsn,
    pub rows: u64,
    /// Where the journal ends.
    pub last: Lsn,
    /// Where the old store is now, if there was one.
    pub replaced: Option<PathBuf>,
    /// Damaged base copies, by their new names.
    pub put_aside: Vec<PathBuf>,
}

/// Makes the store of a data folder again: in its place, or in a copy of the folder at `to`, which must be empty.
///
/// # Errors
/// If a host uses the folder; if the journal is damaged; if no base copy is whole and reaches up to the journal's beginning.
pub fn rebuild(data: &Path, to: Option<&Path>, tell: &mut dyn FnMut(Told)) -> anyhow::Result<Rebuilt> {
    let journal = folder::journal_of(data)?;
    if let Some(to) = to {
        folder::is_free(to)?;
    }
    let of_store = highest_of(&data.join("store"))?;
    // Held to the end: nothing starts on what is half made.
    let _lock = Store::lock_if_there(&data.join("store"))?;
    let bases = bases::read_all(data, tell)?;
    let checked = whole_journal(&journal, of_store, &bases, tell)?;
    // There need not be a store to lock, and the old one is moved; a host needs the journal in any case.
    let _journal = DirLock::acquire_to_read(&journal).context("the host must be stopped first")?;
    match to {
        None => replace(data, &bases, &checked, tell),
        Some(to) => folder::making(to, || {
            folder::copy_data(data, to)?;
            let bases = bases::read_all(to, tell)?;
            replace(to, &bases, &checked, tell)
        }),
    }
}

/// How far the journal must reach by the store that is there, if it can say so.
fn highest_of(store: &Path) -> anyhow::Result<Lsn> {
    if !Store::is_there(store) {
        return Ok(Lsn::ZERO);
    }
    match Store::open(store, 1, CACHE_BYTES) {
        Ok(store) => Ok(store.highest()),
        Err(error @ store::Error::InUse { .. }) => Err(error).context("the host must be stopped first"),
        Err(_) => Ok(Lsn::ZERO),
    }
}

fn whole_journal(journal: &Path, of_store: Lsn, bases: &[Base], tell: &mut dyn FnMut(Told)) -> anyhow::Result<Checked> {
    let whole = bases.iter().filter_map(|base| base.read.as_ref().ok());
    let evidence = whole.map(|read| read.highest).chain([of_store]).max().unwrap_or_default();
    let mut told = |done: crate::journal::Progress| {
        tell(Told { part: super::Part::Journal, done: done.bytes_done, total: done.bytes_total });
    };
    let checked = verify_all(journal, evidence, &mut told).context("the journal cannot be verified")?;
    if let Some(damage) = checked.damaged.first() {
        bail!("the store is not rebuilt over a damaged journal. {damage}");
    }
    Ok(checked)
}

fn replace(data: &Path, bases: &[Base], checked: &Checked, tell: &mut dyn FnMut(Told)) -> anyhow::Result<Rebuilt> {
    let (unfinished, store) = (data.join(UNFINISHED), data.join("store"));
    if unfinished.exists() {
        // Of a rebuild that was interrupted.
        fs::remove_dir_all(&unfinished).with_context(|| format!("cannot remove {}", unfinished.display()))?;
    }
    let made = bases::make_store(bases, (checked.first, checked.last), &unfinished, tell)?;
    let replaced = if store.exists() { Some(put_aside(data, &store)?) } else { None };
    let (from, position, rows) = match made {
        Made::Journal => (None, Lsn::ZERO, 0),
        Made::Copy(path, summary) => {
            fs::rename(&unfinished, &store).with_context(|| format!("cannot rename {}", unfinished.display()))?;
            let position = summary.header.checkpoints.iter().min().copied().unwrap_or_default();
            (Some(path), position, summary.rows)
        }
    };
    let damaged = bases.iter().filter(|base| base.read.is_err());
    let put_aside = damaged.map(Base::put_aside).collect::<anyhow::Result<_>>()?;
    folder::sync(data)?;
    Ok(Rebuilt { from, position, rows, last: checked.last, replaced, put_aside })
}

fn put_aside(data: &Path, store: &Path) -> anyhow::Result<PathBuf> {
    let mut free = (1..).map(|number| data.join(format!("{REPLACED}-{number}")));
    let name = free.find(|name| !name.exists()).context("there is no free name")?;
    fs::rename(store, &name).with_context(|| format!("cannot rename {}", store.display()))?;
    Ok(name)
}
