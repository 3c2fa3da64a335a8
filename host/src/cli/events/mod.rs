//! `fishpond events`: sending them, and those that a deployment could not handle.

mod failed;
mod lines;
mod pace;
mod report;
mod send;

use std::process::ExitCode;

use clap::Subcommand;

use super::Global;

#[derive(Subcommand, Debug)]
pub enum EventsCommand {
    Send(send::SendArgs),
    Failed(failed::FailedArgs),
}

pub fn run(command: EventsCommand, global: &Global) -> anyhow::Result<ExitCode> {
    match command {
        EventsCommand::Send(arguments) => send::run(arguments, global),
        EventsCommand::Failed(arguments) => failed::run(&arguments, global),
    }
}
