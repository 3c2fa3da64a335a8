//! `fishpond deployment apply`: a module and a configuration go live, or nothing changes.

use std::path::Path;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use serde_json::value::RawValue;

use super::show;
use crate::api::body::{Deploy, DeploymentView};
use crate::cli::client::{Client, Content};
use crate::cli::{Global, deployment_name, output};

/// Make a deployment, or give it a new revision
///
/// The module's own `configure` checks the configuration and an instance is tried first; whatever fails, nothing
/// changes. Events behind the moment of the change run on the new revision, earlier ones on the old, however late.
///
/// Example:
///
///     fishpond deployment apply c2c --module c2c-blacklist --config '{"different_users": 3}'
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "Next: `fishpond events send FILE.jsonl` sends it events, `fishpond matches` lists what it finds."
)]
pub struct ApplyArgs {
    /// Of the deployment: a-z, 0-9 and -
    #[arg(value_parser = deployment_name)]
    name: String,
    /// Name (its newest version), name@version, or a digest
    #[arg(long)]
    module: String,
    /// For the module; a text that begins with @ names a file
    #[arg(long, value_name = "JSON|@FILE", default_value = "{}")]
    config: String,
    /// What the module may do; what it asks for if not given, nothing if empty
    #[arg(long, value_name = "A,B")]
    permissions: Option<String>,
    /// After a trap or spent fuel
    #[arg(long)]
    on_error: Option<OnError>,
    /// Where a new deployment begins
    #[arg(long)]
    start: Option<Start>,
    /// After too many traps in a while
    #[arg(long)]
    on_quarantine: Option<OnQuarantine>,
    /// When it is further behind than `lag_max_bytes`
    #[arg(long)]
    on_lag: Option<OnLag>,
    /// `backlog`, of a paused deployment: the new revision handles what the old one has not, and the pause is over. A time,
    /// of a new one: it begins with what was written then, as far as the journal still has it
    #[arg(long, value_name = "backlog|TIME", value_parser = from, conflicts_with = "start")]
    from: Option<String>,
    /// With `--from backlog`: go on behind what retention has released before it was read
    #[arg(long)]
    accept_gap: bool,
}

/// `backlog`, or a time as the host wants it.
fn from(text: &str) -> Result<String, String> {
    if text == "backlog" { Ok(text.to_owned()) } else { crate::cli::time(text) }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OnQuarantine {
    /// It stands still until somebody helps (default)
    Stop,
    /// The last revision that was not quarantined takes over, from the backlog
    Rollback,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OnLag {
    /// It is paused, and nobody waits for it (default)
    Park,
    /// Its event types are refused (429) until it has caught up
    Block,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OnError {
    /// The event is listed as failed, the next one runs (default)
    Skip,
    /// The event's shard waits for an operator
    Pause,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Start {
    /// Events from now on (default)
    Latest,
    /// All events that are still kept
    Earliest,
}

pub(super) fn run(arguments: ApplyArgs, global: &Global) -> anyhow::Result<()> {
    let client = Client::new(global)?;
    let path = client.path(&["deployments", &arguments.name]);
    let body = serde_json::to_string(&request(arguments)?)?;
    let answer = client.put(&path, Content::json(&body))?;
    if global.json {
        return Ok(output::print(answer.text())?);
    }
    Ok(output::print(&show::state(&answer.parse::<DeploymentView>()?))?)
}

fn request(arguments: ApplyArgs) -> anyhow::Result<Deploy> {
    let name = |value: &dyn Fn() -> Option<String>| value();
    let split =
        |list: String| list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    Ok(Deploy {
        module: arguments.module,
        configuration: json(&arguments.config, "--config")?,
        permissions: arguments.permissions.map(split),
        on_error: name(&|| Some(arguments.on_error?.to_possible_value()?.get_name().to_owned())),
        on_quarantine: name(&|| Some(arguments.on_quarantine?.to_possible_value()?.get_name().to_owned())),
        on_lag: name(&|| Some(arguments.on_lag?.to_possible_value()?.get_name().to_owned())),
        start: name(&|| Some(arguments.start?.to_possible_value()?.get_name().to_owned())),
        from: arguments.from,
        accept_gap: arguments.accept_gap,
    })
}

/// JSON from a text or, behind `@`, from a file; kept as it is written.
pub(in crate::cli) fn json(argument: &str, option: &str) -> anyhow::Result<Box<RawValue>> {
    let (text, place) = match argument.strip_prefix('@') {
        Some("") => bail!("{option} @ needs the name of a file: {option} @configuration.json"),
        Some(file) => {
            let text = std::fs::read_to_string(Path::new(file)).with_context(|| format!("cannot read {file}"))?;
            (text, file)
        }
        None => (argument.to_owned(), option),
    };
    serde_json::from_str(&text).with_context(|| format!("{place} is not JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        apply: ApplyArgs,
    }

    fn body(arguments: &[&str]) -> String {
        let command =
            Command::try_parse_from(["apply", "c2c", "--module", "m"].iter().chain(arguments)).expect("arguments");
        serde_json::to_string(&request(command.apply).expect("a request")).expect("a body")
    }

    #[test]
    fn options_become_the_body_and_what_is_not_given_is_the_hosts() {
        assert_eq!(body(&[]), r#"{"module":"m","configuration":{}}"#);
        let all = [
            "--config",
            r#"{"b": 1.0, "a": 2}"#,
            "--permissions",
            "matches, ledger",
            "--on-error",
            "pause",
            "--on-quarantine",
            "rollback",
            "--on-lag",
            "block",
            "--from",
            "backlog",
            "--accept-gap",
        ];
        assert_eq!(
            body(&all),
            r#"{"module":"m","configuration":{"b": 1.0, "a": 2},"permissions":["matches","ledger"],"on_error":"pause","on_quarantine":"rollback","on_lag":"block","from":"backlog","accept_gap":true}"#
        );
        assert!(body(&["--start", "earliest"]).ends_with(r#","start":"earliest"}"#));
        assert!(body(&["--from", "2026-11-20T10:00:00Z"]).ends_with(r#","from":"2026-11-20T10:00:00Z"}"#));
        let wrong = ["apply", "c2c", "--module", "m", "--from", "yesterday"];
        assert!(Command::try_parse_from(wrong).is_err_and(|error| error.to_string().contains("2026-07-01T10:31:00Z")));
        assert!(body(&["--permissions", ""]).contains(r#""permissions":[]"#));
    }

    #[test]
    fn json_comes_from_texts_and_files_and_mistakes_are_placed() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("c.json");
        let argument = format!("@{}", file.display());
        assert!(format!("{:#}", json(&argument, "--config").expect_err("absent")).starts_with("cannot read "));
        std::fs::write(&file, "{\"a\":\n 1}\n").expect("a file");
        assert_eq!(json(&argument, "--config").expect("JSON").get(), "{\"a\":\n 1}");
        std::fs::write(&file, "{\"a\":\n x}\n").expect("a file");
        let error = format!("{:#}", json(&argument, "--config").expect_err("no JSON"));
        assert!(error.contains("c.json is not JSON: expected value at line 2 column 2"), "{error}");
        assert!(json("{", "--config").is_err() && json("@", "--config").is_err());
    }
}
