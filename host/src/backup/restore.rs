//! Makes a data folder of a backup, or only looks whether one could be made. A folder that is not whole yet is marked, and no
//! host starts on it; after an error it is as empty as before.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use sha2::{Digest as _, Sha256};

use super::manifest::{BASE, JOURNAL, MODULES, Manifest, SETTINGS};
use super::read::{PartHead, Reader};
use super::take::SECRETS;
use crate::doctor::{is_free, making};
use crate::journal::verify_all;
use crate::model::{Digest, Lsn};
use crate::store::{Options, Summary, load_dump, read_dump, verify_dump};

const BUFFER_BYTES: usize = 1 << 20;
/// What sled may keep in memory meanwhile, bytes.
const CACHE_BYTES: u64 = 64 << 20;

/// How far it is: bytes of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    pub done: u64,
    pub total: u64,
}

/// What was restored.
pub type Restored = Manifest;

/// Reads all of a backup and compares everything that can be compared. Writes nothing.
pub fn verify(file: &Path, tell: &mut dyn FnMut(Told)) -> anyhow::Result<Manifest> {
    Ok(read(file, None, tell)?.0)
}

/// Makes a data folder of a backup in `to`, which must be empty or not there yet. A host on it goes on where the backup ends.
pub fn restore(file: &Path, to: &Path, tell: &mut dyn FnMut(Told)) -> anyhow::Result<Restored> {
    is_free(to)?;
    making(to, || whole(file, to, tell))
}

fn whole(file: &Path, to: &Path, tell: &mut dyn FnMut(Told)) -> anyhow::Result<Manifest> {
    let (manifest, base) = read(file, Some(to), tell)?;
    let journal = to.join("journal");
    let checked = verify_all(&journal, base.highest, &mut |_| {}).context("the restored journal cannot be verified")?;
    if let Some(damage) = checked.damaged.first() {
        bail!("the journal in the backup is damaged: {damage}");
    }
    ensure!(
        (checked.first.0, checked.last.0) == (manifest.first, manifest.last),
        "the journal in the backup has positions {} to {}, the manifest says {} to {}: use another backup",
        checked.first,
        checked.last,
        manifest.first,
        manifest.last
    );
    [&*journal, &to.join("modules"), to].into_iter().try_for_each(sync)?;
    Ok(manifest)
}

/// Reads the file once; with `to` what is in it comes there.
fn read(file: &Path, to: Option<&Path>, tell: &mut dyn FnMut(Told)) -> anyhow::Result<(Manifest, Summary)> {
    let opened = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    let total = opened.metadata().with_context(|| format!("cannot read {}", file.display()))?.len();
    if let Some(to) = to {
        for folder in ["journal", "modules"] {
            let folder = to.join(folder);
            fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
    }
    let mut reader = Reader::begin(BufReader::with_capacity(BUFFER_BYTES, opened))?;
    let mut base = None;
    while let Some(head) = reader.next_part()? {
        let result = part(&mut reader, &head, to, &mut base);
        if let Some(broken) = reader.broken() {
            return Err(broken.into());
        }
        result.with_context(|| format!("in the part {} of the backup", head.name))?;
        tell(Told { done: reader.offset, total });
    }
    let manifest = reader.finish()?;
    let base = base.context("the backup has no base copy: use another one")?;
    let next = base.header.checkpoints.iter().min().copied().unwrap_or_default().next();
    ensure!(
        next >= Lsn(manifest.first) && base.highest <= Lsn(manifest.last),
        "the base copy in the backup does not fit its journal: use another backup"
    );
    Ok((manifest, base))
}

fn part<R: Read>(
    from: &mut Reader<R>,
    head: &PartHead,
    to: Option<&Path>,
    base: &mut Option<Summary>,
) -> anyhow::Result<()> {
    let name = &*head.name;
    let kind = if name == BASE {
        *base = Some(store(from, to)?);
        return end(from);
    } else if let Some(digest) = name.strip_prefix(MODULES).and_then(|name| name.strip_suffix(".wasm")) {
        Plain::Module(Digest::parse(digest).context("its name is no digest")?)
    } else if name.strip_prefix(JOURNAL).is_some_and(is_plain) || name == SETTINGS {
        Plain::File(0o644)
    } else if SECRETS.contains(&name) {
        Plain::File(0o600)
    } else {
        bail!("this fishpond knows no such part");
    };
    plain(from, head, &kind, to)
}

/// A name of a file, without a folder.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name != ".." && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
}

fn store<R: Read>(from: &mut Reader<R>, to: Option<&Path>) -> anyhow::Result<Summary> {
    let Some(to) = to else { return Ok(verify_dump(from, |_| {})?) };
    // The header says how many directories the store had.
    let mut beginning = Vec::new();
    let header = *read_dump(Kept { from: &mut *from, kept: &mut beginning })?.header();
    let options = Options { directories: header.directories, cache_bytes: CACHE_BYTES, failpoints: Default::default() };
    Ok(load_dump(beginning.as_slice().chain(from), &to.join("store"), &options, |_| {})?)
}

/// Keeps what is read.
struct Kept<'a, R> {
    from: &'a mut R,
    kept: &'a mut Vec<u8>,
}

impl<R: Read> Read for Kept<'_, R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(bytes)?;
        self.kept.extend_from_slice(&bytes[..read]);
        Ok(read)
    }
}

/// The part must have been read to its end, where its sum is compared.
fn end<R: Read>(from: &mut Reader<R>) -> anyhow::Result<()> {
    let rest = io::copy(from, &mut io::sink())?;
    ensure!(rest == 0, "{rest} bytes follow what should be its end");
    Ok(())
}

enum Plain {
    /// With this mode.
    File(u32),
    Module(Digest),
}

fn plain<R: Read>(from: &mut Reader<R>, head: &PartHead, kind: &Plain, to: Option<&Path>) -> anyhow::Result<()> {
    let mode = if let Plain::File(mode) = kind { *mode } else { 0o644 };
    let path = to.map(|to| to.join(&head.name));
    let mut into = path.as_deref().map(|path| create(path, mode)).transpose()?;
    let (mut sum, mut block, mut bytes) = (Sha256::new(), vec![0; BUFFER_BYTES], 0);
    loop {
        let read = from.read(&mut block)?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        if let Plain::Module(_) = kind {
            sum.update(&block[..read]);
        }
        if let Some(into) = &mut into {
            into.write_all(&block[..read]).with_context(|| format!("cannot write {}", head.name))?;
        }
    }
    if let Plain::Module(digest) = kind {
        let found = Digest(sum.finalize().into());
        ensure!(
            found == *digest,
            "the module's bytes have the digest {found}: it was damaged before the backup was taken"
        );
    }
    if let Some(into) = into {
        let done = into.set_len(bytes.max(head.file_bytes)).and_then(|()| into.sync_all());
        done.with_context(|| format!("cannot write {}", head.name))?;
    }
    Ok(())
}

fn create(path: &Path, mode: u32) -> anyhow::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    file.with_context(|| format!("cannot write {}", path.display()))
}

fn sync(path: &Path) -> anyhow::Result<()> {
    File::open(path).and_then(|file| file.sync_all()).with_context(|| format!("cannot sync {}", path.display()))
}
