//! `fishpond doctor repair`: a copy of a data folder that opens again. What is lost by that is told exactly, and nothing that
//! was acknowledged is given up without being asked for.

use std::path::Path;

use anyhow::{Context, bail};

use super::bases::{self, Made};
use super::examine::{Examined, StoreFound, examine};
use super::finding::Told;
use super::folder;
use crate::journal::{Damage, DirLock, Fault, cut};
use crate::model::Lsn;
use crate::store::Store;

/// What a damaged journal loses: this position and all behind it, up to the last that is known of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    pub first: Lsn,
    pub last: Lsn,
    /// There is a store, and it cannot even say how far the journal must reach.
    pub perhaps_more: bool,
}

impl Loss {
    pub fn count(self) -> u64 {
        self.last.0 + 1 - self.first.0
    }
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    pub lost: Option<Loss>,
    /// Where the journal ends now.
    pub last: Lsn,
    pub store: StoreOf,
    /// Base copies that are damaged or hold what is lost: they were left out.
    pub left_out: usize,
}

/// Where the store of a repaired folder comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreOf {
    /// It was whole and fits.
    Original,
    /// Made from a base copy of this position.
    BaseCopy(Lsn),
    /// Made by the next start from the whole journal.
    Journal,
}

/// Makes a copy of a data folder in `to`, which must be empty, with everything that can be kept. The original is not
/// changed. A damaged journal is cut below its first damaged position, only with `accept_loss`.
///
/// # Errors
/// If a host uses the folder; if something acknowledged would be lost and `accept_loss` was not given; if what is left
/// makes no host.
pub fn repair(data: &Path, to: &Path, accept_loss: bool, tell: &mut dyn FnMut(Told)) -> anyhow::Result<Repaired> {
    folder::is_free(to)?;
    let examined = examine(data, tell)?;
    let lost = examined.journal.damaged.first().map(|damage| loss(&examined, damage)).transpose()?;
    if let (Some(lost), false) = (lost, accept_loss) {
        let more = if lost.perhaps_more { ", or more: the store cannot say how far the journal reached" } else { "" };
        bail!(
            "the journal is damaged at position {}: a copy without the damage loses positions {} to {} ({} frames that were \
             on disk, with events that were acknowledged{more}). Better restore the file or the folder from a backup. If there is \
             none: the same command with --accept-loss",
            lost.first,
            lost.first,
            lost.last,
            lost.count()
        );
    }
    let _lock = Store::lock_if_there(&data.join("store"))?;
    let _journal = DirLock::acquire_to_read(&data.join("journal")).context("the host must be stopped first")?;
    folder::making(to, || make(data, to, &examined, lost, tell))
}

/// What a cut below this damage loses.
fn loss(examined: &Examined, damage: &Damage) -> anyhow::Result<Loss> {
    if matches!(damage.fault, Fault::ReleasedFile | Fault::NoSegment) {
        bail!("this journal cannot be repaired, its beginning is gone or unknown. {damage}");
    }
    let whole = examined.bases.iter().filter_map(|base| base.read.as_ref().ok()).map(|read| read.highest);
    let last = whole.chain([examined.highest, examined.journal.last, damage.lsn]).max().unwrap_or_default();
    Ok(Loss { first: damage.lsn, last, perhaps_more: examined.is_blind })
}

fn make(
    data: &Path,
    to: &Path,
    examined: &Examined,
    lost: Option<Loss>,
    tell: &mut dyn FnMut(Told),
) -> anyhow::Result<Repaired> {
    folder::copy_data(data, to)?;
    let mut last = examined.journal.last;
    if let Some(lost) = lost {
        last = Lsn(lost.first.0 - 1);
        cut(&to.join("journal"), last).context("the copy of the journal cannot be cut")?;
    }
    let first = examined.journal.first;
    let mut left_out = 0;
    let mut bases = bases::read_all(to, tell)?;
    for base in bases.iter().filter(|base| base.fits(first, last).is_err()) {
        std::fs::remove_file(&base.path).with_context(|| format!("cannot remove {}", base.path.display()))?;
        left_out += 1;
    }
    bases.retain(|base| base.fits(first, last).is_ok());
    let store = match examined.store {
        StoreFound::Whole { highest, checkpoint, .. } if highest <= last && checkpoint.next() >= first => {
            folder::copy(&data.join("store"), &to.join("store"))?;
            StoreOf::Original
        }
        _ => match bases::make_store(&bases, (first, last), &to.join("store"), tell)? {
            Made::Copy(_, summary) => StoreOf::BaseCopy(summary.header.stamp.position),
            Made::Journal => StoreOf::Journal,
        },
    };
    folder::sync(to)?;
    Ok(Repaired { lost, last, store, left_out })
}
