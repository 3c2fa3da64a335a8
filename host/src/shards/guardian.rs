//! The guardian: looks after deployments from outside the workers. Who lags too far is parked, or intake waits for it; who was
//! quarantined goes back to its last good revision if its operator has chosen that; alerts begin and end.
//!
//! It only looks and appends control frames, so nothing waits for it, and when it looks decides no outcome.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

use super::asker::Asker;
use super::parts::Parts;
use super::progress::Board;
use super::worker::Fatal;
use crate::journal::Health;
use crate::model::ports::{Ask, AskError, Watch};
use crate::model::{DeploymentId, Lsn, OnLag, PauseCause, ShardSet};
use crate::registry::{AlertKey, Deployment, HOST, PLATFORM};
use crate::tasks::{Bell, Thread};

pub struct Guardian {
    parts: Parts,
    board: Arc<Board>,
    asker: Asker,
    /// What crashes have cut off is appended once.
    settled: bool,
    lags: BTreeMap<DeploymentId, Lag>,
    /// Quarantines by their number, for which the host went back, or tried in vain.
    went_back: BTreeMap<DeploymentId, usize>,
    returning: Option<Returning>,
}

/// What is known of a live deployment's lag.
#[derive(Clone, Copy, Default)]
struct Lag {
    /// Bytes that it may be behind. Whoever begins or goes on far behind may fall back as much again, so that it can catch up.
    most: u64,
    blocks: bool,
}

/// Waits for the places of a quarantined deployment's shards.
struct Returning {
    id: DeploymentId,
    quarantines: usize,
    standing: Receiver<Result<Vec<(ShardSet, Lsn)>, AskError>>,
}

/// A deployment that has blocked intake lets events in again below this share of the limit.
const LET_IN_PERCENT: u64 = 50;

impl Guardian {
    pub fn new(parts: Parts, board: Arc<Board>, asker: Asker) -> Guardian {
        let (lags, went_back) = (BTreeMap::new(), BTreeMap::new());
        Guardian { parts, board, asker, settled: false, lags, went_back, returning: None }
    }

    /// Looks once. Answers whether there is something for workers to follow or to answer.
    pub fn look(&mut self) -> Result<bool, Fatal> {
        let before = self.parts.registry.generation();
        if !self.settled {
            self.parts.registry.settle_alerts()?;
            self.settled = true;
        }
        self.look_at_workers()?;
        for deployment in self.parts.registry.snapshot() {
            self.look_at_lag(&deployment)?;
            self.look_back(&deployment);
        }
        self.go_back();
        Ok(self.returning.is_some() || self.parts.registry.generation() != before)
    }

    /// A worker that stands still until a restart.
    fn look_at_workers(&self) -> Result<(), Fatal> {
        let key = AlertKey::new(PLATFORM, "worker", HOST);
        if self.parts.log.journal().health() != Health::Running {
            // Nothing can be said any more.
            return Ok(());
        }
        match self.board.unhealthy() {
            Some(reason) => self.parts.registry.raise(&key, &reason)?,
            None => self.parts.registry.resolve(&key, "")?,
        }
        Ok(())
    }

    fn look_at_lag(&mut self, deployment: &Deployment) -> Result<(), Fatal> {
        let (id, limit) = (deployment.id, self.parts.limits.lag_max_bytes);
        let Some(live) = self.board.live(id) else { return Ok(()) };
        let Some(position) = live.filter(|_| deployment.paused.shards != ShardSet::ALL) else {
            // Nobody waits for what stands still, and it begins anew when it goes on.
            self.lags.remove(&id);
            return self.let_in(deployment);
        };
        let (frames, bytes, _) = self.board.behind(position);
        let lag = self.lags.entry(id).or_insert_with(|| {
            // Whoever was waited for before a restart still is.
            let blocks = self.parts.registry.is_open(&blocked(deployment));
            Lag { most: if blocks { limit } else { bytes.saturating_add(limit) }, blocks }
        });
        if bytes <= limit {
            lag.most = limit;
        }
        if bytes <= limit.saturating_mul(LET_IN_PERCENT) / 100 || deployment.newest().guard.on_lag != OnLag::Block {
            lag.blocks = false;
        }
        if bytes > lag.most {
            let reason = format!(
                "{frames} frames and {bytes} bytes of the journal behind at position {position}, more than {} \
                 (`lag_max_bytes`)",
                lag.most
            );
            match deployment.newest().guard.on_lag {
                OnLag::Block => lag.blocks = true,
                OnLag::Park => {
                    self.lags.remove(&id);
                    tracing::error!(deployment = %deployment.name, reason, "parked");
                    let registry = &self.parts.registry;
                    registry.pause_shards(id, ShardSet::ALL, PauseCause::Lag, &reason)?;
                    return self.let_in(deployment);
                }
            }
            return self.block(deployment, &reason);
        }
        if lag.blocks { self.block(deployment, "it has to catch up") } else { self.let_in(deployment) }
    }

    fn block(&self, deployment: &Deployment, reason: &str) -> Result<(), Fatal> {
        let subscriptions = deployment.newest().configured.plan.subscriptions.iter();
        let types = subscriptions.flat_map(|subscription| subscription.types.iter().cloned()).collect();
        self.parts.blocking.block(deployment.id, &deployment.business, types);
        let message = format!("intake refuses its event types: {reason}");
        Ok(self.parts.registry.raise(&blocked(deployment), &message)?)
    }

    fn let_in(&self, deployment: &Deployment) -> Result<(), Fatal> {
        let key = blocked(deployment);
        self.parts.blocking.let_in(deployment.id);
        Ok(self.parts.registry.resolve(&key, "")?)
    }

    /// Asks where a quarantined deployment's shards stand, if it is to go back.
    fn look_back(&mut self, deployment: &Deployment) {
        let (id, quarantines) = (deployment.id, deployment.quarantined.len());
        if !deployment.is_quarantined() || self.went_back.get(&id) == Some(&quarantines) || self.returning.is_some() {
            return;
        }
        if deployment.way_back().is_none() {
            self.went_back.insert(id, quarantines);
            return;
        }
        let (send, standing) = channel();
        self.asker.standing(id, Box::new(move |places| drop(send.send(places))));
        self.returning = Some(Returning { id, quarantines, standing });
    }

    /// Goes back once it is known where all shards stand.
    fn go_back(&mut self) {
        let Some(Returning { id, quarantines, standing }) = &self.returning else { return };
        let (id, quarantines) = (*id, *quarantines);
        let places = match standing.try_recv() {
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => Err("a worker is gone".to_owned()),
            Ok(places) => places.map_err(|error| error.to_string()),
        };
        self.returning = None;
        self.went_back.insert(id, quarantines);
        let registry = &self.parts.registry;
        let current = registry.by_id(id).is_some_and(|deployment| deployment.quarantined.len() == quarantines);
        if !current {
            return;
        }
        match places.and_then(|places| registry.go_back(id, places).map_err(|error| error.to_string())) {
            Ok(Some(deployment)) => {
                tracing::warn!(deployment = %deployment.name, revision = deployment.newest().number, "went back");
            }
            Ok(None) => {}
            Err(error) => tracing::error!(deployment = id.0, error, "the host could not go back: it stays quarantined"),
        }
    }
}

/// How often a host looks after its deployments.
const LOOK: Duration = Duration::from_millis(250);

/// The guardian on a thread of its own.
pub struct Guarding {
    thread: Thread<()>,
    stop: Arc<AtomicBool>,
    bell: Arc<Bell>,
}

impl Guarding {
    pub fn start(mut guardian: Guardian) -> std::io::Result<Guarding> {
        let (stop, bell) = (Arc::new(AtomicBool::new(false)), Arc::new(Bell::default()));
        let (stopping, wakes) = (stop.clone(), bell.clone());
        let thread = Thread::spawn("guardian", move || {
            while !stopping.load(Ordering::Acquire) {
                let seen = wakes.rings();
                if let Err(fatal) = guardian.look() {
                    tracing::error!(%fatal, "nobody looks after deployments until the host is restarted");
                    return guardian.board.fail(format!("the guardian stands still: {fatal}"));
                }
                wakes.wait(seen, LOOK);
            }
        })?;
        Ok(Guarding { thread, stop, bell })
    }

    /// Ends when the look that is under way has ended.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.bell.ring();
        self.thread.join();
    }
}

/// The alert of whom intake waits for.
fn blocked(deployment: &Deployment) -> AlertKey {
    AlertKey::new(&deployment.business, "blocked", &deployment.name)
}
