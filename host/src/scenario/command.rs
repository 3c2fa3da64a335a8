//! `fishpond test`: builds modules where folders are given, plays their scenarios, says what differs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::check::{Checked, check_file};
use super::run::Modules;

/// What to play.
#[derive(Debug, Clone)]
pub struct TestPlan {
    /// Scenario files, or folders of modules.
    pub paths: Vec<PathBuf>,
    /// Built modules, under their files' names.
    pub modules: Vec<PathBuf>,
    pub bless: bool,
    pub singly: bool,
}

/// How one file went.
#[derive(Debug)]
pub struct Played {
    pub file: PathBuf,
    pub result: anyhow::Result<Checked>,
}

/// Plays everything; `report` is told of each file as it ends. Errors are those that keep all from playing.
pub fn play(plan: &TestPlan, mut report: impl FnMut(&Played)) -> anyhow::Result<Vec<Played>> {
    let mut modules = Modules::new()?;
    for file in &plan.modules {
        add(&mut modules, file)?;
    }
    let (files, packages) = collect(&plan.paths)?;
    for package in &packages {
        add(&mut modules, &fishpond_build::build_guest(package)?)?;
    }
    let play = |file: PathBuf| {
        let played = Played { result: check_file(&file, &modules, plan.bless, plan.singly), file };
        report(&played);
        played
    };
    Ok(files.into_iter().map(play).collect())
}

fn add(modules: &mut Modules, file: &Path) -> anyhow::Result<()> {
    let wasm = std::fs::read(file).with_context(|| format!("cannot read the module {}", file.display()))?;
    let name =
        file.file_stem().and_then(|stem| stem.to_str()).with_context(|| format!("{} has no name", file.display()))?;
    modules.add(name, wasm);
    Ok(())
}

/// Scenario files in order, and the packages whose modules they need.
fn collect(paths: &[PathBuf]) -> anyhow::Result<(Vec<PathBuf>, BTreeSet<PathBuf>)> {
    let (mut files, mut packages) = (Vec::new(), BTreeSet::new());
    for path in paths {
        if path.is_dir() {
            files.extend(scenarios_of(path)?);
            packages.insert(path.clone());
        } else {
            packages.extend(package_of(path));
            files.push(path.clone());
        }
    }
    Ok((files, packages))
}

fn scenarios_of(package: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folder = package.join("scenarios");
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("{} has no folder `scenarios`", package.display()))?;
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "scenario"));
    if files.is_empty() {
        bail!("{} holds no `.scenario` files", folder.display());
    }
    files.sort();
    Ok(files)
}

/// A scenario in a package's `scenarios` folder brings its module along.
fn package_of(file: &Path) -> Option<PathBuf> {
    let folder = file.parent().filter(|folder| folder.ends_with("scenarios"))?;
    let package = folder.parent().filter(|package| package.join("Cargo.toml").exists())?;
    Some(package.to_owned())
}
