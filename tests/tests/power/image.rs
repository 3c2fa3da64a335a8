//! What the disk may hold when the power comes back: of each page that was not yet synced either state, of each file any
//! length between, of each name either file.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use fastrand::Rng;
use fishpond::model::Lsn;

use super::disk::{Content, Name, PAGE, Version};

/// A moment at which the power goes.
pub struct Cut {
    /// Between which two steps of the host.
    pub kind: String,
    /// The host has said that everything up to here is durable.
    pub durable: Lsn,
    pub names: Vec<Name>,
}

/// Chances in ten that what was not synced is on the disk: nothing of it, all of it, and in between.
const CHANCES: [u8; 5] = [0, 2, 5, 8, 10];

impl Cut {
    /// Makes one of the folders that it may leave.
    pub fn image(&self, rng: &mut Rng, into: &Path) {
        let chance = CHANCES[rng.usize(..CHANCES.len())];
        for name in &self.names {
            // sled removes a file when what has replaced it was written to the disk: a barrier comes with the removal.
            let removed = name.is.is_none() && name.path.parent().is_some_and(|above| above.ends_with("blobs"));
            let version = match name.same || lucky(rng, if removed { chance / 10 * 10 } else { chance }) {
                true => &name.is,
                false => &name.was,
            };
            let path = into.join(&name.path);
            std::fs::create_dir_all(path.parent().expect("a folder above")).expect("a folder");
            if let Some(version) = version {
                write(version, rng, chance, &path);
            }
        }
    }

    /// Pages that are not sure to be there.
    pub fn open_pages(&self) -> usize {
        let open = |version: &Version| {
            let Version { durable, current } = version;
            let same = durable.pages.iter().zip(&current.pages).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
            durable.pages.len().max(current.pages.len()) - same
        };
        self.names.iter().filter_map(|name| name.is.as_ref()).map(open).sum()
    }
}

fn lucky(rng: &mut Rng, chance: u8) -> bool {
    rng.u8(..10) < chance
}

fn write(version: &Version, rng: &mut Rng, chance: u8, path: &Path) {
    let Version { durable, current } = version;
    // Who makes a file shorter had written everything before to the disk: a barrier comes with the new length, and the
    // file has either the old one or that and all.
    let (chance, bytes) = match current.bytes < durable.bytes {
        true if lucky(rng, chance) => (10, current.bytes),
        true => (chance, durable.bytes),
        false => (chance, length(durable, current, rng, chance)),
    };
    let file = File::create(path).expect("a file");
    for number in 0..bytes.div_ceil(PAGE as u64) as usize {
        let (old, new) = (durable.pages.get(number), current.pages.get(number));
        let page = match (old, new) {
            (Some(old), Some(new)) if Arc::ptr_eq(old, new) => Some(new),
            (_, Some(new)) if lucky(rng, chance) => Some(new),
            _ => old,
        };
        if let Some(page) = page.filter(|page| page.iter().any(|byte| *byte != 0)) {
            file.write_all_at(page, (number * PAGE) as u64).expect("a page");
        }
    }
    file.set_len(bytes).expect("a length");
}

/// Of a file that has grown.
fn length(durable: &Content, current: &Content, rng: &mut Rng, chance: u8) -> u64 {
    let (least, most) = (durable.bytes, current.bytes);
    match lucky(rng, chance) {
        true => most,
        false if rng.bool() => least,
        false => ((least + rng.u64(..=most - least)) / PAGE as u64 * PAGE as u64).max(least),
    }
}
