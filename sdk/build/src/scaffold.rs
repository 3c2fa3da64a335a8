//! Why: a new rule starts from one that works. The template is `examples/hello-rule` itself, so it is compiled and
//! tested with everything else and cannot rot.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Bytes of a module's name.
const NAME_MAX: usize = 48;

const TEMPLATE_NAME: &str = "hello-rule";
const TEMPLATE_TYPE: &str = "HelloRule";
const TEMPLATE: [(&str, &str); 3] = [
    ("Cargo.toml", include_str!("../../../examples/hello-rule/Cargo.toml")),
    ("src/lib.rs", include_str!("../../../examples/hello-rule/src/lib.rs")),
    ("scenarios/third-visit.scenario", include_str!("../../../examples/hello-rule/scenarios/third-visit.scenario")),
];
/// First lines that are about the template and not about the new rule.
const TEMPLATE_TITLE: &str = "//! The smallest rule, and what `cargo xtask new NAME` starts from: three visits";
const NEW_TITLE: &str = "//! Three visits";

/// Names that Rust or Cargo keeps for itself.
const RESERVED: [&str; 14] = [
    "alloc",
    "async",
    "await",
    "core",
    "crate",
    "deps",
    "enum",
    "proc-macro",
    "self",
    "std",
    "super",
    "test",
    "trait",
    "type",
];

/// Makes the package `dir/name`, a rule that works. `dir` is `plugins/` of this workspace.
///
/// # Errors
/// If the name is no module's name, or there is something of that name already.
pub fn new_module(dir: &Path, name: &str) -> Result<PathBuf> {
    check_name(name)?;
    let package = dir.join(name);
    ensure!(!package.exists(), "{} exists already: choose another name, or remove it", package.display());
    for (file, text) in TEMPLATE {
        let path = package.join(file);
        let folder = path.parent().context("a file of the template is in a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        fs::write(&path, fill(text, name)).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(package)
}

fn fill(text: &str, name: &str) -> String {
    // A rule has versions of its own: the workspace's would be taken at the second upload.
    let text = text.replace("version.workspace = true", "version = \"0.1.0\"");
    text.replace(TEMPLATE_TITLE, NEW_TITLE).replace(TEMPLATE_NAME, name).replace(TEMPLATE_TYPE, &type_name(name))
}

fn check_name(name: &str) -> Result<()> {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let well_formed = name.starts_with(|first: char| first.is_ascii_lowercase()) && name.split('-').all(word);
    ensure!(
        well_formed && name.len() <= NAME_MAX,
        "`{name}` is no name for a module: use lower-case letters and digits, words joined by single hyphens, at most \
         {NAME_MAX} bytes, for example `rental-browse`"
    );
    ensure!(!RESERVED.contains(&name), "`{name}` is a name that Rust keeps for itself: choose another one");
    Ok(())
}

/// `rental-browse` -> `RentalBrowse`
fn type_name(name: &str) -> String {
    let mut type_name = String::new();
    for word in name.split('-') {
        let (first, rest) = word.split_at(1);
        type_name.push_str(&first.to_ascii_uppercase());
        type_name.push_str(rest);
    }
    type_name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_module_is_the_template_under_its_own_name() {
        let plugins = tempfile::tempdir().expect("a folder");
        let package = new_module(plugins.path(), "night-owl-2").expect("it is made");
        let read = |file: &str| fs::read_to_string(package.join(file)).expect("it is there");
        let code = read("src/lib.rs");
        assert!(code.starts_with("//! Three visits within a minute make a match.\n"), "{code}");
        assert!(code.contains("fishpond_sdk::export!(NightOwl2);"), "{code}");
        assert!(read("Cargo.toml").contains("name = \"night-owl-2\""));
        assert!(read("scenarios/third-visit.scenario").contains("deploy hello = night-owl-2 {}"));
        for (file, _) in TEMPLATE {
            assert!(!read(file).to_lowercase().replace(['-', '_'], "").contains("hellorule"), "{file}");
        }
    }

    #[test]
    fn what_exists_is_left_alone() {
        let plugins = tempfile::tempdir().expect("a folder");
        new_module(plugins.path(), "twice").expect("it is made");
        let error = new_module(plugins.path(), "twice").expect_err("it is there");
        assert!(error.to_string().ends_with("exists already: choose another name, or remove it"), "{error}");
    }

    #[test]
    fn bad_names_are_refused_before_anything_is_written() {
        let plugins = tempfile::tempdir().expect("a folder");
        let long = "a".repeat(49);
        for name in ["", "Rule", "a_b", "-a", "a-", "a--b", "2a", "../up", "ä", "crate", &long] {
            let error = new_module(plugins.path(), name).expect_err("it is no name");
            assert!(error.to_string().starts_with(&format!("`{name}` is ")), "{error}");
        }
        assert_eq!(plugins.path().read_dir().expect("it is there").count(), 0);
    }
}
