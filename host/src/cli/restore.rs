//! `fishpond restore`: a data folder made of a backup.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::backup::shown;
use super::progress::Progress;
use super::{Global, output};
use crate::backup;

/// Make a data folder of a backup, or look whether it is whole
///
/// Everything in the file is compared before a host can start on the folder. A file that was cut or altered is refused with
/// the part and the byte where it is damaged, and the folder stays empty. A host on the folder goes on where the backup ends:
/// what was decided until then and not handed over yet, it hands over. Never let it run beside the host that the backup is of.
///
/// Examples:
///
///     fishpond restore monday.backup --verify
///     fishpond restore monday.backup --to ./restored
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_help = "Next: `fishpond serve --data ./restored`.")]
pub struct RestoreArgs {
    /// The backup
    file: PathBuf,
    /// An empty folder, or one that is not there yet
    #[arg(long, value_name = "DATA", required_unless_present = "verify")]
    to: Option<PathBuf>,
    /// Compare everything in the file and write nothing
    #[arg(long, conflicts_with = "to")]
    verify: bool,
}

pub fn run(arguments: &RestoreArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let mut progress = Progress::default();
    let mut tell = |told: backup::Told| progress.tell("read", told.done, told.total);
    let (manifest, what) = match &arguments.to {
        Some(to) => (backup::restore(&arguments.file, to, &mut tell)?, format!("{} holds", to.display())),
        None => {
            (backup::verify(&arguments.file, &mut tell)?, format!("{} is whole: it holds", arguments.file.display()))
        }
    };
    progress.end();
    output::print(&shown(&manifest, global, &what)?)?;
    Ok(ExitCode::SUCCESS)
}
