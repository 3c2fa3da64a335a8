//! A journal and a registry with a past, for tests: frames as the shards would write them, without a module that runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::Engine;
use crate::journal::{Clock, Failpoints, Journal, Log, Options};
use crate::keys::{Indexer, Keys};
use crate::model::{
    Change, Control, DeploymentId, Digest, End, Entry, Event, EventRef, Frame, Guard, InputOutcome, InputRecord,
    Limits, Lsn, Match, OnError, Op, Outcome, ShardSet, Start, Via, shard_of,
};
use crate::registry::Registry;
use crate::telemetry::Metrics;

pub(crate) const MINUTE: u64 = 60_000;

/// Wall clock of a fresh past.
pub(crate) const START: u64 = 1_772_280_000_000;

/// A plan with one subscription and one window of a minute.
pub(crate) fn plan(types: &str, key: &str, predicates: &str) -> String {
    format!(
        r#"{{"subscriptions":[{{"name":"sub","types":[{types}],"key":"{key}","where":[{predicates}]}}],
            "windows":[{{"name":"w","kind":"sliding","length_ms":60000}}],"state":{{"writes":1,"reads":[1]}}}}"#
    )
}

pub(crate) struct Past {
    folder: tempfile::TempDir,
    now: Arc<AtomicU64>,
    pub log: Log,
    pub registry: Arc<Registry>,
    pub keys: Keys,
}

impl Past {
    pub fn new() -> Past {
        Past::with(Failpoints::default())
    }

    pub fn with(failpoints: Failpoints) -> Past {
        Past::open(Options { failpoints, ..Options::default() })
    }

    /// A few groups fill a segment.
    pub fn in_small_segments() -> Past {
        Past::open(Options {
            segment_bytes: 32 << 10,
            group_bytes: 8 << 10,
            frame_bytes: 4 << 10,
            queue_bytes: 64 << 10,
            ..Options::default()
        })
    }

    fn open(options: Options) -> Past {
        let folder = tempfile::tempdir().expect("a folder");
        let now = Arc::new(AtomicU64::new(START));
        let clock: Arc<dyn Fn() -> u64 + Send + Sync> = {
            let now = now.clone();
            Arc::new(move || now.load(Ordering::SeqCst))
        };
        let options = Options { clock: Clock(clock.clone()), ..options };
        let (journal, _) =
            Journal::open(&folder.path().join("journal"), options, Lsn::ZERO, &mut |_| {}).expect("a journal");
        let limits = Arc::new(Limits::default());
        let log = Log::new(journal, limits.journal_tail_bytes, limits.sources);
        let engine = Engine::new(&folder.path().join("native"), limits.clone()).expect("an engine");
        let registry =
            Registry::new(log.clone(), Arc::new(engine), folder.path().join("modules"), limits.clone(), clock);
        let keys = Keys::new(log.clone(), Arc::new(Metrics::new().expect("metrics")));
        Past { folder, now, log, registry: Arc::new(registry.expect("a registry")), keys }
    }

    /// Where its key files lie, if there are any.
    pub fn index(&self) -> PathBuf {
        self.folder.path().join("index")
    }

    /// Makes key files until none is missing.
    pub fn make_keys(&self) {
        let mut indexer = Indexer::new(self.keys.clone(), self.index(), &Limits::default());
        while indexer.step().expect("key files") {}
    }

    pub fn now(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }

    pub fn clock(&self) -> crate::registry::Clock {
        let now = self.now.clone();
        Arc::new(move || now.load(Ordering::SeqCst))
    }

    /// Everything so far is written before the clock goes on.
    pub fn later(&self, ms: u64) {
        self.durable();
        self.now.fetch_add(ms, Ordering::SeqCst);
    }

    pub fn durable(&self) {
        self.log.wait_committed(self.log.last()).expect("durable");
    }

    pub fn control(&self, change: Change) -> Lsn {
        let control = Arc::new(Control { at: self.now(), by: "ops".into(), change });
        let lsn = self.log.append(Frame::Control(control.clone())).expect("appended");
        self.registry.recover(lsn, &control).expect("applied");
        lsn
    }

    pub fn upload(&self, business: &str, name: &str) -> Digest {
        let digest = Digest([name.len() as u8; 32]);
        self.control(Change::ModuleUploaded {
            business: business.into(),
            digest,
            name: name.into(),
            version: "1.0.0".into(),
        });
        digest
    }

    /// A further revision if the deployment is there.
    pub fn deploy(&self, business: &str, name: &str, plan: &str, start: Start) -> DeploymentId {
        let revision = self.registry.deployment(business, name).map_or(1, |deployment| deployment.newest().number + 1);
        self.control(Change::DeploymentRevised {
            business: business.into(),
            name: name.into(),
            revision,
            digest: Digest([4; 32]),
            configuration: r#"{ "n": 5 }"#.into(),
            envelope: "{}".into(),
            plan: plan.into(),
            permissions: vec!["matches".into()],
            on_error: OnError::Skip,
            guard: Guard::default(),
            start,
            begins: Lsn::ZERO,
            backlog: Vec::new(),
        });
        self.registry.deployment(business, name).expect("deployed").id
    }

    pub fn event(&self, event: Event) -> Lsn {
        let id = if event.id.is_empty() { format!("e{}", self.log.last().0 + 1).into() } else { event.id };
        let (time, received) = (self.now(), self.now());
        let business = if event.business.is_empty() { "demo".into() } else { event.business };
        let event = Event { business, source: "app".into(), id, time, received, ..event };
        self.log.append(Frame::Input(Arc::new(event))).expect("appended")
    }

    pub fn outcome(&self, deployment: DeploymentId, position: Lsn, inputs: Vec<InputRecord>) -> Lsn {
        let shards =
            inputs.iter().fold(ShardSet::EMPTY, |shards, record| shards.union(ShardSet::one(shard_of(&record.key))));
        let revision = self.registry.by_id(deployment).map_or(1, |deployment| deployment.newest().number);
        let outcome = Outcome {
            deployment,
            revision,
            digest: Digest([4; 32]),
            shards,
            position,
            now: 0,
            state_version: 1,
            inputs,
            wholes: vec![],
        };
        self.log.append(Frame::Outcome(Arc::new(outcome))).expect("appended")
    }

    /// A record that adds a member to the window `w`.
    pub fn observed(&self, lsn: Lsn, key: &str, member: &str) -> InputRecord {
        let entry = Entry { time: self.now(), amount: 1, member: member.into(), event: event_ref(lsn) };
        let op = Op::Observe { window: "w".into(), length_ms: MINUTE, received: self.now(), entry };
        let mut record = self.record(lsn, key, End::Done);
        record.outcome.ops.push(op);
        record
    }

    pub fn record(&self, lsn: Lsn, key: &str, end: End) -> InputRecord {
        InputRecord {
            lsn,
            replay_of: None,
            time: self.now(),
            via: Via::Subscription(0),
            hops: 0,
            key: key.into(),
            outcome: InputOutcome::without_effects(end),
        }
    }
}

pub(crate) fn event_ref(lsn: Lsn) -> EventRef {
    EventRef { lsn, source: "app".into(), id: format!("e{lsn}").into() }
}

pub(crate) fn found(person: &str, events: &[Lsn]) -> Match {
    Match {
        id: 0,
        name: "high_risk".into(),
        person: person.into(),
        fields: r#"{"members":5}"#.into(),
        events: events.iter().map(|lsn| event_ref(*lsn)).collect(),
        also: vec![],
        once: None,
    }
}
