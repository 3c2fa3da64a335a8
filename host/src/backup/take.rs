//! Takes a backup of a running host: first a base copy, then the modules, then the journal past the highest row of the copy.
//! Redo over the copy is exact, so the three need not be of one moment; the state is that where the journal ends.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;

use super::format::Writer;
use super::manifest::{BASE, JOURNAL, MODULES, Manifest, SETTINGS};
use crate::config::token::{FILE_NAME, USER_KEY_FILE};
use crate::journal::{Log, Pin};
use crate::model::Lsn;
use crate::model::ports::Backup;
use crate::registry::Clock;
use crate::store::{Stamp, Store};

/// Token, and the key of users' tokens.
pub(super) const SECRETS: [&str; 2] = [FILE_NAME, USER_KEY_FILE];

/// What backups are taken of.
pub struct Taker {
    pub log: Log,
    pub store: Arc<Store>,
    /// The data folder.
    pub data: PathBuf,
    pub clock: Clock,
}

/// A whole backup.
pub type Taken = Manifest;

impl Taker {
    /// Writes a backup with everything that is durable now, at least. Retention waits until it is done; nothing else does.
    /// After an error what was written says why, if it can be written at all.
    pub fn take(&self, secrets: bool, to: &mut dyn Write) -> anyhow::Result<Taken> {
        let mut writer = Writer::begin(to)?;
        match self.parts(secrets, &mut writer) {
            Ok(manifest) => Ok(writer.finish(manifest)?),
            Err(error) => {
                // Whoever does not read any more needs no reason.
                let _ = writer.give_up(&format!("{error:#}"));
                Err(error)
            }
        }
    }

    fn parts<W: Write>(&self, secrets: bool, writer: &mut Writer<W>) -> anyhow::Result<Manifest> {
        // Before the checkpoint is looked at: what is behind it must stay.
        let pin = self.log.journal().pin();
        let (asked, time_ms) = (self.log.journal().durable(), (self.clock)());
        let stamp = Stamp { position: self.store.checkpoint(), time_ms };
        writer.part(BASE, 0)?;
        let dumped = self.store.dump(writer, stamp, |_| {}).context("the store cannot be copied")?;
        writer.end_part()?;
        let (first, last) = journal(&pin, asked.max(dumped.highest), writer)?;
        // Behind the journal: whatever its frames name was written before them.
        self.modules(writer)?;
        optional(&self.data, SETTINGS, writer)?;
        if secrets {
            SECRETS.iter().try_for_each(|name| optional(&self.data, name, writer))?;
        }
        let made_by = format!("fishpond {}", env!("CARGO_PKG_VERSION"));
        let checkpoint = stamp.position.0;
        Ok(Manifest { made_by, time_ms, first: first.0, last: last.0, checkpoint, secrets, parts: Vec::new() })
    }

    fn modules<W: Write>(&self, writer: &mut Writer<W>) -> anyhow::Result<()> {
        let folder = self.data.join("modules");
        let names =
            std::fs::read_dir(&folder).and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect());
        let mut names: Vec<_> = names.with_context(|| format!("cannot read {}", folder.display()))?;
        names.sort();
        for name in names.iter().map(|name| name.to_string_lossy()).filter(|name| name.ends_with(".wasm")) {
            let path = folder.join(&*name);
            let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            writer.whole(&format!("{MODULES}{name}"), &bytes)?;
        }
        Ok(())
    }
}

/// Each segment is verified, then copied.
fn journal<W: Write>(pin: &Pin<'_>, upto: Lsn, writer: &mut Writer<W>) -> anyhow::Result<(Lsn, Lsn)> {
    let (snapshot, pieces) = pin.pieces(upto).context("the journal cannot be copied")?;
    for piece in pieces {
        piece.verify().context("the journal is not copied as it is")?;
        writer.part(&format!("{JOURNAL}{}", piece.name), piece.bytes)?;
        let copied = piece.open().and_then(|mut from| io::copy(&mut from, writer));
        let copied = copied.with_context(|| format!("cannot copy {}", piece.name))?;
        anyhow::ensure!(copied == piece.used(), "{} has become shorter while it was copied", piece.name);
        writer.end_part()?;
    }
    Ok((snapshot.first, snapshot.last))
}

/// A file that need not be there.
fn optional<W: Write>(data: &Path, name: &str, writer: &mut Writer<W>) -> anyhow::Result<()> {
    let path = data.join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Ok(writer.whole(name, &bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

impl Backup for Taker {
    fn backup(&self, secrets: bool, to: &mut dyn Write) -> Result<Lsn, String> {
        self.take(secrets, to).map(|taken| Lsn(taken.last)).map_err(|error| format!("{error:#}"))
    }
}
