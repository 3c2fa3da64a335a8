//! The whole way: intake, journal, workers, outcomes; at full speed, then paced at half of it for latencies, then a crash
//! and the start behind it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::report::Line;
use super::usage::{cpu_seconds, peak_memory_mib, reset_peak};
use super::{COST, Crowd, Plan, Rule, host};
use crate::app::{Host, OpenOptions, open};
use crate::journal::Log;
use crate::model::ports::{Submit, SubmitError, Watch};
use crate::model::{Event, Limits, Lsn};
use crate::shards::{Board, Intake, Parts, Shards};
use crate::store;

/// Events handed to intake at once.
const BATCH: u64 = 500;
/// Share of the full speed at which latencies are measured.
const PACED: f64 = 0.5;
/// Events of the paced part, at most: some seconds.
const PACED_EVENTS: u64 = 500_000;
/// Identities are forgotten by their number alone: event time goes slower than the clock on the wall.
const HORIZON_MS: u64 = 100 * 365 * 24 * 3_600_000;

pub fn run(plan: &Plan, rule: Rule, keys: u64, component: &[u8]) -> anyhow::Result<Line> {
    reset_peak();
    let folder = tempfile::tempdir()?;
    let crashed = Arc::new(AtomicBool::new(false));
    let limits = Limits { dedup_ids: plan.dedup_ids, dedup_horizon_ms: HORIZON_MS, ..Limits::default() };
    let options =
        OpenOptions { limits: limits.clone(), store_failpoints: nothing_more(&crashed), ..OpenOptions::default() };
    let running = Running::start(host(folder.path(), component, rule.configuration(), options)?)?;
    let crowd = plan.crowd(keys);
    let line = Line::new(format!("{}, durable through {}", plan.name(keys), rule.module()));
    let (line, rate) = full_speed(line, plan, &running, &crowd)?;
    let paced = paced(&running.intake, &running.parts.log, &crowd, plan, rate * PACED)?;
    let line = line
        .count("peak_memory_mib", peak_memory_mib(None))
        .number("paced_events_per_second", paced.rate)
        .number("paced_submit_to_durable_p50_ms", paced.p50_ms)
        .number("paced_submit_to_durable_p99_ms", paced.p99_ms);
    crashed.store(true, Ordering::Release);
    running.crash()?;
    recovery(line, folder.path(), limits)
}

/// Once a crash was played nothing reaches the store any more.
fn nothing_more(crashed: &Arc<AtomicBool>) -> store::Failpoints {
    let point: store::Failpoint = {
        let crashed = crashed.clone();
        Arc::new(move |_| match crashed.load(Ordering::Acquire) {
            true => Err(std::io::Error::other("the bench plays a crash")),
            false => Ok(()),
        })
    };
    store::Failpoints {
        before_rows: Some(point.clone()),
        before_blocks: Some(point.clone()),
        before_checkpoint: Some(point),
        ..store::Failpoints::default()
    }
}

/// A host at work.
struct Running {
    parts: Parts,
    intake: Arc<Intake>,
    board: Arc<Board>,
    shards: Shards,
}

impl Running {
    fn start(host: Host) -> anyhow::Result<Running> {
        let Host { parts, intake, workers, .. } = host;
        let board = workers.board.clone();
        Ok(Running { parts, intake, board, shards: Shards::start(workers)? })
    }

    /// Ends without what a good end brings to the store.
    fn crash(self) -> anyhow::Result<()> {
        let Running { parts, shards, .. } = self;
        shards.stop();
        Ok(parts.log.journal().clone().close()?)
    }

    /// Until the workers have finished everything up to a position, and their outcomes are durable.
    fn drain(&self, last: Lsn) -> anyhow::Result<()> {
        let bell = self.parts.log.bell();
        let deployment = self.parts.registry.deployment(super::BUSINESS, "measured");
        let id = deployment.map(|deployment| deployment.id);
        loop {
            let seen = bell.rings();
            if let Some(reason) = self.board.unhealthy() {
                anyhow::bail!("{reason}");
            }
            let progress = id.and_then(|id| self.board.progress(id));
            if progress.is_some_and(|progress| progress.position >= last) {
                break;
            }
            bell.wait(seen, Duration::from_millis(1));
        }
        self.parts.log.wait_committed(self.parts.log.last())?;
        Ok(())
    }
}

/// As fast as intake takes them. Answers the rate.
fn full_speed(line: Line, plan: &Plan, running: &Running, crowd: &Crowd) -> anyhow::Result<(Line, f64)> {
    let Running { parts, intake, .. } = running;
    let before = parts.log.journal().stats();
    let cpu_before = cpu_seconds(None);
    let started = Instant::now();
    let last = submit_all(intake, crowd, plan.events)?;
    let submitted = started.elapsed();
    running.drain(last)?;
    let elapsed = started.elapsed();
    let cpu = cpu_seconds(None) - cpu_before;
    let after = parts.log.journal().stats();
    let labels = &[super::BUSINESS, "measured"];
    let guest_us = parts.metrics.guest_microseconds.with_label_values(labels).get();
    let calls = parts.metrics.calls.with_label_values(labels).get();
    let fuel = parts.metrics.fuel.with_label_values(labels).get();
    let known = parts.metrics.dedup_ids.get();
    let rate = plan.events as f64 / elapsed.as_secs_f64();
    let per = |total: u64| total as f64 / plan.events as f64;
    let none: &[&str] = &[];
    let line = line
        .number("events_per_second_durable", rate)
        .number("seconds", elapsed.as_secs_f64())
        .number("drain_seconds", (elapsed - submitted).as_secs_f64())
        .number(COST, cpu * 1e6 / plan.events as f64)
        .number("guest_us_per_event", per(guest_us))
        .number("fuel_per_event", per(fuel))
        .number("events_per_call", plan.events as f64 / calls.max(1) as f64)
        .number("journal_bytes_per_event", per(after.bytes - before.bytes))
        .count("journal_syncs", after.syncs - before.syncs)
        .number("full_speed_commit_p50_ms", ms(after.commit_latency.quantile_us(0.5)))
        .number("full_speed_commit_p99_ms", ms(after.commit_latency.quantile_us(0.99)))
        .count("checkpoints_of_a_worker", parts.metrics.checkpoints.with_label_values(none).get())
        .count("rows_written", parts.metrics.write_back_rows.with_label_values(none).get())
        .count("dedup_ids_known", known.unsigned_abs())
        .number("dedup_horizon_seconds", known as f64 / rate);
    Ok((line, rate))
}

/// What the start behind a crash takes, by what it has to read; and what it takes to write down what it then holds.
fn recovery(line: Line, folder: &std::path::Path, limits: Limits) -> anyhow::Result<Line> {
    let host = open(folder, OpenOptions { limits, ..OpenOptions::default() }, |_| {})?;
    let (report, log) = (host.report.clone(), host.parts.log.clone());
    let bytes = log.journal().bytes_from(host.parts.store.checkpoint().next());
    let store = host.parts.store.clone();
    let shards = Shards::start(host.workers)?;
    let stopping = Instant::now();
    anyhow::ensure!(shards.stop(), "a worker has failed");
    let gib = bytes as f64 / f64::from(1 << 30);
    Ok(line
        .number("recovery_seconds", report.seconds)
        .count("recovery_frames_redone", report.redone)
        .number("recovery_seconds_per_gib", report.seconds / gib)
        .number("final_checkpoint_seconds", stopping.elapsed().as_secs_f64())
        .count("store_mib", store.size_on_disk()? >> 20)
        .count("peak_memory_with_recovery_mib", peak_memory_mib(None)))
}

pub(super) fn ms(us: Option<u64>) -> f64 {
    us.unwrap_or(0) as f64 / 1e3
}

/// Submits a batch, waiting while the journal's queue is full. Answers the last position.
pub(super) fn submit(intake: &Intake, events: Vec<Event>) -> anyhow::Result<Lsn> {
    loop {
        match intake.submit(events.clone()) {
            Ok(answers) => return Ok(answers.iter().map(|answer| answer.lsn()).max().unwrap_or_default()),
            Err(SubmitError::Full) => std::thread::yield_now(),
            Err(error) => return Err(error.into()),
        }
    }
}

fn submit_all(intake: &Intake, crowd: &Crowd, events: u64) -> anyhow::Result<Lsn> {
    let mut last = Lsn::ZERO;
    for from in (0..events).step_by(BATCH as usize) {
        last = submit(intake, crowd.events(from, (from + BATCH).min(events)))?;
    }
    Ok(last)
}

struct Paced {
    rate: f64,
    p50_ms: f64,
    p99_ms: f64,
}

/// Submits at a steady rate and times each batch from its submission to its durability.
fn paced(intake: &Intake, log: &Log, crowd: &Crowd, plan: &Plan, rate: f64) -> anyhow::Result<Paced> {
    let (from, count) = (plan.events, plan.events.min(PACED_EVENTS));
    let batch = (rate / 1_000.0).clamp(1.0, BATCH as f64) as u64;
    let started = Instant::now();
    let (send, receive) = std::sync::mpsc::channel::<(Instant, Lsn)>();
    let waiting = log.clone();
    let waiter = crate::tasks::Thread::spawn("bench-waiter", move || {
        let wait = |(at, lsn): (Instant, Lsn)| waiting.wait_committed(lsn).ok().map(|_| at.elapsed());
        receive.into_iter().filter_map(wait).collect::<Vec<Duration>>()
    })?;
    for at in (from..from + count).step_by(batch as usize) {
        let due = started + Duration::from_secs_f64((at - from) as f64 / rate);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let events = crowd.events(at, (at + batch).min(from + count));
        let begun = Instant::now();
        send.send((begun, submit(intake, events)?))?;
    }
    drop(send);
    let elapsed = started.elapsed();
    let mut latencies = waiter.join().unwrap_or_default();
    latencies.sort_unstable();
    let at = |share: f64| {
        latencies.get((latencies.len() as f64 * share) as usize).map_or(0.0, |found| found.as_secs_f64() * 1e3)
    };
    Ok(Paced { rate: count as f64 / elapsed.as_secs_f64(), p50_ms: at(0.5), p99_ms: at(0.99) })
}
