//! Components that scenarios may deploy.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use sha2::{Digest as _, Sha256};

use crate::model::Digest;

/// Components by module name, and a folder for their native code, so that each is compiled once for all runs.
pub struct Modules {
    by_name: BTreeMap<String, Arc<Vec<u8>>>,
    native: PathBuf,
    /// Removes the folder, if it is one of our own.
    _temporary: Option<tempfile::TempDir>,
}

impl Modules {
    pub fn new() -> anyhow::Result<Modules> {
        let temporary = tempfile::tempdir().context("cannot make a temporary folder")?;
        let native = temporary.path().to_owned();
        Ok(Modules { by_name: BTreeMap::new(), native, _temporary: Some(temporary) })
    }

    /// Keeps native code in a folder, for the next process as well. Only this user may write it.
    pub fn kept_in(native: PathBuf) -> Modules {
        Modules { by_name: BTreeMap::new(), native, _temporary: None }
    }

    /// Adds a component under the name that scenarios use for it.
    pub fn add(&mut self, name: &str, component: Vec<u8>) {
        self.by_name.insert(name.to_owned(), Arc::new(component));
    }

    pub(super) fn native(&self) -> &Path {
        &self.native
    }

    /// The file of that name, else the one with the digest (SHA-256), else the one with the name without its version.
    pub(super) fn find(&self, name: &str, digest: Option<&str>) -> anyhow::Result<Arc<Vec<u8>>> {
        let of_digest = |wanted: &str| {
            let found = self.by_name.values().find(|wasm| digest_of(wasm) == wanted);
            found.cloned()
        };
        if !self.by_name.contains_key(name) {
            if let Some(found) = digest.and_then(of_digest) {
                return Ok(found);
            }
            if let Some((plain, _)) = name.split_once('@') {
                return self.get(plain).with_context(|| format!("nor one named `{name}`, or with its digest"));
            }
        }
        self.get(name)
    }

    fn get(&self, name: &str) -> anyhow::Result<Arc<Vec<u8>>> {
        let known = || self.by_name.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        self.by_name.get(name).cloned().with_context(|| format!("there is no module `{name}`; given are: {}", known()))
    }
}

fn digest_of(wasm: &[u8]) -> String {
    Digest(Sha256::digest(wasm).into()).to_string()
}
