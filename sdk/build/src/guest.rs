//! Why: from a package to the file that is uploaded. Whether anything must be compiled is cargo's judgement.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::c::Compiler;
use crate::toolchain::{TARGET, Toolchain};
use crate::{component, process, workspace};

/// How guests are compiled, whatever the workspace's own profiles say: one small program, optimised as a whole.
/// Function names stay, so that a trap says where it happened.
const PROFILE: [&str; 6] = [
    "profile.release.opt-level=3",
    "profile.release.lto=true",
    "profile.release.codegen-units=1",
    "profile.release.panic='abort'",
    "profile.release.debug=false",
    "profile.release.strip='debuginfo'",
];

/// A guest's folder: with a Cargo.toml it is Rust, with a world.wit it is C.
struct Guest {
    name: String,
    dir: PathBuf,
    in_rust: bool,
}

/// Builds one guest; answers the path of its component, `target/components/NAME.wasm`, where NAME is the name of the
/// package's folder.
///
/// # Errors
/// If there is no toolchain, the compiler finds a mistake (it says so itself), or the result is no module.
pub fn build_guest(package_dir: &Path) -> Result<PathBuf> {
    let mut components = build_guests(&[package_dir.to_owned()])?;
    components.pop().context("one package, one component")
}

/// Builds several guests of one workspace, those in Rust with one call of cargo; the components are in the same order.
///
/// # Errors
/// As [`build_guest`].
pub fn build_guests(package_dirs: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let guests = package_dirs.iter().map(|dir| Guest::at(dir)).collect::<Result<Vec<_>>>()?;
    let root = workspace::workspace_root(package_dirs.first().context("there is no guest to build")?)?;
    let start = Instant::now();
    let folder = workspace::components_dir(&root);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let (rust, c): (Vec<&Guest>, Vec<&Guest>) = guests.iter().partition(|guest| guest.in_rust);
    if !rust.is_empty() {
        build_rust(&root, &folder, &rust)?;
    }
    if !c.is_empty() {
        build_c(&root, &folder, &c)?;
    }
    eprintln!("built {} in {:.1} s", folder.display(), start.elapsed().as_secs_f64());
    Ok(guests.iter().map(|guest| folder.join(format!("{}.wasm", guest.name))).collect())
}

impl Guest {
    fn at(package_dir: &Path) -> Result<Self> {
        let dir =
            package_dir.canonicalize().with_context(|| format!("there is no folder {}", package_dir.display()))?;
        let in_rust = dir.join("Cargo.toml").exists();
        ensure!(
            in_rust || dir.join(workspace::C_WORLD).exists(),
            "{} is no package: it has no Cargo.toml (Rust) and no {} (C)",
            package_dir.display(),
            workspace::C_WORLD
        );
        let name = dir.file_name().and_then(|name| name.to_str()).context("the package's folder needs a plain name")?;
        Ok(Self { name: name.to_owned(), dir, in_rust })
    }
}

fn build_rust(root: &Path, folder: &Path, guests: &[&Guest]) -> Result<()> {
    let names: Vec<&str> = guests.iter().map(|guest| &*guest.name).collect();
    let toolchain = Toolchain::find()?;
    let target = workspace::target_dir(root).join(toolchain.target_folder());
    eprintln!("building {} for {TARGET} (minutes the first time, else seconds) ...", names.join(", "));
    process::run(&mut compile(&toolchain, root, &target, &names))?;
    let modules = target.join(TARGET).join("release");
    for name in names {
        let file = modules.join(format!("{}.wasm", name.replace('-', "_")));
        let module = fs::read(&file).with_context(|| {
            format!(
                "{} was not built: the package's name and its folder's must be equal, its crate-type `cdylib`",
                file.display()
            )
        })?;
        package(&module, folder, name)?;
    }
    Ok(())
}

fn build_c(root: &Path, folder: &Path, guests: &[&Guest]) -> Result<()> {
    let compiler = Compiler::find()?;
    let target = workspace::target_dir(root).join("guests-c");
    for Guest { name, dir, .. } in guests {
        let module = compiler.compile(dir, &root.join("wit"), &target.join(name));
        package(&module.with_context(|| format!("module {name}"))?, folder, name)?;
    }
    Ok(())
}

fn compile(toolchain: &Toolchain, root: &Path, target: &Path, names: &[&str]) -> Command {
    let mut cargo = process::cargo();
    cargo.current_dir(root).args(["build", "--quiet", "--release"]);
    cargo.arg("--target-dir").arg(target);
    for setting in PROFILE {
        cargo.args(["--config", setting]);
    }
    for name in names {
        cargo.args(["--package", name]);
    }
    // Flags of the machine at hand (`-C target-cpu=native`) are none for Wasm. Names of folders stay out of the
    // module: the same source makes the same bytes in any checkout.
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", remap(root));
    toolchain.apply(&mut cargo);
    cargo
}

fn remap(root: &Path) -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let folders = home.map(|home| (home, "/cargo")).into_iter().chain([(root.to_owned(), "/fishpond")]);
    let flags = folders.filter(|(from, _)| !from.to_string_lossy().contains(' '));
    flags.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display())).collect::<Vec<_>>().join(" ")
}

/// Makes the component, unless the one that is there has the same bytes: its time then still says when it changed.
fn package(module: &[u8], folder: &Path, name: &str) -> Result<()> {
    let component = component::componentize(module).with_context(|| format!("module {name}"))?;
    let path = folder.join(format!("{name}.wasm"));
    if fs::read(&path).ok().as_ref() != Some(&component) {
        fs::write(&path, &component).with_context(|| format!("cannot write {}", path.display()))?;
    }
    eprintln!("  {name}.wasm  {} KiB", component.len().div_ceil(1_024));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_no_package_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = build_guest(folder.path()).expect_err("there is no package");
        assert!(error.to_string().contains("it has no Cargo.toml"), "{error}");
        let error = build_guest(&folder.path().join("gone")).expect_err("there is no folder");
        assert!(error.to_string().contains("there is no folder"), "{error}");
    }
}
