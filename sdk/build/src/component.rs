//! Why: the compiler writes a core module; Fishpond loads components. The types come from a section that the SDK's
//! bindings leave in the module.

use anyhow::{Context, Result, bail, ensure};
use wit_component::{ComponentEncoder, DecodedWasm};

/// All that a module may import is in this package.
const CONTRACT_PACKAGE: &str = "fishpond:plugin/";

/// Makes a component of a core module and checks that it imports nothing but the contract.
///
/// # Errors
/// If the module was not built with an SDK, is not valid, or imports something else, named with the remedy.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>> {
    let encoder = ComponentEncoder::default().module(module).context("this is no module built with an SDK")?;
    let component = encoder.validate(true).encode().context("cannot make a component of it")?;
    refuse_foreign(&imports(&component)?)?;
    Ok(component)
}

fn refuse_foreign(imports: &[String]) -> Result<()> {
    let foreign: Vec<&str> =
        imports.iter().map(String::as_str).filter(|name| !name.starts_with(CONTRACT_PACKAGE)).collect();
    ensure!(
        foreign.is_empty(),
        "it imports {}, which no host has: a module has no clock, entropy, file or network; remove the dependency \
         that wants it",
        foreign.join(", ")
    );
    Ok(())
}

/// Names of the interfaces that a component imports.
fn imports(component: &[u8]) -> Result<Vec<String>> {
    let DecodedWasm::Component(resolve, world) = wit_component::decode(component)? else {
        bail!("this is a WIT package, no component");
    };
    Ok(resolve.worlds[world].imports.keys().map(|key| resolve.name_world_key(key)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `\0asm`, version 1: a module without anything.
    const EMPTY_MODULE: &[u8] = b"\0asm\x01\0\0\0";

    #[test]
    fn what_is_no_module_is_refused() {
        assert!(componentize(b"not wasm").is_err());
    }

    #[test]
    fn an_interface_that_is_not_in_the_contract_is_refused_by_name() {
        let names = ["fishpond:plugin/state@0.1.0", "wasi:clocks/wall-clock@0.2.0"].map(str::to_owned);
        assert!(refuse_foreign(&names[..1]).is_ok());
        let error = refuse_foreign(&names).expect_err("there is no clock").to_string();
        assert!(error.starts_with("it imports wasi:clocks/wall-clock@0.2.0, which no host has"), "{error}");
    }

    #[test]
    fn a_core_import_without_a_type_is_refused_by_name() {
        // (module (import "env" "now" (func (result i64)))): types, imports.
        let types = [1, 5, 1, 0x60, 0, 1, 0x7e];
        let import = [2, 11, 1, 3, b'e', b'n', b'v', 3, b'n', b'o', b'w', 0, 0];
        let module = [EMPTY_MODULE, &types, &import].concat();
        let error = format!("{:#}", componentize(&module).expect_err("there is no `env`"));
        assert!(error.contains("env"), "{error}");
    }
}
