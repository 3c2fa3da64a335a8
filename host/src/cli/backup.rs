//! `fishpond backup`: a backup of a running host, in one file.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;

use super::client::Client;
use super::progress::Progress;
use super::{Global, output};
use crate::backup::{self, FormatError, Manifest};

/// Take a backup of a running host, in one file
///
/// Everything that the host needs: the state, the journal as far as it is kept, the modules, the settings. The host goes on
/// serving; it keeps its journal until the backup is done. The state is that at the position which is told at the end. The
/// file is read once more and compared before it gets its name; only its owner can read it. Without --with-secrets a
/// restored host makes a new token and a new key, so tokens of end users end with it.
///
/// Example:
///
///     fishpond backup --to monday.backup
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "Next: `fishpond restore FILE --verify` looks at it again, --to restores it."
)]
pub struct BackupArgs {
    /// The file to be made
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// With the host's token and the key of end users' tokens
    #[arg(long)]
    with_secrets: bool,
}

pub fn run(arguments: &BackupArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let to = &arguments.to;
    ensure!(!to.exists(), "{} is there already: name another file", to.display());
    let mut name = to.clone().into_os_string();
    name.push(".unfinished");
    let unfinished = PathBuf::from(name);
    let taken = take(arguments, global, &unfinished);
    if taken.is_err() {
        // It is no backup; there is none if it could not be made.
        let _ = std::fs::remove_file(&unfinished);
    }
    let manifest = taken?;
    std::fs::rename(&unfinished, to).with_context(|| format!("cannot rename {}", unfinished.display()))?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).context("the new file's folder cannot be synced")?;
    output::print(&shown(&manifest, global, &format!("{} holds", to.display()))?)?;
    Ok(ExitCode::SUCCESS)
}

fn take(arguments: &BackupArgs, global: &Global, unfinished: &Path) -> anyhow::Result<Manifest> {
    let path = if arguments.with_secrets { "/v1/backup?secrets=true" } else { "/v1/backup" };
    let mut from = Client::new(global)?.download(path)?;
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(unfinished);
    let file = file.with_context(|| format!("cannot write {}", unfinished.display()))?;
    let mut progress = Progress::default();
    let copied = copy(&mut from, &file, &mut progress);
    let verified = backup::verify(unfinished, &mut |told| progress.tell("compared", told.done, told.total));
    progress.end();
    match (verified, copied) {
        // What the host said last explains more than a connection that ended.
        (Err(error), Err(_)) if is_given_up(&error) => Err(error),
        (_, Err(error)) => Err(error).context("the backup did not come whole: the host's log may say why"),
        (verified, Ok(())) => verified,
    }
}

fn is_given_up(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(FormatError::GivenUp { .. }))
}

fn copy(from: &mut impl Read, file: &File, progress: &mut Progress) -> io::Result<()> {
    let mut to = BufWriter::with_capacity(1 << 20, file);
    let (mut block, mut bytes) = (vec![0; 1 << 20], 0);
    loop {
        let read = from.read(&mut block)?;
        if read == 0 {
            break;
        }
        to.write_all(&block[..read])?;
        bytes += read as u64;
        progress.tell("received", bytes, 0);
    }
    to.flush()?;
    file.sync_all()
}

/// What a backup holds, for people or programs.
pub(super) fn shown(manifest: &Manifest, global: &Global, what: &str) -> anyhow::Result<String> {
    if global.json {
        return Ok(serde_json::to_string(manifest)?);
    }
    let bytes: u64 = manifest.parts.iter().map(|part| part.bytes).sum();
    let secrets = if manifest.secrets { "with" } else { "without" };
    let time = jiff::Timestamp::from_millisecond(manifest.time_ms as i64)
        .map_or_else(|_| "?".to_owned(), |time| time.to_string());
    Ok(format!(
        "{what} the state at position {}, taken {time} by {}\n{} of {bytes} bytes, positions {} to {} of the journal, \
         {secrets} secrets\n",
        manifest.last,
        output::visible(&manifest.made_by),
        output::count(manifest.parts.len() as u64, "part"),
        manifest.first,
        manifest.last,
    ))
}
