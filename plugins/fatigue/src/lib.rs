//! Frequency caps: how often a person may be reached. One deployment holds a person's counters; every chain that names
//! it counts in the same ones.
//!
//! # What counts
//! A *reach* is an action that this filter allowed, in a chain that ended in send. It is reserved when it is judged:
//! the host keeps what a filter writes only if the whole chain lets the action pass, so what a later filter denies was
//! never counted. When the delivery ends as `failed` or `expired` (it reached nobody) exactly that reach is given back;
//! on `delivered` and `unknown` it stays.
//!
//! Each cap counts by itself, per its dimensions (`per`), in its window:
//!
//! | window | holds | next window |
//! |---|---|---|
//! | `rolling_s` | reaches not older than the length; one exactly that old is still in it | slides |
//! | `first_touch_s` | `[start, start + length)`, start = the first counted reach | with the next counted reach |
//! | `calendar` | a day of a clock in the zone, from midnight to midnight | at midnight |
//!
//! `min_interval_s` asks for at least that long since the last counted reach, in whichever window. All caps must let an
//! action through. The first one that does not, in the order of the configuration, decides what happens: `deny`; `hold`
//! until all of them would let it through (denied instead if it has expired by then); or `downgrade`, which sends it by
//! another channel and counts it toward *no* cap, neither the exceeded one nor the others.
//!
//! `exempt` sets two bits for some actions, *ignores the cap* and *counts toward the cap*; the first exemption that
//! fits decides. Without one, an action respects the caps and counts.
//!
//! # An action that is judged again
//! A release, a retry, or what waited in the inbox: its earlier reservation never counts against itself and is
//! replaced. It keeps its time while that lies in the window in which the action is judged; otherwise it counts from
//! now on.
//!
//! # Changing the configuration
//! Counters belong to the cap's name and dimensions. A new period, another kind of window, another limit go on with the
//! same reaches: a longer period keeps the start of an open `first_touch` window, a limit below what is used lets
//! nothing new through. Another name or other dimensions begin at nothing.
//!
//! # What is kept
//! Reaches of the last 32 days (`counters::HORIZON_MS`), which is what the longest window needs, and per counter the
//! newest `at_most` + 64 (`counters::SPARE`); a window holds more than `at_most` only if actions ignore the cap and
//! count, or if it was lowered. All of a person's counters have 48 KiB: beyond that, what no window of today's
//! configuration holds goes first; if that is not enough, the filter refuses with `too_many_counters` (the chain's
//! `on_error` decides) rather than forget a reach.

mod cap;
mod codec;
mod config;
mod counters;
mod day;
mod exemption;
mod judge;
mod numbers;

use fishpond_sdk::prelude::*;

use crate::cap::Cap;
pub use crate::config::Config;
use crate::counters::{Counters, HORIZON_MS, reach_id};
use crate::exemption::Exemption;
use crate::judge::{Asked, Ruling, judge};
use crate::numbers::{Fatigue, Numbers, fatigue};

/// The document's named value that holds all counters.
const COUNTERS: &str = "counters";

/// The filter of one deployment.
pub struct FatigueFilter {
    caps: Vec<Cap>,
    exemptions: Vec<Exemption>,
}

impl Rule for FatigueFilter {
    type Config = Config;

    fn configure(config: Config, plan: &mut Plan) -> Result<Self, Vec<Diagnostic>> {
        let caps = config::caps(config.caps, plan);
        let exemptions = config::exemptions(config.exempt, plan);
        plan.judges(config::verdicts(&caps));
        plan.answers::<NoParameters, Fatigue>("fatigue");
        Ok(Self { caps, exemptions })
    }
}

impl Filter for FatigueFilter {
    fn judge(&self, action: &Action, cx: &mut Context<'_>) -> Result<Verdict, Refusal> {
        let mut counters = Counters::read(cx.get(COUNTERS))?;
        let asked = Asked {
            id: reach_id(&action.id),
            time: action.time,
            expires: action.expires,
            business: &action.business,
            scene: &action.scene,
            bits: exemption::bits(&self.exemptions, action),
        };
        let judged = judge(&self.caps, &mut counters, &asked)?;
        if judged.changed {
            self.store(&mut counters, action.time, cx)?;
        }
        let numbers = Numbers::of(&judged, asked.bits);
        let verdict = match judged.ruling {
            Ruling::Allow if asked.bits.counts => Verdict::allow().settle(action.id.as_str()),
            Ruling::Allow => Verdict::allow(),
            Ruling::Deny { block, .. } => Verdict::deny(block.reason()),
            Ruling::Hold { until, block, .. } => Verdict::hold(until, block.reason()),
            Ruling::Downgrade { channel, block, .. } => Verdict::downgrade(channel, block.reason()),
        };
        Ok(verdict.numbers(&numbers))
    }
}

impl Settlements for FatigueFilter {
    fn on_settlement(&self, settlement: &Settlement, cx: &mut Context<'_>) -> Result<(), Refusal> {
        let reached_nobody = matches!(settlement.status.as_str(), "failed" | "expired");
        if settlement.effect != "delivery" || !reached_nobody {
            return Ok(());
        }
        let mut counters = Counters::read(cx.get(COUNTERS))?;
        if counters.give_back(reach_id(&settlement.context)) {
            self.store(&mut counters, settlement.time, cx)?;
        }
        Ok(())
    }
}

impl Queries for FatigueFilter {
    fn on_query(&self, query: &Query, cx: &mut QueryContext<'_>) -> Result<Reply, Refusal> {
        let counters = Counters::read(cx.get(COUNTERS))?;
        Ok(Reply::ok(&fatigue(&self.caps, &counters, query.time)?))
    }
}

impl FatigueFilter {
    fn store(&self, counters: &mut Counters, time: u64, cx: &mut Context<'_>) -> Result<(), Refusal> {
        counters.prune(time);
        match counters.write(&self.caps, time)? {
            Some(bytes) => cx.set_for(COUNTERS, &bytes, Duration::from_millis(HORIZON_MS)),
            None => cx.remove(COUNTERS),
        }
        Ok(())
    }
}

fishpond_sdk::export!(FatigueFilter with filter, settlements, queries);

#[cfg(test)]
mod tests;
