//! `serve`: opens the folder, starts the worker, opens the door; and ends in the order of the flow.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::open::{Host, OpenOptions, Step, open};
use crate::api;
use crate::backfill::{Backfiller, Stop};
use crate::backup::Taker;
use crate::config::{self, Config};
use crate::journal::Log;
use crate::keys::Indexing;
use crate::outreach::Dispatching;
use crate::scenario;
use crate::shards::{Keeping, Shards};

/// Requests that have begun get this long to end.
const DRAIN: Duration = Duration::from_secs(20);

/// Runs the host until SIGTERM or an interrupt; a second one ends the process at once.
pub fn serve(config: Config) -> anyhow::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(run(config))
}

async fn run(config: Config) -> anyhow::Result<()> {
    // First what fails fast: a taken port, a folder that cannot be written. Connections wait until the host is ready.
    let listener = TcpListener::bind(config.listen).await;
    let listener = listener
        .with_context(|| format!("cannot listen on {}: is another host running there? See --listen", config.listen))?;
    let token = config::token::load_or_create(&config.data)?;
    let place = config.data.join(config::token::FILE_NAME).display().to_string();
    let tokens = api::Tokens::new([("operator".to_owned(), token)], place);
    let keys = api::UserKeys::new(config::token::user_key(&config.data)?);
    let options = OpenOptions { refuse_older: config.refuse_older, ..OpenOptions::steady(config.limits.clone()) };
    let host = open(&config.data, options, progress())?;
    let (report, log) = (host.report.clone(), host.parts.log.clone());
    tracing::info!(frames = report.frames, redone = report.redone, seconds = report.seconds, cut = ?report.journal.cut, "opened");
    let metrics = host.parts.metrics.clone();
    let hub = host.hub.clone();
    let doors = Doors {
        data: config.data.clone(),
        tokens,
        keys,
        cors_origins: config.cors_origins,
        intakes: api::Intakes::new(&config.intakes),
    };
    let backfills = Stop::default();
    let (router, running) = start(host, doors, backfills.clone())?;
    let mut signals = Signals::new()?;
    // Port 0 lets the system choose one: what is said is where clients find the host.
    let address = listener.local_addr().unwrap_or(config.listen);
    tracing::info!(%address, data = %config.data.display(), "ready");
    let (ended, end) = tokio::sync::oneshot::channel();
    let stop = async move {
        signals.next().await;
        tracing::info!("ending: requests that have begun are finished, then the worker; a second signal ends at once");
        tokio::spawn(leave_at_second(signals));
        // Streams would wait for ever, and backfills for long.
        hub.close();
        backfills.stop();
        // The receiver waits for as long as there is something to serve.
        let _ = ended.send(());
    };
    let limits = config.limits.clone();
    let served = tokio::spawn(async move { api::serve(listener, router, &limits, metrics, stop).await });
    drain(served, end).await?;
    close(running, log).await
}

/// Waits for the door to close: for ever before the signal, for [`DRAIN`] behind it.
async fn drain(
    mut served: tokio::task::JoinHandle<std::io::Result<()>>,
    end: tokio::sync::oneshot::Receiver<()>,
) -> anyhow::Result<()> {
    tokio::select! {
        ended = &mut served => return ended.context("the server ended")?.context("the server failed"),
        _ = end => {}
    }
    if tokio::time::timeout(DRAIN, &mut served).await.is_err() {
        tracing::warn!(seconds = DRAIN.as_secs(), "some requests have not ended in time and are dropped");
        served.abort();
    }
    Ok(())
}

/// Who may come in, and where.
pub struct Doors {
    /// What backups are taken of.
    pub data: PathBuf,
    pub tokens: api::Tokens,
    pub keys: api::UserKeys,
    pub cors_origins: Vec<String>,
    pub intakes: api::Intakes,
}

/// What is on threads of its own.
pub struct Running {
    shards: Shards,
    dispatching: Dispatching,
    keeping: Keeping,
    indexing: Indexing,
}

/// The workers and the dispatcher on their threads, and the doors to all of it.
pub fn start(host: Host, doors: Doors, backfills: Stop) -> anyhow::Result<(api::Router, Running)> {
    let Host { parts, intake, mut workers, dispatcher, keeper, keys, indexer, book, decisions, hub, clock, report } =
        host;
    if report.redone > 0 {
        // So that the next start has less to redo, however this one ends.
        workers.begin_checkpoint().context("cannot begin a checkpoint")?;
    }
    let asker = std::sync::Arc::new(workers.asker());
    let watch = workers.board.clone();
    let shards = Shards::start(workers).context("cannot start the workers")?;
    let dispatching = Dispatching::start(dispatcher).context("cannot start the dispatcher")?;
    let keeping = Keeping::start(keeper).context("cannot start the keeper")?;
    let indexing = Indexing::start(indexer).context("cannot start the indexer")?;
    let capture =
        scenario::Capturer { log: parts.log.clone(), registry: parts.registry.clone(), limits: parts.limits.clone() };
    let (registry, limits) = (parts.registry.clone(), parts.limits.clone());
    let backfill = Backfiller::new(parts.log.clone(), registry, limits, &doors.data, backfills);
    let (log, store, clock) = (parts.log.clone(), parts.store, clock);
    let backup = Taker { log, store, data: doors.data, clock: clock.clone() };
    let router = api::router(api::Parts {
        backup: std::sync::Arc::new(backup),
        backfill: std::sync::Arc::new(backfill),
        capture: std::sync::Arc::new(capture),
        registry: parts.registry,
        log: parts.log,
        history: keys,
        submit: intake,
        ask: asker,
        watch,
        metrics: parts.metrics,
        limits: parts.limits,
        book,
        decisions,
        hub,
        tokens: doors.tokens,
        keys: doors.keys,
        cors_origins: doors.cors_origins,
        intakes: doors.intakes,
        clock,
    });
    Ok((router, Running { shards, dispatching, keeping, indexing }))
}

async fn close(running: Running, log: Log) -> anyhow::Result<()> {
    let closed = tokio::task::spawn_blocking(move || running.stop(&log));
    closed.await.context("the end was interrupted")??;
    tracing::info!("ended");
    Ok(())
}

impl Running {
    /// Worker, dispatcher, journal: everything accepted is handled, everything handled is handed over and durable.
    pub fn stop(self, log: &Log) -> anyhow::Result<()> {
        self.keeping.stop();
        self.indexing.stop();
        let worked = self.shards.stop();
        let dispatched = self.dispatching.stop();
        log.journal().clone().close()?;
        anyhow::ensure!(worked, "the worker had failed; the journal holds everything that was accepted");
        anyhow::ensure!(
            dispatched,
            "the dispatcher had failed; what it did not hand over is tried again after the next start"
        );
        Ok(())
    }
}

/// SIGTERM and interrupts, from the moment that it is made: whoever has read `ready` may send one.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Signals> {
        let handle = |kind| signal(kind).context("cannot handle signals");
        Ok(Signals { terminate: handle(SignalKind::terminate())?, interrupt: handle(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn leave_at_second(mut signals: Signals) {
    signals.next().await;
    tracing::warn!("a second signal: leaving at once; what was acknowledged is in the journal");
    std::process::exit(130);
}

/// Says how far a long start is, at every tenth of it.
fn progress() -> impl FnMut(Step) {
    let mut said = (0, 0);
    move |step| match step {
        Step::Verify(done) => {
            let tenth = done.bytes_done * 10 / done.bytes_total.max(1);
            if tenth > said.0 {
                said.0 = tenth;
                tracing::info!(percent = tenth * 10, bytes = done.bytes_done, "verifying the journal");
            }
        }
        Step::Redo { position, last } => {
            let tenth = position.0 * 10 / last.0.max(1);
            if tenth > said.1 {
                said.1 = tenth;
                tracing::info!(percent = tenth * 10, position = position.0, "rebuilding state");
            }
        }
    }
}
