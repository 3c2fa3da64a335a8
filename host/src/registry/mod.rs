//! Modules and deployments: what is uploaded, what runs where, and since which position.
//!
//! Everything here is derived from control frames; module files are written and synced before the frame that names
//! them. Changes are appended under the registry's lock, so whoever reads a control frame finds it applied.

mod alerts;
mod deployment;
mod derived;
mod error;
mod files;
#[cfg(test)]
pub(crate) mod fixture;
mod guard;
mod resending;
mod revise;
mod upload;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub use alerts::{AlertKey, HOST, OpenAlert, PLATFORM, advice};
pub use deployment::{DeployRequest, Deployment, Paused, Revision};
pub use error::Error;
pub use resending::Resending;
pub use upload::Uploaded;

use crate::engine::{Engine, Module, Runner};
use crate::journal::Log;
use crate::model::{Change, Control, DeploymentId, Digest, Frame, Limits, Lsn, PauseCause, ShardSet};
use deployment::revision_from;
use derived::Published;
use files::ModuleFiles;

/// Wall clock for the record of who changed what, milliseconds.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

pub struct Registry {
    log: Log,
    engine: Arc<Engine>,
    files: ModuleFiles,
    limits: Arc<Limits>,
    clock: Clock,
    state: RwLock<State>,
    /// Rises with every change, so that workers look only then.
    generation: AtomicU64,
    /// The last declared replay since the host was opened; whoever resends holds it.
    resent: Mutex<Lsn>,
}

#[derive(Default)]
struct State {
    /// By business and digest, in upload order of each name.
    modules: Vec<Arc<Uploaded>>,
    /// Native code, loaded at first use and kept.
    loaded: BTreeMap<Digest, Arc<Module>>,
    deployments: BTreeMap<DeploymentId, Arc<Deployment>>,
    alerts: alerts::Open,
    published: Published,
}

impl Registry {
    /// `folder` holds the module files.
    pub fn new(
        log: Log,
        engine: Arc<Engine>,
        folder: PathBuf,
        limits: Arc<Limits>,
        clock: Clock,
    ) -> std::io::Result<Registry> {
        let files = ModuleFiles::open(folder)?;
        let (state, generation) = (RwLock::default(), AtomicU64::new(1));
        let resent = Mutex::default();
        Ok(Registry { log, engine, files, limits, clock, state, generation, resent })
    }

    /// Applies a control frame that the journal already holds.
    pub fn recover(&self, lsn: Lsn, control: &Control) -> Result<(), Error> {
        self.apply(&mut self.write(), lsn, control)
    }

    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// All deployments, in the order of their ids.
    pub fn snapshot(&self) -> Vec<Arc<Deployment>> {
        self.read().deployments.values().cloned().collect()
    }

    pub fn deployments(&self, business: &str) -> Vec<Arc<Deployment>> {
        self.read().deployments.values().filter(|deployment| *deployment.business == *business).cloned().collect()
    }

    pub fn deployment(&self, business: &str, name: &str) -> Option<Arc<Deployment>> {
        self.read().find(business, name).cloned()
    }

    pub fn by_id(&self, id: DeploymentId) -> Option<Arc<Deployment>> {
        self.read().deployments.get(&id).cloned()
    }

    /// Modules of a business, oldest first.
    pub fn modules(&self, business: &str) -> Vec<Arc<Uploaded>> {
        self.read().modules.iter().filter(|module| *module.business == *business).cloned().collect()
    }

    /// Stops shards of a deployment at their readers' positions.
    pub fn pause(&self, business: &str, name: &str, reason: &str, by: &str) -> Result<Lsn, Error> {
        self.change_named(business, name, by, |deployment| {
            still_there(deployment)?;
            if deployment.paused.shards == ShardSet::ALL {
                return Err(Error::AlreadyPaused(deployment.name.to_string()));
            }
            let (cause, reason) = (PauseCause::Operator, reason.into());
            Ok(Change::Paused { deployment: deployment.id, shards: ShardSet::ALL, cause, reason })
        })
    }

    /// Lets all shards of a deployment go on where they stopped.
    pub fn resume(&self, business: &str, name: &str, by: &str) -> Result<Lsn, Error> {
        self.change_named(business, name, by, |deployment| {
            still_there(deployment)?;
            if deployment.paused.shards.is_empty() {
                return Err(Error::NotPaused(deployment.name.to_string()));
            }
            Ok(Change::Resumed { deployment: deployment.id, shards: deployment.paused.shards })
        })
    }

    /// Ends a deployment for good: it handles what came before, and keeps its documents and its name. For whoever may be
    /// named by a chain, `outreach::Book::retire` looks first.
    pub fn retire(&self, business: &str, name: &str, by: &str) -> Result<Lsn, Error> {
        self.change_named(business, name, by, |deployment| {
            still_there(deployment)?;
            Ok(Change::Retired { deployment: deployment.id })
        })
    }

    fn change_named(
        &self,
        business: &str,
        name: &str,
        by: &str,
        change: impl FnOnce(&Deployment) -> Result<Change, Error>,
    ) -> Result<Lsn, Error> {
        let mut state = self.write();
        let deployment = state.find(business, name).ok_or_else(|| Error::NoDeployment(name.to_owned()))?;
        let change = change(deployment)?;
        self.commit(&mut state, by, change)
    }

    /// Native code of a module, from memory or from the cache.
    pub fn load(&self, digest: Digest) -> Result<Arc<Module>, Error> {
        if let Some(module) = self.read().loaded.get(&digest) {
            return Ok(module.clone());
        }
        let module = Arc::new(self.engine.load(&self.files.read(digest)?)?);
        if module.digest != digest {
            return Err(Error::ChangedFile { expected: digest.to_string(), found: module.digest.to_string() });
        }
        self.write().loaded.insert(digest, module.clone());
        Ok(module)
    }

    /// A runner for a revision, for one worker.
    pub fn runner(&self, revision: &Revision) -> Result<Runner, Error> {
        let module = self.load(revision.digest)?;
        let (configured, permissions) = (revision.configured.clone(), revision.permissions.clone());
        Runner::new(module, &revision.scope, &revision.envelope, configured, permissions).map_err(Error::Configure)
    }

    /// Appends a change and the alerts that follow from it. Answers the change's position.
    fn commit(&self, state: &mut State, by: &str, change: Change) -> Result<Lsn, Error> {
        let lsn = self.append(state, by, change)?;
        self.settle(state)?;
        Ok(lsn)
    }

    fn append(&self, state: &mut State, by: &str, change: Change) -> Result<Lsn, Error> {
        let control = Arc::new(Control { at: (self.clock)(), by: by.into(), change });
        let lsn = self.log.append(Frame::Control(control.clone()))?;
        self.apply(state, lsn, &control)?;
        self.generation.fetch_add(1, Ordering::Release);
        // Readers that are at rest look at the registry too.
        self.log.bell().ring();
        Ok(lsn)
    }

    fn apply(&self, state: &mut State, lsn: Lsn, control: &Control) -> Result<(), Error> {
        match &control.change {
            Change::ModuleUploaded { .. } => state.modules.push(Arc::new(Uploaded::from_control(lsn, control)?)),
            Change::DeploymentRevised { business, name, .. } => {
                let revision = Arc::new(revision_from(lsn, control)?);
                let deployment = match state.find(business, name) {
                    Some(deployment) => deployment.with_revision(revision),
                    None => Deployment::first(lsn, business, name, revision),
                };
                state.deployments.insert(deployment.id, Arc::new(deployment));
            }
            Change::Paused { deployment, shards, cause, reason } => {
                state.update(*deployment, |deployment| deployment.paused.add(*shards, *cause, reason, control.at));
            }
            Change::Quarantined { deployment, revision, reason } => {
                state.update(*deployment, |deployment| deployment.quarantine(*revision, reason, control.at));
            }
            Change::GapAccepted { deployment, gap } => {
                state.update(*deployment, |deployment| deployment.pass(*gap));
            }
            Change::Alert { .. } => alerts::apply(&mut state.alerts, lsn, control),
            Change::Resumed { deployment, shards } => {
                state.update(*deployment, |deployment| deployment.paused.remove(*shards));
            }
            Change::Retired { deployment } => {
                state.update(*deployment, |deployment| deployment.retired = Some(lsn));
            }
            // Kept by `outreach`, but for what they publish.
            change @ Change::PolicyRevised { .. } => state.published.apply(change),
            // An input for readers is the second of these.
            Change::ChainRevised { .. } | Change::Resent(_) => {}
        }
        Ok(())
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn still_there(deployment: &Deployment) -> Result<(), Error> {
    match deployment.retired {
        Some(_) => Err(Error::Retired(deployment.name.to_string())),
        None => Ok(()),
    }
}

impl State {
    fn find(&self, business: &str, name: &str) -> Option<&Arc<Deployment>> {
        self.deployments.values().find(|deployment| *deployment.business == *business && *deployment.name == *name)
    }

    fn update(&mut self, id: DeploymentId, change: impl FnOnce(&mut Deployment)) {
        if let Some(deployment) = self.deployments.get_mut(&id) {
            change(Arc::make_mut(deployment));
        }
    }
}
