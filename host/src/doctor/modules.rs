//! Module files against the digests that they are named by, and those that control frames name.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use sha2::{Digest as _, Sha256};

use super::finding::{Finding, Part, Told};
use super::folder;
use crate::codec::{Interner, decode_frame};
use crate::model::{Change, Digest, Frame};

/// Texts that control frames share while they are read.
const SHARED_TEXTS: usize = 64;

const REMEDY: &str =
    "upload the same module again (`fishpond module upload`): it keeps its digest, and deployments go on";

/// What a control frame says of a module, if it does.
pub(super) fn named(bytes: &[u8]) -> Option<Digest> {
    let Ok(Frame::Control(control)) = decode_frame(bytes, &mut Interner::new(SHARED_TEXTS)) else { return None };
    match control.change {
        Change::ModuleUploaded { digest, .. } => Some(digest),
        _ => None,
    }
}

/// Reads all module files; `wanted` are those that must be there. Answers how many are whole.
pub(super) fn check(
    data: &Path,
    wanted: &BTreeSet<Digest>,
    findings: &mut Vec<Finding>,
    tell: &mut dyn FnMut(Told),
) -> anyhow::Result<usize> {
    let folder = data.join("modules");
    let files = if folder.is_dir() { folder::entries(&folder)? } else { Vec::new() };
    let digest = |path: &Path| {
        let stem = path.extension().filter(|ending| *ending == "wasm").and_then(|_| path.file_stem());
        stem.and_then(|stem| Digest::parse(&stem.to_string_lossy()))
    };
    let mut whole = BTreeSet::new();
    let files: Vec<_> = files.iter().filter_map(|path| Some((digest(path)?, path))).collect();
    for (number, (digest, path)) in files.iter().enumerate() {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        tell(Told { part: Part::Modules, done: number as u64 + 1, total: files.len() as u64 });
        let found = Digest(Sha256::digest(&bytes).into());
        if found == *digest {
            whole.insert(*digest);
            continue;
        }
        let what = format!("its bytes have the digest {found}: deployments of it cannot run");
        let place = path.display().to_string();
        findings.push(Finding { part: Part::Modules, place, what, remedy: REMEDY.to_owned() });
    }
    let there: BTreeSet<Digest> = files.iter().map(|(digest, _)| *digest).collect();
    for missing in wanted.difference(&there) {
        let place = folder.join(format!("{missing}.wasm")).display().to_string();
        let what = "the file is missing: deployments of it cannot run".to_owned();
        findings.push(Finding { part: Part::Modules, place, what, remedy: REMEDY.to_owned() });
    }
    Ok(whole.len())
}
