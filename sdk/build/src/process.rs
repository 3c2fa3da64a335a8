//! Why: a build tool is mostly other programs; when one fails, the message must say which, and what it said.

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

/// How often a command with a time limit is looked at.
const POLL: Duration = Duration::from_millis(50);

/// Runs a command; its output goes to the terminal.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", text(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", text(command));
    }
    Ok(())
}

/// Runs a command and answers its standard output, without the last line break.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start `{}`", text(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed ({}): {}", text(command), output.status, said.trim());
    }
    let said = String::from_utf8(output.stdout).with_context(|| format!("`{}` wrote no text", text(command)))?;
    Ok(said.trim_end().to_owned())
}

/// Runs a command quietly and ends it if it takes longer.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> Result<()> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.spawn().with_context(|| format!("cannot start `{}`", text(command)))?;
    let start = Instant::now();
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(anyhow!("`{}` failed ({status})", text(command))),
            None if start.elapsed() < limit => sleep(POLL),
            None => {
                child.kill()?;
                child.wait()?;
                bail!("`{}` did not end within {} s", text(command), limit.as_secs());
            }
        }
    }
}

/// Whether a command can be started and succeeds; it is quiet either way.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// The cargo that runs us, else the one in the path.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The command line, for people.
pub(crate) fn text(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_takes_too_long_is_ended() {
        let start = Instant::now();
        let error = run_within(Command::new("sleep").arg("60"), Duration::from_millis(100)).expect_err("it is ended");
        assert_eq!(error.to_string(), "`sleep 60` did not end within 0 s");
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn what_a_failed_command_said_is_in_the_error() {
        let error = output(Command::new("sh").args(["-c", "echo broken >&2; exit 3"])).expect_err("it fails");
        assert!(error.to_string().ends_with("failed (exit status: 3): broken"), "{error}");
        let error = run(&mut Command::new("no-such-program")).expect_err("it is not there");
        assert_eq!(error.to_string(), "cannot start `no-such-program`");
    }
}
