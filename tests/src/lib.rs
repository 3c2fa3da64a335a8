//! What the tests have in common.
//!
//! - `world`: a host in a folder under a clock of its own, driven step by step
//! - `flow`: events that a seed makes
//! - `hold`, `damage`: a disk that is slow, fails, or forgets
//! - `checker`: a program that checks an exported journal and knows none of our types
//! - `service`: the real program in a process of its own, a crowd that sends to it, and both rules once more
//! - `house`: the repository as text, for the house rules

pub mod checker;
pub mod damage;
pub mod flow;
mod hold;
pub mod house;
pub mod service;
mod world;

use std::sync::OnceLock;

use anyhow::Context;
use fishpond::scenario::{Checked, Modules, check_file};

pub use hold::{Held, Hold};
pub use world::{Deploy, Handled, Setup, World, copy_folder, crashed, event, frames, handled, highest, parts_equal};

/// Everything that is built for tests: the shipped modules under their own names, and those of `tests/guests`.
pub const GUESTS: [&str; 12] = [
    "c2c-blacklist",
    "rental-browse",
    "online-status",
    "reply-behaviour",
    "lists",
    "preference",
    "gray",
    "fatigue",
    "hello-rule",
    "noop-rule",
    "misbehave",
    "herald",
];

/// The same modules under other versions, for scenarios that swap one digest for another.
const OTHER_VERSIONS: [&str; 2] = ["herald@0.1.1", "fatigue@0.1.1"];

/// A built component. `name@version` is the same one under another version, and so with another digest.
pub fn component(name: &str) -> Vec<u8> {
    if let Some((name, version)) = name.split_once('@') {
        return with_version(name, version);
    }
    let file = fishpond_build::components_dir(&house::root()).join(format!("{name}.wasm"));
    std::fs::read(&file)
        .unwrap_or_else(|error| panic!("{}: {error}. Build the guests first: cargo xtask guests", file.display()))
}

/// Writes another version into a component's data: into the description, where the module has it as a text, or behind its
/// name, as the SDK's modules have theirs.
fn with_version(name: &str, version: &str) -> Vec<u8> {
    let mut other = component(name);
    let written = [("\"version\": \"".to_owned(), "\""), (name.to_owned(), "")];
    let texts = written.map(|(before, behind)| [VERSION, version].map(|version| format!("{before}{version}{behind}")));
    let places = |other: &[u8], text: &str| -> Vec<usize> {
        let windows = other.windows(text.len()).enumerate();
        windows.filter(|(_, part)| *part == text.as_bytes()).map(|(place, _)| place).collect()
    };
    let found = texts.iter().find_map(|[from, to]| match places(&other, from)[..] {
        [place] => Some((place, from, to)),
        _ => None,
    });
    let (place, from, to) = found.unwrap_or_else(|| panic!("no version is once in the data of {name}"));
    assert_eq!(from.len(), to.len(), "only a version of the same length fits");
    other[place..place + to.len()].copy_from_slice(to.as_bytes());
    other
}

/// Of all our modules.
const VERSION: &str = "0.1.0";

/// A component that does nothing but import an empty instance: preamble, a type section with one instance type, an
/// import section with one name of that type.
pub fn importing(name: &str) -> Vec<u8> {
    let mut import = vec![1, 0, name.len() as u8];
    import.extend(name.as_bytes());
    import.extend([5, 0]);
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    component.extend([7, 3, 1, 0x42, 0, 10, import.len() as u8]);
    component.extend(import);
    component
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
        GUESTS.iter().chain(&OTHER_VERSIONS).for_each(|name| modules.add(name, component(name)));
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
