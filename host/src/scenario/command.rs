//! `fishpond test`: builds modules where folders are given, plays their scenarios, says what differs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::check::{Checked, check_file};
use super::parse::Scenario;
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
    let plan = &TestPlan { modules: files_of(&plan.modules)?, ..plan.clone() };
    let mut modules = Modules::new()?;
    for file in &plan.modules {
        add(&mut modules, file)?;
    }
    let (files, mut packages) = collect(&plan.paths)?;
    packages.extend(files.iter().flat_map(|file| neighbours(file, &packages, &plan.modules)).collect::<Vec<_>>());
    for package in &packages {
        // What was given with --module is meant.
        if !given(package, &plan.modules) {
            add(&mut modules, &fishpond_build::build_guest(package)?)?;
        }
    }
    let play = |file: PathBuf| {
        let played = Played { result: check_file(&file, &modules, plan.bless, plan.singly), file };
        report(&played);
        played
    };
    Ok(files.into_iter().map(play).collect())
}

/// Files as they are, and the modules of folders.
fn files_of(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut inside: Vec<PathBuf> =
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
        inside.retain(|file| file.extension().is_some_and(|extension| extension == "wasm"));
        inside.sort();
        files.extend(inside);
    }
    Ok(files)
}

/// Is a module of this package's name among the built ones?
fn given(package: &Path, modules: &[PathBuf]) -> bool {
    modules.iter().any(|file| file.file_stem() == package.file_name())
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

/// Further modules that a scenario deploys, where their packages lie beside its own. One that is missing is said when it is
/// deployed, and a file that cannot be read when it is played.
fn neighbours(file: &Path, packages: &BTreeSet<PathBuf>, given: &[PathBuf]) -> Vec<PathBuf> {
    let Some(beside) = package_of(file).and_then(|package| package.canonicalize().ok()?.parent().map(Path::to_owned))
    else {
        return Vec::new();
    };
    let Some(scenario) = std::fs::read_to_string(file).ok().and_then(|text| Scenario::parse(&text).ok()) else {
        return Vec::new();
    };
    let named = |path: &PathBuf, name: &str| path.file_stem().is_some_and(|stem| stem == name);
    let known = |name: &str| given.iter().chain(packages).any(|path| named(path, name));
    let others: BTreeSet<&str> = scenario.modules().filter(|name| !known(name)).collect();
    others.into_iter().map(|name| beside.join(name)).filter(|package| package.join("Cargo.toml").exists()).collect()
}

/// A scenario in a package's `scenarios` folder brings its module along.
fn package_of(file: &Path) -> Option<PathBuf> {
    let folder = file.parent().filter(|folder| folder.ends_with("scenarios"))?;
    let package = folder.parent().filter(|package| package.join("Cargo.toml").exists())?;
    Some(package.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_brings_along_the_modules_beside_its_own() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path().canonicalize().expect("it is there");
        for package in ["filter", "rule", "given", "other"] {
            std::fs::create_dir_all(root.join(package).join("scenarios")).expect("a folder");
            std::fs::write(root.join(package).join("Cargo.toml"), "").expect("a file");
        }
        let file = root.join("filter/scenarios/a.scenario");
        let text = "deploy f = filter\ndeploy r = rule\ndeploy r2 = rule\ndeploy g = given\ndeploy n = nowhere\n---\n";
        std::fs::write(&file, text).expect("a file");
        let packages = BTreeSet::from([root.join("filter")]);
        assert_eq!(neighbours(&file, &packages, &[PathBuf::from("built/given.wasm")]), [root.join("rule")]);
        std::fs::write(&file, "no step\n---\n").expect("a file");
        assert!(neighbours(&file, &packages, &[]).is_empty());
    }
}
