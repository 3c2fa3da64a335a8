//! `fishpond events`: sending them, and those that a deployment could not handle: listed, shown, resent.

mod failed;
mod lines;
mod pace;
mod report;
mod resend;
mod send;
mod show;

pub use lines::{BadLine, Line, Lines};

use std::process::ExitCode;

use clap::Subcommand;

use super::Global;

#[derive(Subcommand, Debug)]
pub enum EventsCommand {
    Send(send::SendArgs),
    Failed(failed::FailedArgs),
    Show(show::ShowArgs),
    Resend(resend::ResendArgs),
}

pub fn run(command: EventsCommand, global: &Global) -> anyhow::Result<ExitCode> {
    match command {
        EventsCommand::Send(arguments) => send::run(arguments, global),
        EventsCommand::Failed(arguments) => failed::run(&arguments, global),
        EventsCommand::Show(arguments) => show::run(&arguments, global),
        EventsCommand::Resend(arguments) => resend::run(arguments, global),
    }
}
