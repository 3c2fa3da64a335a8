//! The `fishpond` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    fishpond::cli::main()
}
