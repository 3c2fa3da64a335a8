//! `fishpond module check`: what the host would say to a module, without a host.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use wit_component::DecodedWasm;

use super::{Source, build};
use crate::cli::{Global, deployment, output};
use crate::engine::{ConfigureError, Engine, Module, envelope};
use crate::model::Limits;

/// Check a module without a host
///
/// Does what an upload does, with the default limits: contract, imports, compiling, `describe`. With --config also
/// what a deployment does: the module's `configure`, whose plan is printed.
///
/// Example:
///
///     fishpond module check target/components/c2c-blacklist.wasm --config '{"different_users": 3}'
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_help = "Next: `fishpond module upload FILE.wasm` brings it to a host.")]
pub struct CheckArgs {
    #[command(flatten)]
    source: Source,
    /// A configuration to be checked too; a text that begins with @ names a file
    #[arg(long, value_name = "JSON|@FILE")]
    config: Option<String>,
}

#[derive(Serialize)]
struct Checked {
    name: String,
    version: String,
    summary: String,
    authors: Vec<String>,
    contract: String,
    digest: String,
    bytes: usize,
    compile_ms: u128,
    imports: Vec<String>,
    exports: Vec<String>,
    state_writes: u32,
    state_reads: Vec<u32>,
    /// What `configure` answered.
    plan: Option<serde_json::Value>,
}

pub(super) fn run(arguments: &CheckArgs, global: &Global) -> anyhow::Result<()> {
    let bytes = build::read(&arguments.source)?;
    let config = arguments.config.as_ref().map(|text| deployment::json(text, "--config")).transpose()?;
    let checked = check(&bytes, config.as_ref().map(|json| json.get()))?;
    let text = if global.json { serde_json::to_string(&checked)? } else { render(&checked)? };
    Ok(output::print(&text)?)
}

fn check(bytes: &[u8], configuration: Option<&str>) -> anyhow::Result<Checked> {
    // An empty cache, so that the time is that of compiling.
    let cache = tempfile::tempdir().context("cannot make a temporary folder")?;
    let limits = Limits::default();
    let most = limits.module_bytes;
    anyhow::ensure!(
        bytes.len() as u64 <= most,
        "the module has {} bytes, at most {most} are allowed (`module_bytes`)",
        bytes.len()
    );
    let engine = Arc::new(Engine::new(cache.path(), Arc::new(limits.clone()))?);
    let start = Instant::now();
    let module = engine.load(bytes)?;
    let compile_ms = start.elapsed().as_millis();
    let (imports, exports) = interfaces(&module.component)?;
    let plan = configuration.map(|configuration| configure(&module, configuration, &limits)).transpose()?;
    let description = &module.description;
    Ok(Checked {
        name: description.name.clone(),
        version: description.version.clone(),
        summary: description.summary.clone(),
        authors: description.authors.clone(),
        contract: description.contract.clone(),
        digest: module.digest.to_string(),
        bytes: module.component.len(),
        compile_ms,
        imports,
        exports,
        state_writes: description.state.writes,
        state_reads: description.state.reads.clone(),
        plan,
    })
}

/// Names of what the component imports and exports.
fn interfaces(component: &[u8]) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let decoded = wit_component::decode(component).context("cannot read the component's interfaces")?;
    let DecodedWasm::Component(resolve, world) = &decoded else {
        anyhow::bail!("this is a package of WIT, not a module")
    };
    let world = &resolve.worlds[*world];
    let imports = world.imports.keys().map(|key| resolve.name_world_key(key)).collect();
    let exports = world.exports.keys().map(|key| resolve.name_world_key(key)).collect();
    Ok((imports, exports))
}

fn configure(module: &Module, configuration: &str, limits: &Limits) -> anyhow::Result<serde_json::Value> {
    let envelope = envelope("demo", "check", configuration, limits).map_err(anyhow::Error::msg)?;
    match module.configure(&envelope) {
        Ok(configured) => Ok(serde_json::from_str(&configured.json)?),
        Err(ConfigureError::Refused(diagnostics)) => {
            let lines = diagnostics.iter().map(|d| format!("\n  {}: {}\n    {}", d.place, d.message, d.hint));
            anyhow::bail!("the module refuses the configuration{}", lines.collect::<String>().trim_end())
        }
        Err(error) => Err(error.into()),
    }
}

fn render(checked: &Checked) -> anyhow::Result<String> {
    let reads: Vec<String> = checked.state_reads.iter().map(u32::to_string).collect();
    let lines = [
        ("module", format!("{}@{}", checked.name, checked.version)),
        ("summary", checked.summary.clone()),
        ("authors", checked.authors.join(", ")),
        ("contract", checked.contract.clone()),
        ("digest", format!("sha256:{}", checked.digest)),
        ("size", format!("{} KiB", checked.bytes.div_ceil(1_024))),
        ("compiled in", format!("{} ms", checked.compile_ms)),
        ("imports", checked.imports.join(", ")),
        ("exports", checked.exports.join(", ")),
        ("state", format!("writes version {}, reads {}", checked.state_writes, reads.join(", "))),
    ];
    let lines = lines.iter().filter(|(_, value)| !value.is_empty());
    let mut text: String = lines.map(|(name, value)| format!("{name:12} {}\n", output::visible(value))).collect();
    if let Some(plan) = &checked.plan {
        text += &format!("plan\n{}\n", serde_json::to_string_pretty(plan)?);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_module_is_refused_as_an_upload_would_be() {
        let error = check(b"not wasm", None).err().expect("refused").to_string();
        assert!(error.starts_with("this is not a WebAssembly module or component"), "{error}");
        // The empty component.
        let error = check(b"\0asm\x0d\0\x01\0", None).err().expect("refused").to_string();
        assert!(error.contains("does not export `fishpond:plugin/lifecycle@0.1.0`"), "{error}");
        let large = vec![0; Limits::default().module_bytes as usize + 1];
        assert!(check(&large, None).err().expect("refused").to_string().contains("`module_bytes`"));
    }

    #[test]
    fn a_checked_module_is_described() {
        let checked = Checked {
            name: "c2c-blacklist".to_owned(),
            version: "0.1.0".to_owned(),
            summary: "Flags users \u{1b}who view many sellers".to_owned(),
            authors: Vec::new(),
            contract: "0.1".to_owned(),
            digest: "0123".to_owned(),
            bytes: 20_481,
            compile_ms: 31,
            imports: vec!["fishpond:plugin/matches@0.1.0".to_owned()],
            exports: vec!["fishpond:plugin/events@0.1.0".to_owned(), "fishpond:plugin/lifecycle@0.1.0".to_owned()],
            state_writes: 2,
            state_reads: vec![1, 2],
            plan: Some(serde_json::json!({"windows": []})),
        };
        assert_eq!(
            render(&checked).expect("text"),
            "module       c2c-blacklist@0.1.0\nsummary      Flags users  who view many sellers\ncontract     0.1\n\
             digest       sha256:0123\nsize         21 KiB\ncompiled in  31 ms\n\
             imports      fishpond:plugin/matches@0.1.0\n\
             exports      fishpond:plugin/events@0.1.0, fishpond:plugin/lifecycle@0.1.0\n\
             state        writes version 2, reads 1, 2\nplan\n{\n  \"windows\": []\n}\n"
        );
    }
}
