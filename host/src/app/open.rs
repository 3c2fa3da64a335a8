//! Opens a data folder: store, journal, engine, registry, recovery; in the order in which one proves the other.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use crate::channels::{Hub, Script, Ways};
use crate::doctor::MARKER;
use crate::engine::Engine;
use crate::journal::{Clock, Failpoints, Journal, Log, Opened, Options, Progress};
use crate::keys::{Indexer, Keys};
use crate::model::{Limits, Lsn, SHARD_COUNT};
use crate::outreach::{Book, Dispatcher, Index};
use crate::registry::Registry;
use crate::shards::{
    Batching, Blocking, Faults, Identities, Intake, Keeper, Parts, SteadyClock, Timekeeper, Workers, recover,
};
use crate::store::{self, Store};
use crate::telemetry::Metrics;

/// How a folder is opened.
pub struct OpenOptions {
    pub limits: Limits,
    /// Receive clock, milliseconds.
    pub clock: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// What is behind `clock`, where that is steady: it begins no earlier than the journal ends.
    pub steady: Option<Arc<SteadyClock>>,
    pub failpoints: Failpoints,
    pub store_failpoints: store::Failpoints,
    /// Of the journal; see [`Options::commit_delay`].
    pub commit_delay: Duration,
    pub batching: Batching,
    /// Cache of native code; None = in the data folder. Only this user may write it.
    pub native: Option<PathBuf>,
    /// What channels answer instead of delivering, for scenario files and tests.
    pub script: Option<Arc<Script>>,
    /// Intakes whose events are refused where they may have come before; elsewhere they are marked.
    pub refuse_older: Vec<String>,
}

impl OpenOptions {
    /// With the clock of this machine, made steady.
    pub fn steady(limits: Limits) -> OpenOptions {
        let wall = Clock::default().0;
        let steady = Arc::new(SteadyClock::new(move || wall(), &limits));
        let clock = steady.clone();
        OpenOptions { limits, clock: Arc::new(move || clock.now()), steady: Some(steady), ..OpenOptions::default() }
    }
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions {
            limits: Limits::default(),
            clock: Clock::default().0,
            steady: None,
            failpoints: Failpoints::default(),
            store_failpoints: store::Failpoints::default(),
            commit_delay: Duration::ZERO,
            batching: Batching::ByTime,
            native: None,
            script: None,
            refuse_older: Vec::new(),
        }
    }
}

/// A host with everything but threads for its workers and doors to the outside.
pub struct Host {
    pub parts: Parts,
    pub intake: Arc<Intake>,
    pub workers: Workers,
    pub dispatcher: Dispatcher,
    pub keeper: Keeper,
    /// Answers about the past are found by.
    pub keys: Keys,
    pub indexer: Indexer,
    pub book: Arc<Book>,
    pub decisions: Arc<Index>,
    pub hub: Arc<Hub>,
    pub clock: Arc<dyn Fn() -> u64 + Send + Sync>,
    pub report: Report,
}

/// What opening found.
#[derive(Debug, Clone)]
pub struct Report {
    pub journal: Opened,
    pub frames: u64,
    pub redone: u64,
    /// The most that documents took in memory meanwhile, bytes.
    pub most_bytes: usize,
    pub seconds: f64,
}

/// A long step of opening.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// The journal's checksums.
    Verify(Progress),
    /// Rebuilding what lives in memory, up to this position of the last.
    Redo { position: Lsn, last: Lsn },
}

/// How many workers there are: as many as the machine has cores, unless it is said.
fn workers(limits: &Limits) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let wanted = if limits.workers == 0 { cores() } else { limits.workers as usize };
    wanted.clamp(1, usize::from(SHARD_COUNT))
}

/// Opens or makes a data folder and brings everything to where the journal ends.
pub fn open(data: &Path, options: OpenOptions, mut progress: impl FnMut(Step)) -> anyhow::Result<Host> {
    let started = std::time::Instant::now();
    anyhow::ensure!(
        !data.join(MARKER).exists(),
        "a restore into {} was not finished: empty the folder and restore again",
        data.display()
    );
    let limits = Arc::new(options.limits);
    std::fs::create_dir_all(data).with_context(|| format!("cannot make the data folder {}", data.display()))?;
    let journal_options = Options {
        segment_bytes: limits.journal_segment_bytes,
        frame_bytes: limits.journal_frame_bytes as usize,
        queue_bytes: limits.journal_queue_bytes as usize,
        clock: Clock(options.clock.clone()),
        commit_delay: options.commit_delay,
        failpoints: options.failpoints,
        ..Options::default()
    };
    // The store first: its highest row proves how far the journal must reach.
    let store_options = store::Options {
        directories: limits.store_directories as usize,
        cache_bytes: limits.store_cache_bytes,
        failpoints: options.store_failpoints,
    };
    let store = Arc::new(Store::open_with(&data.join("store"), &store_options)?);
    let evidence = store.highest();
    // Nothing below is redone; whoever reads it verifies it then.
    let journal_options = Options { verify_from: store.checkpoint().next(), ..journal_options };
    let (journal, opened) =
        Journal::open(&data.join("journal"), journal_options, evidence, &mut |done| progress(Step::Verify(done)))?;
    let log = Log::new(journal, limits.journal_tail_bytes, limits.sources);
    let metrics = Arc::new(Metrics::new()?);
    let native = options.native.unwrap_or_else(|| data.join("native"));
    let engine = Arc::new(Engine::new(&native, limits.clone())?);
    let registry = Registry::new(log.clone(), engine, data.join("modules"), limits.clone(), options.clock.clone());
    let registry = Arc::new(registry.context("cannot use the folder of modules")?);
    let last = opened.last;
    let book = Arc::new(Book::new(log.clone(), registry.clone(), limits.clone(), options.clock.clone()));
    let decisions = Arc::new(Index::new(metrics.clone()));
    let redo = |position| progress(Step::Redo { position, last });
    let workers = workers(&limits);
    let identities = Arc::new(Identities::open(log.clone(), store.clone(), &limits, metrics.clone())?);
    let recovery = recover(&log, &registry, &book, &decisions, &store, &identities, &limits, workers, redo)?;
    if let Some(steady) = &options.steady {
        steady.begin_at(recovery.times.last.now);
    }
    let report = Report {
        journal: opened,
        frames: recovery.frames,
        redone: recovery.redone,
        most_bytes: recovery.most_bytes,
        seconds: started.elapsed().as_secs_f64(),
    };
    let hub = Arc::new(Hub::new(limits.streams, limits.streams_per_person, metrics.clone()));
    let time = Timekeeper::new(log.clone(), options.clock.clone(), limits.clone(), recovery.times, workers);
    let parts = Parts {
        time: Arc::new(time),
        log: log.clone(),
        registry,
        store,
        identities,
        metrics: metrics.clone(),
        limits: limits.clone(),
        clock: options.clock.clone(),
        faults: Arc::new(Faults::new(limits.clone())),
        blocking: Arc::new(Blocking::default()),
        presence: hub.clone(),
    };
    let ways = Ways { hub: hub.clone(), script: options.script };
    let (next, clock) = (last.next(), options.clock.clone());
    let dispatcher = Dispatcher::new(log.clone(), ways, decisions.clone(), metrics.clone(), clock, next);
    let intake =
        Arc::new(Intake::new(&parts, &options.refuse_older).context("cannot start the writing of identities")?);
    let workers =
        Workers::new(parts.clone(), recovery.parts, options.batching).context("cannot start the write-back")?;
    let keeper = Keeper::new(parts.clone(), workers.board.clone(), decisions.clone(), data.join("base"));
    let keys = Keys::new(log, metrics);
    let indexer = Indexer::new(keys.clone(), data.join("index"), &limits);
    let clock = options.clock;
    Ok(Host { parts, intake, workers, dispatcher, keeper, keys, indexer, book, decisions, hub, clock, report })
}
