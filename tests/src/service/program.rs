//! Where the built program is: beside the test's own executable, made by another package of the workspace.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// How it comes to be there.
const REMEDY: &str = "build it: `cargo build -p fishpond` (`cargo xtask test` does so before the tests)";

/// The program, without settings from this process's environment.
///
/// # Panics
/// If it is not built, or is older than its sources: a test of yesterday's program would say nothing.
pub fn fishpond() -> Command {
    without_settings(Command::new(program()))
}

/// The same, with so many open files and sockets at most.
pub fn with_open_files(most: u32) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit -n {most} && exec \"$0\" \"$@\"")).arg(program());
    without_settings(command)
}

/// The same, with files of so many blocks of 512 bytes at most: writes beyond fail, as on a disk that is full.
pub fn with_file_blocks(most: u64) -> Command {
    let mut command = Command::new("sh");
    // An ignored signal stays ignored behind the exec, so that the write fails instead of the process.
    command.arg("-c").arg(format!("trap '' XFSZ && ulimit -f {most} && exec \"$0\" \"$@\"")).arg(program());
    without_settings(command)
}

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(find)
}

fn without_settings(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FISHPOND_") {
            command.env_remove(name);
        }
    }
    command
}

fn find() -> PathBuf {
    // target/PROFILE/deps/promises-HASH
    let test = std::env::current_exe().expect("a test has an executable");
    let profile = test.parent().and_then(Path::parent).expect("cargo's folders");
    let program = profile.join("fishpond");
    let built = modified(&program).unwrap_or_else(|| panic!("there is no {}: {REMEDY}", program.display()));
    // Cargo lists beside each program what it was made from.
    let made_from =
        std::fs::read_to_string(profile.join("fishpond.d")).expect("cargo writes fishpond.d beside the program");
    let newer = sources(&made_from).into_iter().find(|source| modified(source).is_none_or(|time| time > built));
    if let Some(source) = newer {
        panic!("{} is older than {}: {REMEDY}", program.display(), source.display());
    }
    program
}

fn modified(file: &Path) -> Option<std::time::SystemTime> {
    std::fs::metadata(file).and_then(|file| file.modified()).ok()
}

/// `program: source source ...`; a blank within a name is written with a backslash.
fn sources(made_from: &str) -> Vec<PathBuf> {
    let names = made_from.split_once(": ").expect("a rule").1.replace("\\ ", "\0");
    names.split_whitespace().map(|name| name.replace('\0', " ").into()).collect()
}
