//! The whole way: intake, journal, worker, outcomes; at full speed, then paced at half of it for latencies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::report::Line;
use super::{Crowd, Plan, Rule, crowd, host};
use crate::model::ports::{Submit, SubmitError};
use crate::model::{Event, Lsn};
use crate::shards::{Intake, Shards};

/// Events handed to intake at once.
const BATCH: u64 = 500;
/// Share of the full speed at which latencies are measured.
const PACED: f64 = 0.5;
/// Events of the paced part, at most: some seconds.
const PACED_EVENTS: u64 = 500_000;

pub fn run(plan: &Plan, rule: Rule, component: &[u8]) -> anyhow::Result<Line> {
    let folder = tempfile::tempdir()?;
    let host = host(folder.path(), component, plan.events)?;
    let parts = host.parts.clone();
    let crowd: Crowd = Arc::new(crowd::Crowd { seed: plan.seed, keys: plan.keys });
    let (intake, board) = (host.intake.clone(), host.workers.board.clone());
    let shards = Shards::start(host.workers)?;
    let log = &parts.log;
    let before = log.journal().stats();
    let cpu_before = cpu_seconds();
    let started = Instant::now();
    let last = submit_all(&intake, &crowd, plan.events)?;
    let submitted = started.elapsed();
    drain(&parts, &board, last)?;
    let elapsed = started.elapsed();
    let cpu = cpu_seconds() - cpu_before;
    let after = log.journal().stats();
    let labels = &[super::BUSINESS, "measured"];
    let guest_us = parts.metrics.guest_microseconds.with_label_values(labels).get();
    let calls = parts.metrics.calls.with_label_values(labels).get();
    let fuel = parts.metrics.fuel.with_label_values(labels).get();
    let rate = plan.events as f64 / elapsed.as_secs_f64();
    let paced = paced(&intake, &parts.log, &crowd, plan, rate * PACED)?;
    let peak = peak_memory_mib();
    let stopping = Instant::now();
    let healthy = shards.stop();
    anyhow::ensure!(healthy, "the worker has failed");
    let stopped = stopping.elapsed();
    let per = |total: u64| total as f64 / plan.events as f64;
    Ok(Line::new(format!("{} events over {} keys, durable through {}", plan.events, plan.keys, rule.module()))
        .number("events_per_second_durable", rate)
        .number("seconds", elapsed.as_secs_f64())
        .number("drain_seconds", (elapsed - submitted).as_secs_f64())
        .number("cpu_us_per_event", cpu * 1e6 / plan.events as f64)
        .number("guest_us_per_event", per(guest_us))
        .number("fuel_per_event", per(fuel))
        .number("events_per_call", plan.events as f64 / calls.max(1) as f64)
        .number("journal_bytes_per_event", per(after.bytes - before.bytes))
        .count("journal_syncs", after.syncs - before.syncs)
        .number("full_speed_commit_p50_ms", ms(after.commit_latency.quantile_us(0.5)))
        .number("full_speed_commit_p99_ms", ms(after.commit_latency.quantile_us(0.99)))
        .count("peak_memory_mib", peak)
        .number("final_checkpoint_seconds", stopped.as_secs_f64())
        .count("peak_memory_with_checkpoint_mib", peak_memory_mib())
        .number("paced_events_per_second", paced.rate)
        .number("paced_submit_to_durable_p50_ms", paced.p50_ms)
        .number("paced_submit_to_durable_p99_ms", paced.p99_ms))
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

/// Until the worker has finished everything up to a position, and its outcomes are durable.
fn drain(parts: &crate::shards::Parts, board: &crate::shards::Board, last: Lsn) -> anyhow::Result<()> {
    use crate::model::ports::Watch;
    let bell = parts.log.bell();
    let deployment = parts.registry.deployment(super::BUSINESS, "measured");
    let id = deployment.map(|deployment| deployment.id);
    loop {
        let seen = bell.rings();
        if let Some(reason) = board.unhealthy() {
            anyhow::bail!("{reason}");
        }
        let progress = id.and_then(|id| board.progress(id));
        if progress.is_some_and(|progress| progress.position >= last) {
            break;
        }
        bell.wait(seen, Duration::from_millis(1));
    }
    parts.log.wait_committed(parts.log.last())?;
    Ok(())
}

struct Paced {
    rate: f64,
    p50_ms: f64,
    p99_ms: f64,
}

/// Submits at a steady rate and times each batch from its submission to its durability.
fn paced(intake: &Intake, log: &crate::journal::Log, crowd: &Crowd, plan: &Plan, rate: f64) -> anyhow::Result<Paced> {
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

/// Processor time of this process, seconds.
pub(super) fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 14 and 15 (proc(5)), counted behind the name in parentheses; in clock ticks of 1/100 s on Linux.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

pub(super) fn peak_memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).unwrap_or(0) / 1_024
}
