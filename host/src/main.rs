//! The `fishpond` program.

use std::process::ExitCode;

/// Documents and events are small, made on one thread and freed on another: what the system's allocator is slow at
/// (a third of a rule's time on glibc, `fishpond bench --rule native`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    fishpond::cli::main()
}
