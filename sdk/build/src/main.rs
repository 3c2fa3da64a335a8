//! `cargo xtask`: what a developer of this repository types.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, exit};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// Packages of plugins/ that the demo uploads.
const DEMO: [&str; 6] = ["c2c-blacklist", "rental-browse", "preference", "lists", "fatigue", "gray"];

/// Builds guests, and runs what needs them.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build all guests (plugins/, examples/, tests/guests/) into target/components
    ///
    /// FISHPOND_WASM_TOOLCHAIN=installed|rustup|debian forces where the Rust compiler for Wasm comes from,
    /// FISHPOND_WASM_CC names the C compiler of the guests in C.
    Guests {
        /// Only these package folders, for example plugins/c2c-blacklist
        packages: Vec<PathBuf>,
    },
    /// Build the guests and the program, then run all tests
    Test {
        /// For `cargo test --workspace`, for example `-- s1_05`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Build the plugins that it shows, then run `fishpond demo`
    Demo {
        /// For `fishpond demo`, for example `--help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Start a new rule in plugins/ from examples/hello-rule
    New {
        /// Name of the module, for example rental-browse
        name: String,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    let root = fishpond_build::workspace_root(&std::env::current_dir()?)?;
    match task {
        Task::Guests { packages } if packages.is_empty() => guests(&root).map(drop),
        Task::Guests { packages } => fishpond_build::build_guests(&packages).map(drop),
        Task::Test { arguments } => {
            guests(&root)?;
            // Some tests start the program: cargo builds that for tests of its own package only, and it has none.
            let release: Vec<String> = arguments.iter().filter(|argument| *argument == "--release").cloned().collect();
            cargo(&root, &["build", "--package", "fishpond"], &release)?;
            cargo(&root, &["test", "--workspace"], &arguments)
        }
        Task::Demo { arguments } => {
            fishpond_build::build_guests(&DEMO.map(|name| root.join("plugins").join(name)))?;
            cargo(&root, &["run", "--package", "fishpond", "--", "demo"], &arguments)
        }
        Task::New { name } => {
            let package = fishpond_build::new_module(&root.join("plugins"), &name)?;
            eprintln!("made {}; try: cargo test -p {name} && cargo xtask guests", package.display());
            Ok(())
        }
    }
}

fn guests(root: &Path) -> Result<Vec<PathBuf>> {
    let mut packages = fishpond_build::guest_packages(root)?;
    packages.extend(fishpond_build::c_guests(root)?);
    fishpond_build::build_guests(&packages)
}

/// Runs cargo and ends with its exit code: what failed has spoken for itself.
fn cargo(root: &Path, words: &[&str], arguments: &[String]) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo).current_dir(root).args(words).args(arguments).status();
    let status = status.with_context(|| format!("cannot start cargo {}", words.join(" ")))?;
    if !status.success() {
        exit(status.code().unwrap_or(1));
    }
    Ok(())
}
