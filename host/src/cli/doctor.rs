//! `fishpond doctor`: looks at the data folder of a stopped host and mends what can be mended.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::progress::Progress;
use super::{Global, output};
use crate::config;
use crate::doctor::{self, Examined, Rebuilt, Repaired, StoreFound, StoreOf, Told};

#[derive(Subcommand, Debug)]
pub enum DoctorCommand {
    Verify(VerifyArgs),
    Rebuild(RebuildArgs),
    Repair(RepairArgs),
}

/// Read everything in a data folder and say what is damaged
///
/// Every group of the journal, every row of the store, every base copy, every module. Each fault is told with its place, what
/// it means, and the command that mends it. Nothing is changed, except that the store is opened as a start opens it. Ends with
/// 1 if something is damaged. The host must be stopped.
///
/// Example:
///
///     fishpond doctor verify ./fishpond-data
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_help = "Next: what each fault says; `fishpond serve` if there is none.")]
pub struct VerifyArgs {
    /// The data folder; that of --data if not given
    #[arg(value_name = "DATA")]
    folder: Option<PathBuf>,
}

/// Make the store again from a base copy and the journal
///
/// From the newest base copy that is whole; from the one before it if the newest is damaged; from the journal alone if that has
/// everything. Nothing is lost: the next start redoes what is behind the copy. The old store is put aside as
/// `store.replaced-N`; remove it when the host serves. With --to the folder is copied and stays as it is. The host must be stopped.
///
/// Example:
///
///     fishpond doctor rebuild ./fishpond-data
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_help = "Next: `fishpond serve`.")]
pub struct RebuildArgs {
    /// The data folder; that of --data if not given
    #[arg(value_name = "DATA")]
    folder: Option<PathBuf>,
    /// Makes a copy here, with the new store, instead
    #[arg(long, value_name = "NEW")]
    to: Option<PathBuf>,
}

/// Make a copy of a data folder without what is damaged
///
/// The original is not changed. A damaged store is made again. A damaged journal is cut below its first damaged position: what
/// lies behind is lost, though it was acknowledged, so that needs --accept-loss; without it you are told how much that is.
/// Module files cannot be repaired: upload them again. The host must be stopped.
///
/// Example:
///
///     fishpond doctor repair ./fishpond-data --to ./repaired
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "Next: `fishpond serve --data NEW`; producers may send what was lost again."
)]
pub struct RepairArgs {
    /// The data folder; that of --data if not given
    #[arg(value_name = "DATA")]
    folder: Option<PathBuf>,
    /// An empty folder, or one that is not there yet
    #[arg(long, value_name = "NEW")]
    to: PathBuf,
    /// Give up the damaged position of the journal and everything behind it
    #[arg(long)]
    accept_loss: bool,
}

pub fn run(command: DoctorCommand, global: &Global) -> anyhow::Result<ExitCode> {
    let mut progress = Progress::default();
    let mut tell = |told: Told| progress.tell(&told.part.to_string(), told.done, told.total);
    let folder = |named: &Option<PathBuf>| config::data_folder(named.as_deref().or(global.data.as_deref()));
    let (text, value, code) = match &command {
        DoctorCommand::Verify(arguments) => {
            let examined = doctor::examine(&folder(&arguments.folder), &mut tell)?;
            let code = if examined.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
            (render_examined(&examined), examined_json(&examined), code)
        }
        DoctorCommand::Rebuild(arguments) => {
            let rebuilt = doctor::rebuild(&folder(&arguments.folder), arguments.to.as_deref(), &mut tell)?;
            (render_rebuilt(&rebuilt), rebuilt_json(&rebuilt), ExitCode::SUCCESS)
        }
        DoctorCommand::Repair(arguments) => {
            let repaired = doctor::repair(&folder(&arguments.folder), &arguments.to, arguments.accept_loss, &mut tell)?;
            (render_repaired(&repaired), repaired_json(&repaired), ExitCode::SUCCESS)
        }
    };
    progress.end();
    output::print(&if global.json { value.to_string() } else { text })?;
    Ok(code)
}

fn render_examined(examined: &Examined) -> String {
    let journal = &examined.journal;
    let mut text = format!(
        "journal      positions {} to {}, {}, {} bytes\n",
        journal.first,
        journal.last,
        output::count(journal.segments as u64, "segment"),
        journal.bytes
    );
    if let Some(unfinished) = &journal.unfinished {
        let place = format!("{}, byte {}", unfinished.segment.display(), unfinished.offset);
        text +=
            &format!("             an unfinished write in {place}, which nobody was told of: the next start cuts it\n");
    }
    text += &match &examined.store {
        StoreFound::Missing => "store        none: the next start makes it\n".to_owned(),
        StoreFound::Damaged => "store        damaged\n".to_owned(),
        StoreFound::Whole { rows, checkpoint, .. } => {
            format!("store        {}, checkpoint {checkpoint}\n", output::count(*rows, "row"))
        }
    };
    text += &format!("base copies  {} that fit the journal\n", examined.base_copies);
    text += &format!("modules      {} whole\n", examined.modules);
    if examined.findings.is_empty() {
        return text + "nothing is damaged\n";
    }
    for finding in &examined.findings {
        let (place, what) = (output::visible(&finding.place), output::visible(&finding.what));
        text += &format!("\nDAMAGED {} {place}\n  {what}\n  to do: {}\n", finding.part, finding.remedy);
    }
    text
}

fn examined_json(examined: &Examined) -> serde_json::Value {
    let finding = |finding: &doctor::Finding| json!({ "part": finding.part.to_string(), "place": finding.place, "what": finding.what, "remedy": finding.remedy });
    let store = match examined.store {
        StoreFound::Missing => json!({ "state": "missing" }),
        StoreFound::Damaged => json!({ "state": "damaged" }),
        StoreFound::Whole { rows, checkpoint, highest } => {
            json!({ "state": "whole", "rows": rows, "checkpoint": checkpoint.0, "highest": highest.0 })
        }
    };
    json!({
        "journal": { "first": examined.journal.first.0, "last": examined.journal.last.0,
            "segments": examined.journal.segments, "bytes": examined.journal.bytes },
        "store": store,
        "base_copies": examined.base_copies,
        "modules": examined.modules,
        "findings": examined.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn render_rebuilt(rebuilt: &Rebuilt) -> String {
    let mut text = match &rebuilt.from {
        Some(from) => {
            let rows = output::count(rebuilt.rows, "row");
            format!("the store was made from {}: {rows} at position {}\n", from.display(), rebuilt.position)
        }
        None => "the journal has everything: the next start makes the store from it\n".to_owned(),
    };
    text += &format!("the next start redoes the journal from there up to position {}\n", rebuilt.last);
    for aside in &rebuilt.put_aside {
        text += &format!("a damaged base copy was put aside as {}\n", aside.display());
    }
    if let Some(replaced) = &rebuilt.replaced {
        text += &format!("the old store is {}: remove it when the host serves\n", replaced.display());
    }
    text
}

fn rebuilt_json(rebuilt: &Rebuilt) -> serde_json::Value {
    json!({ "from": rebuilt.from, "position": rebuilt.position.0, "rows": rebuilt.rows, "last": rebuilt.last.0,
        "replaced": rebuilt.replaced, "put_aside": rebuilt.put_aside })
}

fn render_repaired(repaired: &Repaired) -> String {
    let mut text = match repaired.lost {
        Some(lost) => {
            let more =
                if lost.perhaps_more { ", or more: the store cannot say how far the journal reached" } else { "" };
            format!("lost: positions {} to {}, {} frames{more}\n", lost.first, lost.last, lost.count())
        }
        None => "nothing of the journal is lost\n".to_owned(),
    };
    text += &format!("the journal ends with position {}\n", repaired.last);
    text += &match repaired.store {
        StoreOf::Original => "the store was whole and was copied\n".to_owned(),
        StoreOf::BaseCopy(position) => format!("the store was made from the base copy of position {position}\n"),
        StoreOf::Journal => "the next start makes the store from the journal\n".to_owned(),
    };
    if repaired.left_out > 0 {
        text += &format!("{} base copies did not fit and were left out\n", repaired.left_out);
    }
    text
}

fn repaired_json(repaired: &Repaired) -> serde_json::Value {
    let store = match repaired.store {
        StoreOf::Original => json!("original"),
        StoreOf::BaseCopy(position) => json!({ "base_copy": position.0 }),
        StoreOf::Journal => json!("journal"),
    };
    let lost = repaired
        .lost
        .map(|lost| json!({ "first": lost.first.0, "last": lost.last.0, "perhaps_more": lost.perhaps_more }));
    json!({ "lost": lost, "last": repaired.last.0, "store": store, "left_out": repaired.left_out })
}
