//! Why: what people see, beside a verdict and in answer to a query: what was counted, against which cap, and when the
//! next one passes.

use fishpond_sdk::Refusal;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cap::{Cap, Standing};
use crate::counters::Counters;
use crate::exemption::Bits;
use crate::judge::{Judged, Ruling};

/// Counters that one answer shows: the body of a reply has at most 64 KiB.
const SHOWN_MAX: usize = 100;

/// The numbers of a verdict: about 1.5 KiB for 8 caps with the longest names, of the 4 KiB that a verdict has.
#[derive(Debug, Serialize)]
pub struct Numbers<'c> {
    /// The cap that decided; absent if none objected.
    #[serde(skip_serializing_if = "Option::is_none")]
    cap: Option<&'c str>,
    /// Absent unless an exemption says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    ignores_cap: Option<bool>,
    /// Absent unless an exemption says no.
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<bool>,
    caps: Vec<Line<'c>>,
}

/// How a cap stands after the verdict.
#[derive(Debug, Serialize, JsonSchema)]
struct Line<'c> {
    /// Of the cap.
    name: &'c str,
    /// Counted reaches in the window.
    used: u64,
    /// How many it lets through; less than `used` only if it was lowered or actions ignored it.
    at_most: u64,
    /// Milliseconds since the Unix epoch. Absent: no window is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    window_start: Option<u64>,
    /// Milliseconds since the Unix epoch: the earliest time at which the next one passes. Absent: at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// The answer to the query `fatigue`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Fatigue<'c> {
    /// The person's counters of the caps that are configured, at most 100.
    caps: Vec<Shown<'c>>,
    /// Counters that are not shown.
    #[serde(skip_serializing_if = "is_zero")]
    more: usize,
}

/// A counter.
#[derive(Debug, Serialize, JsonSchema)]
struct Shown<'c> {
    #[serde(flatten)]
    line: Line<'c>,
    /// Absent: the cap counts over all businesses.
    #[serde(skip_serializing_if = "Option::is_none")]
    business: Option<&'c str>,
    /// Absent: the cap counts over all scenes.
    #[serde(skip_serializing_if = "Option::is_none")]
    scene: Option<&'c str>,
}

impl<'c> Numbers<'c> {
    pub fn of(judged: &Judged<'c>, bits: Bits) -> Self {
        let cap = match judged.ruling {
            Ruling::Allow => None,
            Ruling::Deny { cap, .. } | Ruling::Hold { cap, .. } | Ruling::Downgrade { cap, .. } => Some(cap),
        };
        Self {
            cap,
            ignores_cap: bits.ignores_cap.then_some(true),
            counts: (!bits.counts).then_some(false),
            caps: judged.standings.iter().map(|(cap, standing)| Line::of(cap, *standing)).collect(),
        }
    }
}

impl<'c> Line<'c> {
    fn of(cap: &'c Cap, standing: Standing) -> Self {
        Self {
            name: &cap.name,
            used: standing.used as u64,
            at_most: cap.at_most as u64,
            window_start: standing.window_start,
            next: standing.next(),
        }
    }
}

/// The person's counters at a time, in the order of the configuration.
///
/// # Errors
/// `bad_time` if the calendar does not know the time.
pub fn fatigue<'c>(caps: &'c [Cap], counters: &'c Counters, time: u64) -> Result<Fatigue<'c>, Refusal> {
    let mut shown = Vec::new();
    let mut more = 0;
    for cap in caps {
        for counter in counters.0.iter().filter(|counter| cap.counts_in(counter)) {
            if shown.len() == SHOWN_MAX {
                more += 1;
                continue;
            }
            let reaches: Vec<u64> = counter.reaches.iter().map(|reach| reach.time).collect();
            let standing = cap.standing(&reaches, cap.window.frame(Some(counter), time)?, time);
            let (business, scene) = (counter.scope.business.as_deref(), counter.scope.scene.as_deref());
            shown.push(Shown { line: Line::of(cap, standing), business, scene });
        }
    }
    Ok(Fatigue { caps: shown, more })
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}
