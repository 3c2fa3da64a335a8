//! Uploads: from bytes to a stored, compiled, described module.

use std::sync::Arc;

use super::{Error, PLATFORM, Registry};
use crate::model::{Change, Control, Digest, Lsn, check_name};

/// A module of a business. Immutable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    pub lsn: Lsn,
    pub business: Box<str>,
    pub name: Box<str>,
    pub version: Box<str>,
    pub digest: Digest,
    /// Wall clock, milliseconds.
    pub at: u64,
    pub by: Box<str>,
}

impl Uploaded {
    pub(super) fn from_control(lsn: Lsn, control: &Control) -> Result<Uploaded, Error> {
        let Change::ModuleUploaded { business, digest, name, version } = &control.change else {
            return Err(Error::Recovery("not an upload".to_owned()));
        };
        Ok(Uploaded {
            lsn,
            business: business.clone(),
            name: name.clone(),
            version: version.clone(),
            digest: *digest,
            at: control.at,
            by: control.by.clone(),
        })
    }
}

impl Registry {
    /// A module's component, as it is stored. For a business its own and those of the platform, whose filters judge for all.
    pub fn component(&self, business: &str, digest: Digest) -> Result<Vec<u8>, Error> {
        let known = |uploaded: &&Arc<Uploaded>| {
            uploaded.digest == digest && (*uploaded.business == *business || *uploaded.business == *PLATFORM)
        };
        self.read().modules.iter().find(known).ok_or_else(|| Error::NoModule(digest.to_string()))?;
        Ok(self.files.read(digest)?)
    }

    /// Checks, compiles, describes and stores a module. The same bytes again are the same module: nothing is changed.
    pub fn upload(&self, business: &str, wasm: &[u8], by: &str) -> Result<Arc<Uploaded>, Error> {
        check_name("business", business)?;
        if wasm.len() as u64 > self.limits.module_bytes {
            return Err(Error::Limit { name: "module_bytes", limit: self.limits.module_bytes });
        }
        // Seconds of compiling, so no lock is held meanwhile.
        let module = self.engine.load(wasm)?;
        let (name, version) = (module.description.name.clone(), module.description.version.clone());
        let mut state = self.write();
        let own = state.modules.iter().filter(|uploaded| *uploaded.business == *business);
        if let Some(same) = own.clone().find(|uploaded| uploaded.digest == module.digest) {
            // It may have been lost or changed since: whoever uploads it again wants it to be there.
            if self.files.read(module.digest).ok().as_deref() != Some(&*module.component) {
                self.files.write(module.digest, &module.component)?;
            }
            return Ok(same.clone());
        }
        if let Some(taken) = own.clone().find(|uploaded| *uploaded.name == *name && *uploaded.version == *version) {
            return Err(Error::VersionTaken { name, version, digest: taken.digest.short() });
        }
        if state.modules.len() as u64 >= self.limits.modules {
            return Err(Error::Limit { name: "modules", limit: self.limits.modules });
        }
        // Only what is accepted is stored, and it is stored before the frame that names it.
        self.files.write(module.digest, &module.component)?;
        let digest = module.digest;
        state.loaded.insert(digest, Arc::new(module));
        let change =
            Change::ModuleUploaded { business: business.into(), digest, name: name.into(), version: version.into() };
        self.commit(&mut state, by, change)?;
        let uploaded = state.modules.last().cloned();
        uploaded.ok_or_else(|| Error::NoModule(digest.short()))
    }

    /// A module by digest (or the beginning of one, from 6 digits), by name@version, or by a name alone: its newest.
    pub fn find_module(&self, business: &str, wanted: &str) -> Result<Arc<Uploaded>, Error> {
        let modules = self.modules(business);
        if let Some(digest) = Digest::parse(wanted) {
            return found(modules.iter().filter(|module| module.digest == digest), wanted);
        }
        if let Some((name, version)) = wanted.split_once('@') {
            return found(modules.iter().filter(|module| *module.name == *name && *module.version == *version), wanted);
        }
        if let Some(newest) = modules.iter().rfind(|module| *module.name == *wanted) {
            return Ok(newest.clone());
        }
        if wanted.len() < 6 {
            return Err(Error::NoModule(wanted.to_owned()));
        }
        found(modules.iter().filter(|module| module.digest.to_string().starts_with(wanted)), wanted)
    }
}

fn found<'a>(mut modules: impl Iterator<Item = &'a Arc<Uploaded>>, wanted: &str) -> Result<Arc<Uploaded>, Error> {
    match (modules.next(), modules.next()) {
        (Some(module), None) => Ok(module.clone()),
        (None, _) => Err(Error::NoModule(wanted.to_owned())),
        (Some(_), Some(_)) => Err(Error::AmbiguousModule(wanted.to_owned())),
    }
}
