//! Why: a guest in C needs bindings, generated from the contract for the world that its folder names, and a C compiler
//! that writes Wasm. Nothing else: no C library, no WASI.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Error, Result, anyhow, ensure};
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;

use crate::workspace::C_WORLD;
use crate::{apt, process};

/// Forces a compiler: a clang that knows wasm32 and finds wasm-ld.
const COMPILER_VARIABLE: &str = "FISHPOND_WASM_CC";
const DEBIAN_PACKAGES: [&str; 2] = ["clang", "lld"];
/// A program that stands on nothing; memory is copied by instructions, not by calls.
const FLAGS: [&str; 7] = [
    "--target=wasm32-unknown-unknown",
    "-std=c11",
    "-Os",
    "-mbulk-memory",
    "-ffreestanding",
    "-nostdlib",
    "-nostdlibinc",
];
/// No `main`; the stack lies below the data, so that one that grows too far traps. Function names stay in, so that a
/// trap says where it happened.
const LINKER_FLAGS: [&str; 2] = ["-Wl,--no-entry", "-Wl,--stack-first"];

/// A C compiler for wasm32.
pub(crate) struct Compiler(PathBuf);

impl Compiler {
    /// Finds one, and installs Debian's if there is none. `FISHPOND_WASM_CC` forces one.
    pub(crate) fn find() -> Result<Self> {
        if let Some(forced) = std::env::var_os(COMPILER_VARIABLE).filter(|path| !path.is_empty()) {
            let compiler = Self(forced.into());
            compiler.probe().with_context(|| format!("{COMPILER_VARIABLE} names no C compiler for Wasm"))?;
            return Ok(compiler);
        }
        let compiler = Self("clang".into());
        let Err(missing) = compiler.probe() else { return Ok(compiler) };
        apt::install(&DEBIAN_PACKAGES)
            .and_then(|()| compiler.probe())
            .map_err(|error| no_compiler(&missing, &error))?;
        Ok(compiler)
    }

    /// Compiles and links nothing: some clangs know no wasm32, and some find no linker for it.
    fn probe(&self) -> Result<()> {
        let mut command = self.command();
        command.args(["-x", "c", "/dev/null", "-o", "/dev/null"]);
        process::output(&mut command).map(drop)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.0);
        command.args(FLAGS).args(LINKER_FLAGS);
        command
    }

    /// The core module of the guest in `folder`: all its `.c` files and the bindings, which are generated into `build`
    /// first. `contract` is the folder of the contract.
    pub(crate) fn compile(&self, folder: &Path, contract: &Path, build: &Path) -> Result<Vec<u8>> {
        let bindings = generate(&folder.join(C_WORLD), contract, build)?;
        let sources = sources(folder)?;
        let module = build.join("module.wasm");
        let mut command = self.command();
        command.args(["-Wall", "-Wextra", "-I"]).arg(folder.join("include")).arg("-I").arg(build);
        process::run(command.args(&sources).args(&bindings).arg("-o").arg(&module))?;
        fs::read(&module).with_context(|| format!("cannot read {}", module.display()))
    }
}

/// Writes the bindings; answers what must be compiled and linked.
fn generate(world: &Path, contract: &Path, build: &Path) -> Result<Vec<PathBuf>> {
    let mut resolve = Resolve::default();
    resolve.push_path(contract).with_context(|| format!("the contract in {}", contract.display()))?;
    let package = resolve.push_path(world)?.0;
    let world = resolve.select_world(&[package], None)?;
    let mut files = Files::default();
    wit_bindgen_c::Opts { no_helpers: true, ..Default::default() }.build().generate(&mut resolve, world, &mut files)?;
    fs::create_dir_all(build).with_context(|| format!("cannot create {}", build.display()))?;
    let mut linked = Vec::new();
    for (name, content) in files.iter() {
        let path = build.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        if !name.ends_with(".h") {
            linked.push(path);
        }
    }
    Ok(linked)
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = folder.read_dir().with_context(|| format!("cannot read {}", folder.display()))?;
    let files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let mut sources: Vec<PathBuf> =
        files.into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "c")).collect();
    ensure!(!sources.is_empty(), "{} has a {C_WORLD} and no C file", folder.display());
    sources.sort();
    Ok(sources)
}

fn no_compiler(missing: &Error, install: &Error) -> Error {
    anyhow!(
        "no C compiler for wasm32:\n  clang: {missing:#}\n  debian: {install:#}\none of these helps:\n  \
         apt-get install -y --no-install-recommends {}\n  {COMPILER_VARIABLE}=<a clang that knows wasm32, with wasm-ld \
         beside it>",
        DEBIAN_PACKAGES.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_compiler_the_error_lists_what_was_tried_and_the_remedies() {
        let missing = Compiler("no-such-clang".into()).probe().expect_err("it is not there");
        let text = no_compiler(&missing, &anyhow!("there is no apt-get")).to_string();
        for part in [
            "clang: cannot start `no-such-clang --target=wasm32-unknown-unknown",
            "debian: there is no apt-get",
            "apt-get install -y --no-install-recommends clang lld",
            "FISHPOND_WASM_CC=",
        ] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
    }

    #[test]
    fn bindings_are_of_the_world_in_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let world = folder.path().join(C_WORLD);
        let text = "package a:b; world some-rule { import fishpond:plugin/inputs@0.1.0; }";
        fs::write(&world, text).expect("a file");
        let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let linked = generate(&world, &contract, &folder.path().join("build")).expect("they are generated");
        let names: Vec<_> = linked.iter().filter_map(|path| path.file_name()?.to_str()).collect();
        assert_eq!(names, ["some_rule.c", "some_rule_component_type.o"]);
        let header = fs::read_to_string(folder.path().join("build/some_rule.h")).expect("it is there");
        assert!(header.contains("fishpond_plugin_inputs_refuse") && !header.contains("windows"), "{header}");
        let error = sources(folder.path()).expect_err("there is no source");
        assert!(error.to_string().ends_with("has a world.wit and no C file"), "{error}");
    }
}
