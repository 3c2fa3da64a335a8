//! Why: where packages are found and where built components go.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::process;

/// What makes a folder a guest in C: the world of what it uses of the contract.
pub(crate) const C_WORLD: &str = "world.wit";

/// The root of the workspace (or the single package) that `dir` belongs to.
///
/// # Errors
/// If there is no Cargo.toml in `dir` or above.
pub fn workspace_root(dir: &Path) -> Result<PathBuf> {
    let mut command = process::cargo();
    command.args(["locate-project", "--workspace", "--message-format", "plain"]);
    let manifest = dir.join("Cargo.toml");
    if manifest.exists() {
        command.arg("--manifest-path").arg(manifest);
    } else {
        command.current_dir(dir);
    }
    let manifest = process::output(&mut command).context("run this inside the Fishpond checkout")?;
    let root = Path::new(&manifest).parent().context("cargo names a manifest in a folder")?;
    Ok(root.to_owned())
}

/// Where cargo builds: `CARGO_TARGET_DIR`, else `target` in the workspace's root.
pub(crate) fn target_dir(root: &Path) -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) if !dir.is_empty() => root.join(dir),
        _ => root.join("target"),
    }
}

/// Where built components are: `components` in cargo's target folder.
pub fn components_dir(root: &Path) -> PathBuf {
    target_dir(root).join("components")
}

/// The guests in Rust of this workspace: all packages of `plugins/`, those of `examples/` whose name ends with `-rule`,
/// and those of `tests/guests/`; sorted.
///
/// # Errors
/// If a folder cannot be read, or there is no guest.
pub fn guest_packages(root: &Path) -> Result<Vec<PathBuf>> {
    let mut packages = folders_with(&root.join("plugins"), "Cargo.toml")?;
    let examples = folders_with(&root.join("examples"), "Cargo.toml")?;
    packages.extend(examples.into_iter().filter(|package| package.to_string_lossy().ends_with("-rule")));
    packages.extend(folders_with(&root.join("tests/guests"), "Cargo.toml")?);
    packages.sort();
    if packages.is_empty() {
        bail!("no guest in {}: expected packages in plugins/, examples/*-rule or tests/guests/", root.display());
    }
    Ok(packages)
}

/// The guests in C of this workspace: the folders of `examples/` with a `world.wit`; sorted.
///
/// # Errors
/// If the folder cannot be read.
pub fn c_guests(root: &Path) -> Result<Vec<PathBuf>> {
    let mut guests = folders_with(&root.join("examples"), C_WORLD)?;
    guests.sort();
    Ok(guests)
}

fn folders_with(parent: &Path, file: &str) -> Result<Vec<PathBuf>> {
    if !parent.exists() {
        return Ok(Vec::new());
    }
    let entries = parent.read_dir().with_context(|| format!("cannot read {}", parent.display()))?;
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.join(file).exists() {
            folders.push(path);
        }
    }
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn guests_are_plugins_example_rules_and_those_of_the_tests() {
        let root = tempfile::tempdir().expect("a folder");
        for package in ["plugins/b", "plugins/no-package", "examples/a-rule", "examples/client", "tests/guests/c"] {
            let folder = root.path().join(package);
            fs::create_dir_all(&folder).expect("a folder");
            if package != "plugins/no-package" {
                fs::write(folder.join("Cargo.toml"), "").expect("a file");
            }
        }
        let found = guest_packages(root.path()).expect("there are some");
        let expected = ["examples/a-rule", "plugins/b", "tests/guests/c"];
        assert_eq!(found, expected.map(|guest| root.path().join(guest)));
        assert!(c_guests(root.path()).expect("there is none").is_empty());
        fs::write(root.path().join("examples/client/world.wit"), "").expect("a file");
        assert_eq!(c_guests(root.path()).expect("there is one"), [root.path().join("examples/client")]);
        let nothing = tempfile::tempdir().expect("a folder");
        let error = guest_packages(nothing.path()).expect_err("there is none");
        assert!(error.to_string().contains("expected packages in plugins/"), "{error}");
    }
}
