//! Which clocks a tick must show (DECISIONS 12): the receive clock never falls; the watermark is the least of the newest
//! times of the intakes that are not idle, less the lateness; where all are idle, the clock less the lateness.

use std::collections::BTreeMap;

use super::super::facts::{Fact, What};

/// `lateness_ms` and `idle_ms` by default.
const LATENESS: u64 = 5_000;
const IDLE: u64 = 30_000;

/// The first tick that shows something else.
pub fn check(facts: &[Fact]) -> Result<(), String> {
    let mut last = (0, 0);
    // By intake: newest min(time, received), newest receipt.
    let mut intakes: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for fact in facts {
        match &fact.what {
            What::Event(given) => {
                let newest = intakes.entry(&given.intake).or_default();
                *newest = (newest.0.max(given.time.min(given.received)), newest.1.max(given.received));
            }
            What::Tick { now, watermark } => {
                let busy = intakes.values().filter(|(_, receipt)| *now < receipt + IDLE).map(|(time, _)| *time).min();
                let newest = busy.unwrap_or(intakes.values().map(|(time, _)| *time).fold(*now, u64::max));
                let wanted = newest.saturating_sub(LATENESS).max(last.1);
                if *now < last.0 || *watermark != wanted {
                    let (at, seen) = (fact.at, (now, watermark));
                    return Err(format!("tick {at} shows {seen:?} behind {last:?}; its watermark must be {wanted}"));
                }
                last = (*now, *watermark);
            }
            _ => {}
        }
    }
    Ok(())
}

/// The receive clock of the last tick.
pub fn last(facts: &[Fact]) -> u64 {
    let ticks = facts.iter().filter_map(|fact| if let What::Tick { now, .. } = fact.what { Some(now) } else { None });
    ticks.max().unwrap_or(0)
}
