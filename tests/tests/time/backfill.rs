//! A backfill finds what the live deployment has found, and nothing that is live notices it.

mod ends;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use fishpond::backfill::{Error, Job, Journal, Lines, Place, Setting, Source, run};
use fishpond::model::{Event, Frame, InputRecord, Limits, Lsn, Via};
use fishpond::scenario::{Advance, BUSINESS, Run, RunOptions, Scenario, Step, small_limits};
use fishpond::shards::Batching;
use fishpond::store::Stamp;
use fishpond_tests::{component, event, flow, frames, modules, native};
use serde_json::Value;

/// 10:00:00 of the scenarios' first day.
const TEN: u64 = 1_767_261_600_000;
const MINUTE: u64 = 60_000;

const RISK: (&str, &str, &str) = ("risk", "c2c-blacklist", "{}");
/// In the order of event times, with timers on both clocks.
const TIMED: (&str, &str, &str) = ("timed", "herald", r#"{"ordered": true, "event_clock": true}"#);

/// A live host that writes its ticks when they are due.
struct Live {
    run: Run<'static>,
    folder: tempfile::TempDir,
}

impl Live {
    fn new(deployments: &[(&str, &str, &str)]) -> Live {
        Live::with(deployments, small_limits())
    }

    fn with(deployments: &[(&str, &str, &str)], limits: Limits) -> Live {
        let folder = tempfile::tempdir().expect("a folder");
        let options = RunOptions { limits, ..RunOptions::default() };
        let run = Run::open(folder.path(), modules(), options).expect("a host");
        let mut live = Live { run, folder };
        for (name, module, configuration) in deployments {
            live.play(&format!("deploy {name} = {module} {configuration}"));
        }
        live
    }

    fn play(&mut self, text: &str) {
        let scenario = Scenario::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        for (_, step) in &scenario.steps {
            if let Step::Event(event) = step {
                let received = event.received.or(event.time).expect("a time").max(self.run.now());
                self.run.step(&Step::Advance(Advance::To(received))).expect("time passes");
            }
            self.run.step(step).unwrap_or_else(|error| panic!("{text}: {error:#}"));
        }
    }

    /// Lines as scenarios write them, without the word `event`.
    fn events(&mut self, lines: &[String]) {
        lines.iter().for_each(|line| self.play(&format!("event {line}")));
    }

    /// What a deployment has recorded, with the ids of what it was about.
    fn records(&mut self, name: &str) -> Vec<InputRecord> {
        let parts = &self.run.host().expect("it is open").parts;
        let id = parts.registry.deployment(BUSINESS, name).expect("it is deployed").id;
        let outcomes = frames(parts).into_iter().filter_map(|(_, frame)| match frame {
            Frame::Outcome(outcome) if outcome.deployment == id => Some(outcome),
            _ => None,
        });
        outcomes.flat_map(|outcome| outcome.inputs.clone()).collect()
    }

    /// Everything that a backfill must leave as it is.
    fn state(&mut self) -> (Lsn, Vec<u8>, [u64; 3], String) {
        let parts = &self.run.host().expect("it is open").parts;
        parts.log.wait_committed(parts.log.last()).expect("it is durable");
        let mut rows = Vec::new();
        let stamp = Stamp { position: parts.store.checkpoint(), time_ms: 0 };
        parts.store.dump(&mut rows, stamp, |_| {}).expect("a copy of the rows");
        let tick = parts.time.last();
        let text = parts.metrics.render().expect("metrics");
        let late = text.lines().filter(|line| line.starts_with("fishpond_late")).collect::<Vec<_>>().join("\n");
        (parts.log.last(), rows, [tick.now, tick.watermark, parts.time.newest_receipt()], late)
    }

    /// Over its journal.
    fn backfill(&mut self, job: &Job) -> Told {
        let parts = self.run.host().expect("it is open").parts.clone();
        let mut source = Journal::new(&parts.log, None, None).expect("a source");
        Told::of(job, &mut source, &parts.limits, plain)
    }
}

fn job((name, module, configuration): (&str, &str, &str), advance_ms: u64) -> Job {
    Job {
        business: BUSINESS.to_owned(),
        deployment: name.to_owned(),
        component: component(module),
        configuration: configuration.to_owned(),
        permissions: None,
        advance_ms,
    }
}

/// Changes how it is run.
type Change = for<'a> fn(Setting<'a>) -> Setting<'a>;

fn plain(setting: Setting<'_>) -> Setting<'_> {
    setting
}

/// What a backfill wrote.
struct Told {
    bytes: Vec<u8>,
    done: Result<(), Error>,
}

impl Told {
    fn of(job: &Job, source: &mut dyn Source, limits: &Limits, change: Change) -> Told {
        let (folder, stop) = (tempfile::tempdir().expect("a folder"), AtomicBool::new(false));
        let place = Place { folder: folder.path().to_owned(), native: Some(native()) };
        let mut bytes = Vec::new();
        let done = run(job, source, &change(Setting::new(&place, limits, 100, &stop)), &mut bytes);
        // Empty lines come when a clock of this machine says so.
        let mut last = b'\n';
        bytes.retain(|byte| (std::mem::replace(&mut last, *byte), *byte) != (b'\n', b'\n'));
        assert!(is_empty(folder.path()), "something is left in the scratch folder");
        Told { bytes, done }
    }

    /// The values of all lines of a kind.
    fn lines(&self, kind: &str) -> Vec<Value> {
        let text = std::str::from_utf8(&self.bytes).expect("text");
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        lines.filter_map(|line| line.get(kind).cloned()).collect()
    }

    fn summary(&self) -> Value {
        assert!(self.done.is_ok(), "{:?}", self.done);
        let [summary] = &self.lines("summary")[..] else { panic!("no summary, or more than one") };
        summary.clone()
    }

    fn found(&self) -> BTreeSet<String> {
        let found = self.lines("match").into_iter().map(|found| {
            let ids: Vec<&str> =
                found["events"].as_array().expect("a list").iter().filter_map(|e| e["id"].as_str()).collect();
            format!("{} {} {} {} {ids:?}", found["id"], found["name"], found["person"], found["fields"])
        });
        found.collect()
    }
}

/// As [`Told::found`] of what was found live.
fn found(records: &[InputRecord]) -> BTreeSet<String> {
    let matches = records.iter().flat_map(|record| &record.outcome.matches);
    let found = matches.map(|found| {
        let ids: Vec<&str> = found.events.iter().map(|event| &*event.id).collect();
        let fields: Value = serde_json::from_str(&found.fields).expect("JSON");
        format!("\"{:032x}\" \"{}\" \"{}\" {fields} {ids:?}", found.id, found.name, found.person)
    });
    found.collect()
}

/// How often inputs ended with each code but `done`.
fn failed(records: &[InputRecord]) -> BTreeMap<String, u64> {
    let mut failed = BTreeMap::new();
    for code in records.iter().map(|record| record.outcome.end.code()).filter(|code| *code != "done") {
        *failed.entry(code.to_owned()).or_default() += 1;
    }
    failed
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// Events for [`TIMED`]: finds, timers on both clocks that are taken back or not, late ones, failures.
fn timed(seed: u64, count: usize) -> Vec<String> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut now = TEN;
    let at = |ms: u64| jiff::Timestamp::from_millisecond(ms as i64).expect("a time").to_string();
    let line = |number: usize| {
        now += rng.u64(0..9_000);
        let time = if rng.u8(..5) == 0 { now - rng.u64(0..9_000) } else { now };
        let data = match rng.u8(..8) {
            0 | 1 => {
                format!(r#"{{"do": "timer", "match": "alarm", "clock": "event", "at": {}}}"#, time + rng.u64(0..40_000))
            }
            2 => format!(r#"{{"do": "timer", "match": "news", "at": {}}}"#, now + rng.u64(0..20_000)),
            3 => r#"{"do": "cancel"}"#.to_owned(),
            4 => r#"{"match": "nothing"}"#.to_owned(),
            _ => format!(r#"{{"match": "offer", "n": {number}}}"#),
        };
        let actor = flow::PEOPLE[rng.usize(..flow::PEOPLE.len())];
        format!("{} herald id=t{number} received={} actor={actor} {data}", at(time), at(now))
    };
    (0..count).map(line).collect()
}

#[test]
fn s1_07_a_backfill_of_the_journal_finds_what_the_live_deployments_have_found() {
    for seed in 1..4 {
        let mut live = Live::new(&[RISK, TIMED]);
        live.events(&timed(seed, 200));
        let mut blacklisting = flow::lines(seed, 300);
        // Behind the others, which end after 15 minutes at most.
        blacklisting
            .iter_mut()
            .for_each(|line| *line = line.replace("10:", "11:").replace("received=10:", "received=11:"));
        live.events(&blacklisting);
        live.play("advance 10m");
        live.run.step(&Step::Checkpoint).expect("a checkpoint");
        let before = live.state();
        for deployed in [RISK, TIMED] {
            let told = live.backfill(&job(deployed, 10 * MINUTE));
            let (records, summary) = (live.records(deployed.0), told.summary());
            assert_eq!(told.found(), found(&records), "{}, seed {seed}", deployed.0);
            assert!(told.found().len() > 5, "{} matches", told.found().len());
            let codes: BTreeMap<String, u64> = serde_json::from_value(summary["failed"].clone()).expect("codes");
            assert_eq!(codes, failed(&records), "{}, seed {seed}", deployed.0);
            let inputs = records
                .iter()
                .filter(|record| !matches!(record.via, Via::Kept(_)) || record.outcome.end.code() != "done");
            assert_eq!(summary["inputs"], inputs.count());
            let late =
                records.iter().filter(|record| record.outcome.late || record.outcome.end.code() == "late").count();
            assert_eq!(summary["late"], late);
            let keys: BTreeSet<&str> =
                records.iter().map(|record| &*record.key).filter(|key| !key.is_empty()).collect();
            assert_eq!(summary["keys"], keys.len());
        }
        assert!(live.state() == before, "the backfill has left something on the live host");
    }
}

#[test]
fn what_a_backfill_tells_names_the_events_by_their_live_positions() {
    let mut live = Live::new(&[TIMED]);
    live.events(&timed(9, 60));
    live.play("advance 10m");
    let told = live.backfill(&job(TIMED, 10 * MINUTE));
    let all = frames(&live.run.host().expect("it is open").parts);
    let mut named = 0;
    let told = told.lines("match").into_iter().chain(told.lines("failed"));
    for found in told.map(|line| line["input"].clone()) {
        let Some(position) = found["position"].as_u64() else {
            assert!(found["kind"].as_str().is_some_and(|kind| kind.starts_with("timer ")), "{found}");
            continue;
        };
        let Some((_, Frame::Input(event))) = all.iter().find(|(lsn, _)| lsn.0 == position) else { panic!("{found}") };
        assert_eq!(found["event"]["id"], *event.id, "{found}");
        named += 1;
    }
    assert!(named > 20, "{named}");
}

#[test]
fn the_same_past_makes_the_same_bytes_whatever_the_batches_are() {
    let mut live = Live::new(&[RISK, TIMED]);
    live.events(&timed(5, 150));
    // One tick hands over several of several keys.
    let actor = |n: usize| flow::PEOPLE[n / 4];
    let burst =
        |n| format!("10:40:00.{n:03} herald id=b{n} received=10:40:01 actor={} {{\"match\": \"offer\"}}", actor(n));
    live.events(&(0..16).map(burst).collect::<Vec<_>>());
    live.play("advance 10m");
    let parts = live.run.host().expect("it is open").parts.clone();
    let of = |change: Change| {
        let mut source = Journal::new(&parts.log, None, None).expect("a source");
        Told::of(&job(TIMED, MINUTE), &mut source, &parts.limits, change)
    };
    let first = of(plain);
    assert_eq!(first.bytes, of(plain).bytes);
    let sizes: [Change; 3] = [
        |setting| Setting { at_once: 1, ..setting },
        |setting| Setting { batching: Batching::Seeded { seed: 7, most: 1 }, ..setting },
        |setting| Setting { batching: Batching::Seeded { seed: 3, most: 5 }, at_once: 3, ..setting },
    ];
    // A call costs fuel by itself, so how many there are is told there and nowhere else.
    let without_fuel = |told: &Told| {
        let fuel = format!("\"fuel\":{}", told.summary()["fuel"]);
        String::from_utf8(told.bytes.clone()).expect("text").replace(&fuel, "")
    };
    for size in sizes {
        assert_eq!(without_fuel(&of(size)), without_fuel(&first));
    }
}

/// Lines of a file with CloudEvents.
fn lines(events: &[Event]) -> Vec<Result<(u64, String), Error>> {
    let line = |event: &Event| {
        let time = jiff::Timestamp::from_millisecond(event.claimed.unwrap_or(event.time) as i64).expect("a time");
        let data: Value = serde_json::from_str(&event.data).unwrap_or(Value::Null);
        serde_json::json!({
            "specversion": "1.0", "source": &*event.source, "id": &*event.id, "type": &*event.kind, "actorid": &*event.actor,
            "time": time.to_string(), "data": data,
        })
        .to_string()
    };
    (1..).zip(events).map(|(number, event)| Ok((number, line(event)))).collect()
}

#[test]
fn s1_07_old_events_of_a_file_move_no_live_clock_and_are_late_for_none() {
    let old: Vec<String> = (0..40)
        .map(|n| format!("2025-12-31T08:{:02}:00Z herald id=old{n} actor=ann {{\"match\": \"offer\"}}", n))
        .collect();
    let old: Vec<Event> = old.iter().map(|line| event(line, &Limits::default())).collect();
    let mut live = Live::new(&[TIMED]);
    live.events(&timed(2, 60));
    live.play("advance 1m");
    live.run.step(&Step::Checkpoint).expect("a checkpoint");
    let before = live.state();
    let limits = Arc::new(small_limits());
    let mut source = Lines::new(lines(&old).into_iter(), BUSINESS, limits.clone());
    let told = Told::of(&job(TIMED, MINUTE), &mut source, &limits, plain);
    let summary = told.summary();
    assert_eq!((summary["matches"]["offer"].clone(), summary["late"].clone()), (40.into(), 0.into()), "{summary}");
    assert_eq!(told.lines("match")[6]["input"]["line"], 7);
    assert!(live.state() == before, "the backfill has left something on the live host");
    // The same events by the live intake.
    let late =
        |live: &mut Live| live.records("timed").iter().filter(|record| record.outcome.end.code() == "late").count();
    let already = late(&mut live);
    for event in &old {
        let now = jiff::Timestamp::from_millisecond(live.run.now() as i64).expect("a time");
        let time = jiff::Timestamp::from_millisecond(event.time as i64).expect("a time");
        live.play(&format!("event {time} herald id={} received={now} actor=ann {{\"match\": \"offer\"}}", event.id));
    }
    assert_eq!(late(&mut live), already + 40);
}

#[test]
fn a_file_is_read_with_the_rules_of_intake_and_ends_at_a_bad_line() {
    let events: Vec<Event> = [
        "10:00:00 herald id=a actor=ann {\"match\": \"offer\"}",
        "10:00:30 herald id=b actor=ann {\"match\": \"offer\"}",
    ]
    .map(|line| event(line, &Limits::default()))
    .into();
    let reused = Event { data: r#"{"match": "news"}"#.into(), ..events[0].clone() };
    let all = [&events[..], &events[..1], &[reused]].concat();
    let limits = Arc::new(small_limits());
    let file = |extra: Option<Result<(u64, String), Error>>| {
        let mut source = Lines::new(lines(&all).into_iter().chain(extra), BUSINESS, limits.clone());
        Told::of(&job(TIMED, MINUTE), &mut source, &limits, plain)
    };
    let summary = file(None).summary();
    let counts = ["events", "duplicates", "id_reused"].map(|name| summary[name].as_u64());
    assert_eq!(
        (counts, &summary["matches"]),
        ([Some(4), Some(1), Some(1)], &serde_json::json!({"offer": 2})),
        "{summary}"
    );
    let times = ["first", "last", "ended"].map(|name| summary[name].as_str());
    assert_eq!(
        times,
        [Some("2026-01-01T10:00:00.000Z"), Some("2026-01-01T10:00:30.000Z"), Some("2026-01-01T10:01:30.000Z")]
    );
    let bad = file(Some(Ok((5, r#"{"specversion":"1.0","id":"x","source":"/app"}"#.to_owned()))));
    assert!(matches!(bad.done, Err(Error::Line { line: 5, .. })), "{:?}", bad.done);
    assert!(bad.lines("summary").is_empty(), "half of it is told as a result");
    let [error] = &bad.lines("error")[..] else { panic!("it is not told") };
    assert!(
        error["code"] == "bad_line" && error["message"].as_str().is_some_and(|text| text.starts_with("line 5: ")),
        "{error}"
    );
}

#[test]
fn a_backfill_stops_where_its_deployment_cannot_be() {
    let mut live = Live::new(&[RISK]);
    live.events(&flow::lines(1, 20));
    let refused = live.backfill(&job(("risk", "c2c-blacklist", r#"{"different_users": "many"}"#), 0));
    assert!(
        matches!(refused.done, Err(Error::Registry(_))) && refused.lines("summary").is_empty(),
        "{:?}",
        refused.done
    );
    let derived = live.backfill(&job(("risk", "herald", r#"{"hears": "fishpond.match", "again": false}"#), 0));
    assert!(matches!(&derived.done, Err(Error::Derived(name)) if &**name == "fishpond.match"), "{:?}", derived.done);
}

#[test]
fn lines_out_of_the_order_of_time_that_lose_their_time_are_counted() {
    let mixed = ["2026-01-01T10:00:00Z", "2025-11-01T10:00:00Z", "2025-10-01T10:00:00Z", "2026-01-01T10:00:01Z"];
    let mixed = mixed.iter().enumerate();
    let mixed: Vec<Event> = mixed
        .map(|(n, time)| {
            event(&format!("{time} herald id=m{n} actor=ann {{\"match\": \"offer\"}}"), &Limits::default())
        })
        .collect();
    let limits = Arc::new(small_limits());
    let mut source = Lines::new(lines(&mixed).into_iter(), BUSINESS, limits.clone());
    let summary = Told::of(&job(TIMED, 0), &mut source, &limits, plain).summary();
    assert_eq!((summary["events"].as_u64(), summary["replaced"].as_u64()), (Some(4), Some(2)), "{summary}");
}

#[test]
fn what_retention_has_taken_is_named_and_what_it_takes_on_the_way_is_an_error() {
    let mut live = Live::new(&[RISK]);
    let padding = "x".repeat(60_000);
    let big: Vec<String> =
        (0..400).map(|n| format!("10:00:{:02} browse id=b{n} actor=abe {{\"pad\": \"{padding}\"}}", n / 10)).collect();
    live.events(&big);
    live.play(
        "event 10:20:00 blacklist id=e1 subject=carl actor=abe\nevent 10:20:10 blacklist id=e2 subject=carl actor=bea",
    );
    let parts = live.run.host().expect("it is open").parts.clone();
    parts.log.wait_committed(parts.log.last()).expect("it is durable");
    let mut early = Journal::new(&parts.log, None, None).expect("a source");
    assert!(early.gap().is_none() && early.next(0, &mut || Ok(())).expect("readable").is_some());
    let released = parts.log.release(parts.log.last()).expect("it can be released");
    assert!(released.segments > 1, "{released:?}");
    let met = std::iter::repeat_with(|| early.next(0, &mut || Ok(()))).find(|item| !matches!(item, Ok(Some(_))));
    assert!(matches!(met, Some(Err(Error::Released(_)))), "{met:?}");
    let summary = live.backfill(&job(RISK, 0)).summary();
    assert_eq!(
        (summary["gap"]["first"].as_u64(), &summary["matches"]["high_risk"]),
        (Some(released.first.0), &1.into()),
        "{summary}"
    );
    // Only what lies behind the gap is asked for.
    let behind = |since| Journal::new(&parts.log, Some(since), None).expect("a source");
    assert!(behind(TEN).gap().is_some() && behind(TEN + 21 * MINUTE).gap().is_none());
}

#[test]
fn a_range_is_that_of_receipts_with_both_ends() {
    let mut live = Live::new(&[RISK]);
    let minutes: Vec<String> =
        (0..10).map(|n| format!("10:{n:02}:00 blacklist id=e{n} subject=carl actor=abe")).collect();
    live.events(&minutes);
    let parts = live.run.host().expect("it is open").parts.clone();
    let read = |since: Option<u64>, until: Option<u64>| {
        let mut source = Journal::new(&parts.log, since, until).expect("a source");
        let events = std::iter::from_fn(|| source.next(0, &mut || Ok(())).expect("readable"));
        events.map(|(_, event)| event.id.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(read(None, None), "e0 e1 e2 e3 e4 e5 e6 e7 e8 e9");
    assert_eq!(read(Some(TEN + 3 * MINUTE), Some(TEN + 5 * MINUTE)), "e3 e4 e5");
    assert_eq!(read(Some(TEN + 3 * MINUTE + 1), Some(TEN + 5 * MINUTE - 1)), "e4");
    assert_eq!(read(Some(TEN + 20 * MINUTE), None), "");
}
