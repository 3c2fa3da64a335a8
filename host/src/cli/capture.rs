//! `fishpond capture`: a key's past as a scenario file, with the modules that it needs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::client::Client;
use super::{Global, deployment_name, output, seconds};
use crate::api::body::{CaptureAnswer, CapturedModuleView};

/// Write what is recorded of one key as a scenario file
///
/// The file holds the deployments, policies and chains that were in force, what was kept of the key before, everything that
/// came from outside, and below the line what was recorded. `fishpond test` plays it on any machine to the same outcome;
/// with a changed module it shows the difference. Times are those of the host's clock when it received an event.
///
/// Examples:
///
///     fishpond capture user:42 --around 2026-11-21T10:31 -o case.scenario --modules case
///     fishpond capture --deployment c2c --position 1042 -o trap.scenario --modules trap
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_help = "Next: `fishpond test case.scenario --modules case` plays it.")]
pub struct CaptureArgs {
    /// Whose past: the key as events carry it; `user:ID` also finds the key ID
    #[arg(required_unless_present = "position")]
    key: Option<String>,
    /// When it was received, RFC 3339 or 2026-11-21T10:31 (UTC)
    #[arg(long, value_name = "TIME", value_parser = time, required_unless_present = "position")]
    around: Option<String>,
    /// How much before and behind that time, as 90s or 10m
    #[arg(long, value_parser = seconds, default_value = "60s")]
    span: u64,
    /// A single input of the deployment, as `fishpond events failed` lists it
    #[arg(long, requires = "deployment", conflicts_with = "around")]
    position: Option<u64>,
    /// This deployment alone, without policies and chains
    #[arg(long, value_parser = deployment_name)]
    deployment: Option<String>,
    /// The file; standard output if not given
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Brings the modules that it deploys into this folder
    #[arg(long, value_name = "FOLDER")]
    modules: Option<PathBuf>,
}

pub fn run(arguments: &CaptureArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = Client::new(global)?;
    let parameters = [
        ("key", arguments.key.clone()),
        ("around", arguments.around.clone()),
        ("span_s", arguments.around.as_ref().map(|_| arguments.span.to_string())),
        ("position", arguments.position.map(|position| position.to_string())),
        ("deployment", arguments.deployment.clone()),
    ];
    let answer = client.get(&client.path(&["capture"]), &parameters)?;
    if global.json {
        output::print(answer.text())?;
        return Ok(ExitCode::SUCCESS);
    }
    let captured: CaptureAnswer = answer.parse()?;
    if let Some(folder) = &arguments.modules {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        captured.modules.iter().try_for_each(|module| fetch(&client, folder, module))?;
    }
    match &arguments.output {
        Some(file) => {
            std::fs::write(file, &captured.scenario).with_context(|| format!("cannot write {}", file.display()))?;
        }
        None => output::print(&captured.scenario)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn fetch(client: &Client, folder: &Path, module: &CapturedModuleView) -> anyhow::Result<()> {
    let bytes = client.bytes(&client.path(&["modules", &module.digest]))?;
    let file = folder.join(format!("{}.wasm", module.name));
    std::fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))
}

/// RFC 3339, also without seconds and zone.
fn time(text: &str) -> Result<String, String> {
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
    let full = match (text.len(), digits(text)) {
        (16, 12) => format!("{text}:00Z"),
        (19, 14) => format!("{text}Z"),
        _ => text.to_owned(),
    };
    super::time(&full)
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn a_time_may_be_a_minute() {
        let full = "2026-11-21T10:31:00Z".to_owned();
        for text in ["2026-11-21T10:31", "2026-11-21T10:31:00", "2026-11-21T10:31:00Z"] {
            assert_eq!(time(text), Ok(full.clone()), "{text}");
        }
        assert!(time("10:31").is_err());
    }
}
