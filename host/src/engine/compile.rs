//! Compiles components under fixed, deterministic settings, and caches native code by digest and engine.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use sha2::{Digest as _, Sha256};
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, EngineWeak, OptLevel};

use super::bindings::imports;
use super::error::UploadError;
use super::host::HostState;
use super::module::Module;
use crate::model::{Digest, Limits};

/// How often the watchdog's clock ticks.
const EPOCH: Duration = Duration::from_millis(100);

/// One per process: compiler settings, the linked imports, the watchdog and the cache of native code.
pub struct Engine {
    pub(super) wasm: wasmtime::Engine,
    pub(super) linker: Linker<HostState>,
    pub(super) limits: Arc<Limits>,
    cache: PathBuf,
    /// Part of the cache's file names: native code of another engine or other settings is never loaded.
    hash: String,
}

impl Engine {
    /// `cache` is a folder that only this host writes: it is made with mode 0700, and refused if group or others may
    /// write it.
    pub fn new(cache: &Path, limits: Arc<Limits>) -> anyhow::Result<Engine> {
        let wasm = wasmtime::Engine::new(&config(&limits))
            .map_err(anyhow::Error::from)
            .context("cannot set up the compiler")?;
        make_private(cache).with_context(|| format!("cannot use {} as the cache of native code", cache.display()))?;
        let linker = link(&wasm)?;
        watch(wasm.weak())?;
        let hash = compatibility(&wasm);
        Ok(Engine { wasm, linker, limits, cache: cache.to_owned(), hash })
    }

    /// Ticks of the watchdog's clock within the limit of one call.
    pub(super) fn watchdog_ticks(&self) -> u64 {
        self.limits.watchdog_ms.div_ceil(EPOCH.as_millis() as u64) + 1
    }

    /// Checks, compiles and pre-links a core module or component, and asks it what it is. Seconds, the first time.
    pub fn load(self: &Arc<Self>, wasm: &[u8]) -> Result<Module, UploadError> {
        let component = componentize(wasm)?;
        let digest = Digest(Sha256::digest(&component).into());
        let native = self.native(&component, digest)?;
        Module::link(self.clone(), component, digest, native)
    }

    /// Native code from the cache, else compiled now and cached.
    fn native(&self, component: &[u8], digest: Digest) -> Result<Component, UploadError> {
        let file = self.cache.join(format!("{digest}-{}.cwasm", self.hash));
        if let Some(cached) = self.cached(&file) {
            return Ok(cached);
        }
        let compiled =
            Component::new(&self.wasm, component).map_err(|error| UploadError::NotWasm(format!("{error:#}")))?;
        let stored = compiled.serialize().map_err(anyhow::Error::from).and_then(|code| write_whole(&file, &code));
        stored.map_err(|error| UploadError::Host(format!("{error:#}")))?;
        Ok(compiled)
    }

    fn cached(&self, file: &Path) -> Option<Component> {
        if !file.exists() {
            return None;
        }
        // SAFETY: `deserialize_file` demands a file that `serialize` wrote and nobody changed. The folder may be written by
        // this user only (`make_private` has made or checked it), and `write_whole` gives a file its name after its
        // bytes are on the disk, so that no crash leaves half of one. The name holds the component's digest and the
        // engine's settings; code of another wasmtime is refused by `deserialize_file` itself.
        #[allow(unsafe_code, reason = "wasmtime has no other way to load native code")]
        let loaded = unsafe { Component::deserialize_file(&self.wasm, file) };
        loaded.inspect_err(|error| tracing::warn!(file = %file.display(), %error, "native code compiled anew")).ok()
    }
}

/// Deterministic and bounded: no threads, no relaxed SIMD, canonical NaN; fuel decides, the epoch only watches.
fn config(limits: &Limits) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .concurrency_support(false)
        .consume_fuel(true)
        .epoch_interruption(true)
        .cranelift_nan_canonicalization(true)
        .cranelift_opt_level(OptLevel::Speed)
        .max_wasm_stack(limits.guest_stack_bytes as usize);
    config
}

fn link(wasm: &wasmtime::Engine) -> anyhow::Result<Linker<HostState>> {
    let mut linker = Linker::new(wasm);
    imports::Imports::add_to_linker::<_, HostState>(&mut linker, |state| state)?;
    Ok(linker)
}

/// Advances the epoch for as long as the engine lives.
fn watch(engine: EngineWeak) -> anyhow::Result<()> {
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(EPOCH);
        }
    };
    std::thread::Builder::new().name("watchdog".to_owned()).spawn(tick).context("cannot start the watchdog")?;
    Ok(())
}

fn compatibility(wasm: &wasmtime::Engine) -> String {
    use std::hash::{Hash, Hasher};
    let mut hasher = xxhash_rust::xxh3::Xxh3Default::new();
    wasm.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// A component stays what it is; a core module that carries the contract (as wit-bindgen embeds it) becomes one.
fn componentize(wasm: &[u8]) -> Result<Vec<u8>, UploadError> {
    match wasm.get(..8) {
        Some(b"\0asm\x0d\0\x01\0") => Ok(wasm.to_vec()),
        Some(b"\0asm\x01\0\0\0") => wit_component::ComponentEncoder::default()
            .validate(true)
            .module(wasm)
            .and_then(|mut encoder| encoder.encode())
            .map_err(|error| UploadError::NotAComponent(format!("{error:#}"))),
        _ => Err(UploadError::NotWasm("it does not begin with the bytes of one".to_owned())),
    }
}

/// Makes the folder, or checks the one that is there: native code is run as it is found.
fn make_private(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mode = std::fs::metadata(folder)?.permissions().mode() & 0o7777;
    if mode & 0o022 != 0 {
        let folder = folder.display();
        anyhow::bail!(
            "others than this user may write it (mode {mode:o}), and so put code into this host: empty it, then `chmod go-w {folder}`"
        );
    }
    Ok(())
}

/// A file is there whole or not at all, after a crash too. The folder is not synced: a lost file is compiled anew.
fn write_whole(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = file.parent().context("the cache has no folder")?;
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    temporary.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_cache_that_others_may_write_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().expect("a folder");
        for (mode, fits) in [(0o700, true), (0o755, true), (0o770, false), (0o702, false)] {
            std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).expect("its own folder");
            let made = make_private(folder.path());
            assert_eq!(made.is_ok(), fits, "{mode:o}");
            assert!(made.err().is_none_or(|error| error.to_string().contains("chmod go-w")));
        }
    }

    #[test]
    fn a_new_cache_is_private_and_its_files_are_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = folder.path().join("deep/native");
        make_private(&cache).expect("a new folder");
        let mode = std::fs::metadata(&cache).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let file = cache.join("code");
        for bytes in [&b"first"[..], b"then another"] {
            write_whole(&file, bytes).expect("a file");
            assert_eq!(std::fs::read(&file).expect("the file"), bytes);
        }
        assert_eq!(std::fs::read_dir(&cache).expect("the folder").count(), 1, "no temporary file is left");
    }
}
