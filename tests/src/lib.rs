//! What the tests have in common.
//!
//! - `world`: a host in a folder under a clock of its own, driven step by step
//! - `flow`: events that a seed makes
//! - `house`: the repository as text, for the house rules

pub mod flow;
pub mod house;
mod world;

use std::sync::OnceLock;

use anyhow::Context;
use fishpond::scenario::{Checked, Modules, check_file};

pub use world::{Deploy, Handled, Setup, World, copy_folder, event, parts_equal};

/// Everything that is built for tests: the shipped modules under their own names, and those of `tests/guests`.
pub const GUESTS: [&str; 4] = ["c2c-blacklist", "rental-browse", "hello-rule", "misbehave"];

/// A built component.
pub fn component(name: &str) -> Vec<u8> {
    let file = fishpond_build::components_dir(&house::root()).join(format!("{name}.wasm"));
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}. Build the guests first: cargo xtask guests", file.display()))
}

/// Where native code is kept from one test run to the next.
pub fn native() -> std::path::PathBuf {
    fishpond_build::components_dir(&house::root()).join("native")
}

/// The modules that scenarios may name.
pub fn modules() -> &'static Modules {
    static MODULES: OnceLock<Modules> = OnceLock::new();
    MODULES.get_or_init(|| {
        let mut modules = Modules::kept_in(native());
        GUESTS.iter().for_each(|name| modules.add(name, component(name)));
        modules
    })
}

/// Checks a scenario file, given from the repository's root; also with every input alone on a fresh instance. With
/// `BLESS=1` in the environment its expected part is written anew: read the difference.
pub fn scenario(file: &str) {
    let path = house::root().join(file);
    let bless = std::env::var_os("BLESS").is_some_and(|value| value == "1");
    match check_file(&path, modules(), bless, true).with_context(|| file.to_owned()) {
        Ok(Checked::Passed | Checked::Blessed) => {}
        Ok(Checked::Differs(lines)) => panic!("{file}: seen (+) differs from expected (-):\n{}", lines.join("\n")),
        Err(error) => panic!("{error:#}"),
    }
}
