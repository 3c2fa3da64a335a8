//! A random run against a slow, obvious model of the same rules: events, late ones, duplicates, swaps, pauses, crashes and
//! restarts that a seed makes. `FISHPOND_SEEDS=N` plays so many seeds, `FISHPOND_SEED=S` one alone; a failure prints its seed,
//! and a shorter run with the same end, as far as one was found.
//!
//! - `generate`: a seed's steps; `play`: plays and compares; `facts`: a journal as plain facts; `model`: what must come of them
//! - `export`: the checker that knows none of our types, on what such a run has recorded

mod export;
mod facts;
mod generate;
mod model;
mod play;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use generate::{Action, FIRST, LAST, Sent, steps};
use play::{Counts, play};

/// Steps of one seed.
const STEPS: usize = 150;

/// Seeds in the ordinary test command.
const SEEDS: u64 = 24;

/// How long a failing run may be shortened.
const SHORTENING: Duration = Duration::from_secs(120);

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} must be a number")))
}

/// The first difference, if there is one; a panic is one too.
fn played(seed: u64, steps: &[Action]) -> Result<Counts, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let result = catch_unwind(AssertUnwindSafe(|| play(folder.path(), seed, steps)));
    match result {
        Ok(result) => result.map_err(|error| format!("{error:#}")),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            Err(text.or(panic.downcast_ref::<&str>().map(|text| text.to_string())).unwrap_or("a panic".to_owned()))
        }
    }
}

/// Leaves out steps, many at a time and then few, as long as the run still fails in the same way. Those with which every
/// run begins and ends stay.
fn shortened(seed: u64, mut steps: Vec<Action>, mut error: String) -> (Vec<Action>, String) {
    let until = Instant::now() + SHORTENING;
    let way = |error: &str| error.split(':').next().unwrap_or_default().to_owned();
    let mut size = steps.len() / 2;
    while size > 0 {
        let mut from = FIRST;
        while from < steps.len() - LAST && Instant::now() < until {
            let mut fewer = steps.clone();
            fewer.drain(from..(from + size).min(steps.len() - LAST));
            match played(seed, &fewer) {
                Err(other) if way(&other) == way(&error) => (steps, error) = (fewer, other),
                _ => from += size,
            }
        }
        size /= 2;
    }
    (steps, error)
}

fn check(seed: u64) -> Counts {
    let all = steps(seed, STEPS);
    played(seed, &all).unwrap_or_else(|first| {
        let (fewer, error) = shortened(seed, all, first.clone());
        let lines: Vec<String> = fewer.iter().map(Action::to_string).collect();
        panic!("seed {seed} (FISHPOND_SEED={seed}): {first}\n\nshortened: {error}\n{}", lines.join("\n"))
    })
}

#[test]
fn a_random_run_finds_what_a_slow_model_finds() {
    let seeds = match number("FISHPOND_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("FISHPOND_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        let counts = check(seed);
        let enough = counts.events > 40 && counts.handled > 100 && counts.done > 10;
        assert!(enough, "seed {seed} is too thin to prove anything: {counts:?}");
        if seed % 100 == 99 {
            println!("seed {seed}: {counts:?}");
        }
    }
}

/// What random runs have found, as short as they were made: steps between those with which every run begins and ends.
fn found() -> [(&'static str, Vec<Action>); 1] {
    let line = |line: &str| Action::Line(line.to_owned());
    let timer = r#"{"do": "timer", "match": "offer", "at": 1767261973302}"#;
    let event = Sent::new("e1", 36_309_123, "herald", "dan", timer);
    [(
        "an input sets a timer, or waits as one, just before a tick of the same batch",
        vec![line("pause sorted"), Action::Send { event, queued: false }, line("advance to 10:15:56.396")],
    )]
}

#[test]
fn what_random_runs_have_found_stays_mended() {
    for (name, own) in found() {
        let mut steps = steps(0, 0);
        steps.splice(FIRST..FIRST, own);
        if let Err(error) = play(tempfile::tempdir().expect("a folder").path(), 0, &steps) {
            panic!("{name}: {error:#}");
        }
    }
}
