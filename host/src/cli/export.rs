//! `fishpond export`: the journal of a stopped host as lines of JSON.

use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;

use super::Global;
use crate::config;
use crate::export::{Range, export};
use crate::model::Lsn;

/// Write the journal of a stopped host as JSON, one line for each frame
///
/// Events, ticks, changes of what runs, outcomes with everything that they changed and found, decisions, deliveries and what
/// came back, in the one order in which they happened, values exactly as recorded. Nothing is changed. An unfinished write at
/// the end, which a start would cut off, is left out; a damaged journal is refused.
///
/// Examples:
///
///     fishpond export ./fishpond-data -o journal.jsonl
///     fishpond export ./fishpond-data --from 1042 --to 1050
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_help = "Next: docs/export.md says what the lines hold.")]
pub struct ExportArgs {
    /// The data folder; that of --data if not given
    #[arg(value_name = "DATA")]
    folder: Option<PathBuf>,
    /// The first position; the first that the journal still has if not given
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(u64).range(1..))]
    from: Option<u64>,
    /// The last position; the last of the journal if not given
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(u64).range(1..))]
    to: Option<u64>,
    /// The file; standard output if not given
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub fn run(arguments: &ExportArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let ExportArgs { folder, from, to, output } = arguments;
    ensure!(from.unwrap_or(1) <= to.unwrap_or(u64::MAX), "--from is behind --to: nothing lies between them");
    let data = config::data_folder(folder.as_deref().or(global.data.as_deref()));
    let range = Range { from: from.map(Lsn), to: to.map(Lsn) };
    match output {
        Some(file) => {
            let out = std::fs::File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
            written(&data, range, BufWriter::new(out))
        }
        None => written(&data, range, BufWriter::new(std::io::stdout().lock())),
    }
}

fn written(data: &std::path::Path, range: Range, mut out: impl Write) -> anyhow::Result<ExitCode> {
    let count = export(data, range, &mut out).map_err(|error| match error {
        // So that a reader who left (`| head`) is noticed.
        crate::export::Error::Write(error) => anyhow::Error::new(error),
        other => other.into(),
    })?;
    out.flush()?;
    if count == 0 {
        eprintln!("nothing lies between these positions");
    }
    Ok(ExitCode::SUCCESS)
}
