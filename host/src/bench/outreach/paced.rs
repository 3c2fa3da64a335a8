//! Paced, with some of the crowd connected: from the time at which an event was due to its decision on disk, and to the
//! frame of its message in the hands of the person's client. What is handed over late, because intake was full, is late from when it was due.

use std::time::{Duration, Instant};

use super::super::load::submit;
use super::super::report::Line;
use super::crowd::Crowd;
use super::streams::Streams;
use super::{Plan, Running, STALL};

/// Of the full speed.
pub const SHARE: f64 = 0.5;
/// Events of this part, at most: some seconds.
const EVENTS: u64 = 100_000;
/// And at most so long.
pub const LONGEST: Duration = Duration::from_secs(20);
/// Events handed to intake at once, at most.
const BATCH: f64 = 500.0;

/// What was measured.
pub struct Paced {
    streams: u64,
    /// Events a second: what was wanted, and what was reached.
    asked: f64,
    rate: f64,
    /// That made no match.
    beside: f64,
    /// From when it was due to the durable decision, ascending.
    durable: Vec<Duration>,
    /// From when it was due to the client, ascending.
    delivered: Vec<Duration>,
}

/// `rate`: events a second.
pub fn run(running: &Running, crowd: &Crowd, plan: &Plan, rate: f64) -> anyhow::Result<Paced> {
    let streams = Streams::open(&running.door, &running.stage.hub, plan.streams, plan.events)?;
    let sent = send(running, crowd, plan, rate)?;
    running.decided(plan.events + sent.due.len() as u64, || {})?;
    let waiting = Instant::now();
    while streams.received() < sent.reached {
        let (received, reached) = (streams.received(), sent.reached);
        anyhow::ensure!(waiting.elapsed() < STALL, "{received} of {reached} deliveries have come, and no more do");
        std::thread::sleep(Duration::from_millis(1));
    }
    let delivered = sent.latencies(plan.events, &streams.close()?);
    let durable = sent.latencies(plan.events, &running.watch.times());
    Ok(Paced { streams: plan.streams, asked: rate, rate: sent.rate, beside: sent.beside, durable, delivered })
}

struct Sent {
    /// When each event was due, in their order.
    due: Vec<Instant>,
    /// How many are about those who are connected.
    reached: u64,
    rate: f64,
    beside: f64,
}

/// Submits at a steady rate.
fn send(running: &Running, crowd: &Crowd, plan: &Plan, rate: f64) -> anyhow::Result<Sent> {
    let (from, count) = (plan.events, plan.events.min(EVENTS).min((rate * LONGEST.as_secs_f64()) as u64));
    let batch = (rate / 1_000.0).clamp(1.0, BATCH) as u64;
    let (mut all_due, mut reached, mut beside) = (Vec::with_capacity(count as usize), 0, 0);
    let started = Instant::now();
    for at in (from..from + count).step_by(batch as usize) {
        let due = started + Duration::from_secs_f64((at - from) as f64 / rate);
        let (mut events, connected) = crowd.paced(at, (at + batch).min(from + count));
        let paced = events.len();
        let others = ((at - from) as f64 / rate * plan.beside as f64) as u64;
        events.extend(crowd.beside(beside, others, at));
        beside = others;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        reached += connected;
        all_due.resize(all_due.len() + paced, due);
        submit(&running.stage.intake, events)?;
    }
    let seconds = started.elapsed().as_secs_f64();
    Ok(Sent { due: all_due, reached, rate: count as f64 / seconds, beside: beside as f64 / seconds })
}

impl Sent {
    /// `first`: the number of the first event.
    fn latencies(&self, first: u64, times: &[(u64, Instant)]) -> Vec<Duration> {
        let since = |(number, at): &(u64, Instant)| {
            let due = self.due.get(number.checked_sub(first)? as usize)?;
            Some(at.saturating_duration_since(*due))
        };
        let mut latencies: Vec<Duration> = times.iter().filter_map(since).collect();
        latencies.sort_unstable();
        latencies
    }
}

impl Paced {
    pub fn line(&self, line: Line) -> Line {
        line.number("paced_events_per_second", self.rate)
            .number("paced_of_what_was_asked", self.rate / self.asked)
            .number("paced_beside_per_second", self.beside)
            .number("paced_due_to_decided_p50_ms", quantile_ms(&self.durable, 0.5))
            .number("paced_due_to_decided_p99_ms", quantile_ms(&self.durable, 0.99))
            .number("paced_due_to_decided_max_ms", quantile_ms(&self.durable, 1.0))
            .count("streams", self.streams)
            .count("deliveries", self.delivered.len() as u64)
            .number("paced_due_to_frame_p50_ms", quantile_ms(&self.delivered, 0.5))
            .number("paced_due_to_frame_p99_ms", quantile_ms(&self.delivered, 0.99))
            .number("paced_due_to_frame_max_ms", quantile_ms(&self.delivered, 1.0))
    }
}

/// Of ascending values; zero if there are none.
fn quantile_ms(sorted: &[Duration], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share) as usize;
    sorted.get(rank.min(sorted.len().saturating_sub(1))).map_or(0.0, |found| found.as_secs_f64() * 1e3)
}
