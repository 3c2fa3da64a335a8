//! Why: on a clean Debian machine a build fetches its compilers itself, where it may.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process;

/// Some 100 MB of packages.
const LIMIT: Duration = Duration::from_secs(600);

/// Installs packages of Debian, without what they merely recommend.
///
/// # Errors
/// If this is no Debian, we may not install anything, or apt-get fails.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let sudo = administrator().context("we may not install packages")?;
    eprintln!("installing {} from Debian (some 30 s) ...", packages.join(", "));
    process::run_within(&mut administered(sudo, &["apt-get", "update", "-q"]), LIMIT)?;
    let mut install = administered(sudo, &["apt-get", "install", "-q", "-y", "--no-install-recommends"]);
    process::run_within(install.args(packages), LIMIT)
}

/// Whether `sudo` is needed to install packages; an error if it cannot be done at all.
fn administrator() -> Result<bool> {
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("there is no apt-get: this is not Debian or a child of it");
    }
    if process::output(Command::new("id").arg("-u"))? == "0" {
        return Ok(false);
    }
    if process::succeeds(Command::new("sudo").args(["-n", "true"])) {
        return Ok(true);
    }
    bail!("we are not root, and sudo asks for a password")
}

fn administered(sudo: bool, words: &[&str]) -> Command {
    let mut words = words.to_vec();
    if sudo {
        words.insert(0, "sudo");
    }
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env("DEBIAN_FRONTEND", "noninteractive");
    command
}
