//! `fishpond doctor verify`: everything in a data folder is read and compared with what it says of itself and of the rest.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;

use super::bases::{self, Base};
use super::finding::{Finding, Part, Told};
use super::{folder, modules};
use crate::codec::{Interner, decode_document, decode_progress};
use crate::journal::{self, Checked, Damage, verify_all};
use crate::model::{Digest, Lsn, SHARD_COUNT, ShardId};
use crate::store::{self, Store};

/// What sled may keep in memory, bytes.
const CACHE_BYTES: u64 = 64 << 20;
/// Texts that documents share while they are looked at.
const SHARED_TEXTS: usize = 1_024;
/// Rows with a fault that are told one by one.
const LISTED: usize = 20;

/// The state of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreFound {
    /// The next start makes one.
    Missing,
    /// It cannot be opened, or has faults.
    Damaged,
    Whole {
        rows: u64,
        /// Everything up to here is in its rows.
        checkpoint: Lsn,
        /// No row is above it.
        highest: Lsn,
    },
}

/// What a data folder holds.
pub struct Examined {
    /// In the order: store, journal, base copies, modules.
    pub findings: Vec<Finding>,
    pub journal: Checked,
    pub store: StoreFound,
    /// Base copies that are whole and fit the journal.
    pub base_copies: usize,
    /// Module files that are whole.
    pub modules: usize,
    pub(super) bases: Vec<Base>,
    /// Of the store, whatever its faults: what the journal must hold.
    pub(super) highest: Lsn,
    /// There is a store, and it does not say that.
    pub(super) is_blind: bool,
}

/// Looks at everything in a data folder. Journal, base copies and modules are only read; the store is opened as a start
/// opens it, so what sled had not finished to write is finished.
///
/// # Errors
/// If a host uses the folder, if it is none, or if files cannot be opened.
pub fn examine(data: &Path, tell: &mut dyn FnMut(Told)) -> anyhow::Result<Examined> {
    let journal = folder::journal_of(data)?;
    let bases = bases::read_all(data, tell)?;
    let mut looked = Looked::default();
    let store = looked.store(&data.join("store"), tell)?;
    let whole = bases.iter().filter_map(|base| base.read.as_ref().ok());
    let evidence = whole.map(|read| read.highest).chain(looked.highest).max().unwrap_or_default();
    let mut told = |done: journal::Progress| {
        tell(Told { part: Part::Journal, done: done.bytes_done, total: done.bytes_total });
    };
    let checked = verify_all(&journal, evidence, &mut told).context("the journal cannot be verified")?;
    looked.findings.extend(checked.damaged.iter().map(damage));
    let fitting = bases.iter().filter(|base| base.fits(checked.first, checked.last).is_ok()).count();
    looked.findings.extend(bases.iter().filter_map(Base::finding));
    let next = match store {
        StoreFound::Whole { checkpoint, .. } => checkpoint.next(),
        StoreFound::Missing => Lsn(1),
        StoreFound::Damaged => checked.first,
    };
    if next < checked.first {
        looked.gap(data, next, checked.first);
    }
    let modules = modules::check(data, &looked.wanted, &mut looked.findings, tell)?;
    let Looked { findings, highest, .. } = looked;
    let (is_blind, highest) = (highest.is_none() && store != StoreFound::Missing, highest.unwrap_or_default());
    Ok(Examined { findings, journal: checked, store, base_copies: fitting, modules, bases, highest, is_blind })
}

fn damage(damage: &Damage) -> Finding {
    Finding {
        part: Part::Journal,
        place: format!("{}, byte {} (position {})", damage.segment.display(), damage.offset, damage.lsn),
        what: format!("{}, although {}", damage.fault, damage.proof),
        remedy: damage.remedy(),
    }
}

#[derive(Default)]
struct Looked {
    findings: Vec<Finding>,
    /// Modules that control frames of the store name.
    wanted: BTreeSet<Digest>,
    /// Of the store, once it was opened: what the journal must hold.
    highest: Option<Lsn>,
}

impl Looked {
    /// # Errors
    /// Only if a host uses it.
    fn store(&mut self, folder: &Path, tell: &mut dyn FnMut(Told)) -> anyhow::Result<StoreFound> {
        if !Store::is_there(folder) {
            return Ok(StoreFound::Missing);
        }
        match self.rows(folder, tell) {
            Ok(found) => Ok(found),
            Err(error @ store::Error::InUse { .. }) => Err(error).context("the host must be stopped first"),
            Err(error) => {
                self.fault(folder.display().to_string(), error.to_string());
                Ok(StoreFound::Damaged)
            }
        }
    }

    fn rows(&mut self, folder: &Path, tell: &mut dyn FnMut(Told)) -> Result<StoreFound, store::Error> {
        let store = Store::open(folder, 1, CACHE_BYTES)?;
        self.highest = Some(store.highest());
        let (mut interner, mut done) = (Interner::new(SHARED_TEXTS), 0);
        let checked = store.check(|key, bytes| {
            done += (key.len() + bytes.len()) as u64;
            tell(Told { part: Part::Store, done, total: 0 });
            decode_document(bytes, &mut interner).map(drop).map_err(|error| format!("it is no document: {error}"))
        })?;
        for fault in checked.faults.iter().take(LISTED) {
            let place = format!("{}, row `{}`", folder.join(fault.directory.to_string()).display(), fault.key);
            self.fault(place, fault.what.clone());
        }
        if checked.faulty > LISTED as u64 {
            self.fault(folder.display().to_string(), format!("{} rows have faults", checked.faulty));
        }
        let standing = self.standing(&store, folder)?;
        if checked.faulty > 0 || !standing {
            return Ok(StoreFound::Damaged);
        }
        Ok(StoreFound::Whole { rows: checked.rows, checkpoint: store.checkpoint(), highest: store.highest() })
    }

    /// What a start needs beside rows. Answers whether it is whole.
    fn standing(&mut self, store: &Store, folder: &Path) -> Result<bool, store::Error> {
        let before = self.findings.len();
        for shard in (0..SHARD_COUNT).map(ShardId) {
            if let Some(bytes) = store.progress(shard)?
                && let Err(error) = decode_progress(&bytes)
            {
                self.fault(
                    format!("{}, shard {}", folder.display(), shard.0),
                    format!("its progress is none: {error}"),
                );
            }
        }
        for control in store.controls() {
            self.wanted.extend(modules::named(&control?.1));
        }
        Ok(self.findings.len() == before)
    }

    fn fault(&mut self, place: String, what: String) {
        let remedy = "`fishpond doctor rebuild`: makes the store again from a base copy and the journal".to_owned();
        self.findings.push(Finding { part: Part::Store, place, what, remedy });
    }

    fn gap(&mut self, data: &Path, next: Lsn, first: Lsn) {
        let what = format!(
            "it has everything below position {next}, and the journal begins with {first}: what is between them is in neither"
        );
        self.fault(data.join("store").display().to_string(), what);
    }
}
