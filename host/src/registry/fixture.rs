//! A journal and a registry with a past, for tests: control frames as if modules had answered their plans.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Clock, Registry};
use crate::engine::Engine;
use crate::journal::{Failpoints, Journal, Log, Options};
use crate::model::{Change, Control, DeploymentId, Digest, Frame, Guard, Limits, Lsn, OnError, Start};

pub(crate) struct Past {
    _folder: tempfile::TempDir,
    now: Arc<AtomicU64>,
    pub log: Log,
    pub registry: Arc<Registry>,
    pub limits: Arc<Limits>,
}

/// A plan with further members.
pub(crate) fn plan(more: &str) -> String {
    format!(r#"{{"state":{{"writes":1,"reads":[1]}}{more}}}"#)
}

impl Past {
    pub fn new() -> Past {
        Past::with(Limits::default())
    }

    pub fn with(limits: Limits) -> Past {
        Past::open(limits, Failpoints::default())
    }

    pub fn open(limits: Limits, failpoints: Failpoints) -> Past {
        let folder = tempfile::tempdir().expect("a folder");
        let now = Arc::new(AtomicU64::new(1_000));
        let options = Options { failpoints, ..Options::default() };
        let (journal, _) =
            Journal::open(&folder.path().join("journal"), options, Lsn::ZERO, &mut |_| {}).expect("a journal");
        let limits = Arc::new(limits);
        let log = Log::new(journal, limits.journal_tail_bytes, limits.sources);
        let engine = Engine::new(&folder.path().join("native"), limits.clone()).expect("an engine");
        let clock = clock(&now);
        let modules = folder.path().join("modules");
        let registry = Registry::new(log.clone(), Arc::new(engine), modules, limits.clone(), clock);
        Past { _folder: folder, now, log, registry: Arc::new(registry.expect("a registry")), limits }
    }

    pub fn clock(&self) -> Clock {
        clock(&self.now)
    }

    pub fn append(&self, frame: Frame) -> Lsn {
        self.log.append(frame).expect("appended")
    }

    pub fn durable(&self) {
        self.log.wait_committed(self.log.last()).expect("durable");
    }

    /// A further revision if the deployment is there; its configuration is its number.
    pub fn deploy(&self, business: &str, name: &str, plan: &str) -> DeploymentId {
        let revision = self.registry.deployment(business, name).map_or(1, |deployment| deployment.newest().number + 1);
        let change = Change::DeploymentRevised {
            business: business.into(),
            name: name.into(),
            revision,
            digest: Digest([4; 32]),
            configuration: revision.to_string().into(),
            envelope: "{}".into(),
            plan: plan.into(),
            permissions: vec!["matches".into()],
            on_error: OnError::Skip,
            guard: Guard::default(),
            start: Start::Latest,
            begins: Lsn::ZERO,
            backlog: Vec::new(),
        };
        let control = Arc::new(Control { at: (self.clock())(), by: "ops".into(), change });
        let lsn = self.append(Frame::Control(control.clone()));
        self.registry.recover(lsn, &control).expect("applied");
        self.registry.deployment(business, name).expect("deployed").id
    }
}

fn clock(now: &Arc<AtomicU64>) -> Clock {
    let now = now.clone();
    Arc::new(move || now.load(Ordering::SeqCst))
}
