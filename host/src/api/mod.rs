//! The HTTP API: everything that a producer, an operator or a consumer can ask of a running host.
//!
//! # Layout
//! - [`body`]: the JSON of requests and answers, also for clients
//! - `routes`: what there is; `observe`: token, time limit, log and metrics around each of them
//! - `events` (with `cloudevents`, `intakes`), `modules`, `deployments`, `alerts`, `queries`, `records`, `failures`, `captures`,
//!   `traces`, `backups`, `backfills`, `host`: the handlers
//! - `policies`, `chains`, `decisions`, `persons`, `actions`: those from match to screen
//! - `extract`, `answer`, `refusal`, `auth` (with `user_token`, `audit`), `cors`: what they share
//! - `reading`: from bodies to the model, `view`: back; `openapi`: the document about all of it
//! - `bounds`: of every request; `serve`: from the listener to the routes
//!
//! Nothing is acknowledged, and nothing that was asked for is shown, before its position is durable.

mod actions;
mod alerts;
mod answer;
mod audit;
mod auth;
mod backfills;
mod backups;
pub mod body;
mod bounds;
mod captures;
mod chains;
mod cloudevents;
mod cors;
mod decisions;
mod deployments;
mod events;
mod extract;
mod failures;
mod host;
mod intakes;
mod modules;
mod observe;
mod openapi;
mod persons;
mod policies;
mod queries;
mod reading;
mod records;
mod refusal;
mod routes;
mod serve;
mod traces;
mod user_token;
mod view;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{Semaphore, oneshot};

pub use auth::Tokens;
pub use axum::Router;
pub use cloudevents::read_past;
pub use intakes::Intakes;
pub use reading::policy as read_policy;
pub use routes::router;
pub use serve::serve;
pub use user_token::{User, UserKeys};
pub use view::{expired, json as json_on_one_line, policy_json, time};

use crate::channels::Hub;
use crate::journal::Log;
use crate::keys::Keys;
use crate::model::Limits;
use crate::model::ports::{Ask, Backfill, Backup, Capture, Submit, Watch};
use crate::outreach::{Book, Index};
use crate::registry::{Clock, Registry};
use crate::telemetry::Metrics;
use audit::Audit;
use refusal::Refusal;

/// Modules that are compiled, configured or tried at the same time; more wait.
const COMPILATIONS: usize = 2;

/// Traces at the same time; more wait.
const TRACES: usize = 2;

/// Pages of matches and failed inputs that are read at the same time; more wait.
const PAGES: usize = 4;

/// Share of a request's time that reading the journal may take, in percent: the rest is for the answer.
const SCAN_PERCENT: u64 = 80;

/// Businesses with counters of their own; events of further ones are counted together as `other`. Anybody with a token
/// can invent one.
const COUNTED_BUSINESSES: usize = 1_000;

/// What the API works with.
pub struct Parts {
    pub registry: Arc<Registry>,
    pub log: Log,
    /// What is told of the past is found by them.
    pub history: Keys,
    pub submit: Arc<dyn Submit>,
    pub ask: Arc<dyn Ask>,
    pub watch: Arc<dyn Watch>,
    pub capture: Arc<dyn Capture>,
    pub backup: Arc<dyn Backup>,
    pub backfill: Arc<dyn Backfill>,
    pub metrics: Arc<Metrics>,
    pub limits: Arc<Limits>,
    pub book: Arc<Book>,
    pub decisions: Arc<Index>,
    /// Streams end when it is closed: whoever ends the host closes it first.
    pub hub: Arc<Hub>,
    pub tokens: Tokens,
    pub keys: UserKeys,
    /// Origins of pages that may use the addresses of end users.
    pub cors_origins: Vec<String>,
    pub intakes: Intakes,
    /// Wall clock, milliseconds: the receive time of events.
    pub clock: Clock,
}

/// The parts and what bounds their use.
struct Api {
    parts: Parts,
    /// Requests that are worked on.
    requests: Arc<Semaphore>,
    compilations: Arc<Semaphore>,
    traces: Arc<Semaphore>,
    /// One at a time: each reads the whole host.
    backups: Arc<Semaphore>,
    /// One at a time: each takes a part of a core.
    backfills: Arc<Semaphore>,
    pages: Arc<Semaphore>,
    counted: Mutex<HashSet<Box<str>>>,
    audit: Arc<Audit>,
}

impl Api {
    fn new(parts: Parts) -> Api {
        Api {
            requests: bounds::places(&parts.limits),
            parts,
            compilations: Arc::new(Semaphore::new(COMPILATIONS)),
            traces: Arc::new(Semaphore::new(TRACES)),
            backups: Arc::new(Semaphore::new(1)),
            backfills: Arc::new(Semaphore::new(1)),
            pages: Arc::new(Semaphore::new(PAGES)),
            counted: Mutex::default(),
            audit: Arc::default(),
        }
    }

    /// Runs something that takes long on a thread of its own, few at a time. It goes on, and keeps its place, if the
    /// caller stops waiting.
    async fn bounded<T: Send + 'static>(
        self: &Arc<Api>,
        places: &Arc<Semaphore>,
        run: impl FnOnce(&Parts) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let place = places.clone().acquire_owned().await.map_err(|_| Refusal::host("the host is shutting down"))?;
        self.blocking(move |parts| {
            let _place = place;
            run(parts)
        })
        .await
    }

    /// Runs something that may wait for a lock or a file on a thread that may.
    async fn blocking<T: Send + 'static>(
        self: &Arc<Api>,
        run: impl FnOnce(&Parts) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let api = self.clone();
        let done = tokio::task::spawn_blocking(move || run(&api.parts)).await;
        done.map_err(|error| Refusal::host(format!("the request ended early: {error}")))
    }

    /// When reading the journal must end.
    fn scan_deadline(&self) -> Instant {
        let ms = self.parts.limits.request_ms.saturating_mul(SCAN_PERCENT) / 100;
        Instant::now() + std::time::Duration::from_millis(ms)
    }

    fn count_events(&self, business: &str, result: &str, count: u64) {
        if count == 0 {
            return;
        }
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if !counted.contains(business) && counted.len() < COUNTED_BUSINESSES {
            counted.insert(business.into());
        }
        let label = if counted.contains(business) { business } else { "other" };
        self.parts.metrics.events.with_label_values(&[label, result]).inc_by(count);
    }
}

/// Asks through a port that answers by a closure.
async fn answered<T: Send + 'static>(ask: impl FnOnce(Box<dyn FnOnce(T) + Send>)) -> Result<T, Refusal> {
    let (sender, receiver) = oneshot::channel();
    // Whoever stopped waiting needs no answer.
    ask(Box::new(|answer| drop(sender.send(answer))));
    receiver.await.map_err(|_| Refusal::host("the shard stopped before it answered"))
}
