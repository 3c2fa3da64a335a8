//! What the tests have in common: the repository, its components, scenario files.

use std::path::{Path, PathBuf};

use anyhow::Context;
use fishpond::scenario::{Checked, Modules, check_file};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A built component of `plugins/` or `examples/`.
pub fn component(name: &str) -> Vec<u8> {
    let file = root().join("target/components").join(format!("{name}.wasm"));
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}. Build the guests first: cargo xtask guests", file.display()))
}

/// The shipped modules, under their own names.
pub fn shipped() -> Modules {
    let mut modules = Modules::new().expect("a temporary folder");
    for name in ["c2c-blacklist", "rental-browse", "hello-rule"] {
        modules.add(name, component(name));
    }
    modules
}

/// Checks scenario files, given from the repository's root; also with every input alone on a fresh instance.
pub fn scenarios(files: &[&str]) {
    let modules = shipped();
    for file in files {
        let path = root().join(file);
        match check_file(&path, &modules, false, true).with_context(|| (*file).to_owned()) {
            Ok(Checked::Passed | Checked::Blessed) => {}
            Ok(Checked::Differs(lines)) => panic!("{file}: seen (+) differs from expected (-):\n{}", lines.join("\n")),
            Err(error) => panic!("{error:#}"),
        }
    }
}
