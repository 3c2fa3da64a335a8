//! At full speed: events as fast as intake takes them, nobody connected, until every decision is durable.

use std::time::{Duration, Instant};

use super::super::load::{ms, submit};
use super::super::report::Line;
use super::super::usage::{cpu_seconds, peak_memory_mib};
use super::Running;
use super::census::{Census, census};
use super::crowd::Crowd;
use super::stage::{self, Guest};
use crate::journal::Stats;
use crate::model::Lsn;

/// Events handed to intake at once.
const BATCH: u64 = 500;

/// Names of the figures of each filter, in the chain's order.
const PER_FILTER: [[&str; 2]; stage::FILTERS.len()] = [
    ["preference_us_per_call", "preference_us_per_action"],
    ["lists_us_per_call", "lists_us_per_action"],
    ["fatigue_us_per_call", "fatigue_us_per_action"],
];

/// What was measured.
pub struct Full {
    events: u64,
    elapsed: Duration,
    /// Until all events were handed over.
    submitted: Duration,
    /// Until the rule had handled them all.
    ruled: Duration,
    cpu: f64,
    stats: [Stats; 2],
    census: Census,
    source: Guest,
    filters: [Guest; stage::FILTERS.len()],
    rows: u64,
    peak: u64,
}

pub fn run(running: &Running, crowd: &Crowd, events: u64) -> anyhow::Result<Full> {
    let (stage, journal) = (&running.stage, running.stage.parts.log.journal());
    let (behind, before, cpu) = (stage.parts.log.last(), journal.stats(), cpu_seconds(None));
    let started = Instant::now();
    let mut last = Lsn::ZERO;
    for from in (0..events).step_by(BATCH as usize) {
        last = submit(&stage.intake, crowd.events(from, (from + BATCH).min(events)))?;
    }
    let submitted = started.elapsed();
    let mut ruled = None;
    running.decided(events, || {
        if ruled.is_none() && stage.source_position() >= last {
            ruled = Some(started.elapsed());
        }
    })?;
    let elapsed = started.elapsed();
    let (cpu, after, peak) = (cpu_seconds(None) - cpu, journal.stats(), peak_memory_mib(None));
    Ok(Full {
        events,
        elapsed,
        submitted,
        ruled: ruled.unwrap_or(elapsed),
        cpu,
        stats: [before, after],
        source: stage.guest(stage::SOURCE),
        filters: stage::FILTERS.map(|(filter, _)| stage.guest(filter)),
        rows: stage.rows_written(),
        peak,
        census: census(&stage.parts.log, behind, stage.parts.log.last())?,
    })
}

impl Full {
    /// Decisions a second, durable.
    pub fn rate(&self) -> f64 {
        self.events as f64 / self.elapsed.as_secs_f64()
    }

    pub fn line(&self, line: Line) -> Line {
        let per = |total: u64| total as f64 / self.events as f64;
        let [first, ..] = &self.filters;
        let mut line = line
            .number("decisions_per_second_durable", self.rate())
            .number("events_per_second_through_rule", self.events as f64 / self.ruled.as_secs_f64())
            .number("seconds", self.elapsed.as_secs_f64())
            .number("drain_seconds", (self.elapsed - self.submitted).as_secs_f64())
            .number("cpu_us_per_decision", self.cpu * 1e6 / self.events as f64)
            .number("persons_per_round", self.events as f64 / first.calls.max(1) as f64)
            .number("rule_us_per_event", per(self.source.microseconds));
        for (names, filter) in PER_FILTER.iter().zip(&self.filters) {
            let calls = filter.calls.max(1) as f64;
            line = line.number(names[0], filter.microseconds as f64 / calls).number(names[1], per(filter.microseconds));
        }
        self.disk(line, per).count("peak_memory_mib", self.peak)
    }

    fn disk(&self, line: Line, per: impl Fn(u64) -> f64) -> Line {
        let ([before, after], census) = (&self.stats, &self.census);
        line.number("frames_per_decision", per(after.frames - before.frames))
            .number("persons_per_outreach_frame", self.events as f64 / census.outreach.frames.max(1) as f64)
            .number("journal_bytes_per_decision", per(after.bytes - before.bytes))
            .number("input_bytes_per_decision", per(census.inputs.bytes))
            .number("outcome_bytes_per_decision", per(census.outcomes.bytes))
            .number("outreach_bytes_per_decision", per(census.outreach.bytes))
            .count("journal_syncs", after.syncs - before.syncs)
            .number("full_speed_commit_p50_ms", ms(after.commit_latency.quantile_us(0.5)))
            .number("full_speed_commit_p99_ms", ms(after.commit_latency.quantile_us(0.99)))
            .count("rows_written", self.rows)
    }
}
