//! Jumps of the wall clock, as a host on a real one meets them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fishpond::app::{Host, OpenOptions, open};
use fishpond::model::ports::Submit;
use fishpond::model::{Frame, Limits, Via};
use fishpond::registry::DeployRequest;
use fishpond::scenario::{BUSINESS, small_limits};
use fishpond::shards::{Batching, SteadyClock};
use fishpond_tests::{component, event, frames, native};

/// 10:00:00 of the scenarios' first day.
const TEN: u64 = 1_767_261_600_000;
const HOUR: u64 = 3_600_000;
const NANOS: u64 = 1_000_000;

/// A host with both clocks in the test's hands, milliseconds.
struct Hands {
    wall: Arc<AtomicU64>,
    monotonic: Arc<AtomicU64>,
}

impl Hands {
    fn open(&self, folder: &std::path::Path) -> Host {
        let (wall, monotonic) = (self.wall.clone(), self.monotonic.clone());
        let limits = small_limits();
        let steady = Arc::new(SteadyClock::with(
            move || wall.load(Ordering::Relaxed),
            move || monotonic.load(Ordering::Relaxed) * NANOS,
            &limits,
        ));
        let clock = steady.clone();
        let options = OpenOptions {
            limits,
            clock: Arc::new(move || clock.now()),
            steady: Some(steady),
            batching: Batching::Seeded { seed: 1, most: 5 },
            native: Some(native()),
            ..OpenOptions::default()
        };
        open(folder, options, |_| {}).expect("a host")
    }

    /// Time passes on both, second by second; ticks are written as they are due.
    fn pass(&self, host: &mut Host, seconds: u64) {
        for _ in 0..seconds {
            self.wall.fetch_add(1_000, Ordering::Relaxed);
            self.monotonic.fetch_add(1_000, Ordering::Relaxed);
            host.workers.run_to_rest().expect("the workers work");
            while host.workers.tick().expect("a tick") {
                host.workers.run_to_rest().expect("the workers work");
            }
        }
    }

    fn set(&self, wall: u64) {
        self.wall.store(wall, Ordering::Relaxed);
    }
}

/// `line`: an event without its data, which is told.
fn submit(host: &Host, line: &str, told: &str) {
    let event = event(&format!("{line} received={} {told}", at((host.clock)())), &Limits::default());
    host.intake.submit(vec![event]).expect("the journal takes it");
}

/// As scenarios write it.
fn at(ms: u64) -> String {
    jiff::Timestamp::from_millisecond(ms as i64).expect("a time").to_string()
}

/// Names of the timers that have fired.
fn fired(host: &Host) -> Vec<String> {
    let all = frames(&host.parts);
    let records = all.iter().filter_map(|(_, frame)| match frame {
        Frame::Outcome(outcome) => Some(&outcome.inputs),
        _ => None,
    });
    let timers = records.flatten().filter_map(|record| match &record.via {
        Via::Timer(name) => Some(format!("{name} of {}", record.key)),
        _ => None,
    });
    timers.collect()
}

fn deploy(host: &Host) {
    let registry = &host.parts.registry;
    let uploaded = registry.upload(BUSINESS, &component("herald"), "test").expect("it uploads");
    let request = DeployRequest::new(uploaded.digest.to_string(), r#"{"event_clock": true}"#);
    registry.deploy(BUSINESS, "found", request, "test").expect("it deploys");
}

#[test]
fn s1_07_a_jump_of_the_clock_is_no_burst_and_stops_no_tick() {
    let folder = tempfile::tempdir().expect("a folder");
    let hands = Hands { wall: Arc::new(AtomicU64::new(TEN)), monotonic: Arc::default() };
    let mut host = hands.open(folder.path());
    deploy(&host);
    // Twenty absences and a timer on the receive clock, all within the hour that the clock jumps over.
    for person in 0..20 {
        let due = TEN + 600_000 + person;
        let told = format!("{{\"do\": \"timer\", \"clock\": \"event\", \"match\": \"alarm\", \"at\": {due}}}");
        submit(&host, &format!("10:00:00 herald id=e{person} actor=p{person}"), &told);
    }
    let told = format!("{{\"do\": \"timer\", \"match\": \"news\", \"at\": {}}}", TEN + 700_000);
    submit(&host, "10:00:00 herald id=r actor=rob", &told);
    hands.pass(&mut host, 2);
    hands.set(TEN + HOUR);
    hands.pass(&mut host, 60);
    assert_eq!(fired(&host), [""; 0], "a jump that did not last");
    hands.set(TEN + 62_000);
    hands.pass(&mut host, 500);
    assert_eq!(fired(&host), [""; 0]);
    hands.pass(&mut host, 44);
    assert_eq!(fired(&host).len(), 20, "the absences, lateness behind the clock of a silent host");
    // Set back by half an hour: the last timer fires none the less, some tenths later.
    hands.set(TEN - HOUR / 2);
    hands.pass(&mut host, 80);
    assert_eq!(fired(&host).len(), 20);
    hands.pass(&mut host, 40);
    assert_eq!(fired(&host).last().map(String::as_str), Some("receive of rob"));
    // Over a restart the clock begins where the journal ends, and goes on.
    let known = host.parts.time.last().now;
    let journal = host.parts.log.journal().clone();
    drop(host);
    journal.close().expect("all is durable");
    let mut host = hands.open(folder.path());
    assert!((host.clock)() >= known);
    let told = format!("{{\"do\": \"timer\", \"match\": \"news\", \"at\": {}}}", (host.clock)() + 9_000);
    submit(&host, "09:30:00 herald id=s actor=sam", &told);
    hands.pass(&mut host, 11);
    assert_eq!(fired(&host).last().map(String::as_str), Some("receive of sam"));
}
