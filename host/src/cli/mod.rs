//! The command line: one file for each command. Commands print answers on standard output and everything else on
//! standard error; they end with 0, with 1 after a failure, with 2 after a mistake in the command itself.

mod alert;
mod backfill;
mod backup;
mod bench;
mod capture;
mod chain;
mod child;
mod client;
mod decision;
mod demo;
mod deployment;
mod doctor;
mod events;
mod export;
mod limits;
mod local;
mod matches;
mod module;
mod output;
mod pages;
mod policy;
mod progress;
mod restore;
mod serve;
mod tag;
mod test;
mod trace;
mod user;

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

pub use bench::{BenchArgs, BenchRule};
pub use demo::DemoArgs;
pub use test::TestArgs;

use crate::model::check_name;

/// Fishpond: rules as WebAssembly modules over a stream of behaviour events
///
/// A host accepts CloudEvents, keeps them in a journal, runs deployed modules
/// on them, and tells what they found and why.
///
/// To begin, in two terminals:
///
///     fishpond serve
///     fishpond module upload plugins/c2c-blacklist
///     fishpond deployment apply c2c --module c2c-blacklist
///     fishpond events send visits.jsonl
///     fishpond matches
#[derive(Parser, Debug)]
#[command(name = "fishpond", version, disable_help_subcommand = true, verbatim_doc_comment)]
#[command(
    after_help = "Next: `fishpond demo` shows all of it at work, `fishpond COMMAND --help` explains one command."
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command. Some commands need only some of them.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// The host
    #[arg(long, global = true, value_name = "URL", env = "FISHPOND_URL", default_value = "http://127.0.0.1:7878")]
    url: String,
    /// The host's token; read from the data folder if not given
    #[arg(long, global = true, value_name = "TOKEN", env = "FISHPOND_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Data folder of the host, with its token [env: FISHPOND_DATA] [default: ./fishpond-data]
    #[arg(long, global = true, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Who owns modules, deployments and events
    #[arg(long, global = true, value_name = "NAME", env = "FISHPOND_BUSINESS", default_value = "demo", value_parser = business_name)]
    business: String,
    /// Answers as JSON, for programs
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand, Debug)]
enum Command {
    Serve(serve::ServeArgs),
    Demo(DemoArgs),
    /// Make, build, check, upload and list modules
    #[command(subcommand)]
    Module(module::ModuleCommand),
    /// Run modules with configurations, look at them, stop them
    #[command(subcommand)]
    Deployment(deployment::DeploymentCommand),
    /// See what needs an operator
    #[command(subcommand)]
    Alert(alert::AlertCommand),
    /// Say what is done about a match
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Say which filters judge a message, in which order
    #[command(subcommand)]
    Chain(chain::ChainCommand),
    /// Look at what was decided, and why not more
    #[command(subcommand)]
    Decision(decision::DecisionCommand),
    /// Look at what persons are tagged with
    #[command(subcommand)]
    Tag(tag::TagCommand),
    /// Be an app for one person: its token, its actions
    #[command(subcommand)]
    User(user::UserCommand),
    /// Send events; list, show and resend those that could not be handled
    #[command(subcommand)]
    Events(events::EventsCommand),
    Matches(matches::MatchesArgs),
    Trace(trace::TraceArgs),
    Capture(capture::CaptureArgs),
    Backfill(backfill::BackfillArgs),
    Backup(backup::BackupArgs),
    Restore(restore::RestoreArgs),
    /// Look at the data folder of a stopped host, mend what is damaged
    #[command(subcommand)]
    Doctor(doctor::DoctorCommand),
    Export(export::ExportArgs),
    Test(TestArgs),
    Bench(BenchArgs),
    Limits(limits::LimitsArgs),
}

/// Reads the command line of this process and does what it says.
pub fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) if reader_left(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(Cli { global, command }: Cli) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(arguments) => serve::run(&arguments, &global),
        Command::Demo(arguments) => demo::run(DemoArgs { data: global.data, json: global.json, ..arguments }),
        Command::Module(command) => module::run(command, &global),
        Command::Deployment(command) => deployment::run(command, &global),
        Command::Alert(command) => alert::run(command, &global),
        Command::Policy(command) => policy::run(command, &global),
        Command::Chain(command) => chain::run(command, &global),
        Command::Decision(command) => decision::run(command, &global),
        Command::Tag(command) => tag::run(command, &global),
        Command::User(command) => user::run(command, &global),
        Command::Events(command) => events::run(command, &global),
        Command::Matches(arguments) => matches::run(&arguments, &global),
        Command::Trace(arguments) => trace::run(arguments, &global),
        Command::Capture(arguments) => capture::run(&arguments, &global),
        Command::Backfill(arguments) => backfill::run(&arguments, &global),
        Command::Backup(arguments) => backup::run(&arguments, &global),
        Command::Restore(arguments) => restore::run(&arguments, &global),
        Command::Doctor(command) => doctor::run(command, &global),
        Command::Export(arguments) => export::run(&arguments, &global),
        Command::Test(arguments) => local::test(TestArgs { json: global.json, ..arguments }),
        Command::Bench(arguments) => bench::run(BenchArgs { json: global.json, ..arguments }),
        Command::Limits(arguments) => limits::run(&arguments, &global),
    }
}

/// `fishpond matches | head` is no failure.
fn reader_left(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

fn business_name(text: &str) -> Result<String, String> {
    check_name("business", text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

fn deployment_name(text: &str) -> Result<String, String> {
    check_name("deployment", text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

/// RFC 3339, as the host wants it.
fn time(text: &str) -> Result<String, String> {
    let parsed = text.parse::<jiff::Timestamp>();
    parsed.map(|_| text.to_owned()).map_err(|error| format!("{error}; write it as 2026-07-01T10:31:00Z"))
}

/// `90s`, `10m`, `24h`, `7d`: seconds.
fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no time span: write a number with s, m, h or d, as 90s or 24h");
    let unit = match text.chars().next_back() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    number.checked_mul(unit).filter(|seconds| *seconds > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests;
