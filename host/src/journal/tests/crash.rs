//! Simulated power cuts, many seeds: at a random sync the machine dies, and of
//! everything not yet synced each sector is the old or the new one. Afterwards
//! whatever was acknowledged is there, and what is there is a prefix of what was
//! appended.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::journal::Failpoints;

const SEEDS: u64 = 40;
const LIVES: u64 = 6;
const SECTOR_BYTES: usize = 512;

#[test]
fn whatever_was_acknowledged_survives_power_cuts() {
    for seed in 0..SEEDS {
        let run = std::panic::catch_unwind(|| power_cuts(seed));
        assert!(run.is_ok(), "failed with seed {seed}");
    }
}

fn power_cuts(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut appended: Vec<Vec<u8>> = Vec::new();
    let mut acknowledged = 0;
    for life in 1..=LIVES {
        let power = Power::new(dir.path(), rng.u32(1..25));
        let idle_after = if rng.bool() { Duration::ZERO } else { NEVER };
        // Index files outlive the power cut as they are: they must not be believed where they do not fit.
        let verify_from = Lsn(rng.u64(..=acknowledged + 1));
        let options = Options { failpoints: power.failpoints(), idle_after, verify_from, ..small() };
        let evidence = rng.u64(..=acknowledged);
        let (journal, opened) = try_open(dir.path(), options, evidence).unwrap();
        let last = opened.last.0;
        assert!(last >= acknowledged, "lost {}..={acknowledged}", last + 1);
        appended.truncate(last as usize);
        assert_eq!(read_all(&journal), appended);
        appended_until_the_cut(&journal, life, &mut rng, &mut appended);
        acknowledged = journal.durable().0;
        drop(journal);
        restore(dir.path(), &power.left_over(&mut rng));
    }
    let (journal, opened) = try_open(dir.path(), small(), acknowledged).unwrap();
    assert!(opened.last.0 >= acknowledged);
    assert_eq!(read_all(&journal), appended[..opened.last.0 as usize]);
}

fn appended_until_the_cut(journal: &Journal, life: u64, rng: &mut fastrand::Rng, appended: &mut Vec<Vec<u8>>) {
    loop {
        let first = appended.len() as u64 + 1;
        let batch: Vec<_> = (first..first + rng.u64(1..30)).map(|l| frame(life, l)).collect();
        match journal.append(batch.clone()) {
            Ok(range) => {
                assert_eq!(*range.start(), Lsn(first));
                appended.extend(batch);
                if rng.bool() && journal.wait_durable(*range.end()).is_err() {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

/// What the disk held before and after the write at which the power fails.
#[derive(Clone)]
struct Power {
    dir: PathBuf,
    left: Arc<AtomicU32>,
    synced: Arc<Mutex<Image>>,
    written: Arc<Mutex<Image>>,
}

impl Power {
    fn new(dir: &Path, writes: u32) -> Power {
        let (synced, written) = Default::default();
        Power { dir: dir.into(), left: Arc::new(AtomicU32::new(writes)), synced, written }
    }

    fn failpoints(&self) -> Failpoints {
        let (before, after) = (self.clone(), self.clone());
        Failpoints {
            before_write: Some(Arc::new(move |_| {
                if before.left.fetch_sub(1, Ordering::SeqCst) == 1 {
                    *before.synced.lock().unwrap() = image(&before.dir);
                }
                Ok(())
            })),
            before_sync: Some(Arc::new(move |_| {
                if after.left.load(Ordering::SeqCst) > 0 {
                    return Ok(());
                }
                *after.written.lock().unwrap() = image(&after.dir);
                Err(io::Error::other("power cut"))
            })),
            ..Failpoints::default()
        }
    }

    /// One of the images that the cut can leave.
    fn left_over(&self, rng: &mut fastrand::Rng) -> Image {
        let synced = self.synced.lock().unwrap();
        let mut written = self.written.lock().unwrap().clone();
        let mode = rng.u8(..5);
        let created: Vec<_> = written.keys().filter(|p| !synced.contains_key(*p)).cloned().collect();
        // The power may fail while a segment is created, before its first group.
        for path in created {
            let bytes = written.get_mut(&path).unwrap();
            match rng.u8(..6) {
                0 => drop(written.remove(&path)),
                1 => bytes.clear(),
                2 => bytes.fill(0),
                3 => bytes.truncate(PAGE_BYTES),
                _ => mix(&header_only(bytes), bytes, mode, rng),
            }
        }
        for (path, old) in synced.iter() {
            mix(old, written.get_mut(path).unwrap(), mode, rng);
        }
        written
    }
}

fn header_only(bytes: &[u8]) -> Vec<u8> {
    let mut header = bytes.to_vec();
    header[PAGE_BYTES..].fill(0);
    header
}

/// Puts the old content of some sectors back.
fn mix(old: &[u8], new: &mut [u8], mode: u8, rng: &mut fastrand::Rng) {
    let changed: Vec<_> = (0..new.len() / SECTOR_BYTES)
        .map(|i| i * SECTOR_BYTES..(i + 1) * SECTOR_BYTES)
        .filter(|s| old[s.clone()] != new[s.clone()])
        .collect();
    let border = rng.usize(..=changed.len());
    for (i, sector) in changed.into_iter().enumerate() {
        let lost = match mode {
            0 => true,
            1 => false,
            2 => i >= border,
            3 => i < border,
            _ => rng.bool(),
        };
        if lost {
            new[sector.clone()].copy_from_slice(&old[sector]);
        }
    }
}
